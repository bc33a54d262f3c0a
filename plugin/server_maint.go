package plugin

import (
	"context"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func newServerMaintCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "maint [OPTIONS] SERVER...",
		Short: "Put servers into maintenance: no sessions, no checks",
		Long: `Put servers into maintenance: they get no sessions and are not checked. Sessions
that run go on; "drain --wait" first lets them end.`,
		Example: `  docker haproxy server maint webservers/s2
  docker haproxy server maint web2   # all servers of a service`,
		Args:              cli.RequiresMinArgs(1),
		ValidArgsFunction: completeServers(dockerCLI, project, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runServerMode(cmd.Context(), dockerCLI, project, args, haproxy.ModeMaintenance, "is in maintenance", force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "Also the last server of a backend")
	return cmd
}

func newServerReadyCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "ready [OPTIONS] SERVER...",
		Short: "Let servers take requests again",
		Long:  "End the drain or the maintenance of servers: they take requests as soon as their check passes.",
		Example: `  docker haproxy server ready webservers/s2
  docker haproxy server ready demo-web2-1 demo-web3-1`,
		Args:              cli.RequiresMinArgs(1),
		ValidArgsFunction: completeServers(dockerCLI, project, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runServerMode(cmd.Context(), dockerCLI, project, args, haproxy.ModeReady, "is ready", false)
		},
	}
}

func runServerMode(ctx context.Context, dockerCLI command.Cli, options *projectOptions, names []string, mode haproxy.Mode, effect string, force bool) error {
	_, live, err := options.live(ctx, dockerCLI)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	_, err = changeServers(ctx, dockerCLI, live, names, mode, effect, force)
	return err
}
