package plugin

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// printJSON prints a value on one line, as the lists of docker do.
func printJSON(out io.Writer, value any) error {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	return write(out, text.String())
}

// hint prints what a person may want to do next, on standard error, so that
// it never gets into a pipe, and not at all where nobody looks.
func hint(dockerCLI command.Cli, lines ...string) {
	if !dockerCLI.Err().IsTerminal() {
		return
	}
	fprintf(dockerCLI.Err(), "\nWhat's next:\n    %s\n", strings.Join(lines, "\n    "))
}

// writeRows prints a row for each of some values, below the header that a table has.
func writeRows[T any](ctx formatter.Context, header formatter.SubContext, values []T, row func(T) formatter.SubContext) error {
	return writeVisibly(ctx, func(ctx formatter.Context) error {
		return ctx.Write(header, func(format func(formatter.SubContext) error) error {
			for _, value := range values {
				if err := format(row(value)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// writeVisibly has docker's formatter write what it is given, and makes it visible.
func writeVisibly(ctx formatter.Context, fill func(formatter.Context) error) error {
	out := ctx.Output
	var page strings.Builder
	ctx.Output = &page
	if err := fill(ctx); err != nil {
		return err
	}
	return write(out, page.String())
}

// note prints a remark on standard error.
func note(dockerCLI command.Cli, format string, args ...any) {
	fprintf(dockerCLI.Err(), format+"\n", args...)
}

// problem makes an error of a summary and the way out.
func problem(summary, advice string) error {
	return &compose.Problem{Summary: summary, Advice: advice}
}
