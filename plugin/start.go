package plugin

import (
	"context"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

type startOptions struct {
	services    []string
	waitTimeout time.Duration
	dryRun      bool
}

func newStartCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts startOptions
	cmd := &cobra.Command{
		Use:   "start [OPTIONS] [SERVICE...]",
		Short: "Start stopped containers and wait until they are ready",
		Long:  "Start the project's stopped containers, or those of the given services, and wait until they run and are healthy.",
		Example: `  docker haproxy start
  docker haproxy start web3`,
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.services = args
			return runStart(cmd.Context(), dockerCLI, project, opts)
		},
	}
	waitVar(cmd.Flags(), &opts.waitTimeout, "wait-timeout", "", defaultWait, "How long containers may take to be ready")
	cmd.Flags().BoolVar(&opts.dryRun, "dry-run", false, "Show what would be started and start nothing")
	return cmd
}

func runStart(ctx context.Context, dockerCLI command.Cli, project *projectOptions, opts startOptions) error {
	engine, target, err := project.target(ctx, dockerCLI, opts.dryRun, opts.services...)
	if err != nil {
		return err
	}
	return engine.Start(ctx, target, opts.waitTimeout)
}
