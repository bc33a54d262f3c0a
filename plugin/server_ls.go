package plugin

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	flagsHelper "github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/plugin/top"
)

type serverLsOptions struct {
	backends []string
	format   string
	quiet    bool
}

func newServerLsCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts serverLsOptions
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS] [BACKEND...]",
		Aliases: []string{"list"},
		Short:   "List the servers",
		Long:    "List the servers of the running HAProxy, or those of the given backends.",
		Example: `  docker haproxy server ls
  docker haproxy server ls webservers --format json
  docker haproxy server ls --format '{{.Name}} {{.State}}'`,
		ValidArgsFunction: completeBackends(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.backends = args
			return runServerLs(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.format, "format", formatter.TableFormatKey, flagsHelper.FormatHelp)
	flags.BoolVarP(&opts.quiet, "quiet", "q", false, "Print names only")
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runServerLs(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts serverLsOptions) error {
	_, live, err := options.live(ctx, dockerCLI)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	status, err := live.Look(ctx)
	if err != nil {
		return err
	}
	servers, err := ofBackends(status, opts.backends)
	if err != nil {
		return err
	}
	return writeServers(formatter.Context{Output: dockerCLI.Out(), Format: serverFormat(opts.format, opts.quiet)}, servers)
}

// ofBackends narrows the servers to those of the given backends.
func ofBackends(status compose.Status, backends []string) ([]compose.Server, error) {
	if len(backends) == 0 {
		return status.Servers(), nil
	}
	var servers []compose.Server
	for _, name := range backends {
		i := slices.IndexFunc(status.Backends, func(b compose.Backend) bool { return b.Name == name })
		if i < 0 {
			return nil, problem("there is no backend "+name+" with servers", `"docker haproxy server ls" shows them all.`)
		}
		servers = append(servers, status.Backends[i].Servers...)
	}
	return servers, nil
}

func serverFormat(format string, quiet bool) formatter.Format {
	switch {
	case quiet:
		return "{{.Name}}"
	case format == formatter.TableFormatKey || format == "":
		return "table {{.Name}}\t{{.Status}}\t{{.Since}}\t{{.Container}}\t{{.Check}}\t{{.Weight}}\t{{.Sessions}}\t{{.Total}}"
	}
	return formatter.Format(format)
}

func writeServers(ctx formatter.Context, servers []compose.Server) error {
	header := serverRow{}
	header.Header = formatter.SubHeaderContext{
		"Name": "SERVER", "Status": "STATUS", "State": "STATE", "Since": "SINCE", "Container": "CONTAINER", "Service": "SERVICE",
		"Address": "ADDRESS", "Check": "CHECK", "Weight": "WEIGHT", "Sessions": "SESSIONS", "Queue": "QUEUE", "Total": "TOTAL", "Errors": "ERRORS",
	}
	return writeRows(ctx, &header, servers, func(server compose.Server) formatter.SubContext { return &serverRow{server: server} })
}

// serverRow is a line of "server ls". Its exported methods are what a template
// may name.
type serverRow struct {
	formatter.HeaderContext

	server compose.Server
}

// MarshalJSON gives the row for --format json.
func (r *serverRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

// Name is BACKEND/SERVER.
func (r *serverRow) Name() string { return r.server.ID() }

// Status is HAProxy's word: UP, DOWN, DRAIN, MAINT.
func (r *serverRow) Status() string { return r.server.Status }

// State is ours: up, pending, draining, maintenance, no address, down.
func (r *serverRow) State() string { return string(r.server.State) }

// Since is how long it has been so.
func (r *serverRow) Since() string { return top.Age(r.server.Since) }

// Container is the one behind the server, or its address.
func (r *serverRow) Container() string { return container(r.server) }

// Service is the Compose service of the container.
func (r *serverRow) Service() string { return r.server.Service }

// Address is IP:PORT.
func (r *serverRow) Address() string { return r.server.Address }

// Check is what the last check found.
func (r *serverRow) Check() string { return checkCode(r.server.Check) }

// Weight is its share of the traffic.
func (r *serverRow) Weight() string { return fmt.Sprint(r.server.Weight) }

// Sessions are those of now.
func (r *serverRow) Sessions() string { return fmt.Sprint(r.server.Sessions) }

// Queue is how many requests wait for this server.
func (r *serverRow) Queue() string { return fmt.Sprint(r.server.Queue) }

// Total is the number of sessions since the worker began.
func (r *serverRow) Total() string { return fmt.Sprint(r.server.Total) }

// Errors are connections and answers that went wrong.
func (r *serverRow) Errors() string { return fmt.Sprint(r.server.Errors) }

// completeBackends offers the backends of the running HAProxy.
func completeBackends(dockerCLI command.Cli, options *projectOptions) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, server := range serversNow(cmd.Context(), dockerCLI, options) {
			if !slices.Contains(names, server.Backend) && !slices.Contains(args, server.Backend) {
				names = append(names, server.Backend)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
