package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/morikuni/aec"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/rollout"
)

// hostile is a text that a file, a label, a name or an answer may hold.
const hostile = "bo\x1b[31mgus\x1b]0;x\x07\r\x7f\u009b1m\x9b\u202e\u2066y"

// seen is hostile text as it may reach a terminal.
const seen = `bo\x1b[31mgus\x1b]0;x\x07\x0d\u007f\u009b1m\x9b\u202e\u2066y`

// mustBeVisible fails where a text holds what acts on a terminal, but for the
// colours that we set ourselves.
func mustBeVisible(t *testing.T, text string, colors ...aec.ANSI) {
	t.Helper()
	rest := strings.ReplaceAll(text, aec.Reset, "")
	for _, color := range colors {
		rest = strings.ReplaceAll(rest, color.String(), "")
	}
	assert.Check(t, utf8.ValidString(rest), "%q", rest)
	bad := strings.IndexFunc(rest, func(r rune) bool { return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf) })
	if bad >= 0 {
		t.Errorf("at %d: %q", bad, rest)
	}
}

// poison puts hostile text into every string of a value.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(v.String() + hostile)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				poison(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem())
		}
	default:
	}
}

func poisoned[T any](value T) T {
	poison(reflect.ValueOf(&value).Elem())
	return value
}

func TestWhatIsPrintedIsVisible(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	word := haproxy.Severity(hostile)
	fprintf(&out, "%s %v %q %d %s|", hostile, errors.New(hostile), "a", 7, word)
	fprintln(&out, hostile, 7, time.Second)
	fprint(&out, painted("\x1b[0m"), &compose.Problem{Summary: hostile}, compose.Quarantine{Service: hostile})
	assert.Equal(t, out.String(), fmt.Sprintf("%s %s \"a\" 7 %s|%s 7 1s\n\x1b[0m%sservice %s is not served: ", seen, seen, seen, seen, seen, seen))
}

func TestEveryPageIsVisible(t *testing.T) {
	t.Parallel()
	colors := []aec.ANSI{
		aec.RedF.With(aec.Bold), aec.YellowF.With(aec.Bold), aec.Bold, aec.GreenF, aec.RedF, aec.YellowF, aec.CyanF, aec.Underline, aec.Inverse,
	}
	for _, paint := range []painter{false, true} {
		var out bytes.Buffer
		printDiagnostics(&out, poisoned(diagnostics()), paint)
		assert.NilError(t, printStatus(&out, poisoned(busyStatus()), paint))
		render, err := statusOptions{format: "{{.Project}} {{json .}}"}.renderer(paint)
		assert.NilError(t, err)
		assert.NilError(t, render(&out, poisoned(busyStatus())))
		printFileDiff(&out, compose.FileDiff{Name: hostile, Unified: "--- a" + hostile + "\n+++ b\n@@\n+" + hostile + "\n-" + hostile + "\n " + hostile}, paint)
		printFileDiff(&out, compose.FileDiff{Name: hostile, Hidden: hostile}, paint)
		mustBeVisible(t, out.String(), colors...)
		assert.Assert(t, strings.Contains(out.String(), seen))
	}
}

func TestEveryListIsVisible(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, format := range []string{"table {{.What}}\t{{.Cause}}", "{{.What}}", "json"} {
		assert.NilError(t, writeSteps(formatter.Context{Output: &out, Format: formatter.Format(format)}, []compose.Step{{What: hostile, How: compose.How(hostile), Cause: hostile}}))
	}
	term := newTerminal(t)
	assert.NilError(t, printResults(term, []rollout.Result{{Service: hostile}}, ""))
	assert.NilError(t, printPlan(term, compose.Plan{Steps: []compose.Step{{What: hostile, How: compose.ByReload}}}, "table"))
	assert.NilError(t, printFiles(term, []compose.File{{Path: hostile, Content: []byte(hostile)}}))
	note(term, "%s", hostile)
	term.Err().SetIsTerminal(true)
	hint(term, "cd "+hostile)
	mustBeVisible(t, out.String()+term.out.String()+term.err.String())
	assert.Equal(t, strings.Count(term.err.String(), seen), 2, term.err.String())
}

func TestJSONStaysWhatItSays(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	value := "a\x1b\x7f\u009b\u202e\n\u2028b"
	assert.NilError(t, printJSON(&out, value))
	mustBeVisible(t, out.String())
	var back string
	assert.NilError(t, json.Unmarshal(out.Bytes(), &back))
	assert.Equal(t, back, value)
}

func TestTheCaretStaysBelowItsCulprit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printDiagnostics(&out, []haproxy.Diagnostic{{Severity: haproxy.Error, File: "a.cfg", Line: 7, Column: 6, Length: 3, Source: "  \x1b \u202ebad", Message: "x"}}, false)
	assert.Equal(t, out.String(), "a.cfg:7: error: x\n    7 |   \\x1b \\u202ebad\n      |              ^~~\n")
}

func TestProgressIsVisible(t *testing.T) {
	t.Parallel()
	var got events
	visibleEvents{&got}.On(api.Resource{ID: hostile, ParentID: hostile, Text: hostile, Details: hostile})
	assert.Equal(t, fmt.Sprint(got.all), fmt.Sprint([]api.Resource{{ID: seen, ParentID: seen, Text: seen, Details: seen}}))
}

// events remembers what a display is to show.
type events struct {
	api.EventProcessor

	all []api.Resource
}

func (e *events) On(some ...api.Resource) { e.all = append(e.all, some...) }
