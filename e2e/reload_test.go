package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestReload_prints_the_verdict_and_the_new_worker(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before, pid, worker := p.ids(), p.container("haproxy").PID, p.worker()
	p.editConfig(addingHeader("X-Edit", "1"))

	r := p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
	assert.Assert(t, p.worker() != worker)
	assert.Equal(t, r.stdout, fmt.Sprintf("HAProxy loaded %s (worker %d)\n", filepath.FromSlash(configFile), p.worker()))
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, p.container("haproxy").PID, pid)
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
}

func TestReload_of_a_refused_configuration_changes_nothing(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	pid, worker, proc := p.container("haproxy").PID, p.worker(), procLines(p)
	good := p.read(configFile)

	for _, mistake := range []struct {
		name  string
		edit  func(string) string
		at    string // what stands first in the line that is named; "" where none is
		words []string
	}{
		{
			"unknown keyword", replacing("    bind :80\n", "    bimd :80\n"), "bimd",
			[]string{"error: unknown keyword 'bimd' in 'frontend' section", " |     bimd :80\n", " |     ^~~~\n", "did you mean 'bind'?"},
		},
		{"unknown backend", replacing("default_backend webservers", "default_backend nobody"), "", []string{"error:", "nobody"}},
		{"unmatched quote", replacing("stats refresh 10s", `stats refresh "10s`), `stats refresh "`, []string{"error:", "quote", "^"}},
		{"no newline at the end", func(text string) string { return strings.TrimRight(text, "\n") }, "", []string{"error:", "end the file with a newline"}},
		{"empty", func(string) string { return "" }, "", []string{"error:", "no listener"}},
	} {
		t.Run(mistake.name, func(t *testing.T) {
			p := p.within(t)
			p.write(configFile, good)
			p.editConfig(mistake.edit)
			r := p.mustFail(p.haproxy("reload"), 1, append(mistake.words, "HAProxy refuses "+filepath.FromSlash(configFile), "keeps running")...)
			if mistake.at != "" {
				p.mustSay(r, r.stderr, p.configLine(mistake.at)+": error:")
			}
			assert.Equal(t, r.stdout, "")
			assert.Equal(t, p.worker(), worker)
			assert.Equal(t, p.container("haproxy").PID, pid)
			assert.Equal(t, procLines(p), proc, "HAProxy must not even have tried")
			assert.DeepEqual(t, p.servedBy(9), threeWebs)
		})
	}

	// And the way back is open.
	p.write(configFile, good)
	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
}

// procLines is the number of processes and failures that HAProxy tells of: the
// answer to "show proc" without the times.
func procLines(p *project) string {
	p.t.Helper()
	var lines []string
	for line := range strings.Lines(p.masterCLI("show proc")) {
		fields := strings.Fields(line)
		if len(fields) >= 3 && !strings.HasPrefix(line, "#") {
			fields = fields[:3] // PID, type, reloads
		}
		lines = append(lines, strings.Join(fields, " "))
	}
	return strings.Join(lines, "\n")
}

func TestReload_dry_run_changes_nothing(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	worker := p.worker()
	p.editConfig(addingHeader("X-Edit", "1"))
	r := p.mustSucceed(p.haproxy("reload", "--dry-run"))
	p.mustSay(r, r.stdout, "HAProxy would load "+filepath.FromSlash(configFile)+"\n", "by reload: ", "it was edited")
	assert.Equal(t, p.worker(), worker)
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "")

	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	p.mustFail(p.haproxy("reload", "--dry-run"), 1, p.configLine("bimd"), "would change nothing")
	assert.Equal(t, p.worker(), worker)
}

func TestReload_of_what_does_not_run_says_what_to_do(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.mustFail(p.haproxy("reload"), 1, "not running", `"docker haproxy up"`)
	p.mustLeaveNothing()

	p.up()
	p.mustSucceed(p.haproxy("stop"))
	p.mustFail(p.haproxy("reload"), 1, "not running", "exited", `"docker haproxy up"`)
}

func TestReload_finds_the_project_from_another_folder(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	elsewhere := t.TempDir()
	for i, flags := range [][]string{
		{"-f", p.path(composeFile)},
		{"--file", p.path(composeFile), "-p", p.name},
		{"--project-directory", p.dir},
	} {
		t.Run(strings.Join(flags[:1], " "), func(t *testing.T) {
			p := p.within(t)
			for j, args := range [][]string{
				append(append([]string{"haproxy"}, flags...), "reload"), // before the command, as with Compose
				append([]string{"haproxy", "reload"}, flags...),
			} {
				worker, header := p.worker(), fmt.Sprintf("X-Edit-%d-%d", i, j)
				p.editConfig(addingHeader(header, "1"))
				r := p.mustSucceed(p.run(how{dir: elsewhere}, args...))
				assert.Assert(t, p.worker() != worker, "%s", r)
				assert.Equal(t, p.get("/").header.Get(header), "1", "%s", r)
			}
		})
	}
	// The files are needed: the name alone does not lead to them.
	p.mustFail(p.run(how{dir: elsewhere}, "haproxy", "reload"), 1, "no Compose file", "--project-directory")
	p.mustFail(p.run(how{dir: elsewhere}, "haproxy", "-f", "nowhere.yaml", "reload"), 1, "nowhere.yaml")
}

func TestReload_finds_the_project_from_a_folder_below(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	p.editConfig(addingHeader("X-Edit", "1"))
	r := p.mustSucceed(p.run(how{dir: p.path("haproxy")}, "haproxy", "reload"))
	assert.Assert(t, strings.HasPrefix(r.stdout, "HAProxy loaded haproxy.cfg "), "files are named as seen from here:\n%s", r)
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
}

func TestReload_shows_warnings_and_succeeds(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	p.editConfig(causingWarning)
	r := p.mustSucceed(p.haproxy("reload"))
	assert.Assert(t, strings.Contains(r.stderr, "warning:"), "%s", r)
	assert.Assert(t, strings.HasPrefix(r.stdout, "HAProxy loaded "), "%s", r)
}

// causingWarning is an edit that HAProxy accepts with a warning: the second
// rule is processed before the first one.
func causingWarning(text string) string {
	return strings.Replace(text, "    default_backend webservers\n",
		"    use_backend webservers if { path /never }\n    http-request set-header X-Late 1\n    default_backend webservers\n", 1)
}
