package plugin

import (
	"context"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

type stopOptions struct {
	services []string
	timeout  *time.Duration
	dryRun   bool
}

func newStopCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts stopOptions
	var timeout int
	cmd := &cobra.Command{
		Use:   "stop [OPTIONS] [SERVICE...]",
		Short: "Stop containers and keep them",
		Long:  "Stop the project's containers, or those of the given services. HAProxy finishes the requests that run.",
		Example: `  docker haproxy stop
  docker haproxy stop web3
  docker haproxy stop --timeout 60 haproxy`,
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.services = args
			opts.timeout = seconds(cmd.Flags().Changed("timeout"), timeout)
			return runStop(cmd.Context(), dockerCLI, project, opts)
		},
	}
	cmd.Flags().IntVarP(&timeout, "timeout", "t", 0, "Seconds until a container is killed (default: its stop_grace_period)")
	cmd.Flags().BoolVar(&opts.dryRun, "dry-run", false, "Show what would be stopped and stop nothing")
	return cmd
}

func runStop(ctx context.Context, dockerCLI command.Cli, project *projectOptions, opts stopOptions) error {
	engine, target, err := project.target(ctx, dockerCLI, opts.dryRun, opts.services...)
	if err != nil {
		return err
	}
	return engine.Stop(ctx, target, opts.timeout)
}
