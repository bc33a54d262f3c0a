package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// report is what "check --format json" prints.
type report struct {
	Valid       bool
	Version     string
	Diagnostics []struct {
		Severity, File, Source, Message, Hint string
		Line, Column, Length                  int
	}
}

const emptyConfig = "# nothing but a comment\n"

// TestCheck_judges_configurations asks for the same verdicts twice: of a
// one-off container, while nothing runs, and of the HAProxy that runs.
func TestCheck_judges_configurations(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "2")

	t.Run("not running", func(t *testing.T) {
		p := p.within(t)
		testVerdicts(p)
		p.mustLeaveNothing()
	})
	p.up()
	before, worker := p.ids(), p.worker()
	t.Run("running", func(t *testing.T) {
		p := p.within(t)
		testVerdicts(p)
		assert.DeepEqual(t, p.ids(), before)
		assert.Equal(t, p.worker(), worker)
	})
	p.mustSucceed(p.haproxy("stop", "haproxy"))
	t.Run("stopped", func(t *testing.T) {
		p := p.within(t)
		testVerdicts(p)
		assert.DeepEqual(t, p.ids(), before)
	})
}

func testVerdicts(p *project) {
	t := p.t
	good, name := p.read(configFile), filepath.FromSlash(configFile)
	defer p.write(configFile, good)

	for _, verdict := range []struct {
		name     string
		edit     func(string) string
		exitCode int
		stdout   []string
		stderr   []string
	}{
		{"valid", func(text string) string { return text + "# valid\n" }, 0, []string{name + " is valid"}, nil},
		{"a warning", causingWarning, 0, []string{name + ":", ": warning: ", name + " is valid, 1 warning"}, nil},
		{
			"an error", replacing("    bind :80\n", "    bimd :80\n"), 1,
			[]string{"error: unknown keyword 'bimd' in 'frontend' section\n", " |     bimd :80\n", " |     ^~~~\n", " = did you mean 'bind'?\n"},
			[]string{name + " is not valid: 1 error"},
		},
		{
			"two errors", func(text string) string {
				return strings.Replace(strings.Replace(text, "    bind :80\n", "    bimd :80\n", 1), "stats hide-version", "stats hide-vers", 1)
			}, 1,
			[]string{"bimd", "hide-vers"},
			[]string{name + " is not valid: 2 errors"},
		},
		{"no listener", func(string) string { return emptyConfig }, 1, []string{"error:", "no listener"}, []string{"is not valid: 1 error"}},
		{"an empty file", func(string) string { return "" }, 1, []string{"error:", "no listener"}, []string{"is not valid: 1 error"}},
		{"no newline at the end", func(text string) string { return strings.TrimRight(text, "\n") }, 1, []string{"error:", "end the file with a newline"}, []string{"is not valid"}},
	} {
		t.Run(verdict.name, func(t *testing.T) {
			p := p.within(t)
			p.write(configFile, verdict.edit(good))
			r := p.haproxy("check")
			assert.Equal(t, r.exitCode, verdict.exitCode, "%s", r)
			p.mustSay(r, r.stdout, verdict.stdout...)
			p.mustSay(r, r.stderr, verdict.stderr...)
			if verdict.exitCode == 0 {
				return
			}

			// The same of a file elsewhere, which is named as it was given.
			elsewhere := filepath.Join("candidates", "new.cfg")
			p.write("candidates/new.cfg", verdict.edit(good))
			p.write(configFile, good)
			r = p.mustFail(p.haproxy("check", elsewhere), 1, elsewhere+" is not valid")
			p.mustSay(r, r.stdout, verdict.stdout...)
			// And of standard input.
			r = p.mustFail(p.run(how{stdin: verdict.edit(good)}, "haproxy", "check", "-"), 1, "standard input is not valid")
			p.mustSay(r, r.stdout, verdict.stdout...)
			// Neither touches the project's own.
			p.mustSucceed(p.haproxy("check"))
		})
	}
	p.write(configFile, good)
	testJSONVerdicts(p)
}

func testJSONVerdicts(p *project) {
	t := p.t
	var valid, invalid report
	p.decode(p.mustSucceed(p.haproxy("check", "--format", "json")), &valid)
	assert.Equal(t, valid.Valid, true)
	assert.Equal(t, len(valid.Diagnostics), 0)

	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	r := p.mustFail(p.haproxy("check", "--format", "json"), 1, "is not valid")
	p.decode(r, &invalid)
	assert.Equal(t, strings.Count(r.stdout, "\n"), 1, "one object on one line:\n%s", r)
	assert.Equal(t, invalid.Valid, false)
	assert.Equal(t, len(invalid.Diagnostics), 1)
	d := invalid.Diagnostics[0]
	assert.Equal(t, d.Severity, "error")
	assert.Equal(t, d.File, filepath.FromSlash(configFile))
	assert.Equal(t, "haproxy.cfg:"+strconv.Itoa(d.Line), p.configLine("bimd"))
	assert.Equal(t, d.Source, "    bimd :80")
	assert.Equal(t, d.Column, 5)
	assert.Equal(t, d.Length, 4)
	assert.Equal(t, d.Message, "unknown keyword 'bimd' in 'frontend' section")
	assert.Equal(t, d.Hint, "did you mean 'bind'?")
}

func TestCheck_tells_a_wrong_question_from_a_wrong_configuration(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.mustFail(p.haproxy("check"), 1, "no Compose file", `"docker haproxy init"`)

	p.init("--servers", "1")
	p.mustFail(p.haproxy("check", "nowhere.cfg"), 1, "nowhere.cfg")
	p.mustFail(p.haproxy("check", "haproxy"), 1, "haproxy is a folder")
	p.mustFail(p.haproxy("check", "--format", "xml"), 1, "--format", "xml", "json")
	p.mustFail(p.haproxy("check", "a", "b"), 1, "at most 1 argument")
	p.mustFail(p.haproxy("check", "--nonsense"), 125, "--nonsense")
	p.mustLeaveNothing()
}

func TestCheck_sees_the_files_beside_the_configuration(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.editConfig(replacing("    default_backend webservers\n",
		"    use_backend webservers if { path -f /usr/local/etc/haproxy/paths.lst }\n    default_backend webservers\n"))
	r := p.mustFail(p.haproxy("check"), 1, "is not valid")
	p.mustSay(r, r.stdout, "paths.lst")

	p.write("haproxy/paths.lst", "/a\n")
	p.mustSucceed(p.haproxy("check"))
	p.mustLeaveNothing()
}
