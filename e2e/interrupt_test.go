//go:build unix

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// moment is a point of a command's work, told by what the engine does.
type moment struct {
	name    string
	prepare func(*project) // what makes the command come to this point, and stay a while
	came    func(event) bool
}

func coldMoments() []moment {
	nothing := func(*project) {}
	return []moment{
		{"the creation of the check", nothing, checkBegan},
		{"the check", nothing, checkRuns},
		{"the beginning of the creation", nothing, checkEnded},
		{"the creation", nothing, did("create", "web1")},
		{"the creation of the load balancer", nothing, did("create", "haproxy")},
		{"the start", nothing, did("start", "web1")},
		{"the start of the load balancer", nothing, did("start", "haproxy")},
		{
			"the wait for an app that does not listen",
			func(p *project) { p.editCompose(configured("web1", "environment: {START_DELAY: 1h}")) },
			did("exec_start", "haproxy"),
		},
		{
			"the wait for an app that is never healthy",
			func(p *project) {
				p.editCompose(configured("web1", "environment: {FAIL_HEALTH: \"true\"}", neverDecided))
			},
			did("exec_start", "web1"),
		},
	}
}

// endsSoon waits for a command that was told to end.
func (g *group) endsSoon(within time.Duration) result {
	g.p.t.Helper()
	timer := time.AfterFunc(within, func() {
		select {
		case <-g.ended:
		default:
			g.p.t.Errorf("%s must have ended within %s", g.line, within)
		}
	})
	defer timer.Stop()
	return g.wait()
}

// notTooLate skips what a busy machine has let come to its end before the
// signal arrived.
func notTooLate(t *testing.T, r result) {
	t.Helper()
	if r.exitCode == 0 {
		t.Skip("the command was quicker than the signal")
	}
}

// mustAgree stops the test unless what an interrupted command says of what it
// left is what is there.
func (p *project) mustAgree(r result, before []string) {
	p.t.Helper()
	_, said, found := strings.Cut(r.stderr, "interrupted")
	assert.Assert(p.t, found, "it must say that it was interrupted:\n%s", r)
	if strings.Contains(said, "nothing was touched") || strings.Contains(said, "nothing was created") {
		p.mustStandAs(before)
		return
	}
	if _, replaced, found := strings.Cut(said, "replaced already: "); found {
		for _, c := range p.containers() {
			known := strings.Contains(strings.Join(before, "\n"), c.ID[:12])
			assert.Assert(p.t, known != strings.Contains(replaced, c.Name), "%s is replaced, or it is not:\n%s", c.Name, r)
		}
		return
	}
	_, left, leaves := strings.Cut(said, "left behind: ")
	if !leaves && len(before) > 0 && !strings.Contains(said, "removed again") {
		p.mustSay(r, said, "left as it is")
		p.mustStandAs(before)
		return
	}
	if !leaves {
		p.mustSay(r, said, "removed again")
		p.mustStandAs(before)
		return
	}
	p.mustSay(r, said, "docker haproxy down")
	now := p.everything()
	for _, line := range now {
		fields := strings.Fields(line)
		if fields[0] == "container" {
			assert.Assert(p.t, strings.Contains(left, fields[1]), "%s is left too:\n%s", fields[1], r)
		}
	}
}

// TestInterruptedColdUp: whenever Ctrl-C comes, nothing stays, or it is said
// what does; and the next up is as good as the first.
func TestInterruptedColdUp(t *testing.T) {
	t.Parallel()
	for _, m := range coldMoments() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.init()
			compose := p.read(composeFile)
			m.prepare(p)
			happening := p.watch()
			up := p.startGroup("up")
			happening.await(m.name, m.came)
			up.signal(syscall.SIGINT)
			r := up.endsSoon(15 * time.Second)
			notTooLate(t, r)

			p.mustFail(r, 130, "interrupted")
			mustReadWell(t, r)
			p.mustAgree(r, []string{})
			p.write(composeFile, compose)
			p.up()
			assert.DeepEqual(t, p.servedBy(9), threeWebs)
		})
	}
}

// TestTerminatedColdUp: SIGTERM, which a service manager or a CI job sends, is
// another signal for the same.
func TestTerminatedColdUp(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editCompose(configured("web1", "environment: {START_DELAY: 1h}"))
	happening := p.watch()
	up := p.startGroup("up")
	happening.await("the wait", did("exec_start", "haproxy"))
	up.signal(syscall.SIGTERM)
	r := up.endsSoon(15 * time.Second)
	assert.Assert(t, r.exitCode == 143 || r.exitCode == 130, "128 and the signal's number, or that of an interrupt:\n%s", r)
	mustReadWell(t, r)
	p.mustAgree(r, []string{})
}

// TestInterruptedTwice: who presses Ctrl-C a second time does not want to wait
// for anything. What then stays can be removed.
func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editCompose(configured("web1", "environment: {START_DELAY: 1h}"))
	happening := p.watch()
	up := p.startGroup("up")
	happening.await("the wait", did("exec_start", "haproxy"))
	up.signal(syscall.SIGINT)
	up.mustSayWithin("Removing what was made") // the first one is being answered
	up.signal(syscall.SIGINT)
	r := up.endsSoon(3 * time.Second)
	assert.Assert(t, r.exitCode != 0, "%s", r)
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
}

// TestInterruptedUpOfARunningProject: what ran must serve on, whenever Ctrl-C
// comes, and the next up must finish the work.
func TestInterruptedUpOfARunningProject(t *testing.T) {
	t.Parallel()
	addWeb4 := func(p *project) {
		p.editCompose(replacing("\n  haproxy:\n", "\n  web4:\n    <<: *web\n\n  haproxy:\n"))
	}
	replaceHAProxy := func(p *project) { p.editCompose(configured("haproxy", "labels: {edited: \"yes\"}")) }
	replaceWeb2 := func(p *project) { p.editCompose(configured("web2", "labels: {edited: \"yes\"}")) }
	for _, m := range []moment{
		{"the check of an edited configuration", func(p *project) { p.editConfig(addingHeader("X-Edited", "yes")) }, did("exec_start: haproxy", "haproxy")},
		{"the check before a replacement", replaceHAProxy, checkRuns},
		{"the creation of a new service", addWeb4, did("create", "web4")},
		{"the start of a new service", addWeb4, did("start", "web4")},
		{"the creation of an app's replacement", replaceWeb2, did("create", "web2")},
		{"the stop of an app", replaceWeb2, did("die", "web2")},
		{"the creation of the load balancer's replacement", replaceHAProxy, did("create", "haproxy")},
		{"the stop of the load balancer", replaceHAProxy, did("die", "haproxy")},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			p := newRunningProject(t)
			before := p.everything()
			m.prepare(p)
			happening := p.watch()
			up := p.startGroup("up")
			happening.await(m.name, m.came)
			up.signal(syscall.SIGINT)
			r := up.endsSoon(60 * time.Second) // a load balancer that stops finishes its requests
			notTooLate(t, r)

			p.mustFail(r, 130, "interrupted")
			mustReadWell(t, r)
			p.mustServe()
			p.mustAgree(r, before)
			p.up()
			p.allServe()
			for _, c := range p.containers() {
				assert.Equal(t, c.Name, p.name+"-"+c.Service+"-1", "no container of a half replacement must stay")
			}
		})
	}
}

// TestInterruptedReload: a reload is applied or it is not. HAProxy serves on
// either way, and the next command makes it so.
func TestInterruptedReload(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.everything()
	for i, moment := range reloadMoments {
		t.Run(moment, func(t *testing.T) {
			p := p.within(t)
			header := fmt.Sprintf("X-Edit-%d", i)
			p.editConfig(addingHeader(header, "yes"))
			r := p.interruptedReload(moment)

			p.mustStillServe(before)
			applied := p.get("/").header.Get(header) == "yes"
			for range 9 {
				assert.Equal(t, p.get("/").header.Get(header) == "yes", applied, "all workers must have the same configuration")
			}
			if r.exitCode == 0 {
				assert.Assert(t, applied, "it claims to be applied:\n%s", r)
			} else {
				p.mustFail(r, 130)
			}
			// Whatever the interrupted one got done, this makes it so.
			p.up()
			assert.Equal(t, p.get("/").header.Get(header), "yes")
			p.mustStillServe(before)
		})
	}
}

// TestInterruptedReloadSaysWhatIs: whether the edit was applied must be said.
func TestInterruptedReloadSaysWhatIs(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	p.editConfig(addingHeader("X-Edit", "yes"))
	r := p.interruptedReload(reloadMoments[0])
	p.mustFail(r, 130, "interrupted", "haproxy/haproxy.cfg")
	mustReadWell(t, r)
	applied := p.get("/").header.Get("X-Edit") == "yes"
	assert.Equal(t, strings.Contains(r.stderr, "nothing was"), !applied, "%s", r)
}

// The moments of a reload at which it is interrupted.
var reloadMoments = []string{"before the check", "in the check"}

// interruptedReload runs a reload and interrupts it; that may come too late.
func (p *project) interruptedReload(moment string) result {
	p.t.Helper()
	happening := p.watch()
	reload := p.startGroup("reload")
	happening.await("the check's exec", did("exec_create: sh", "haproxy"))
	if moment != reloadMoments[0] {
		happening.await("the check's start", did("exec_start: sh", "haproxy"))
	}
	reload.signal(syscall.SIGINT)
	return reload.endsSoon(5 * time.Second)
}

// TestInterruptedLogs: to end the log that is followed is no failure of it.
func TestInterruptedLogs(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.everything()
	logs := p.startGroup("logs", "-f", "--tail", "5")
	p.get("/seen-in-the-log?status=500")
	logs.mustSayWithin("/seen-in-the-log")
	logs.mustRun()
	logs.signal(syscall.SIGINT)
	r := logs.endsSoon(2 * time.Second)
	assert.Assert(t, r.exitCode == 0 || r.exitCode == 130, "%s", r)
	assert.Equal(t, strings.TrimSpace(r.stderr), "", "%s", r)
	p.mustStillServe(before)
}

// TestInterruptedDown: the next down finishes what an interrupted one began.
func TestInterruptedDown(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	r := p.interruptedDown()
	assert.Assert(t, r.exitCode == 0 || r.exitCode == 130, "%s", r) // 0: it was quick
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
}

// TestInterruptedDownSaysWhatIs: that something is left must be said.
func TestInterruptedDownSaysWhatIs(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	if r := p.interruptedDown(); r.exitCode != 0 {
		p.mustFail(r, 130, "interrupted", "docker haproxy down")
		mustReadWell(t, r)
	}
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
}

func (p *project) interruptedDown() result {
	p.t.Helper()
	happening := p.watch()
	down := p.startGroup("down")
	happening.await("the stop", did("die", "haproxy"))
	down.signal(syscall.SIGINT)
	return down.endsSoon(20 * time.Second)
}
