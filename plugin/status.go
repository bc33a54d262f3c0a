package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	flagsHelper "github.com/docker/cli/cli/flags"
	"github.com/docker/cli/templates"
	"github.com/docker/go-units"
	"github.com/morikuni/aec"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/plugin/top"
)

type statusOptions struct {
	format   string
	watch    bool
	interval time.Duration
}

func newStatusCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts statusOptions
	cmd := &cobra.Command{
		Use:   "status [OPTIONS]",
		Short: "Show what HAProxy serves, and what is wrong",
		Long: `Show the load balancer: frontends, backends, servers with their containers and
checks, workers that still finish their sessions, the last verdict, and whether
HAProxy runs what is on disk.
Exit code 0: HAProxy answers; 1: it does not run, cannot be asked, or a service is
not served because of its labels.`,
		Example: `  docker haproxy status
  docker haproxy status --watch
  docker haproxy status --format '{{.Config.State}}'
  docker haproxy status --format json | jq '.Warnings'`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.format, "format", formatter.TableFormatKey, flagsHelper.FormatHelp)
	flags.BoolVarP(&opts.watch, "watch", "w", false, "Look again and again, until Ctrl-C")
	flags.DurationVar(&opts.interval, "interval", time.Second, "Time between two looks of --watch")
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runStatus(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts statusOptions) error {
	render, err := opts.renderer(options.painter(dockerCLI.Out()))
	if err != nil {
		return err
	}
	engine, project, err := options.attend(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	if opts.watch {
		return watchStatus(ctx, dockerCLI, engine, project, opts, render)
	}
	status, statusErr := engine.Status(ctx, project)
	if statusErr != nil && status.Project == "" {
		return statusErr
	}
	var page bytes.Buffer
	if err := render(&page, status); err != nil {
		return err
	}
	fprint(dockerCLI.Out(), painted(page.String()))
	if statusErr == nil {
		return notServed(status.Quarantines)
	}
	return statusErr
}

// notServed is the error of a status whose page names the services already.
func notServed(quarantines []compose.Quarantine) error {
	if n := len(quarantines); n > 0 {
		return fmt.Errorf("%d of the services with labels cannot be served as they ask", n)
	}
	return nil
}

// watchStatus looks again and again: in place on a terminal, one after the
// other elsewhere. What cannot be had at one time may be had at the next.
func watchStatus(ctx context.Context, dockerCLI command.Cli, engine *compose.Engine, project *compose.Project, opts statusOptions, render statusRenderer) error {
	running, err := engine.RunningBalancer(ctx, project)
	if err != nil {
		return err
	}
	live, err := engine.Live(ctx, project, running)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	out := dockerCLI.Out()
	pages := statusPages{out: out, err: dockerCLI.Err(), render: render, inPlace: out.IsTerminal(), table: opts.isTable()}
	for tick := time.NewTicker(max(opts.interval, shortestInterval)); ; {
		status, err := live.Look(ctx)
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil
		}
		pages.write(status, err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// statusPages writes one status after the other.
type statusPages struct {
	out, err io.Writer
	render   statusRenderer
	inPlace  bool // each takes the place of the one before, as on a terminal
	table    bool // for people, not for programs
}

// write writes a status, or why there is none: among the pages only where a
// person looks at them, for a program reads the others.
func (p statusPages) write(status compose.Status, err error) {
	var page bytes.Buffer
	if err == nil {
		err = p.render(&page, status)
	}
	complaints := p.err
	if p.inPlace && p.table {
		complaints = &page
	}
	if err != nil {
		fprintf(complaints, "%v\n", err)
	}
	if p.inPlace {
		fprint(p.out, painted(aec.Position(0, 0).String()+aec.EraseDisplay(aec.EraseModes.All).String()))
	}
	fprint(p.out, painted(page.String()))
}

// shortestInterval keeps --interval 0 from being a load of its own.
const shortestInterval = 100 * time.Millisecond

// statusRenderer writes a status in a format.
type statusRenderer func(io.Writer, compose.Status) error

// isTable tells whether the page is the one for people.
func (o statusOptions) isTable() bool { return o.format == formatter.TableFormatKey || o.format == "" }

func (o statusOptions) renderer(paint painter) (statusRenderer, error) {
	switch {
	case o.isTable():
		return func(out io.Writer, status compose.Status) error { return printStatus(out, status, paint) }, nil
	case o.format == formatter.JSONFormatKey:
		return func(out io.Writer, status compose.Status) error { return printJSON(out, status) }, nil
	}
	parsed, err := templates.Parse(o.format)
	if err != nil {
		return nil, problem(fmt.Sprintf("--format is neither table nor json, and no template: %v", err), `Such as '{{.Project}} {{.Version}}'; "--format json" shows the names.`)
	}
	return func(out io.Writer, status compose.Status) error { return execute(parsed, out, status) }, nil
}

func execute(parsed *template.Template, out io.Writer, status compose.Status) error {
	var page strings.Builder
	if err := parsed.Execute(&page, status); err != nil {
		return problem(fmt.Sprintf("the template of --format does not fit: %v", err), `"--format json" shows the names.`)
	}
	return write(out, page.String()+"\n")
}

// printStatus writes a status for people.
func printStatus(out io.Writer, s compose.Status, paint painter) error {
	fprintf(out, "%s  %s\n", s.Project, headline(s))
	if old := s.OldWorkers(); len(old) > 0 {
		table := newTable("OLD WORKER", "SINCE", "SESSIONS")
		for _, w := range old {
			table.row(fmt.Sprint(w.PID), top.Age(w.Draining), known(w.Sessions))
		}
		table.write(out, paint)
	}
	if len(s.Frontends) > 0 {
		table := newTable("FRONTEND", "STATUS", "ADDRESS", "SESSIONS", "RATE", "TOTAL", "4XX", "5XX", "ERRORS")
		for _, f := range s.Frontends {
			rate := f.RequestRate
			if f.Mode != "http" {
				rate = f.Rate
			}
			table.row(f.Name, f.Status, f.Address, count64(f.Sessions), fmt.Sprintf("%d/s", rate), count64(f.Total), count64(f.Responses4xx), count64(f.Responses5xx), count64(f.Errors+f.Denied))
		}
		table.write(out, paint)
	}
	if len(s.Backends) > 0 {
		table := newTable("SERVER", "STATUS", "SINCE", "CONTAINER", "CHECK", "SESSIONS", "QUEUE", "RATE", "TOTAL", "5XX", "ERRORS")
		for _, b := range s.Backends {
			table.row(b.Name, b.Status, top.Age(b.Since), "", "", count64(b.Sessions), count64(b.Queue), fmt.Sprintf("%d/s", b.Rate), count64(b.Total), count64(b.Responses5xx), count64(b.Errors))
			for _, server := range b.Servers {
				table.row("  "+server.Name, server.Status, top.Age(server.Since), container(server), checkCode(server.Check), count64(server.Sessions), count64(server.Queue),
					fmt.Sprintf("%d/s", server.Rate), count64(server.Total), count64(server.Responses5xx), count64(server.Errors))
			}
		}
		table.write(out, paint)
	}
	fprintf(out, "\n%s\n", configLine(s))
	if s.Verdict != nil {
		fprintf(out, "Last verdict: %s (%s, %s ago)\n", s.Verdict.Summary, s.Verdict.What, units.HumanDuration(time.Since(s.Verdict.At)))
		for _, d := range s.Verdict.Diagnostics {
			fprintf(out, "  %s%s: %s\n", place(d), d.Severity, d.Message)
		}
	}
	for _, warning := range s.Warnings {
		fprintf(out, "%s %s\n", paint.paint("!", aec.YellowF.With(aec.Bold)), warning)
	}
	return nil
}

// headline is what matters of the whole in one line.
func headline(s compose.Status) string {
	if s.Version == "" {
		if s.Container == "" {
			return "not running"
		}
		return fmt.Sprintf("%s (%s)", s.Container, s.State)
	}
	return fmt.Sprintf("HAProxy %s in %s, worker %d up %s, %d of %d connections, %d requests/s",
		s.Version, s.Container, s.Workers[0].PID, top.Age(s.Uptime), s.Connections, s.ConnectionsLimit, s.RequestRate)
}

func configLine(s compose.Status) string {
	switch s.Config.State {
	case compose.ConfigLoaded:
		return fmt.Sprintf("Configuration: %s, loaded as it is on disk", s.Config.Name)
	case compose.ConfigEdited:
		return fmt.Sprintf("Configuration: %s, edited since it was loaded", s.Config.Name)
	default:
		return fmt.Sprintf("Configuration: %s; whether it is what HAProxy runs is not known", s.Config.Name)
	}
}

// stateColor is that of HAProxy's word for a state: green for well, red for ill.
func stateColor(cell string) aec.ANSI {
	word, _, _ := strings.Cut(cell, " ")
	switch word {
	case "UP", "OPEN":
		return aec.GreenF
	case "DOWN", "STOP":
		return aec.RedF
	case "MAINT", "DRAIN", "NOLB":
		return aec.YellowF
	}
	return nil
}

func container(s compose.Server) string {
	switch {
	case s.Container != "":
		return s.Container
	case s.Address != "":
		return s.Address
	}
	return "-"
}

// checkCode is the short form of a check's words: what stands in the
// parentheses, such as L7OK.
func checkCode(words string) string {
	_, rest, _ := strings.Cut(words, "(")
	if code, _, found := strings.Cut(rest, ")"); found && code == strings.ToUpper(code) {
		return code
	}
	return words
}

func known(n int64) string {
	if n < 0 {
		return "?"
	}
	return count64(n)
}

// count64 shortens large numbers: 12345678 is 12.3M.
func count64(n int64) string {
	if n < 100_000 {
		return fmt.Sprint(n)
	}
	return units.CustomSize("%.3g%s", float64(n), 1000, []string{"", "k", "M", "G", "T", "P"})
}
