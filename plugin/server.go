package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func newServerCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server [OPTIONS] COMMAND",
		Short: "List servers, take them out of the traffic and back in",
		Long: `List the servers of the running HAProxy, take them out of the traffic and back in.
A server is named BACKEND/SERVER, or by its container, or by its service, which
means all servers of that service. What is set here holds over a
"docker haproxy reload", until the container restarts.`,
		Example: `  docker haproxy server ls
  docker haproxy server drain webservers/s2 --wait
  docker haproxy server ready webservers/s2`,
		Args:              knownCommand,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              command.ShowHelp(dockerCLI.Err()),
	}
	cmd.AddCommand(
		newServerLsCommand(dockerCLI, project),
		newServerDrainCommand(dockerCLI, project),
		newServerMaintCommand(dockerCLI, project),
		newServerReadyCommand(dockerCLI, project),
		newServerWeightCommand(dockerCLI, project),
	)
	return cmd
}

// live opens the running load balancer. The caller closes it.
func (o *projectOptions) live(ctx context.Context, dockerCLI command.Cli) (*compose.Engine, *compose.Live, error) {
	engine, project, err := o.attend(ctx, dockerCLI, false)
	if err != nil {
		return nil, nil, err
	}
	running, err := engine.RunningBalancer(ctx, project)
	if err != nil {
		return nil, nil, err
	}
	live, err := engine.Live(ctx, project, running)
	return engine, live, err
}

// chosen finds all servers that a person named, each once.
func chosen(status compose.Status, names []string) ([]compose.Server, error) {
	var servers []compose.Server
	seen := map[string]bool{}
	for _, name := range names {
		found, err := status.FindServers(name)
		if err != nil {
			return nil, err
		}
		for _, server := range found {
			if !seen[server.ID()] {
				servers = append(servers, server)
			}
			seen[server.ID()] = true
		}
	}
	return servers, nil
}

// notTheLast refuses to take the last servers of a backend out of the traffic.
func notTheLast(status compose.Status, servers []compose.Server, verb string) error {
	for _, server := range servers {
		if status.LastUp(server, servers) {
			return problem(
				fmt.Sprintf("backend %s would have no server left: its requests would get a 503", server.Backend),
				fmt.Sprintf(`Let another one take requests first ("docker haproxy server ready"), or insist: "docker haproxy server %s --force".`, verb))
		}
	}
	return nil
}

// setMode takes servers out of the traffic or back in, and prints a line for
// each.
func setMode(ctx context.Context, dockerCLI command.Cli, live *compose.Live, servers []compose.Server, mode haproxy.Mode, effect string) error {
	for _, server := range servers {
		if err := live.SetMode(ctx, server.Backend, server.Name, mode); err != nil {
			return err
		}
		fprintf(dockerCLI.Out(), "%s %s\n", server.ID(), effect)
	}
	return nil
}

// changeServers is what drain, maint and ready have in common: it finds the
// servers, changes their mode, and gives them as they were.
func changeServers(ctx context.Context, dockerCLI command.Cli, live *compose.Live, names []string, mode haproxy.Mode, effect string, force bool) ([]compose.Server, error) {
	status, err := live.Look(ctx)
	if err != nil {
		return nil, err
	}
	servers, err := chosen(status, names)
	if err != nil {
		return nil, err
	}
	if mode != haproxy.ModeReady && !force {
		if err := notTheLast(status, servers, string(mode)); err != nil {
			return nil, err
		}
	}
	return servers, setMode(ctx, dockerCLI, live, servers, mode, effect)
}

// completeServers offers the servers of the running HAProxy, each with its
// state and container.
func completeServers(dockerCLI command.Cli, options *projectOptions, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offers []string
		for _, server := range serversNow(cmd.Context(), dockerCLI, options) {
			if !slices.Contains(args, server.ID()) {
				offers = append(offers, server.ID()+"\t"+strings.TrimSpace(string(server.State)+" "+server.Container))
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

// serversNow are the servers of the running HAProxy; none where it cannot be asked.
func serversNow(ctx context.Context, dockerCLI command.Cli, options *projectOptions) []compose.Server {
	engine, err := quiet(dockerCLI)
	if err != nil {
		return nil
	}
	project, err := engine.Load(ctx, options.LoadOptions)
	if err != nil {
		return nil
	}
	running, err := engine.RunningBalancer(ctx, project)
	if err != nil {
		return nil
	}
	live, err := engine.Live(ctx, project, running)
	if err != nil {
		return nil
	}
	defer func() { _ = live.Close() }()
	status, err := live.Look(ctx)
	if err != nil {
		return nil
	}
	return status.Servers()
}
