package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// prober asks on a new connection every few milliseconds, and notes for how long
// no answer of 200 came.
type prober struct {
	p    *project
	quit chan struct{}
	done sync.WaitGroup

	asked, refused, unserved int
	gap                      time.Duration // the longest time between two answers with failures in between
	last                     error
}

func (p *project) startProber() *prober {
	b := &prober{p: p, quit: make(chan struct{})}
	b.done.Go(b.run)
	p.t.Cleanup(b.stop)
	return b
}

func (b *prober) run() {
	answered, failed := time.Now(), false
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-b.quit:
			return
		case <-tick.C:
		}
		b.asked++
		switch a, err := tryGet(b.p.http, "/"); {
		case err != nil:
			b.refused, b.last, failed = b.refused+1, err, true
		case a.status != http.StatusOK:
			b.unserved, failed = b.unserved+1, true
		default:
			if failed {
				b.gap = max(b.gap, time.Since(answered))
			}
			answered, failed = time.Now(), false
		}
	}
}

func (b *prober) stop() {
	select {
	case <-b.quit:
	default:
		close(b.quit)
	}
	b.done.Wait()
}

func (b *prober) String() string {
	return fmt.Sprintf("%d asked, %d refused (%v), %d not served, no answer for %s", b.asked, b.refused, b.last, b.unserved, b.gap)
}

// mustBeShort stops the test if nothing answered for longer than 1.5 s, or where
// the engine takes more than half a second to end a container and to start it, as
// on a machine that has much to do, for six times as long as that.
func (b *prober) mustBeShort(r result) {
	t := b.p.t
	t.Helper()
	idle := runContainer(t, prepared.echoImage)
	began := time.Now()
	_, err := prepared.docker(t.Context(), "restart", "-t", "0", idle)
	assert.NilError(t, err)
	limit := 1500 * time.Millisecond
	if floor := time.Since(began); floor > 500*time.Millisecond {
		limit = max(limit, 6*floor)
	}
	t.Logf("%s; the limit is %s", b, limit)
	assert.Assert(t, b.refused > 0 && b.gap < limit, "%s, and not within %s\n%s", b, limit, r)
}

// changeBalancer edits the definition of service haproxy.
func (p *project) changeBalancer(value string) {
	p.t.Helper()
	p.editCompose(replacing("  haproxy:\n    image:", "  haproxy:\n    environment: { CHANGED: "+value+" }\n    image:"))
}

// changeBalancerAgain edits what changeBalancer wrote.
func (p *project) changeBalancerAgain(old, value string) {
	p.t.Helper()
	p.editCompose(replacing("CHANGED: "+old, "CHANGED: "+value))
}

// TestReplacingTheLoadBalancerTakesAMoment: HAProxy's container is replaced, and
// the time in which nothing answers is short, whatever is open, and told before.
func TestReplacingTheLoadBalancerTakesAMoment(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	old := p.container("haproxy")
	p.changeBalancer("one")

	probe := p.startProber()
	r := p.up()
	probe.stop()
	probe.mustBeShort(r)
	p.mustSay(r, r.stderr, "nothing answers for about 1s", "The load balancer was replaced: nothing answered for")
	assert.Assert(t, p.container("haproxy").ID != old.ID)
	assert.Equal(t, p.container("haproxy").Name, old.Name)

	p.changeBalancerAgain("one", "two")
	conn, _ := p.websocket()
	before := p.everything()
	for _, command := range [][]string{{"plan"}, {"up", "--dry-run"}} {
		r := p.mustSucceed(p.haproxy(command...))
		p.mustSay(r, r.stdout, "nothing answers for about 1s; 1 open connection is cut")
	}
	p.mustStandAs(before)
	probe = p.startProber()
	r = p.up()
	probe.stop()
	probe.mustBeShort(r)
	p.mustSay(r, r.stderr, "open connection")
	assert.Assert(t, regexp.MustCompile(`nothing answered for \S+; \d open connections? w\w+ cut\n`).MatchString(r.stderr), "%s", r)
	_, _, err := conn.Read(t.Context())
	assert.Assert(t, err != nil, "its websocket must be closed")
	assert.DeepEqual(t, p.servedBy(2), []string{"web1"})
}

// TestReplacingTheLoadBalancerComesLast: apps are replaced, and are healthy, while
// the old HAProxy still serves.
func TestReplacingTheLoadBalancerComesLast(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "2")
	p.editCompose(configured("web1", "environment: {START_DELAY: 1s}", neverDecided))
	p.editCompose(replacing("depends_on: [web1, web2]", "depends_on: {web1: {condition: service_healthy}}"))
	p.up()
	p.changeBalancer("one")
	p.editCompose(replacing("START_DELAY: 1s", "START_DELAY: 4s"))
	ids := p.ids()
	probe := p.startProber()
	r := p.up()
	probe.stop()
	probe.mustBeShort(r)
	now := p.ids()
	assert.Assert(t, now["haproxy"] != ids["haproxy"] && now["web1"] != ids["web1"])
	assert.Equal(t, now["web2"], ids["web2"])
}

// TestALoadBalancerThatCannotBeStartedGivesWayToTheOldOne: what only the engine's
// start finds out takes nothing away.
func TestALoadBalancerThatCannotBeStartedGivesWayToTheOldOne(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	old := p.container("haproxy")
	p.editCompose(replacing("  haproxy:\n    image:", "  haproxy:\n    devices: [/dev/nowhere]\n    image:"))
	p.mustFail(p.haproxy("up"), 1, "the new load balancer cannot be started", "/dev/nowhere", composeFile, "The old load balancer runs again")
	assert.Equal(t, p.container("haproxy").ID, old.ID)
	p.eventually("the old one serves again", func() error {
		a, err := tryGet(p.http, "/")
		if err == nil && a.status != http.StatusOK {
			err = errors.New(http.StatusText(a.status))
		}
		return err
	})
	assert.Equal(t, len(p.containers()), 2, "nothing of the new one must be left")
}

// TestReplacingOnTheHostsNetworkRefusesNobody: the new HAProxy opens the ports
// beside the old one, which has its grace period to end what is open.
func TestReplacingOnTheHostsNetworkRefusesNobody(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newProject(t)
	p.init(append([]string{"--servers", "1"}, hostNetwork...)...)
	p.editCompose(replacing("stop_grace_period: 10s", "stop_grace_period: 3s"))
	p.up()
	conn, _ := p.websocket()
	old := p.container("haproxy")
	p.changeBalancer("one")
	r := p.mustSucceed(p.haproxy("plan"))
	p.mustSay(r, r.stdout, "the new one takes over beside it and no connection is refused; 1 open connection has 3s to end")

	probe := p.startProber()
	up := p.startGroup("up", "--progress", "plain")
	up.mustSayWithin("the old one has 3s to end")
	_, err := say(conn, "whoami")
	assert.NilError(t, err, "the old one must still have its websocket")
	r = p.mustSucceed(up.wait())
	probe.stop()
	t.Log(probe)
	assert.Equal(t, probe.refused, 0, "%s\n%s", probe, r)
	p.mustSay(r, r.stderr, "The load balancer was replaced: no connection was refused; ")
	_, _, err = conn.Read(t.Context())
	assert.Assert(t, err != nil, "its websocket must be closed at the end of the grace period")
	assert.Equal(t, len(p.containers()), 3)
	assert.Assert(t, p.container("haproxy").ID != old.ID)
	assert.Equal(t, p.container("haproxy").Name, old.Name)
	assert.DeepEqual(t, p.servedBy(2), []string{"web1"})
}
