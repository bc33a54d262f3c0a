package plugin

import (
	"context"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	flagsHelper "github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

type planOptions struct {
	compose.UpOptions

	format string
}

func newPlanCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts planOptions
	cmd := &cobra.Command{
		Use:   "plan [OPTIONS]",
		Short: "Show what up would change, and whether HAProxy has to reload for it",
		Long: `Show what "docker haproxy up" would do, step by step, each with its cause: by
Compose (containers), by reload (a new worker process of HAProxy), or at run time
(in the worker that runs). HAProxy checks the configuration; nothing is touched.
Exit code 0: the plan can be carried out; 1: something in it cannot.`,
		Example: `  docker haproxy plan
  docker haproxy plan --format json`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPlan(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.format, "format", formatter.TableFormatKey, flagsHelper.FormatHelp)
	flags.BoolVar(&opts.ForceRecreate, "force-recreate", false, "As for up --force-recreate")
	flags.BoolVar(&opts.RemoveOrphans, "remove-orphans", false, "As for up --remove-orphans")
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runPlan(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts planOptions) error {
	engine, project, err := options.open(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	options.printRemarks(ctx, dockerCLI, project)
	plan, err := engine.PlanUp(ctx, project, opts.UpOptions)
	if err != nil {
		return options.explained(dockerCLI, err)
	}
	return printPlan(dockerCLI, plan, opts.format)
}

// printPlan prints the steps as data, and makes an error of a plan in which a
// service is not served.
func printPlan(dockerCLI command.Cli, plan compose.Plan, format string) error {
	if err := writeSteps(formatter.Context{Output: dockerCLI.Out(), Format: stepFormat(format)}, plan.Steps); err != nil {
		return err
	}
	switch plan.How() {
	case "":
		note(dockerCLI, "Nothing to do: everything is as it should be.")
	case compose.AtRunTime:
		note(dockerCLI, "HAProxy takes all of it over without a reload.")
	case compose.ByReload:
		note(dockerCLI, "HAProxy reloads: a new worker takes over, no request is lost.")
	case compose.ByCompose:
	}
	return quarantined(plan.Quarantines)
}

func stepFormat(format string) formatter.Format {
	if format == formatter.TableFormatKey || format == "" {
		return "table {{.How}}\t{{.What}}\t{{.Cause}}"
	}
	return formatter.Format(format)
}

func writeSteps(ctx formatter.Context, steps []compose.Step) error {
	header := stepRow{}
	header.Header = formatter.SubHeaderContext{"How": "HOW", "What": "WHAT", "Cause": "CAUSE"}
	return writeRows(ctx, &header, steps, func(step compose.Step) formatter.SubContext { return &stepRow{step: step} })
}

// stepRow is a line of "plan". Its exported methods are what a template may name.
type stepRow struct {
	formatter.HeaderContext

	step compose.Step
}

// MarshalJSON gives the row for --format json.
func (r *stepRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

// How is the way in which the step is done.
func (r *stepRow) How() string { return string(r.step.How) }

// What is changed.
func (r *stepRow) What() string { return r.step.What }

// Cause is why.
func (r *stepRow) Cause() string { return r.step.Cause }

// quarantined is the error of a project in which a service is not served.
func quarantined(quarantines []compose.Quarantine) error {
	if len(quarantines) == 0 {
		return nil
	}
	return &compose.QuarantineError{Quarantines: quarantines}
}
