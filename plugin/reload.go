package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

type reloadOptions struct {
	compose.ReloadOptions

	dryRun bool
	watch  bool
}

// defaultSettle is how long servers' first checks by a new worker may take; the
// generated configuration asks for some 0.1 s, HAProxy's default is 2 s.
const defaultSettle = 5 * time.Second

func newReloadCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts reloadOptions
	cmd := &cobra.Command{
		Use:   "reload [OPTIONS]",
		Short: "Apply an edited configuration without losing a request",
		Long: `Check the configuration on disk inside the running container and, if HAProxy
accepts it, have HAProxy load it: a new worker process takes over the listening
sockets, the old one finishes its requests. Drains, maintenance and weights that
were set at run time are put back.

A configuration that HAProxy refuses changes nothing. One that it accepts, but
with which it serves less than before (a backend whose servers all fail their
checks), is taken back: the configuration before is loaded again, your files stay
as you wrote them, unless --force. The exit code is 1 in both cases.`,
		Example: `  docker haproxy reload
  docker haproxy reload --dry-run   # check only
  docker haproxy reload --watch     # at every save, until Ctrl-C
  docker haproxy --project-directory /srv/shop reload`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReload(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Check the configuration and apply nothing")
	flags.BoolVar(&opts.watch, "watch", false, "Apply every save of a file of the configuration, until Ctrl-C")
	flags.BoolVar(&opts.Force, "force", false, "Keep the new configuration even if HAProxy then serves less than before")
	waitVar(flags, &opts.WaitTimeout, "wait-timeout", "", defaultSettle, "How long the servers' first checks may take")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "watch")
	return cmd
}

func runReload(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts reloadOptions) error {
	engine, project, err := options.open(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	if opts.watch {
		return watchReload(ctx, dockerCLI, options, engine, project, opts)
	}
	return reloadOnce(ctx, dockerCLI, options, engine, project, opts)
}

// reloadOnce applies what is on disk now.
func reloadOnce(ctx context.Context, dockerCLI command.Cli, options *projectOptions, engine *compose.Engine, project *compose.Project, opts reloadOptions) error {
	running, err := engine.RunningBalancer(ctx, project)
	if err != nil {
		return err
	}
	options.printRemarks(ctx, dockerCLI, project)
	if opts.dryRun {
		return dryRunReload(ctx, dockerCLI, options, engine, project, running)
	}

	var done compose.Reloaded
	err = engine.Operation(ctx, "reload", func(ctx context.Context) (err error) {
		done, err = engine.Reload(ctx, project, running, opts.ReloadOptions)
		return err
	})
	if errors.Is(err, context.Canceled) {
		return &compose.Problem{Summary: "interrupted; nothing was applied of " + project.ConfigName(), Cause: err}
	}
	if err != nil {
		return options.explained(dockerCLI, err)
	}
	printReloaded(dockerCLI, options, done)
	fprintln(dockerCLI.Out(), reloadedLine(project, done))
	return quarantined(done.Quarantines)
}

// reloadedLine is the result of a reload.
func reloadedLine(project *compose.Project, done compose.Reloaded) string {
	if n := len(done.AtRunTime); n > 0 {
		return fmt.Sprintf("HAProxy took over%s at run time, without a reload (worker %d)", plural(" ", n, "change"), done.Verdict.Worker)
	}
	return fmt.Sprintf("HAProxy loaded %s (worker %d)", project.ConfigName(), done.Verdict.Worker)
}

// printReloaded says what a person should know of a reload that went well.
func printReloaded(dockerCLI command.Cli, options *projectOptions, done compose.Reloaded) {
	printDiagnostics(dockerCLI.Err(), done.Verdict.Diagnostics, options.painter(dockerCLI.Err()))
	for _, line := range reloadNotes(done) {
		note(dockerCLI, "%s", line)
	}
	for _, trouble := range compose.Troubles(done.Process, done.Strangers) {
		note(dockerCLI, "Warning: %s", trouble)
	}
}

// reloadNotes compare the servers before and after a reload, in words.
func reloadNotes(done compose.Reloaded) []string {
	var notes []string
	say := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, step := range done.AtRunTime {
		say("%s: %s", step.What, step.Cause)
	}
	if done.Unasked {
		say("Warning: HAProxy could not be asked before the reload: drains, maintenance and weights set at run time are lost.")
	}
	for _, set := range done.Forgotten.Kept {
		say("Kept, as set at run time: %s", set)
	}
	if done.NotKept != nil {
		say("Warning: not kept for rollback: %v", done.NotKept)
	}
	for _, set := range done.Restored {
		say("Put back, as set at run time: %s", set)
	}
	for _, words := range done.Failed {
		say("Warning: not put back: %s", words)
	}
	for _, set := range done.Forgotten.Dropped {
		say("Not put back: %s, for %s", set, set.Why)
	}
	for _, s := range done.Forgotten.New {
		say("New server: %s/%s", s.Backend, s.Server)
	}
	for _, s := range done.Forgotten.Gone {
		say("Server gone: %s/%s (%s); if it was added at run time, add it to the configuration", s.Backend, s.Server, net.JoinHostPort(s.Addr, strconv.Itoa(s.Port)))
	}
	return notes
}

func dryRunReload(ctx context.Context, dockerCLI command.Cli, options *projectOptions, engine *compose.Engine, project *compose.Project, running compose.Balancer) error {
	plan, err := engine.PlanReload(ctx, project, running)
	if err != nil {
		return options.explained(dockerCLI, err)
	}
	printDiagnostics(dockerCLI.Err(), plan.Warnings, options.painter(dockerCLI.Err()))
	switch plan.How() {
	case compose.AtRunTime:
		fprintln(dockerCLI.Out(), "HAProxy would take it over at run time, without a reload:")
	default:
		fprintf(dockerCLI.Out(), "HAProxy would load %s\n", project.ConfigName())
	}
	for _, step := range plan.Steps {
		fprintf(dockerCLI.Out(), "  %s: %s: %s\n", step.How, step.What, step.Cause)
	}
	return quarantined(plan.Quarantines)
}
