package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
	"github.com/docker-haproxy/docker-haproxy/plugin/about"
)

func TestJSONIsOneLineAObjectAndKeepsItsSigns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	assert.NilError(t, printJSON(&out, haproxy.Report{Valid: true, Version: "<3.2> & more"}))
	assert.Equal(t, out.String(), `{"Valid":true,"Version":"<3.2> & more"}`+"\n")
}

func TestHintsAreForTerminalsOnly(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	hint(term, "docker haproxy up")
	assert.Equal(t, term.err.String(), "")
	term.Err().SetIsTerminal(true)
	hint(term, "one", "two")
	assert.Equal(t, term.err.String(), "\nWhat's next:\n    one\n    two\n")
	assert.Equal(t, term.out.String(), "")
}

func TestNotesAndProblemsSayWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	note(term, "%d%% of %s", 50, "it")
	assert.Equal(t, term.err.String(), "50% of it\n")
	assert.Equal(t, problem("It fails.", "Do that.").Error(), "It fails.\nDo that.")
}

func TestCountsAreWordsOfTheirNumber(t *testing.T) {
	t.Parallel()
	assert.Equal(t, plural(", ", 0, "warning"), "")
	assert.Equal(t, plural(", ", 1, "warning"), ", 1 warning")
	assert.Equal(t, plural("", 12, "error"), "12 errors")
	errorCount, warningCount := count(diagnostics())
	assert.Equal(t, errorCount, 7)
	assert.Equal(t, warningCount, 2)
	assert.Equal(t, by(""), "")
	assert.Equal(t, by("3.2.26"), " (HAProxy 3.2.26)")
}

func TestTheVersionIsPrintedAsAskedFor(t *testing.T) {
	t.Parallel()
	printed := func(args ...string) string {
		term := newTerminal(t)
		assert.NilError(t, term.run(t, append([]string{"version"}, args...)...))
		assert.Equal(t, term.err.String(), "")
		return term.out.String()
	}
	assert.Equal(t, printed("--short"), about.Version+"\n")
	assert.Equal(t, printed("--format", "{{.OS}}/{{.Arch}}"), runtime.GOOS+"/"+runtime.GOARCH+"\n")
	assert.Equal(t, printed("--format", "{{json .HAProxyDefault}}"), `"`+compose.DefaultHAProxyVersion+`"`+"\n")
	assert.Equal(t, printed("--format", "table"), printed())
	testkit.Contains(t, printed(), "docker haproxy "+about.Version, "HAProxy by default: "+compose.DefaultHAProxyVersion, "Compose SDK: ", "Built with "+runtime.Version())

	text := printed("--format", "json")
	assert.Equal(t, strings.Count(text, "\n"), 1)
	var info versionInfo
	assert.NilError(t, json.Unmarshal([]byte(text), &info))
	assert.Equal(t, info.Version, about.Version)
	assert.Equal(t, info.Go, runtime.Version())

	for _, format := range []string{"{{", "{{.NoSuchField}}"} {
		assert.ErrorContains(t, newTerminal(t).run(t, "version", "--format", format), "--format")
	}
}

func TestAReportIsPrintedAsDataAndFailsWhereItIsNotValid(t *testing.T) {
	t.Parallel()
	valid := haproxy.Report{Valid: true, Version: "3.2.26-1", Diagnostics: diagnostics()[1:2]}
	invalid := haproxy.Report{Version: "3.2.26-1", Diagnostics: diagnostics()[:2]}
	for _, c := range []struct {
		format string
		report haproxy.Report
		golden string
		err    string
	}{
		{"table", valid, "report-valid.golden", ""},
		{"table", invalid, "report-invalid.golden", "new.cfg is not valid: 1 error, 1 warning (HAProxy 3.2.26-1)"},
		{"json", valid, "report-valid-json.golden", ""},
		{"json", invalid, "report-invalid-json.golden", "new.cfg is not valid: 1 error, 1 warning (HAProxy 3.2.26-1)"},
	} {
		term := newTerminal(t)
		result := checkResult{Config: "new.cfg", Valid: c.report.Valid, Diagnostics: append([]haproxy.Diagnostic{}, c.report.Diagnostics...)}
		err := printReport(term, c.format, result, c.report.Version, false)
		golden.Assert(t, term.out.String(), c.golden)
		assert.Equal(t, term.err.String(), "")
		if c.err == "" {
			assert.NilError(t, err)
			continue
		}
		assert.Error(t, err, c.err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestJSONThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	assert.ErrorContains(t, printJSON(brokenPipe{}, 1), "broken pipe")
}
