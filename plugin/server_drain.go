package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

type drainOptions struct {
	names   []string
	force   bool
	wait    bool
	timeout time.Duration
}

func newServerDrainCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts drainOptions
	cmd := &cobra.Command{
		Use:   "drain [OPTIONS] SERVER...",
		Short: "Give servers no new sessions; those that run go on",
		Long: `Give servers no new sessions: requests that run are finished, and clients that
stick to the server go on. With --wait the command ends when none is left; a
websocket counts until it is closed. The server keeps draining if the wait ends
early.`,
		Example: `  docker haproxy server drain webservers/s2
  docker haproxy server drain demo-web2-1 --wait --timeout 5m`,
		Args:              cli.RequiresMinArgs(1),
		ValidArgsFunction: completeServers(dockerCLI, project, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.names = args
			return runServerDrain(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.force, "force", false, "Drain the last server of a backend too")
	flags.BoolVarP(&opts.wait, "wait", "w", false, "Wait until no session is left")
	waitVar(flags, &opts.timeout, "timeout", "t", time.Minute, "How long to wait")
	return cmd
}

func runServerDrain(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts drainOptions) error {
	engine, live, err := options.live(ctx, dockerCLI)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	servers, err := changeServers(ctx, dockerCLI, live, opts.names, haproxy.ModeDrain, "drains", opts.force)
	if err != nil || !opts.wait {
		return err
	}
	var remaining map[string]int64
	err = engine.Operation(ctx, "drain", func(ctx context.Context) (err error) {
		remaining, err = live.AwaitDrained(ctx, servers, opts.timeout)
		return err
	})
	switch {
	case errors.Is(err, context.Canceled):
		return &compose.Problem{Summary: "interrupted; the servers keep draining", Advice: readyAgain(servers), Cause: err}
	case err != nil:
		return err
	case len(remaining) > 0:
		return problem(fmt.Sprintf("after %s sessions remain: %s; the servers keep draining", opts.timeout, inWords(remaining)), readyAgain(servers))
	}
	return nil
}

func readyAgain(servers []compose.Server) string {
	var names []string
	for _, server := range servers {
		names = append(names, server.ID())
	}
	return fmt.Sprintf(`"docker haproxy server ready %s" takes it back.`, strings.Join(names, " "))
}

func inWords(remaining map[string]int64) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(remaining)) {
		words = append(words, fmt.Sprintf("%d at %s", remaining[name], name))
	}
	return strings.Join(words, ", ")
}
