package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/streams"
	"github.com/docker/compose/v5/cmd/display"
	"github.com/docker/compose/v5/cmd/formatter"
	"github.com/morikuni/aec"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/plugin/visible"
)

// painter colours text, or leaves it alone where nobody would see the colours.
type painter bool

// painter is for a stream: colours on a terminal, unless the flags or NO_COLOR
// say otherwise.
func (o *projectOptions) painter(out *streams.Out) painter {
	switch o.ansi {
	case formatter.Always:
		return true
	case formatter.Never:
		return false
	}
	return painter(out.IsTerminal() && os.Getenv("NO_COLOR") == "")
}

func (p painter) paint(text string, color aec.ANSI) painted {
	text = visible.Text(text)
	if !p || text == "" || color == nil {
		return painted(text)
	}
	return painted(color.Apply(text))
}

// printDiagnostics shows what HAProxy said as compilers do: the place, the
// words, the line with a caret below the culprit, the way out.
//
//	haproxy/haproxy.cfg:7: error: unknown keyword 'bimd' in 'frontend' section
//	    7 |     bimd :80
//	      |     ^~~~
//	      = did you mean 'bind'?
func printDiagnostics(out io.Writer, diagnostics []haproxy.Diagnostic, color painter) {
	for i, d := range diagnostics {
		if slices.Contains(diagnostics[:i], d) {
			continue // a check and a reload say the same
		}
		severity := aec.RedF
		if d.Severity == haproxy.Warning {
			severity = aec.YellowF
		}
		fprintf(out, "%s%s %s\n", place(d), color.paint(string(d.Severity)+":", severity.With(aec.Bold)), strings.ReplaceAll(d.Message, "\n", "\n    "))
		gutter := strings.Repeat(" ", gutterWidth)
		if d.Source != "" {
			source := strings.ReplaceAll(d.Source, "\t", " ") // as wide as one column, so that the caret stays below
			fprintf(out, "%*d | %s\n", gutterWidth, d.Line, source)
			if d.Column > 0 {
				before, culprit := parts(source, d)
				fprintf(out, "%s | %s%s\n", gutter, strings.Repeat(" ", before), color.paint("^"+strings.Repeat("~", max(culprit-1, 0)), severity))
			}
		}
		if d.Hint != "" {
			fprintf(out, "%s = %s\n", gutter, d.Hint)
		}
	}
}

// parts tells how wide a line is on the screen before what a diagnostic points at,
// and how wide that is.
func parts(source string, d haproxy.Diagnostic) (before, culprit int) {
	width := func(runes []rune) int { return utf8.RuneCountInString(visible.Text(string(runes))) }
	runes := []rune(source)
	begin, end := min(d.Column-1, len(runes)), min(d.Column-1+d.Length, len(runes))
	return d.Column - 1 - begin + width(runes[:begin]), d.Length - (end - begin) + width(runes[begin:end])
}

// printRemarks warns of what the labels of the project say otherwise than they were
// probably meant.
func (o *projectOptions) printRemarks(ctx context.Context, dockerCLI command.Cli, project *compose.Project) {
	printDiagnostics(dockerCLI.Err(), project.Remarks(ctx), o.painter(dockerCLI.Err()))
}

// gutterWidth has room for line numbers up to 99,999.
const gutterWidth = 5

func place(d haproxy.Diagnostic) string {
	switch {
	case d.File == "":
		return ""
	case d.Line == 0:
		return d.File + ": "
	default:
		return fmt.Sprintf("%s:%d: ", d.File, d.Line)
	}
}

// explained prints the diagnostics that an error carries, on standard error,
// before the error itself goes up to become the last line. With --progress
// json, where each line is an object, the error takes them along instead.
func (o *projectOptions) explained(dockerCLI command.Cli, err error) error {
	var invalid *compose.InvalidError
	if errors.As(err, &invalid) && o.progress != display.ModeJSON {
		printDiagnostics(dockerCLI.Err(), invalid.Report.Diagnostics, o.painter(dockerCLI.Err()))
	}
	return err
}

// jsonError is an error as the last line of --progress json; Compose's own
// has the same fields but for the diagnostics.
type jsonError struct{ cause error }

func (e jsonError) Error() string {
	line := struct {
		Error       bool                 `json:"error"`
		Message     string               `json:"message"`
		Diagnostics []haproxy.Diagnostic `json:"diagnostics,omitempty"`
	}{Error: true, Message: e.cause.Error()}
	if invalid, ok := errors.AsType[*compose.InvalidError](e.cause); ok {
		line.Diagnostics = invalid.Report.Diagnostics
	}
	text, err := json.Marshal(line)
	if err != nil {
		return e.cause.Error()
	}
	return string(text)
}

func (e jsonError) Unwrap() error { return e.cause }

// final gives a command's error its last form: Ctrl-C gets words of its own,
// and --progress json an object.
func (o *projectOptions) final(err error) error {
	if _, explained := errors.AsType[*compose.Problem](err); errors.Is(err, context.Canceled) && !explained {
		err = &compose.Problem{Summary: "interrupted", Advice: `"docker haproxy ps --all" shows what is there now.`, Cause: err}
	}
	if err == nil || o.progress != display.ModeJSON {
		return err
	}
	return jsonError{cause: err}
}
