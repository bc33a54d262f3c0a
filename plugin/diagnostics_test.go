package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docker/cli/cli/streams"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func diagnostics() []haproxy.Diagnostic {
	const file = "haproxy/haproxy.cfg"
	return []haproxy.Diagnostic{
		{Severity: haproxy.Error, File: file, Line: 7, Column: 5, Length: 4, Source: "    bimd :80", Message: "unknown keyword 'bimd' in 'frontend' section", Hint: "did you mean 'bind'?"},
		{Severity: haproxy.Warning, File: file, Line: 12345, Column: 3, Length: 1, Source: "\t\tx\ty", Message: "a tab is as wide as a column"},
		{Severity: haproxy.Error, File: file, Line: 9, Source: "backend app", Message: "nothing to point at"},
		{Severity: haproxy.Error, File: file, Line: 10, Message: "the line cannot be read", Hint: "look there"},
		{Severity: haproxy.Error, File: file, Message: "no line is known"},
		{Severity: haproxy.Warning, Message: "no position at all", Hint: "none either"},
		{Severity: haproxy.Error, File: file, Line: 3, Column: 1, Length: 1, Source: "äöü", Message: "several lines:\nthe second\nthe third"},
		{Severity: haproxy.Error, File: file, Line: 4, Column: 3, Length: 1, Source: "äö€ é", Message: "columns count characters"},
		{Severity: haproxy.Error, File: file, Line: 5, Column: 12, Length: 0, Source: "end of line", Message: "behind the last character"},
	}
}

func TestDiagnosticsAreShownAsCompilersDo(t *testing.T) {
	t.Parallel()
	for name, paint := range map[string]painter{"diagnostics.golden": false, "diagnostics-colour.golden": true} {
		var out bytes.Buffer
		printDiagnostics(&out, diagnostics(), paint)
		golden.Assert(t, out.String(), name)
	}
}

func TestNothingIsShownOfNoDiagnostics(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printDiagnostics(&out, nil, true)
	assert.Equal(t, out.String(), "")
}

func TestColoursAreForTerminalsUnlessAskedForOtherwise(t *testing.T) {
	for _, c := range []struct {
		ansi     string
		terminal bool
		noColor  string
		want     bool
	}{
		{"auto", true, "", true},
		{"auto", false, "", false},
		{"auto", true, "1", false},
		{"auto", true, "0", false}, // https://no-color.org: any value but an empty one
		{"never", true, "", false},
		{"always", false, "", true},
		{"always", false, "1", true}, // what is said on the command line counts more
	} {
		t.Setenv("NO_COLOR", c.noColor)
		out := streams.NewOut(&bytes.Buffer{})
		out.SetIsTerminal(c.terminal)
		options := &projectOptions{ansi: c.ansi}
		assert.Equal(t, bool(options.painter(out)), c.want, "%+v", c)
	}
}

func TestARefusalShowsItsDiagnosticsBeforeTheLastLine(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	options := &projectOptions{ansi: "auto"}
	invalid := &compose.InvalidError{What: "haproxy.cfg", Kept: "nothing was created", Report: haproxy.Report{Diagnostics: diagnostics()[:1]}}
	wrapped := fmt.Errorf("outer: %w", invalid)
	assert.Equal(t, options.explained(term, wrapped), wrapped)
	testkit.Contains(t, term.err.String(), "haproxy/haproxy.cfg:7: error: unknown keyword 'bimd'")
	assert.Equal(t, term.out.String(), "")

	term = newTerminal(t)
	other := errors.New("something else")
	assert.Equal(t, options.explained(term, other), other)
	assert.Equal(t, term.err.String(), "")
}

func TestUnderJSONProgressAnErrorIsOneObjectWithItsDiagnostics(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	options := &projectOptions{ansi: "auto", progress: "json"}
	invalid := &compose.InvalidError{What: "haproxy.cfg", Kept: "nothing was created", Report: haproxy.Report{Diagnostics: diagnostics()[:1]}}
	assert.Equal(t, options.explained(term, invalid), error(invalid))
	assert.Equal(t, term.err.String(), "")

	final := options.final(invalid)
	assert.ErrorIs(t, final, error(invalid), "main finds the cause for the exit code")
	var line struct {
		Error       bool
		Message     string
		Diagnostics []haproxy.Diagnostic
	}
	assert.NilError(t, json.Unmarshal([]byte(final.Error()), &line))
	assert.Assert(t, line.Error)
	assert.Equal(t, line.Message, "HAProxy refuses haproxy.cfg; nothing was created")
	assert.DeepEqual(t, line.Diagnostics, diagnostics()[:1])
	assert.Assert(t, !strings.Contains(final.Error(), "\n"))
	assert.NilError(t, options.final(nil))
}

func TestAnInterruptHasWordsOfItsOwnUnlessItIsExplained(t *testing.T) {
	t.Parallel()
	options := &projectOptions{progress: "auto"}
	err := options.final(fmt.Errorf("outer: %w", context.Canceled))
	assert.ErrorIs(t, err, context.Canceled)
	testkit.Contains(t, err.Error(), "interrupted\n", "docker haproxy ps --all")

	explained := &compose.Problem{Summary: "interrupted; left behind: network n", Cause: context.Canceled}
	assert.Equal(t, options.final(explained), error(explained))

	other := errors.New("something else")
	assert.Equal(t, options.final(other), other)
	assert.NilError(t, options.final(nil))
}
