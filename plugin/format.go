package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// printJSON prints a value on one line, as the lists of docker do.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// hint prints what a person may want to do next, on standard error, so that
// it never gets into a pipe, and not at all where nobody looks.
func hint(dockerCLI command.Cli, lines ...string) {
	if !dockerCLI.Err().IsTerminal() {
		return
	}
	fmt.Fprintf(dockerCLI.Err(), "\nWhat's next:\n    %s\n", strings.Join(lines, "\n    "))
}

// writeRows prints a row for each of some values, below the header that a table has.
func writeRows[T any](ctx formatter.Context, header formatter.SubContext, values []T, row func(T) formatter.SubContext) error {
	return ctx.Write(header, func(format func(formatter.SubContext) error) error {
		for _, value := range values {
			if err := format(row(value)); err != nil {
				return err
			}
		}
		return nil
	})
}

// note prints a remark on standard error.
func note(dockerCLI command.Cli, format string, args ...any) {
	fmt.Fprintf(dockerCLI.Err(), format+"\n", args...)
}

// problem makes an error of a summary and the way out.
func problem(summary, advice string) error {
	return &compose.Problem{Summary: summary, Advice: advice}
}
