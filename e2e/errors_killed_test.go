//go:build unix

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// TestKilledUp: a docker haproxy that is killed cannot clean up. The next up
// must mend what it left, and down must remove all of it.
func TestKilledUp(t *testing.T) {
	t.Parallel()
	for _, m := range coldMoments() {
		if !slices.Contains([]string{"the creation of the check", "the creation", "the start", "the wait for an app that is never healthy"}, m.name) {
			continue // not worth their time
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.init()
			compose := p.read(composeFile)
			kill := func() {
				m.prepare(p)
				happening := p.watch()
				up := p.startGroup("up")
				happening.await(m.name, m.came)
				killGroup(up.cmd)
				up.wait()
				p.settle()
				p.write(composeFile, compose)
			}
			kill()
			p.upAfterKill()
			p.allServe()
			p.mustSucceed(p.haproxy("down"))
			p.mustLeaveNothing()

			kill()
			p.mustSucceed(p.haproxy("down"))
			p.mustLeaveNothing()
		})
	}
}

// upAfterKill runs up once the engine has started what the killed one had asked
// for: until it has, up takes the project's own port for that of a stranger.
func (p *project) upAfterKill() {
	p.t.Helper()
	p.eventually("the engine is done", func() error {
		r := p.haproxy("up")
		if r.exitCode != 0 && strings.Contains(r.stderr, "docker-proxy") {
			return fmt.Errorf("%s", r)
		}
		p.mustSucceed(r)
		return nil
	})
}

// TestKilledUpgrade: the same in the middle of a replacement.
func TestKilledUpgrade(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"create", "die", "rename"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			p := newRunningProject(t)
			p.editCompose(configured("haproxy", "labels: {edited: \"yes\"}"))
			happening := p.watch()
			up := p.startGroup("up")
			happening.await(moment, did(moment, "haproxy"))
			killGroup(up.cmd)
			up.wait()
			p.settle()

			p.upAfterKill()
			p.allServe()
			assert.Equal(t, len(p.containers()), 4, "no container of a half replacement must stay")
			assert.Equal(t, p.container("haproxy").Labels["edited"], "yes")
			p.mustSucceed(p.haproxy("down"))
			p.mustLeaveNothing()
		})
	}
}

// TestKilledUpgradeKeepsNames: whoever types "docker logs" must find the
// container by its name again.
func TestKilledUpgradeKeepsNames(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	p.editCompose(configured("haproxy", "labels: {edited: \"yes\"}"))
	happening := p.watch()
	up := p.startGroup("up")
	happening.await("the creation", did("create", "haproxy"))
	killGroup(up.cmd)
	up.wait()
	p.settle()
	p.upAfterKill()
	for _, c := range p.containers() {
		assert.Assert(t, strings.HasPrefix(c.Name, p.name), c.Name)
	}
}
