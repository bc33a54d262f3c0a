package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/hack/load/traffic"
)

// versioned is an app of n containers that answers on every host, and says its version.
func versioned(n int, more ...string) app {
	return app{name: "web", scale: n, labels: []string{`haproxy.host: "*"`, "haproxy.slots: 24"}, more: more}
}

// nextVersion changes the image of all apps in the Compose file.
func (p *project) nextVersion() {
	p.t.Helper()
	needsImage(p.t, standInEcho2)
	p.editCompose(func(text string) string { return strings.ReplaceAll(text, standInEcho+"\n", standInEcho2+"\n") })
}

// withEnvironment makes an edit of the Compose file: web gets variables, as YAML.
func withEnvironment(variables string) func(string) string {
	return func(text string) string {
		return strings.Replace(text, "    scale:", "    environment: "+variables+"\n    scale:", 1)
	}
}

// startRolloutLoad sends requests of all kinds, those that take 1.5 s too. Websockets
// are apart: they must be closed in the end.
func (p *project) startRolloutLoad() *load {
	p.t.Helper()
	return p.startTraffic(map[string]map[traffic.Kind]int{
		"/":              {traffic.GetNew: 1, traffic.GetKept: 2, traffic.PostNew: 1, traffic.PostKept: 2},
		"/?delay=1500ms": {traffic.GetKept: 1, traffic.PostNew: 1, traffic.PostKept: 1},
	})
}

// versions are the versions that answer n requests.
func (p *project) versions(n int) []string {
	p.t.Helper()
	seen := map[string]bool{}
	for range n {
		a := p.get("/")
		assert.Equal(p.t, a.status, http.StatusOK)
		seen[a.header.Get("X-Echo-Version")] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// replicasOf are the IDs of the service's containers.
func (p *project) replicasOf(service string) []string {
	p.t.Helper()
	var ids []string
	for _, c := range p.containers() {
		if c.Service == service {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// mustBeNothingToDo makes sure that neither we nor plain Compose would change anything.
func (p *project) mustBeNothingToDo() {
	p.t.Helper()
	r := p.mustSucceed(p.haproxy("plan"))
	p.mustSay(r, r.output(), "Nothing to do")
	before := p.ids()
	p.up()
	assert.DeepEqual(p.t, p.ids(), before)
	if prepared.noCompose == "" {
		p.mustSucceed(p.compose("up", "-d"))
		assert.DeepEqual(p.t, p.ids(), before)
	}
}

// TestRolloutUnderLoadLosesNothing: all containers are new ones afterwards, HAProxy
// is the same process, and nobody has noticed.
func TestRolloutUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, n := range []int{3, 10} {
		t.Run(fmt.Sprintf("%d replicas", n), func(t *testing.T) {
			t.Parallel()
			p := newRoutedProject(t, versioned(n))
			balancer, worker, old := p.container("haproxy"), p.worker(), p.replicasOf("web")
			load := p.startRolloutLoad()
			echo := p.openWebsocket()
			load.goOn(100)
			p.nextVersion()
			rollout := p.startGroup("rollout", "--format", "json", "--websocket-timeout", "4s")
			rollout.mustSayWithin("Draining")
			assert.NilError(t, echo(), "a websocket must stay open until its deadline")
			r := p.mustSucceed(rollout.wait())
			assert.Assert(t, echo() != nil)
			load.goOn(100)
			load.mustLoseNothing()
			t.Log(r.stdout)
			var result struct {
				Service                     string
				Started, Stopped, Lost, Cut int
				Requests                    int
			}
			assert.NilError(t, json.Unmarshal([]byte(r.stdout), &result))
			assert.Equal(t, result.Service, "web")
			assert.Equal(t, result.Started, n)
			assert.Equal(t, result.Stopped, n)
			assert.Equal(t, result.Lost, 0)
			assert.Equal(t, result.Cut, 1, "the websocket, and nothing else")
			assert.Assert(t, result.Requests > 50)
			p.mustBeTheSame(balancer)
			assert.Equal(t, p.worker(), worker, "HAProxy must not have been reloaded")
			now := p.replicasOf("web")
			assert.Equal(t, len(now), n)
			for _, id := range now {
				assert.Assert(t, !slices.Contains(old, id))
			}
			assert.DeepEqual(t, p.versions(3*n), []string{"2"})
			p.mustBeNothingToDo()
			r = p.mustSucceed(p.haproxy("rollout"))
			p.mustSay(r, r.stdout, "service web: nothing to do")
			assert.DeepEqual(t, p.replicasOf("web"), now)
		})
	}
}

// TestRolloutOfOneServerPerService is the walkthrough's project: three services of
// one container, each with a server line of its own.
func TestRolloutOfOneServerPerService(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	balancer, worker := p.container("haproxy"), p.worker()
	load := p.startRolloutLoad()
	load.goOn(100)
	needsImage(t, standInEcho2)
	p.editCompose(func(text string) string { return strings.ReplaceAll(text, prepared.echoImage, standInEcho2) })
	r := p.mustSucceed(p.haproxy("rollout"))
	load.goOn(100)
	load.mustLoseNothing()
	p.mustSay(r, r.stdout, "service web1: 1 container started, 1 stopped", "service web3: 1 container started", " 0 lost")
	p.mustBeTheSame(balancer)
	assert.Equal(t, p.worker(), worker)
	assert.DeepEqual(t, p.versions(9), []string{"2"})
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
	assert.Assert(t, !strings.Contains(p.runtimeAPI("show servers state"), "-rollout"), "no server may stay behind")
	p.mustBeNothingToDo()
}

// TestRolloutInBatches: with update_config, a few at a time; --order stop-first makes
// room first; the plan says so beforehand.
func TestRolloutInBatches(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(3, "deploy: {update_config: {parallelism: 2, order: start-first, delay: 200ms, monitor: 500ms}}"))
	load := p.startRolloutLoad()
	load.goOn(50)
	p.nextVersion()
	before := p.ids()
	r := p.mustSucceed(p.haproxy("rollout", "--dry-run"))
	p.mustSay(r, r.stdout, "3 of 3 containers are to be replaced", "start 2, wait for their checks; drain and stop "+p.name+"-web-1, "+p.name+"-web-2", "start 1")
	assert.DeepEqual(t, p.ids(), before)
	p.mustSucceed(p.haproxy("rollout", "web"))
	assert.DeepEqual(t, p.versions(9), []string{"2"})
	assert.Equal(t, len(p.replicasOf("web")), 3)

	r = p.mustSucceed(p.haproxy("restart", "web", "--order", "stop-first", "--batch", "1"))
	p.mustSay(r, r.stdout, "3 containers started, 3 stopped")
	assert.Equal(t, len(p.replicasOf("web")), 3)
	load.goOn(50)
	load.mustLoseNothing()
}

// TestScaleUnderLoadLosesNothing: from 2 to 10 and back.
func TestScaleUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(2))
	balancer, worker, first := p.container("haproxy"), p.worker(), p.replicasOf("web")
	load := p.startRolloutLoad()
	echo := p.openWebsocket() // to one of the two that stay
	load.goOn(50)
	r := p.mustSucceed(p.haproxy("scale", "web=10"))
	p.mustSay(r, r.stdout, "8 containers started")
	assert.Equal(t, len(p.replicas(request{}, 40)), 10)
	load.goOn(100)
	r = p.mustSucceed(p.haproxy("scale", "web=2"))
	p.mustSay(r, r.stdout, "8 stopped", " 0 lost")
	assert.NilError(t, echo(), "the websocket must be open still")
	load.goOn(100)
	load.mustLoseNothing()
	p.mustBeTheSame(balancer)
	assert.Equal(t, p.worker(), worker)
	assert.DeepEqual(t, p.replicasOf("web"), first)
	p.mustBeNothingToDo()

	p.mustFail(p.haproxy("scale", "web=90"), 1, "vacant slots", "haproxy.slots")
	p.mustFail(p.haproxy("scale", "web"), 1, "SERVICE=N")
	p.mustFail(p.haproxy("scale", "webb=3"), 1, "no service named webb", "Did you mean web?")
}

// TestRolloutOfABadVersionIsTakenBack: whatever is wrong with the new containers,
// they are removed, traffic is as before, and the message shows their last lines.
func TestRolloutOfABadVersionIsTakenBack(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	const healthcheck = `healthcheck: {test: [CMD, /echo-server, -healthcheck], interval: 300ms, timeout: 5s, retries: 3}`
	for name, bad := range map[string]struct {
		environment string
		flags       []string
		want        []string
	}{
		"never healthy":         {`{FAIL_HEALTH: "true"}`, nil, []string{"is unhealthy", "its health check"}},
		"never listens":         {`{START_DELAY: 1h}`, []string{"--wait-timeout", "4s"}, []string{"-web-", "connection refused"}},
		"crashes after seconds": {`{CRASH_AFTER: 1s}`, nil, []string{"crashing on request"}},
		"answers the check 500": {`{STATUS: "500"}`, []string{"--wait-timeout", "4s"}, []string{"was not ready after 4s", "haproxy's check"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newRoutedProject(t, versioned(2, healthcheck))
			balancer, worker, before := p.container("haproxy"), p.worker(), p.ids()
			load := p.startRolloutLoad()
			load.goOn(50)
			p.editCompose(withEnvironment(bad.environment))
			p.mustFail(p.haproxy(append([]string{"rollout"}, bad.flags...)...), 1, bad.want...)
			assert.DeepEqual(t, p.ids(), before)
			load.goOn(50)
			load.mustLoseNothing()
			p.mustBeTheSame(balancer)
			assert.Equal(t, p.worker(), worker)
			// All slots are open again.
			p.write(composeFile, strings.ReplaceAll(p.read(composeFile), bad.environment, "{}"))
			p.mustSucceed(p.haproxy("scale", "web=4"))
			assert.Equal(t, len(p.replicas(request{}, 16)), 4)
		})
	}
}

// TestCanary: a version that is healthy and answers 500 is found by its answers and
// taken back; a good one goes on.
func TestCanary(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, app{name: "web", scale: 2, labels: []string{`haproxy.host: "*"`, "haproxy.check: /healthz"}})
	before := p.ids()
	load := p.startLoadOf(map[traffic.Kind]int{traffic.GetNew: 2, traffic.GetKept: 2})
	load.goOn(50)
	good := p.read(composeFile)
	p.editCompose(withEnvironment(`{STATUS: "500"}`))
	p.mustFail(p.haproxy("rollout", "--canary", "20%", "--canary-time", "20s"), 1, "the canary of service web failed", "requests (", "more than 1%")
	assert.DeepEqual(t, p.ids(), before)
	failed := load.Stop()
	assert.Assert(t, failed.Lost() > 0 && failed.Lost()*2 < failed.Answered(), "the canary must have had some of the requests: %d of %d", failed.Lost(), failed.Answered())
	for _, s := range p.serverWeights() {
		assert.Equal(t, s, "1", "weights must be as before")
	}
	assert.DeepEqual(t, p.versions(8), []string{"1"})

	p.write(composeFile, good)
	p.nextVersion()
	load = p.startRolloutLoad()
	r := p.mustSucceed(p.haproxy("rollout", "--canary", "20%", "--canary-time", "2s"))
	load.goOn(50)
	load.mustLoseNothing()
	p.mustSay(r, r.stderr, "Canary: ")
	assert.DeepEqual(t, p.versions(8), []string{"2"})
	for _, s := range p.serverWeights() {
		assert.Equal(t, s, "1")
	}
}

// serverWeights are the weights of the servers that have an address.
func (p *project) serverWeights() []string {
	p.t.Helper()
	var weights []string
	for line := range strings.Lines(p.runtimeAPI("show servers state")) {
		if f := strings.Fields(line); len(f) > 8 && f[0] != "#" && f[4] != "-" {
			weights = append(weights, f[7])
		}
	}
	assert.Assert(p.t, len(weights) > 0)
	return weights
}

// TestFlip: once the new version answers, the old one does not any more, but for
// the milliseconds in which the servers change sides.
func TestFlip(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(3))
	load := p.startRolloutLoad()
	p.nextVersion()
	rollout := p.start(how{}, "haproxy", "rollout", "--flip")
	var order []string
	var first, last time.Time // answers of the new version, and of the old one
	ended := rollout.done()
	for done := false; !done; {
		asked := time.Now()
		version := p.get("/").header.Get("X-Echo-Version")
		switch {
		case version == "1":
			last = asked
		case first.IsZero():
			first = time.Now()
		}
		if len(order) == 0 || order[len(order)-1] != version {
			order = append(order, version)
		}
		select {
		case <-ended:
			done = true
		default:
		}
	}
	p.mustSucceed(rollout.wait())
	assert.Equal(t, order[0], "1")
	assert.Equal(t, order[len(order)-1], "2")
	assert.Assert(t, last.Sub(first) < 100*time.Millisecond, "the old version answered %s after the new one: %v", last.Sub(first), order)
	load.goOn(50)
	load.mustLoseNothing()
}

// TestRolloutClosesWebsocketsAtTheirDeadline: they stay open for as long as they may,
// and what was closed is reported.
func TestRolloutClosesWebsocketsAtTheirDeadline(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(1))
	echo := p.openWebsocket()
	p.nextVersion()
	began := time.Now()
	rollout := p.startGroup("rollout", "--websocket-timeout", "8s", "--drain-timeout", "1s", "--monitor", "0s")
	rollout.mustSayWithin("Draining, 1 sessions remain")
	assert.DeepEqual(t, p.versions(4), []string{"2"}) // new requests
	assert.NilError(t, echo(), "the websocket must be open still")
	r := rollout.wait()
	p.mustSucceed(r)
	assert.Assert(t, time.Since(began) > 8*time.Second)
	p.mustSay(r, r.stdout, "1 websocket closed at the websocket timeout", " 0 lost")
	assert.Assert(t, echo() != nil)
}

// openWebsocket opens a websocket, and gives what sends a message over it and waits
// for its echo.
func (p *project) openWebsocket() (echo func() error) {
	p.t.Helper()
	conn, _, err := websocket.Dial(p.t.Context(), fmt.Sprintf("ws://127.0.0.1:%d/ws", p.http), nil)
	assert.NilError(p.t, err)
	p.t.Cleanup(func() { _ = conn.CloseNow() })
	echo = func() error {
		ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
		defer cancel()
		if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			return err
		}
		_, _, err := conn.Read(ctx)
		return err
	}
	assert.NilError(p.t, echo())
	return echo
}

// TestAKilledRolloutIsResumedOrAborted: wherever it was killed, requests go on, the
// next command says what it found, and both ways lead out.
func TestAKilledRolloutIsResumedOrAborted(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, stage := range []string{"Creating", "Waiting for HAProxy's check", "Watching it", "Draining", "Stopping"} {
		for _, way := range []string{"--resume", "--abort"} {
			t.Run(stage+" "+way, func(t *testing.T) {
				t.Parallel()
				p := newRoutedProject(t, versioned(2))
				balancer, worker := p.container("haproxy"), p.worker()
				load := p.startRolloutLoad()
				load.goOn(30)
				p.nextVersion()
				p.killAt(stage, "rollout", "--monitor", "5s") // HAProxy's DNS and check may take two of them
				load.goOn(30)
				p.eventually("the engine has done what it was asked for", func() error {
					return p.settledContainers("web")
				})
				if r := p.haproxy("rollout"); r.exitCode != 0 {
					p.mustFail(r, 1, "a rollout of service web has not ended", "--resume", "--abort")
				}
				p.eventually("it is over, with what the engine finished late", func() error {
					p.mustSucceed(p.haproxy("rollout", way))
					r := p.docker("ps", "--all", "--quiet", "--filter", p.label(), "--filter", "label=com.docker.compose.service=web")
					if n := len(strings.Fields(r.stdout)); n != 2 {
						return fmt.Errorf("there are %d containers", n)
					}
					return nil
				})
				load.goOn(30)
				load.mustLoseNothing()
				p.mustBeTheSame(balancer)
				assert.Equal(t, p.worker(), worker)
				assert.Equal(t, len(p.replicasOf("web")), 2)
				versions := p.versions(8)
				assert.Equal(t, len(versions), 1)
				if way == "--resume" {
					assert.Equal(t, versions[0], "2")
					p.mustBeNothingToDo()
				}
				p.mustSucceed(p.haproxy("scale", "web=3"))
				assert.Equal(t, len(p.replicas(request{}, 12)), 3, "all slots must be open")
			})
		}
	}
}

// killAt runs "docker haproxy …" until it says something, and kills it then.
func (p *project) killAt(stage string, args ...string) {
	p.t.Helper()
	killed := p.startGroup(args...)
	killed.mustSayWithin(stage)
	killGroup(killed.cmd)
	killed.wait()
}

// settledContainers tells whether no container of a service is on its way.
func (p *project) settledContainers(service string) error {
	r := p.docker("ps", "--all", "--filter", p.label(), "--filter", "label=com.docker.compose.service="+service, "--format", "{{.Names}} {{.State}}")
	for line := range strings.Lines(r.stdout) {
		name, state, _ := strings.Cut(strings.TrimSpace(line), " ")
		if state != "running" && state != "created" && state != "exited" {
			return fmt.Errorf("%s is %s", name, state)
		}
	}
	return nil
}

// TestInterruptedRolloutIsTakenBack: Ctrl-C leaves everything as it was.
func TestInterruptedRolloutIsTakenBack(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, stage := range []string{"Creating", "Watching it", "Draining"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			p := newRoutedProject(t, versioned(2))
			before := p.ids()
			load := p.startRolloutLoad()
			load.goOn(30)
			p.nextVersion()
			rollout := p.start(how{}, "haproxy", "rollout", "--monitor", "5s")
			p.eventually("it says "+stage, func() error {
				if text := rollout.stderr.String(); !strings.Contains(text, stage) {
					return fmt.Errorf("so far: %s", text)
				}
				return nil
			})
			rollout.interrupt()
			r := rollout.wait()
			load.goOn(30)
			load.mustLoseNothing()
			if stage == "Draining" && r.exitCode == 0 {
				return // it was over before
			}
			p.mustFail(r, 130, "interrupted")
			assert.DeepEqual(t, p.ids(), before)
			assert.DeepEqual(t, p.versions(6), []string{"1"})
		})
	}
}

// TestAnEngineThatGoesAwayDuringARollout: requests go on, and the rollout can be
// finished once the engine answers.
func TestAnEngineThatGoesAwayDuringARollout(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	for _, at := range []string{"/containers/create", "state maint", "/stop"} {
		t.Run(strings.Trim(at, "/"), func(t *testing.T) {
			t.Parallel()
			p := newRoutedProject(t, versioned(2))
			balancer := p.container("haproxy")
			load := p.startRolloutLoad()
			load.goOn(30)
			p.nextVersion()
			p.mustFail(p.run(how{env: []string{"DOCKER_HOST=" + cuttingEngine(t, at, true)}}, "haproxy", "rollout"), 1)
			load.goOn(30)
			p.eventually("the engine has done what it was asked for", func() error { return p.settledContainers("web") })
			p.mustSucceed(p.haproxy("rollout", "--resume"))
			load.goOn(30)
			load.mustLoseNothing()
			p.mustBeTheSame(balancer)
			assert.DeepEqual(t, p.versions(6), []string{"2"})
			assert.Equal(t, len(p.replicasOf("web")), 2)
			p.mustBeNothingToDo()
		})
	}
}

// TestTwoRolloutsAtOnce: the second is refused with the reason; the first goes on.
func TestTwoRolloutsAtOnce(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(1))
	p.nextVersion()
	first := p.startGroup("rollout", "--monitor", "6s")
	first.mustSayWithin("Watching it")
	p.mustFail(p.haproxy("rollout"), 1, "another docker haproxy is changing project", "Wait until it has ended")
	p.mustFail(p.haproxy("scale", "web=2"), 1, "another docker haproxy is changing project")
	p.mustSucceed(first.wait())
	assert.DeepEqual(t, p.versions(3), []string{"2"})
}

// TestUndoAndRestart: back to the image before, whose name the label keeps.
func TestUndoAndRestart(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(1))
	p.mustFail(p.haproxy("rollout", "undo", "web"), 1, "it is not known what service web was before")
	p.nextVersion()
	p.mustSucceed(p.haproxy("rollout"))
	assert.DeepEqual(t, p.versions(3), []string{"2"})
	load := p.startRolloutLoad()
	load.goOn(30)
	r := p.mustSucceed(p.haproxy("rollout", "undo", "web"))
	p.mustSay(r, r.stderr, standInEcho, "change it back there")
	assert.DeepEqual(t, p.versions(3), []string{"1"})
	before := p.replicasOf("web")
	p.editCompose(func(text string) string { return strings.ReplaceAll(text, standInEcho2, standInEcho) })
	p.mustSucceed(p.haproxy("restart", "web"))
	assert.Assert(t, p.replicasOf("web")[0] != before[0])
	load.goOn(30)
	load.mustLoseNothing()
	p.mustBeNothingToDo()
}

// TestRolloutOfAWholeProject: what changed is rolled, in the order of depends_on;
// what receives no traffic is replaced as Compose does; HAProxy itself is not.
func TestRolloutOfAWholeProject(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t,
		app{name: "shop", scale: 1, labels: []string{`haproxy.host: "*"`}, more: []string{"depends_on: [worker, stock]"}},
		app{name: "stock", scale: 1, labels: []string{`haproxy.host: stock.example.com`}},
		app{name: "worker"},
		app{name: "other", scale: 1, labels: []string{`haproxy.host: other.example.com`}, more: []string{`environment: {FIXED: "1"}`}},
	)
	other := p.replicasOf("other")
	p.editCompose(func(text string) string {
		before, after, _ := strings.Cut(text, "  other:")
		return strings.ReplaceAll(before, standInEcho, standInEcho2) + "  other:" + after
	})
	r := p.mustSucceed(p.haproxy("rollout", "--dry-run"))
	shop, stock := strings.Index(r.stdout, "service shop"), strings.Index(r.stdout, "service stock")
	assert.Assert(t, stock >= 0 && shop > stock, r.stdout)
	p.mustSay(r, r.stdout, "service worker: replaced by Compose", "service other: nothing to do")
	p.mustSucceed(p.haproxy("rollout"))
	assert.DeepEqual(t, p.replicasOf("other"), other)
	assert.DeepEqual(t, p.versions(3), []string{"2"})
	p.mustBeNothingToDo()

	p.mustFail(p.haproxy("rollout", "haproxy"), 1, "the load balancer itself is not rolled out", "docker haproxy up")
	p.mustFail(p.haproxy("rollout", "shops"), 1, "no service named shops", "Did you mean shop?")
	p.mustFail(p.haproxy("rollout", "--batch", "0"), 1, "--batch", "25%")
	p.mustFail(p.haproxy("rollout", "--order", "sideways"), 1, "start-first")
	p.mustFail(p.haproxy("rollout", "--canary", "3"), 1, "1% to 99%")
	p.mustFail(p.haproxy("rollout", "--flip", "--order", "stop-first"), 1, "--flip and --canary need start-first")
	p.mustSucceed(p.haproxy("stop"))
	p.mustFail(p.haproxy("rollout"), 1, "not running", "docker haproxy up")
}

// TestRolloutLeavesAWayOut: states that once led nowhere.
func TestRolloutLeavesAWayOut(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for name, scenario := range map[string]func(t *testing.T){
		"a line whose stop-first failed":          lineAfterAFailure,
		"a line whose rollout was killed":         lineAfterAKill,
		"a person's own drain":                    ownDrain,
		"a container that was missing":            missingContainer,
		"a file that was edited back":             editedBack,
		"replicas in deploy":                      deployReplicas,
		"an edited network":                       editedNetwork,
		"a canary that was killed, and a restart": killedCanary,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t)
		})
	}
}

func lineAfterAFailure(t *testing.T) {
	t.Helper()
	p := newRunningProject(t, "--servers", "2")
	good := p.read(composeFile)
	p.editCompose(configured("web2", `environment: {STATUS: "500"}`))
	p.mustFail(p.haproxy("rollout", "web2", "--order", "stop-first", "--wait-timeout", "4s"), 1, "was not ready", "service web2 runs what it ran before again")
	p.write(composeFile, good)
	p.mustSucceed(p.haproxy("rollout"))
	assert.DeepEqual(t, p.servedBy(6), []string{"web1", "web2"})
	p.mustSucceed(p.haproxy("scale", "web1=0"))
	p.mustSucceed(p.haproxy("scale", "web1=1"))
	assert.DeepEqual(t, p.servedBy(6), []string{"web1", "web2"})
}

func lineAfterAKill(t *testing.T) {
	t.Helper()
	p := newRunningProject(t, "--servers", "2")
	p.killAt("Stopping", "restart", "web1")
	p.eventually("it is over", func() error {
		p.mustSucceed(p.haproxy("rollout", "--resume"))
		if state := p.runtimeAPI("show servers state"); strings.Contains(state, "-rollout") {
			return fmt.Errorf("%s", state)
		}
		return nil
	})
	assert.DeepEqual(t, p.servedBy(6), []string{"web1", "web2"})
	p.mustBeNothingToDo()
}

func ownDrain(t *testing.T) {
	t.Helper()
	p := newRoutedProject(t, versioned(3))
	before := p.replicasOf("web")
	p.mustSucceed(p.haproxy("server", "drain", p.name+"-web-3"))
	p.mustSucceed(p.haproxy("scale", "web=4"))
	now := p.replicasOf("web")
	assert.Equal(t, len(now), 4)
	for _, id := range before {
		assert.Assert(t, slices.Contains(now, id), "the drained container must stay")
	}
	r := p.mustSucceed(p.haproxy("server", "ls"))
	assert.Equal(t, strings.Count(r.stdout, "DRAIN"), 1, r.stdout)
	assert.Equal(t, len(p.replicas(request{}, 12)), 3)
}

func missingContainer(t *testing.T) {
	t.Helper()
	p := newRoutedProject(t, versioned(3))
	p.mustSucceed(p.docker("rm", "-f", p.name+"-web-3"))
	r := p.mustSucceed(p.haproxy("rollout"))
	p.mustSay(r, r.stdout, "1 container started")
	r = p.mustSucceed(p.haproxy("rollout"))
	p.mustSay(r, r.stdout, "nothing to do")
	assert.Equal(t, len(p.replicas(request{}, 12)), 3)
}

func editedBack(t *testing.T) {
	t.Helper()
	p := newRoutedProject(t, versioned(2))
	old, file := p.replicasOf("web"), p.read(composeFile)
	p.nextVersion()
	p.killAt("Watching it", "rollout", "--monitor", "10s")
	p.write(composeFile, file)
	p.mustSucceed(p.haproxy("rollout", "--abort"))
	assert.DeepEqual(t, p.replicasOf("web"), old)
	assert.DeepEqual(t, p.versions(6), []string{"1"})
	p.mustBeNothingToDo()
}

func deployReplicas(t *testing.T) {
	t.Helper()
	p := newRoutedProject(t, app{name: "web", labels: []string{`haproxy.host: "*"`}, more: []string{"deploy: {replicas: 3}"}})
	r := p.mustSucceed(p.haproxy("restart", "web", "--batch", "2", "--monitor", "0s"))
	p.mustSay(r, r.stdout, "3 containers started, 3 stopped")
	p.mustSucceed(p.haproxy("scale", "web=4"))
	p.mustSucceed(p.haproxy("restart", "web", "--monitor", "0s"))
	assert.Equal(t, len(p.replicasOf("web")), 4, "a restart keeps the number")
}

func editedNetwork(t *testing.T) {
	t.Helper()
	p := newRunningProject(t, "--servers", "2")
	load := p.startRolloutLoad()
	p.editCompose(func(text string) string {
		text = strings.Replace(text, "\nnetworks:\n  mynetwork:", "\nnetworks:\n  mynetwork:\n    labels: {edited: \"yes\"}", 1)
		return configured("web1", `environment: {EDITED: "1"}`)(text)
	})
	p.mustSucceed(p.haproxy("rollout", "web1"))
	load.goOn(30)
	load.mustLoseNothing()
}

func killedCanary(t *testing.T) {
	t.Helper()
	p := newRoutedProject(t, versioned(2))
	load := p.startRolloutLoad()
	p.nextVersion()
	p.killAt("Canary: ", "rollout", "--canary", "10%")
	p.mustSucceed(p.haproxy("rollout", "--resume", "--canary", "10%", "--canary-time", "1s"))
	assert.DeepEqual(t, p.versions(6), []string{"2"})
	p.mustSucceed(p.haproxy("restart", "web", "--monitor", "0s"))
	p.mustSucceed(p.haproxy("scale", "web=6"))
	for _, weight := range p.serverWeights() {
		assert.Equal(t, weight, "1")
	}
	r := p.mustSucceed(p.haproxy("rollout", "undo", "web"))
	p.mustSay(r, r.stderr, standInEcho)
	load.goOn(30)
	load.mustLoseNothing()
}

// TestRolloutOfASingleContainer: one with a published port has no room for a second,
// so the old one goes first; requests wait for the label's time.
func TestRolloutOfASingleContainer(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", scale: 1, labels: []string{`haproxy.host: "*"`, "haproxy.hold: 30s"}, more: []string{
		fmt.Sprintf(`ports: ["127.0.0.1:%d:8080"]`, freePorts(t, 1)[0]),
	}})
	p.attach()
	p.up()
	load := p.startLoadOf(map[traffic.Kind]int{traffic.GetNew: 1, traffic.PostNew: 1})
	load.goOn(20)
	p.nextVersion()
	r := p.mustSucceed(p.haproxy("rollout", "--dry-run"))
	p.mustSay(r, r.stdout, "drain and stop "+p.name+"-web-1; start 1", "old before new: published port")
	p.mustSucceed(p.haproxy("rollout"))
	load.goOn(20)
	load.mustLoseNothing()
	assert.DeepEqual(t, p.versions(3), []string{"2"})
}

// startLoadOf sends traffic of some kinds.
func (p *project) startLoadOf(clients map[traffic.Kind]int) *load {
	p.t.Helper()
	return p.startTraffic(map[string]map[traffic.Kind]int{"/": clients})
}

// startTraffic sends traffic of some kinds to some paths, of which / is one.
func (p *project) startTraffic(clients map[string]map[traffic.Kind]int) *load {
	p.t.Helper()
	l := &load{t: p.t}
	for path, kinds := range clients {
		sent, err := traffic.Start(traffic.Options{
			Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.http)),
			Path:    path, Clients: kinds,
			Pause: loadPause,
		})
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { sent.Stop() })
		if path == "/" {
			l.Load = sent
		} else {
			l.more = append(l.more, sent)
		}
	}
	return l
}
