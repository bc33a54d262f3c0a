package plugin

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
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
	report, quarantines, err := check(ctx, engine, project, candidate)
	if err != nil {
		return err
	}
	if candidate == nil {
		report.Diagnostics = append(report.Diagnostics, project.Remarks(ctx)...)
	}
	result := checkResult{Config: nameOf(project, candidate), Valid: report.Valid, Diagnostics: append([]haproxy.Diagnostic{}, report.Diagnostics...), Quarantines: quarantines}
	if err := printReport(dockerCLI, opts.format, result, report.Version, options.painter(dockerCLI.Out())); err != nil {
		return err
	}
	return quarantined(quarantines)
}

// candidate reads what is to be checked in place of the project's own files.
func (o checkOptions) candidate(stdin io.Reader) (*compose.Candidate, error) {
	if o.file == "" {
		return nil, nil
	}
	if o.file == "-" {
		content, err := regular.ReadAll("standard input", stdin)
		if err != nil {
			return nil, fmt.Errorf("cannot read standard input: %w", err)
		}
		return &compose.Candidate{Name: "standard input", Content: content}, nil
	}
	info, err := os.Stat(o.file)
	if err == nil && info.IsDir() {
		return nil, problem(o.file+" is a folder", "Name a configuration file in it.")
	}
	content, err := readCandidate(o.file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return &compose.Candidate{Name: o.file, Content: content}, nil
}

func check(ctx context.Context, engine *compose.Engine, project *compose.Project, candidate *compose.Candidate) (report haproxy.Report, quarantines []compose.Quarantine, err error) {
	balancer, err := engine.Balancer(ctx, project)
	if err != nil {
		return report, nil, err
	}
	judge := func(ctx context.Context) (err error) {
		if candidate != nil {
			report, err = engine.Check(ctx, project, balancer, candidate)
		} else {
			report, quarantines, err = engine.CheckProject(ctx, project, balancer)
		}
		return err
	}
	if balancer != nil && balancer.Running() {
		err = judge(ctx)
		return report, quarantines, err
	}
	balancer = nil
	err = engine.Operation(ctx, "check", func(ctx context.Context) error {
		if _, err := engine.FetchImages(ctx, project, compose.LoadBalancer); err != nil {
			return err
		}
		return judge(ctx)
	})
	return report, quarantines, err
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
	// Quarantines are the services that would not be served.
	Quarantines []compose.Quarantine `json:",omitempty"`
}

// printReport prints the report as the data of "check", on standard output,
// and makes an error of an invalid configuration.
func printReport(dockerCLI command.Cli, format string, result checkResult, version string, paint painter) error {
	errorCount, warningCount := count(result.Diagnostics)
	if format == formatter.JSONFormatKey {
		if err := printJSON(dockerCLI.Out(), result); err != nil {
			return err
		}
	} else {
		printDiagnostics(dockerCLI.Out(), result.Diagnostics, paint)
		if result.Valid {
			fprintf(dockerCLI.Out(), "%s is valid%s%s\n", result.Config, plural(", ", warningCount, "warning"), by(version))
		}
	}
	if result.Valid {
		return nil
	}
	return fmt.Errorf("%s is not valid: %s%s", result.Config, plural("", errorCount, "error")+plural(", ", warningCount, "warning"), by(version))
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

// readCandidate reads a file, or what a shell hands over as one: <(command).
func readCandidate(name string) ([]byte, error) {
	if !strings.HasPrefix(name, "/dev/fd/") && !strings.HasPrefix(name, "/proc/self/fd/") && name != "/dev/stdin" {
		return regular.Read(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	return regular.ReadAll(name, file)
}
