package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	flagsHelper "github.com/docker/cli/cli/flags"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

type rollbackOptions struct {
	compose.ReloadOptions

	id     string // "" is the last one that is not on disk
	list   bool
	dryRun bool
	format string
}

func newRollbackCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts rollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback [OPTIONS] [CONFIGURATION]",
		Short: "Bring back a configuration that HAProxy accepted before",
		Long: `Bring back a configuration that HAProxy accepted before: the last one that is
not on disk, or one of "rollback --list". Its files take the place of those on
disk, and HAProxy loads them as "reload" does. What was on disk is kept, so that
a rollback can be rolled back.

The configurations that HAProxy accepted from "up", "reload" and "rollback" are
kept beside the Compose file, in .docker-haproxy, readable by their owner only.`,
		Example: `  docker haproxy rollback
  docker haproxy rollback --list
  docker haproxy rollback 3`,
		Args:              cli.RequiresMaxArgs(1),
		ValidArgsFunction: completeConfigurations(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.id = args[0]
			}
			if opts.list {
				return runRollbackList(cmd.Context(), dockerCLI, project, opts)
			}
			return runRollback(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&opts.list, "list", "l", false, "List the configurations that can be brought back, and do nothing")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Say which configuration would be brought back, and do nothing")
	flags.StringVar(&opts.format, "format", formatter.TableFormatKey, flagsHelper.FormatHelp)
	flags.BoolVar(&opts.Force, "force", false, "Keep the configuration even if HAProxy then serves less than before")
	waitVar(flags, &opts.WaitTimeout, "wait-timeout", "", defaultSettle, "How long the servers' first checks may take")
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runRollback(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts rollbackOptions) error {
	engine, project, err := options.open(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	if opts.dryRun {
		target, err := project.RollbackTarget(opts.id)
		if err != nil {
			return err
		}
		return write(dockerCLI.Out(), fmt.Sprintf("%s would be configuration %s again, of %s\n", project.ConfigName(), target.ID, target.At.Local().Format(time.DateTime)))
	}
	running, err := engine.Balancer(ctx, project)
	if err != nil {
		return err
	}
	if running != nil && !running.Running() {
		running = nil
	}
	var done compose.RolledBack
	err = engine.Operation(ctx, "rollback", func(ctx context.Context) (err error) {
		done, err = engine.Rollback(ctx, project, running, opts.id, opts.ReloadOptions)
		return err
	})
	if errors.Is(err, context.Canceled) {
		return &compose.Problem{Summary: "interrupted; the files are as they were", Cause: err}
	}
	if err != nil {
		return options.explained(dockerCLI, err)
	}
	if done.SetAside.ID != "" {
		note(dockerCLI, `What was on disk is kept as configuration %s ("docker haproxy rollback %s").`, done.SetAside.ID, done.SetAside.ID)
	}
	if done.Loaded {
		printReloaded(dockerCLI, options, done.Reloaded)
	}
	return write(dockerCLI.Out(), fmt.Sprintf("%s is configuration %s again, of %s%s\n",
		project.ConfigName(), done.To.ID, done.To.At.Local().Format(time.DateTime), effect(done)))
}

// effect says what a rollback did to HAProxy.
func effect(done compose.RolledBack) string {
	switch {
	case done.Loaded:
		return fmt.Sprintf("; HAProxy loaded it (worker %d)", done.Reloaded.Verdict.Worker)
	case done.Running:
		return "; HAProxy runs it already"
	default:
		return `; HAProxy does not run: "docker haproxy up" starts it`
	}
}

func runRollbackList(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts rollbackOptions) error {
	engine, err := options.engine(dockerCLI, false)
	if err != nil {
		return err
	}
	project, err := engine.Load(ctx, options.LoadOptions)
	if err != nil {
		return err
	}
	kept, err := project.Kept()
	if err != nil {
		return err
	}
	rows := make([]configurationRow, 0, len(kept))
	for _, k := range kept {
		rows = append(rows, configurationRow{kept: k})
	}
	return writeConfigurations(formatter.Context{Output: dockerCLI.Out(), Format: configurationFormat(opts.format)}, rows)
}

func configurationFormat(format string) formatter.Format {
	if format == formatter.TableFormatKey || format == "" {
		return "table {{.ID}}\t{{.Applied}}\t{{.By}}\t{{.State}}\t{{.Files}}"
	}
	return formatter.Format(format)
}

func writeConfigurations(ctx formatter.Context, rows []configurationRow) error {
	header := configurationRow{}
	header.Header = formatter.SubHeaderContext{
		"ID": "CONFIGURATION", "Applied": "APPLIED", "By": "BY", "State": "STATE", "Files": "FILES", "Hash": "HASH", "At": "AT",
	}
	return writeRows(ctx, &header, rows, func(row configurationRow) formatter.SubContext { return &row })
}

// configurationRow is a line of "rollback --list". Its exported methods are
// what a template may name.
type configurationRow struct {
	formatter.HeaderContext

	kept compose.Kept
}

// MarshalJSON gives the row for --format json.
func (r *configurationRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

// ID is what "rollback" takes.
func (r *configurationRow) ID() string { return r.kept.ID }

// Applied is how long ago it was applied, in words.
func (r *configurationRow) Applied() string {
	return units.HumanDuration(time.Since(r.kept.At)) + " ago"
}

// At is when it was applied.
func (r *configurationRow) At() string { return r.kept.At.Format(time.RFC3339) }

// By is the command that applied it.
func (r *configurationRow) By() string { return r.kept.How }

// State is where it is: on disk, running, never loaded.
func (r *configurationRow) State() string { return r.kept.State() }

// Files is how many files it has.
func (r *configurationRow) Files() string { return fmt.Sprint(len(r.kept.Files)) }

// Hash tells configurations apart.
func (r *configurationRow) Hash() string { return r.kept.Hash[:min(12, len(r.kept.Hash))] }

// completeConfigurations offers what can be brought back.
func completeConfigurations(dockerCLI command.Cli, options *projectOptions) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		engine, err := quiet(dockerCLI)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		project, err := engine.Load(cmd.Context(), options.LoadOptions)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		kept, err := project.Kept()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offers []string
		for _, k := range kept {
			offers = append(offers, k.ID+"\t"+k.How+" "+k.At.Local().Format(time.DateTime))
		}
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
