package plugin

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/morikuni/aec"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

type diffOptions struct {
	format   string
	exitCode bool
}

func newDiffCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts diffOptions
	cmd := &cobra.Command{
		Use:   "diff [OPTIONS]",
		Short: "Show how the configuration on disk differs from what HAProxy runs",
		Long: `Show, line by line, how the configuration on disk differs from the one that
HAProxy runs, and whether HAProxy would accept it. Where somebody else started or
reloaded HAProxy, the last configuration that it accepted from docker haproxy is
compared. Private keys are named and not shown.`,
		Example: `  docker haproxy diff
  docker haproxy diff --exit-code && echo as loaded
  docker haproxy diff --format json`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.format, "format", formatter.TableFormatKey, `Output: "table" for people, "json" for one object`)
	flags.BoolVar(&opts.exitCode, "exit-code", false, "Exit with 1 if there is a difference, or HAProxy would refuse it")
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runDiff(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts diffOptions) error {
	if opts.format != formatter.TableFormatKey && opts.format != formatter.JSONFormatKey {
		return problem(fmt.Sprintf("--format %q is unknown here", opts.format), "Choose table or json.")
	}
	engine, project, err := options.attend(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	diff, err := engine.Diff(ctx, project)
	if err != nil {
		return err
	}
	report, quarantines, err := check(ctx, engine, project, nil)
	if err != nil {
		return err
	}
	if err := printDiff(dockerCLI, options, opts.format, project.ConfigName(), diff, report); err != nil {
		return err
	}
	for _, q := range quarantines {
		note(dockerCLI, "%s", q)
	}
	if opts.exitCode && (len(diff.Files) > 0 || !report.Valid) {
		return cli.StatusError{StatusCode: 1}
	}
	return nil
}

// diffResult is the answer for --format json.
type diffResult struct {
	compose.Diff

	Valid       bool
	Diagnostics []haproxy.Diagnostic
}

func printDiff(dockerCLI command.Cli, options *projectOptions, format, name string, diff compose.Diff, report haproxy.Report) error {
	if format == formatter.JSONFormatKey {
		diff.Files = append([]compose.FileDiff{}, diff.Files...)
		return printJSON(dockerCLI.Out(), diffResult{diff, report.Valid, append([]haproxy.Diagnostic{}, report.Diagnostics...)})
	}
	paint := options.painter(dockerCLI.Out())
	for _, file := range diff.Files {
		printFileDiff(dockerCLI.Out(), file, paint)
	}
	reference := "what HAProxy runs"
	if !diff.Running {
		reference = "configuration " + diff.Against + " of the history, the last that HAProxy accepted (what it runs is not known)"
	}
	if len(diff.Files) == 0 {
		note(dockerCLI, "What is on disk is %s.", reference)
	} else if !diff.Running {
		note(dockerCLI, "Compared with %s.", reference)
	}
	printDiagnostics(dockerCLI.Err(), report.Diagnostics, options.painter(dockerCLI.Err()))
	if report.Valid {
		note(dockerCLI, "HAProxy accepts %s.", name)
	} else {
		note(dockerCLI, "HAProxy refuses %s.", name)
	}
	return nil
}

// printFileDiff prints the lines of a file that differ, or why they are not shown.
func printFileDiff(out io.Writer, file compose.FileDiff, paint painter) {
	if file.Hidden != "" {
		fprintf(out, "%s %s: not shown, for %s\n", file.Name, file.Change, file.Hidden)
		return
	}
	for line := range strings.Lines(file.Unified) {
		text := strings.TrimSuffix(line, "\n")
		var color aec.ANSI
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			color = aec.Bold
		case strings.HasPrefix(line, "+"):
			color = aec.GreenF
		case strings.HasPrefix(line, "-"):
			color = aec.RedF
		case strings.HasPrefix(line, "@@"):
			color = aec.CyanF
		}
		fprintln(out, paint.paint(text, color))
	}
}
