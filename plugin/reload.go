package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

type reloadOptions struct {
	dryRun bool
}

func newReloadCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts reloadOptions
	cmd := &cobra.Command{
		Use:   "reload [OPTIONS]",
		Short: "Apply an edited configuration without losing a request",
		Long: `Check the configuration on disk inside the running container and, if HAProxy
accepts it, have HAProxy load it: a new worker process takes over the listening
sockets, the old one finishes its requests. A configuration that HAProxy refuses
changes nothing; the exit code is 1 then.`,
		Example: `  docker haproxy reload
  docker haproxy reload --dry-run   # check only
  docker haproxy --project-directory /srv/shop reload`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReload(cmd.Context(), dockerCLI, project, opts)
		},
	}
	cmd.Flags().BoolVar(&opts.dryRun, "dry-run", false, "Check the configuration and apply nothing")
	return cmd
}

func runReload(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts reloadOptions) error {
	engine, project, err := options.open(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	running, err := engine.RunningBalancer(ctx, project)
	if err != nil {
		return err
	}
	config, err := project.ReadConfig()
	if err != nil {
		return err
	}
	if opts.dryRun {
		return dryRunReload(ctx, dockerCLI, options, engine, project, running)
	}

	var verdict haproxy.Verdict
	err = engine.Operation(ctx, "reload", func(ctx context.Context) (err error) {
		verdict, err = engine.Reload(ctx, project, running, config)
		return err
	})
	if errors.Is(err, context.Canceled) {
		return &compose.Problem{Summary: "interrupted; nothing was applied of " + project.ConfigName(), Cause: err}
	}
	if err != nil {
		return options.explained(dockerCLI, err)
	}
	printDiagnostics(dockerCLI.Err(), verdict.Diagnostics, options.painter(dockerCLI.Err()))
	_, err = fmt.Fprintf(dockerCLI.Out(), "HAProxy loaded %s (worker %d)\n", project.ConfigName(), verdict.Worker)
	return err
}

func dryRunReload(ctx context.Context, dockerCLI command.Cli, options *projectOptions, engine *compose.Engine, project *compose.Project, running compose.Balancer) error {
	report, err := engine.Check(ctx, project, &running, nil)
	if err != nil {
		return err
	}
	if !report.Valid {
		return options.explained(dockerCLI, &compose.InvalidError{Report: report, What: project.ConfigName(), Kept: "a reload would change nothing"})
	}
	printDiagnostics(dockerCLI.Err(), report.Diagnostics, options.painter(dockerCLI.Err()))
	_, err = fmt.Fprintf(dockerCLI.Out(), "HAProxy would load %s\n", project.ConfigName())
	return err
}
