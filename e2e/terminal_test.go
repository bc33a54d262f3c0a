package e2e

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"gotest.tools/v3/assert"
)

// mustBeVisible stops the test where a command printed what acts on a terminal.
func mustBeVisible(t *testing.T, r result) {
	t.Helper()
	bad := func(c rune) bool {
		return c != '\n' && c != '\t' && (unicode.In(c, unicode.Cc, unicode.Cf) || c == unicode.ReplacementChar)
	}
	for _, text := range []string{r.stdout, r.stderr} {
		if i := strings.IndexFunc(text, bad); i >= 0 {
			t.Errorf("at %d: %q", i, text)
		}
	}
}

func TestTerminal_nothing_foreign_acts_on_it(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", labels: []string{`haproxy.host: shop.example.com`, `"HAProxy.\e[31mHost": "a\e]0;x\a"`, `"haproxy.\u202epath": "/\e[2J"`}})
	for _, args := range [][]string{{"init"}, {"init", "--dry-run"}} {
		r := p.haproxy(append(args, "--image", prepared.haproxyImage)...)
		mustBeVisible(t, r)
		p.mustSay(r, r.stderr, `\u202e`)
	}
	p.writeApps(app{name: "web", labels: []string{`haproxy.host: shop.example.com`}})
	p.attach()
	p.up()
	p.editConfig(func(text string) string {
		return text + "\n# \x1b[2J\u009b\u202e\nbackend b\n    bo\x1b[31mgus\x1b]0;x\x07\r\n"
	})
	for _, args := range [][]string{{"check"}, {"check", "--format", "json"}, {"plan"}, {"up"}, {"reload"}, {"diff"}, {"diff", "--format", "json"}, {"status"}, {"status", "--format", "json"}, {"status", "--format", "{{.Verdict}}"}} {
		r := p.haproxy(args...)
		mustBeVisible(t, r)
		if args[0] == "check" && len(args) == 1 || args[0] == "diff" && len(args) == 1 {
			p.mustSay(r, r.stdout, `bo\x1b[31mgus\x1b]0;x\x07`)
		}
	}
	r := p.haproxy("-f", "no\x1b[31mfile.yaml", "check")
	mustBeVisible(t, p.mustFail(r, 1, `no\x1b[31mfile.yaml`))
	for _, args := range [][]string{{"check", "no\x1b[31mfile"}, {"runtime", "show \x1b[31m"}, {"rollback", "\x1b[31m"}, {"up", "--no\x1b[31mflag"}, {"no\x1b[31mcommand"}, {"scale", "we\x1b[31mb=2"}, {"logs", "we\x1b[31mb"}, {"server", "drain", "b/\x1b[31m"}} {
		r := p.haproxy(args...)
		mustBeVisible(t, r)
		assert.Check(t, r.exitCode != 0, r)
	}
}

func TestTerminal_a_folder_with_odd_characters_is_shown_as_it_is_called(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	folder := p.path("a\x1b[31mb")
	assert.NilError(t, os.Mkdir(folder, 0o755))
	r := p.haproxy("init", "--dry-run", "--name", p.name, folder)
	mustBeVisible(t, r)
	r = p.haproxy("init", "--name", p.name, folder)
	mustBeVisible(t, r)
	p.mustSay(r, r.stdout+r.stderr, `a\x1b[31mb`)
}
