package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestUp_makes_every_server_answer(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "5")
	r := p.up()
	// At once: up waits until HAProxy has checked its servers.
	assert.DeepEqual(t, p.servedBy(10), []string{"web1", "web2", "web3", "web4", "web5"})

	assert.Equal(t, r.stdout, p.addresses(), "standard output is for the addresses alone")
	assert.Assert(t, strings.Contains(r.stderr, "Container "+p.name+"-web1-1"), "progress belongs on standard error:\n%s", r)
}

// addresses is what up prints for a project as init writes it.
func (p *project) addresses() string {
	return fmt.Sprintf("stats       http://localhost:%d\nmyfrontend  http://localhost:%d\n", p.stats, p.http)
}

func TestUp_twice_changes_nothing(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before, pid, worker := p.ids(), p.container("haproxy").PID, p.worker()
	for range 2 {
		r := p.up()
		assert.Equal(t, r.stdout, p.addresses())
		assert.DeepEqual(t, p.ids(), before)
		assert.Equal(t, p.container("haproxy").PID, pid)
		assert.Equal(t, p.worker(), worker, "nothing was edited, so nothing must be reloaded")
	}
}

func TestUp_loads_an_edited_configuration_into_the_running_HAProxy(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before, pid, worker := p.ids(), p.container("haproxy").PID, p.worker()

	load := p.startLoad(1)
	load.goOn(50)
	p.editConfig(addingHeader("X-Edit", "1"))
	p.up()
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
	load.goOn(50)
	load.mustLoseNothing()

	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, p.container("haproxy").PID, pid)
	assert.Assert(t, p.worker() != worker)
}

func TestUp_notices_an_edit_that_keeps_an_old_date(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	p.editConfig(addingHeader("X-Edit", "1"))
	p.setAge(configFile, time.Hour) // as when an older copy is moved into its place
	p.up()
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
}

// setAge makes a file look as if it was last written some time ago.
func (p *project) setAge(name string, age time.Duration) {
	p.t.Helper()
	then := time.Now().Add(-age)
	if err := os.Chtimes(p.path(name), then, then); err != nil {
		p.t.Fatal(err)
	}
}

func TestUp_notices_an_edited_file_beside_the_configuration(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.write("haproxy/answers.map", "/map one\n")
	p.editConfig(replacing("    default_backend webservers\n",
		"    http-response set-header X-Map %[capture.req.uri,map_beg(/usr/local/etc/haproxy/answers.map)]\n    default_backend webservers\n"))
	p.up()
	assert.Equal(t, p.get("/map").header.Get("X-Map"), "one")

	p.write("haproxy/answers.map", "/map two\n")
	p.up()
	assert.Equal(t, p.get("/map").header.Get("X-Map"), "two")
}

func TestUp_refuses_an_edit_that_HAProxy_refuses(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before, worker := p.ids(), p.worker()

	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	r := p.mustFail(p.haproxy("up"), 1, p.configLine("bimd")+": error: unknown keyword 'bimd'", "did you mean 'bind'?", "keeps running")
	assert.Equal(t, r.stdout, "")
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, p.worker(), worker)
	assert.DeepEqual(t, p.servedBy(9), threeWebs)

	p.editConfig(replacing("    bimd :80\n", "    bind :80\n"))
	p.up()
	assert.DeepEqual(t, p.ids(), before)
}

// configLine is where a word stands first in haproxy.cfg, as messages give it.
func (p *project) configLine(word string) string {
	p.t.Helper()
	before, _, found := strings.Cut(p.read(configFile), word)
	if !found {
		p.t.Fatalf("no %q in haproxy.cfg", word)
	}
	return "haproxy.cfg:" + strconv.Itoa(1+strings.Count(before, "\n"))
}

func TestUp_creates_nothing_for_a_configuration_that_HAProxy_refuses(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	p.mustFail(p.haproxy("up"), 1, p.configLine("bimd"), "nothing was created")
	p.mustLeaveNothing()
}

func TestUp_speaks_of_removing_only_where_something_was_made(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	r := p.mustFail(p.haproxy("up"), 1, "bimd")
	assert.Assert(t, !strings.Contains(r.stderr, "Remov"), "nothing was made, so nothing can be removed:\n%s", r)
}

func TestUp_recreates_only_the_service_that_changed(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.ids()

	p.editCompose(replacing("  web2:\n    <<: *web\n", "  web2:\n    <<: *web\n    environment: { ANYTHING: else }\n"))
	p.up()
	var recreated []string
	for service, id := range p.ids() {
		if id != before[service] {
			recreated = append(recreated, service)
		}
	}
	assert.DeepEqual(t, recreated, []string{"web2"})
	assert.Assert(t, slices.Contains(p.container("web2").Inspect.Config.Env, "ANYTHING=else"))
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
}

func TestUp_recreates_the_load_balancer_when_its_definition_changed(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.ids()

	p.editCompose(replacing("    stop_grace_period: 10s", "    stop_grace_period: 11s"))
	p.up()
	after := p.ids()
	assert.Assert(t, after["haproxy"] != before["haproxy"])
	for _, web := range threeWebs {
		assert.Equal(t, after[web], before[web], web)
	}
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
}

func TestUp_force_recreate_replaces_everything(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	before := p.ids()
	p.up("--force-recreate")
	after := p.ids()
	assert.Equal(t, len(after), 2)
	for service := range before {
		assert.Assert(t, after[service] != before[service], service)
	}
	assert.DeepEqual(t, p.servedBy(2), []string{"web1"})
}

func TestUp_removes_a_server_that_is_gone_from_the_files(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	p.init("--force", "--servers", "2")

	p.up("--remove-orphans")
	assert.Equal(t, len(p.containers()), 3)
	assert.DeepEqual(t, p.servedBy(6), []string{"web1", "web2"})
	assert.Assert(t, !strings.Contains(p.runtimeAPI("show servers state webservers"), " s3 "), "the configuration must be loaded too")
}

func TestUp_starts_what_was_stopped_or_removed(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.ids()
	p.mustSucceed(p.docker("stop", "-t", "0", before["web1"]))
	p.mustSucceed(p.docker("rm", "-f", before["web2"]))

	p.up()
	after := p.ids()
	assert.Equal(t, after["web1"], before["web1"])
	assert.Equal(t, after["haproxy"], before["haproxy"])
	assert.Assert(t, after["web2"] != before["web2"])
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
}

func TestUp_dry_run_creates_nothing(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	r := p.mustSucceed(p.haproxy("up", "--dry-run"))
	assert.Assert(t, strings.Contains(r.stderr, p.name+"-haproxy-1"), "it must show what would be done:\n%s", r)
	p.mustLeaveNothing()

	// Nor does it change what runs.
	p.up()
	before, worker := p.ids(), p.worker()
	p.editCompose(replacing("    stop_grace_period: 10s", "    stop_grace_period: 11s"))
	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("up", "--dry-run"))
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, p.worker(), worker)
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "")
}

func TestUp_progress_json_is_one_object_a_line(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	r := p.up("--progress", "json")
	assert.Equal(t, r.stdout, p.addresses())
	done := map[string]string{}
	for line := range strings.Lines(r.stderr) {
		var event struct{ ID, Status, Text string }
		assert.NilError(t, json.Unmarshal([]byte(line), &event), "%s", r)
		assert.Assert(t, event.ID != "" && event.Status != "", line)
		done[event.ID] = event.Status
	}
	for _, id := range []string{"Container " + p.name + "-web1-1", "Container " + p.name + "-haproxy-1", "Network " + p.name + "_mynetwork"} {
		assert.Equal(t, done[id], "Done", "%s in\n%s", id, r)
	}
}

func TestUp_progress_quiet_prints_none(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	r := p.up("--progress", "quiet")
	assert.Equal(t, r.stderr, "")
	assert.Equal(t, r.stdout, p.addresses())
}

func TestUp_prints_no_control_characters_into_a_pipe(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	r := p.up()
	assert.Assert(t, !regexp.MustCompile(`\x1b`).MatchString(r.output()), "%q", r.output())
	p.mustFail(p.haproxy("up", "--progress", "loud"), 1, "--progress", "loud", "plain")
	p.mustFail(p.haproxy("up", "--ansi", "sometimes"), 1, "--ansi", "sometimes")
}

func TestUp_does_not_reload_again_what_a_signal_has_reloaded(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	worker := p.worker()

	p.editConfig(addingHeader("X-Edit", "1"))
	// HAProxy tells to the second when its worker began: an edit in the same
	// second may be reloaded once more, to be safe. So this one is older.
	p.setAge(configFile, 10*time.Second)
	p.mustSucceed(p.docker("kill", "-s", "HUP", p.container("haproxy").ID))
	p.eventually("the signal has reloaded the configuration", p.serves("X-Edit", "1"))
	reloaded := p.worker()
	assert.Assert(t, reloaded != worker)

	p.up()
	assert.Equal(t, p.worker(), reloaded, "nothing is left to be reloaded")
}
