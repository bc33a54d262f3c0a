package plugin

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

type checkOptions struct {
	file   string // a file, "-" for standard input, "" for the project's own
	format string
}

func newCheckCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts checkOptions
	cmd := &cobra.Command{
		Use:   "check [OPTIONS] [FILE|-]",
		Short: "Let HAProxy check a configuration",
		Long: `Let the project's own HAProxy check its configuration, or a FILE in its place
("-" is standard input): inside the running container, or in a one-off one.
Exit code 0: HAProxy accepts it; 1: it does not, or could not be asked.`,
		Example: `  docker haproxy check
  docker haproxy check new.cfg
  git show HEAD~1:haproxy/haproxy.cfg | docker haproxy check -
  docker haproxy check --format json`,
		Args: cli.RequiresMaxArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeFiles(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.file = args[0]
			}
			return runCheck(cmd.Context(), dockerCLI, project, opts)
		},
	}
	cmd.Flags().StringVar(&opts.format, "format", formatter.TableFormatKey, `Output: "table" for people, "json" for one object with all diagnostics`)
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runCheck(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts checkOptions) error {
	if opts.format != formatter.TableFormatKey && opts.format != formatter.JSONFormatKey {
		return problem(fmt.Sprintf("--format %q is unknown here", opts.format), "Choose table or json.")
	}
	candidate, err := opts.candidate(dockerCLI.In())
	if err != nil {
		return err
	}
	engine, project, err := options.open(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	report, err := check(ctx, engine, project, candidate)
	if err != nil {
		return err
	}
	return printReport(dockerCLI, opts.format, nameOf(project, candidate), report, options.painter(dockerCLI.Out()))
}

// candidate reads what is to be checked in place of the project's own files.
func (o checkOptions) candidate(stdin io.Reader) (*compose.Candidate, error) {
	if o.file == "" {
		return nil, nil
	}
	if o.file == "-" {
		content, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("cannot read standard input: %w", err)
		}
		return &compose.Candidate{Name: "standard input", Content: content}, nil
	}
	info, err := os.Stat(o.file)
	if err == nil && info.IsDir() {
		return nil, problem(o.file+" is a folder", "Name a configuration file in it.")
	}
	content, err := os.ReadFile(o.file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return &compose.Candidate{Name: o.file, Content: content}, nil
}

func check(ctx context.Context, engine *compose.Engine, project *compose.Project, candidate *compose.Candidate) (report haproxy.Report, err error) {
	if candidate == nil {
		if _, err := project.ReadConfig(); err != nil {
			return report, err
		}
	}
	balancer, err := engine.Balancer(ctx, project)
	if err != nil {
		return report, err
	}
	if balancer != nil && balancer.Running() {
		return engine.Check(ctx, project, balancer, candidate)
	}
	err = engine.Operation(ctx, "check", func(ctx context.Context) error {
		if _, err := engine.FetchImages(ctx, project, compose.LoadBalancer); err != nil {
			return err
		}
		report, err = engine.Check(ctx, project, nil, candidate)
		return err
	})
	return report, err
}

func nameOf(project *compose.Project, candidate *compose.Candidate) string {
	if candidate != nil {
		return candidate.Name
	}
	return project.ConfigName()
}

// checkResult is the answer for --format json.
type checkResult struct {
	Config      string
	Valid       bool
	Diagnostics []haproxy.Diagnostic
}

// printReport prints the report as the data of "check", on standard output,
// and makes an error of an invalid configuration.
func printReport(dockerCLI command.Cli, format, name string, report haproxy.Report, paint painter) error {
	errorCount, warningCount := count(report.Diagnostics)
	if format == formatter.JSONFormatKey {
		result := checkResult{Config: name, Valid: report.Valid, Diagnostics: append([]haproxy.Diagnostic{}, report.Diagnostics...)}
		if err := printJSON(dockerCLI.Out(), result); err != nil {
			return err
		}
	} else {
		printDiagnostics(dockerCLI.Out(), report.Diagnostics, paint)
		if report.Valid {
			fmt.Fprintf(dockerCLI.Out(), "%s is valid%s%s\n", name, plural(", ", warningCount, "warning"), by(report.Version))
		}
	}
	if report.Valid {
		return nil
	}
	return fmt.Errorf("%s is not valid: %s%s", name, plural("", errorCount, "error")+plural(", ", warningCount, "warning"), by(report.Version))
}

func by(version string) string {
	if version == "" {
		return ""
	}
	return " (HAProxy " + version + ")"
}

func count(diagnostics []haproxy.Diagnostic) (errorCount, warningCount int) {
	for _, d := range diagnostics {
		if d.Severity == haproxy.Error {
			errorCount++
		} else {
			warningCount++
		}
	}
	return errorCount, warningCount
}

// plural is ", 2 warnings", ", 1 warning", or nothing for none.
func plural(before string, n int, noun string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return before + "1 " + noun
	default:
		return fmt.Sprintf("%s%d %ss", before, n, noun)
	}
}
