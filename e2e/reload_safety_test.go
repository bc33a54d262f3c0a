package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"gotest.tools/v3/assert"
)

// TestAConfigurationThatServesLessIsTakenBack: HAProxy accepts a backend whose
// servers all fail their checks; whoever reloads must not be left with it.
func TestAConfigurationThatServesLessIsTakenBack(t *testing.T) {
	onBranches(t, func(p *project) {
		t := p.t
		before := p.container("haproxy")
		p.editConfig(addingHeader("X-Good", "1"))
		p.mustSucceed(p.haproxy("reload"))
		failing := strings.ReplaceAll(p.read(configFile), ":8080 check", ":8081 check") // nobody listens there
		p.write(configFile, failing)

		r := p.mustFail(p.haproxy("reload"), 1, "serves less than before", "the configuration before was loaded again", "webservers", "still on disk", "--force")
		assert.Equal(t, r.stdout, "")
		assert.Equal(t, p.get("/").header.Get("X-Good"), "1")
		assert.Equal(t, p.read(configFile), failing, "the edit must stay")
		p.mustBeTheSame(before)
		status := p.mustSucceed(p.haproxy("status"))
		p.mustSay(status, status.stdout, "serves less than before", "edited since it was loaded")

		p.mustSucceed(p.haproxy("reload", "--force"))
		assert.Equal(t, p.get("/").status, 503, "whoever insists gets it")
		p.mustSucceed(p.haproxy("rollback"))
		assert.Equal(t, p.get("/").header.Get("X-Good"), "1")
		p.mustBeTheSame(before)
	})
}

// TestTwoReloadsAtOnceTakeTurns: both succeed, one after the other, and what is
// on disk is what runs.
func TestTwoReloadsAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	before := p.container("haproxy")
	load := p.startLoad(1)
	p.editConfig(addingHeader("X-Edit", "1"))
	var ended sync.WaitGroup
	results := make([]result, 3)
	for i := range results {
		started := p.start(how{}, "haproxy", "reload")
		ended.Go(func() { results[i] = started.ended() })
	}
	ended.Wait()
	workers := map[string]bool{}
	for _, r := range results {
		p.mustSucceed(r)
		workers[r.stdout] = true
	}
	assert.Equal(t, len(workers), len(results), "each has had its own worker")
	assert.Assert(t, workers[fmt.Sprintf("HAProxy loaded %s (worker %d)\n", configFile, p.worker())])
	load.mustLoseNothing()
	p.mustBeTheSame(before)
}

// TestASignalByHandIsToldOf: "docker kill -s HUP" with a mistake on disk fails in
// silence; "status" says so.
func TestASignalByHandIsToldOf(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	before, good := p.container("haproxy"), p.read(configFile)
	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	p.hangUp("failed: 1")
	r := p.mustSucceed(p.haproxy("status"))
	p.mustSay(r, r.stdout, "somebody reloaded HAProxy by hand", "edited since it was loaded")

	p.write(configFile, good)
	p.mustSucceed(p.haproxy("reload"))
	r = p.mustSucceed(p.haproxy("status"))
	assert.Assert(t, !strings.Contains(r.stdout, "by hand"), "%s", r)
	p.mustBeTheSame(before)
}

// hangUp sends the signal that makes HAProxy reload, and waits for its effect in
// the answer to "show proc".
func (p *project) hangUp(effect string) {
	p.t.Helper()
	p.mustSucceed(p.docker("kill", "--signal", "HUP", p.container("haproxy").ID))
	p.eventually("HAProxy has tried", func() error {
		if answer := p.masterCLI("show proc"); !strings.Contains(answer, effect) {
			return fmt.Errorf("%q is missing in %s", effect, answer)
		}
		return nil
	})
}

// TestAFragileMasterIsLeftAloneAndMended: after a bare SIGHUP with a truncated
// file, the next connection to the master CLI of HAProxy 3.4 crashes it. No
// command of ours connects then, and "reload" gets it out of that state. That is
// the one reload after which the kernel may reset connections that wait to be
// accepted, unless it is told to hand them over (docs/zero-loss.md).
func TestAFragileMasterIsLeftAloneAndMended(t *testing.T) {
	t.Parallel()
	needsImageOfTest(t, standIn34)
	p := newProject(t)
	p.init("--servers", "2", "--image", standIn34)
	p.write(composeFile, migrating(p.read(composeFile)))
	p.up()
	before, good := p.container("haproxy"), p.read(configFile)
	load := p.startLoad(1)
	p.write(configFile, strings.TrimRight(good, "\n"))
	p.mustSucceed(p.docker("kill", "--signal", "HUP", before.ID))
	p.eventually("HAProxy has tried", func() error { // without asking it
		r := p.docker("logs", before.ID)
		if !strings.Contains(r.output(), "Missing LF") {
			return fmt.Errorf("its log does not say so yet")
		}
		return nil
	})
	for _, command := range [][]string{{"status"}, {"server", "ls"}, {"runtime", "show", "info"}} {
		p.mustFail(p.haproxy(command...), 1, "may crash", "docker haproxy reload")
	}
	p.mustFail(p.haproxy("reload"), 1, "end the file with a newline")
	p.mustBeTheSame(before)

	p.write(configFile, good)
	p.editConfig(addingHeader("X-Corrected", "1"))
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.get("/").header.Get("X-Corrected"), "1")
	p.mustSucceed(p.haproxy("status"))
	load.mustLoseNothing()
	p.mustBeTheSame(before)
}

func needsImageOfTest(t *testing.T, image string) {
	t.Helper()
	skipIfShort(t)
	needsImage(t, image)
}
