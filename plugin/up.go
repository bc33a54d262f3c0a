package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// defaultWait is how long containers may take to run, be healthy and answer
// HAProxy's check.
const defaultWait = 60 * time.Second

type upOptions struct {
	compose.UpOptions

	dryRun bool
}

func newUpCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts upOptions
	cmd := &cobra.Command{
		Use:   "up [OPTIONS]",
		Short: "Check the configuration, start everything, wait until requests are served",
		Long: `Check the configuration with the HAProxy that is going to run it, then create and
start the containers as Compose does, and wait until HAProxy serves requests.
Run it again at any time: what is as it should be is left alone, and a
configuration edited since is loaded without losing a request.`,
		Example: `  docker haproxy up
  docker haproxy up --wait-timeout 5m
  docker haproxy -f compose.yaml -f compose.prod.yaml up --progress plain
  docker haproxy up --dry-run`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUp(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.Build, "build", false, "Build images before starting containers")
	flags.BoolVar(&opts.ForceRecreate, "force-recreate", false, "Replace containers even if nothing about them changed")
	flags.BoolVar(&opts.RemoveOrphans, "remove-orphans", false, "Remove containers of services that are not in the Compose file")
	waitVar(flags, &opts.WaitTimeout, "wait-timeout", "", defaultWait, "How long containers may take to be ready")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Show what would be done and do nothing")
	return cmd
}

func runUp(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts upOptions) error {
	engine, project, err := options.open(ctx, dockerCLI, opts.dryRun)
	if err != nil {
		return err
	}
	options.printRemarks(ctx, dockerCLI, project)
	if opts.dryRun {
		return dryRunUp(ctx, dockerCLI, options, engine, project, opts)
	}

	if project.OnHost() {
		for _, line := range engine.HostNotes(ctx) {
			note(dockerCLI, "%s", line)
		}
	}
	var outcome compose.Outcome
	err = engine.Operation(ctx, "up", func(ctx context.Context) (err error) {
		outcome, err = engine.BringUp(ctx, project, opts.UpOptions)
		return err
	})
	if err != nil {
		return options.explained(dockerCLI, err)
	}
	printDiagnostics(dockerCLI.Err(), append(outcome.Warnings, outcome.Reloaded.Verdict.Diagnostics...), options.painter(dockerCLI.Err()))
	for _, line := range reloadNotes(outcome.Reloaded) {
		note(dockerCLI, "%s", line)
	}
	for _, line := range outcome.Notes {
		note(dockerCLI, "%s", line)
	}
	printTroubles(dockerCLI, project, outcome)
	printAddresses(dockerCLI, project)
	return errors.Join(quarantined(outcome.Quarantines), ailing(outcome.Ailing))
}

// ailing makes the exit code of services that are not as they should be and that
// requests do not depend on.
func ailing(causes []error) error {
	if len(causes) == 0 {
		return nil
	}
	return fmt.Errorf("%w\nRequests are served: they do not depend on it; all else was left running", errors.Join(causes...))
}

// dryRunUp shows the plan, and Compose's own progress of a dry run.
func dryRunUp(ctx context.Context, dockerCLI command.Cli, options *projectOptions, engine *compose.Engine, project *compose.Project, opts upOptions) error {
	plan, err := engine.PlanUp(ctx, project, opts.UpOptions)
	if err != nil {
		return options.explained(dockerCLI, err)
	}
	if err := engine.DryRunUp(ctx, project, opts.UpOptions); err != nil {
		return err
	}
	return printPlan(dockerCLI, plan, formatter.TableFormatKey)
}

// printTroubles warns of what does not keep requests from being served: a
// server that is away while others serve, a HAProxy that cannot be asked.
func printTroubles(dockerCLI command.Cli, project *compose.Project, outcome compose.Outcome) {
	if project.MasterSocket() == "" {
		note(dockerCLI, "Warning: HAProxy runs without a master CLI socket (-S): it cannot be asked whether it serves, nor be given an edited configuration.")
		return
	}
	for _, trouble := range compose.Troubles(outcome.Process, outcome.Strangers) {
		note(dockerCLI, "Warning: %s", trouble)
	}
}

// printAddresses tells where requests are served: the addresses are the data
// of "up", one a line behind the frontend's name.
func printAddresses(dockerCLI command.Cli, project *compose.Project) {
	addresses := project.Addresses()
	width := 0
	for _, a := range addresses {
		width = max(width, len(a.Frontend))
	}
	for _, a := range addresses {
		where := a.URL
		if where == "" {
			where = a.HostPort
		}
		fprintf(dockerCLI.Out(), "%-*s  %s\n", width, a.Frontend, where)
	}
	hint(dockerCLI,
		"docker haproxy reload   apply an edited "+project.ConfigName(),
		"docker haproxy logs -f  watch the requests")
}
