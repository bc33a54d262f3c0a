package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// keptRow is a line of "rollback --list --format json".
type keptRow struct{ ID, By, State, Files, Hash string }

func (p *project) kept() []keptRow {
	p.t.Helper()
	r := p.mustSucceed(p.haproxy("rollback", "--list", "--format", "json"))
	var rows []keptRow
	for line := range strings.Lines(r.stdout) {
		var row keptRow
		assert.NilError(p.t, json.Unmarshal([]byte(line), &row), "%s", r)
		rows = append(rows, row)
	}
	return rows
}

func TestRollback_brings_back_what_HAProxy_had_before(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	before, first := p.container("haproxy"), p.read(configFile)
	p.mustFail(p.haproxy("rollback"), 1, "nothing to go back to")

	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	second := p.read(configFile)
	load := p.startLoad(1)
	load.goOn(20)

	r := p.mustSucceed(p.haproxy("rollback", "--dry-run"))
	p.mustSay(r, r.stdout, "would be configuration 1 again")
	assert.Equal(t, p.read(configFile), second)

	r = p.mustSucceed(p.haproxy("rollback"))
	p.mustSay(r, r.stdout, "is configuration 1 again", "HAProxy loaded it (worker ")
	assert.Equal(t, p.read(configFile), first)
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "")

	r = p.mustSucceed(p.haproxy("rollback", "2"))
	p.mustSay(r, r.stdout, "is configuration 2 again")
	assert.Equal(t, p.read(configFile), second)
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
	load.mustLoseNothing()
	p.mustBeTheSame(before)

	rows := p.kept()
	assert.Equal(t, rows[0].State, "loaded")
	assert.Equal(t, rows[0].By, "rollback")
	table := p.mustSucceed(p.haproxy("rollback", "--list"))
	p.mustSay(table, table.stdout, "CONFIGURATION", "APPLIED", "STATE", "ago", "loaded", "accepted")
	p.mustFail(p.haproxy("rollback", "99"), 1, "there is no configuration 99", "--list")
	p.mustFail(p.haproxy("rollback", rows[0].ID), 1, "on disk already")
}

func TestRollback_keeps_an_edit_that_was_never_loaded(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	worker, good := p.worker(), p.read(configFile)
	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	edit := p.read(configFile)

	r := p.mustSucceed(p.haproxy("rollback"))
	p.mustSay(r, r.output(), "What was on disk is kept as configuration 2", "HAProxy runs it already")
	assert.Equal(t, p.read(configFile), good)
	assert.Equal(t, p.worker(), worker, "nothing was to be reloaded")
	assert.Equal(t, p.kept()[0].State, "never loaded")

	// It can be had back, but not loaded: then the files are as they were.
	p.mustFail(p.haproxy("rollback", "2"), 1, "unknown keyword 'bimd'")
	assert.Equal(t, p.read(configFile), good)
	assert.Equal(t, p.worker(), worker)
	assert.Assert(t, edit != good)
}

func TestRollback_of_a_stopped_load_balancer_brings_back_the_files(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	good := p.read(configFile)
	p.mustSucceed(p.haproxy("stop"))
	p.editConfig(addingHeader("X-Edit", "1"))
	r := p.mustSucceed(p.haproxy("rollback"))
	p.mustSay(r, r.stdout, "HAProxy does not run", `"docker haproxy up"`)
	assert.Equal(t, p.read(configFile), good)
	p.up()
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "")
}
