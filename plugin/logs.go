package plugin

import (
	"context"

	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v5/cmd/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

type logsOptions struct {
	compose.LogOptions

	services []string
	all      bool
	noColor  bool
	noPrefix bool
}

func newLogsCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts logsOptions
	cmd := &cobra.Command{
		Use:   "logs [OPTIONS] [SERVICE...]",
		Short: "Show the load balancer's log, or that of other services",
		Long: `Show what HAProxy logs: each change of a server's state, and a line for a request that
met an error, a timeout, a retry or an answer of 500 and more, that a rule refused, or
that its client gave up. Delete "option dontlog-normal" from haproxy.cfg and reload to
have a line for every request.
Name services to see theirs, or see those of all with --all. Lines are printed as the
containers wrote them, with their control characters, as docker does.`,
		Example: `  docker haproxy logs -f --tail 20
  docker haproxy logs --since 10m web1 web2
  docker haproxy logs --all`,
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.services = args
			if len(args) == 0 && !opts.all {
				opts.services = []string{compose.LoadBalancer}
			}
			return runLogs(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&opts.Follow, "follow", "f", false, "Go on with what is logged from now on")
	flags.StringVarP(&opts.Tail, "tail", "n", "all", "Lines to show from the end of each container's log")
	flags.StringVar(&opts.Since, "since", "", `Show what was logged since a time ("2013-01-02T13:23:37Z") or a duration ("42m")`)
	flags.StringVar(&opts.Until, "until", "", "Show what was logged before a time or a duration")
	flags.BoolVarP(&opts.Timestamps, "timestamps", "t", false, "Show timestamps")
	flags.BoolVar(&opts.all, "all", false, "Show the log of every service")
	flags.BoolVar(&opts.noColor, "no-color", false, "Print without colours")
	flags.BoolVar(&opts.noPrefix, "no-log-prefix", false, "Do not print the container's name before each line")
	return cmd
}

func runLogs(ctx context.Context, dockerCLI command.Cli, project *projectOptions, opts logsOptions) error {
	if err := checkTail(opts.Tail); err != nil {
		return err
	}
	engine, target, err := project.target(ctx, dockerCLI, false, opts.services...)
	if err != nil {
		return err
	}
	consumer := formatter.NewLogConsumer(ctx, dockerCLI.Out(), dockerCLI.Err(), !opts.noColor, !opts.noPrefix, false)
	return engine.Logs(ctx, target, consumer, opts.LogOptions)
}
