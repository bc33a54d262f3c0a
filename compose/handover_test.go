package compose

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// bridged is a project whose HAProxy has a network of its own and no master CLI,
// with more lines for its service and for the file.
func bridged(t *testing.T, ofService, ofFile string) *Project {
	t.Helper()
	return load(t, `
name: demo
services:
  haproxy:
    image: haproxy:3.2
    user: "99:99"
    volumes: [./haproxy:/usr/local/etc/haproxy]
`+ofService+ofFile, map[string]string{BaseConfigName: "frontend web\n  bind :80\n"})
}

func TestTheNewLoadBalancerTakesOverBesideTheOldOneWhereBothMayHaveThePorts(t *testing.T) {
	t.Parallel()
	const config = "frontend web\n  bind :8080\n"
	withSocket := func(t *testing.T, config string) *Project {
		t.Helper()
		p := hosted(t, config)
		p.command.MasterSocket = "/var/run/haproxy/master.sock"
		return p
	}
	old := Balancer{networkMode: HostNetwork, user: "99:99", grace: 7 * time.Second}
	for name, c := range map[string]struct {
		project *Project
		old     Balancer
		want    Replacement
	}{
		"both on the host's network":       {withSocket(t, config), old, Replacement{Beside: true, Grace: old.grace}},
		"the old one on a bridge":          {withSocket(t, config), Balancer{networkMode: "demo_default", user: "99:99"}, Replacement{}},
		"the old one under another user":   {withSocket(t, config), Balancer{networkMode: HostNetwork, user: "0"}, Replacement{}},
		"the new one shares no ports":      {withSocket(t, "global\n  noreuseport\n"+config), old, Replacement{Grace: old.grace}},
		"without an engine":                {hosted(t, config), old, Replacement{Grace: old.grace}},
		"both on a bridge":                 {bridged(t, "", ""), Balancer{networkMode: "demo_default", user: "99:99"}, Replacement{}},
		"the old one on the host, new not": {bridged(t, "", ""), old, Replacement{Grace: old.grace}},
		"contents that Compose copies": {
			bridged(t, "    configs: [extra]\n", "configs: {extra: {content: text}}\n"), Balancer{}, Replacement{byCompose: true},
		},
		"a config that is a file": {
			bridged(t, "    configs: [extra]\n", "configs: {extra: {file: ./haproxy/haproxy.cfg}}\n"), Balancer{}, Replacement{},
		},
		"a hook":  {bridged(t, "    post_start: [{command: [\"true\"]}]\n", ""), Balancer{}, Replacement{byCompose: true}},
		"several": {bridged(t, "    scale: 2\n", ""), Balancer{}, Replacement{byCompose: true}},
	} {
		assert.Equal(t, c.project.replacement(c.old), c.want, name)
	}
}

func TestAReplacementIsAnnouncedAndReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{Replacement{}.String(), "nothing answers for about 1s"},
		{Replacement{Open: 1}.String(), "nothing answers for about 1s; 1 open connection is cut"},
		{Replacement{Open: 2, byCompose: true}.String(), "nothing answers for about 2s; 2 open connections are cut"},
		{Replacement{Beside: true}.String(), "the new one takes over beside it and no connection is refused"},
		{
			Replacement{Beside: true, Open: 2, Grace: 10 * time.Second}.String(),
			"the new one takes over beside it and no connection is refused; 2 open connections have 10s to end",
		},
		{Replaced{Gap: 449 * time.Millisecond}.String(), "The load balancer was replaced: nothing answered for 400ms"},
		{Replaced{Gap: time.Second, Cut: 1}.String(), "The load balancer was replaced: nothing answered for 1s; 1 open connection was cut"},
		{Replaced{Beside: true, Cut: 3}.String(), "The load balancer was replaced: no connection was refused; 3 open connections were cut"},
	} {
		assert.Equal(t, c.got, c.want)
	}
}

func TestWhatSharesWithTheLoadBalancerIsReplacedWithIt(t *testing.T) {
	t.Parallel()
	p := bridged(t, `
  tail: { image: x, network_mode: "service:haproxy" }
  files: { image: x, volumes_from: ["tail:ro"] }
  again: { image: x, depends_on: { haproxy: { condition: service_started, restart: true } } }
  after: { image: x, depends_on: [haproxy] }
  web: { image: x }
`, "")
	carried := p.withBalancer()
	assert.Equal(t, carried[0], LoadBalancer)
	slices.Sort(carried)
	assert.DeepEqual(t, carried, []string{"again", "files", LoadBalancer, "tail"})
}

// replaced are the load balancer's container and the one that Compose created to
// take its place.
func replaced() []fakeContainer {
	old, successor := ours("0123456789abcdef", LoadBalancer), ours("fedcba", LoadBalancer)
	successor.Name, successor.State = "0123456789ab_"+old.Name, "created"
	return []fakeContainer{old, successor}
}

// changes are the requests that change something.
func (f *fakeEngine) changes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.requests), func(r string) bool { return !strings.HasPrefix(r, "POST ") && !strings.HasPrefix(r, "DELETE ") })
}

func TestTheNewLoadBalancerIsStartedAsSoonAsTheOldOneHasEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		patient    bool   // the old one takes longer than it may
		startError string // of the new one
		want       []string
		fails      string
	}{
		"one that ends by itself": {want: []string{"POST /containers/0123456789abcdef/stop", "POST /containers/fedcba/start"}},
		"one with open connections": {patient: true, want: []string{
			"POST /containers/0123456789abcdef/stop", "POST /containers/0123456789abcdef/kill", "POST /containers/fedcba/start",
		}},
		"a new one that cannot be started": {
			startError: "no such device", fails: "the new load balancer cannot be started: no such device",
			want: []string{
				"POST /containers/0123456789abcdef/stop", "POST /containers/fedcba/start",
				"POST /containers/0123456789abcdef/start", "DELETE /containers/fedcba",
			},
		},
	} {
		killed := make(chan struct{})
		fake := &fakeEngine{containers: replaced(), startError: c.startError}
		fake.onStop = func() {
			if c.patient {
				<-killed
			}
		}
		fake.onKill = func(string) { close(killed) }
		engine, _ := fake.start(t)
		p := bridged(t, "", "")
		h, err := engine.handOver(t.Context(), p, Container{ID: "0123456789abcdef", Name: "demo-haproxy-1"})
		assert.NilError(t, err)
		err = h.run(t.Context())
		if c.fails != "" {
			assert.ErrorContains(t, err, c.fails, name)
		} else {
			assert.NilError(t, err, name)
			done := h.ended(t.Context(), Balancer{})
			assert.Assert(t, done.Gap > 0 && !done.Beside, name)
		}
		assert.DeepEqual(t, fake.changes(), c.want)
	}
}

func TestAStopIsReplacedOnce(t *testing.T) {
	t.Parallel()
	stops := 0
	engine, _ := (&fakeEngine{containers: replaced(), onStop: func() { stops++ }}).start(t)
	instead := 0
	disarm := engine.stops.arm("0123456789abcdef", func(context.Context) error { instead++; return nil })
	old := Container{ID: "0123456789abcdef"}
	assert.NilError(t, engine.StopReplica(t.Context(), old))
	assert.NilError(t, engine.StopReplica(t.Context(), Container{ID: "fedcba"}))
	assert.NilError(t, engine.StopReplica(t.Context(), old))
	assert.Equal(t, instead, 1)
	assert.Equal(t, stops, 2)
	disarm()
	engine.stops.arm("0123456789abcdef", func(context.Context) error { instead++; return nil })()
	assert.NilError(t, engine.StopReplica(t.Context(), old))
	assert.Equal(t, instead, 1, "what was disarmed is not done")
}

func TestALoadBalancerThatTookOverInARunThatWasKilledGetsItsName(t *testing.T) {
	t.Parallel()
	containers := replaced()
	containers[1].State = "running"
	fake := &fakeEngine{containers: containers, onStop: func() {}}
	engine, _ := fake.start(t)
	before, err := engine.Observe(t.Context(), "demo")
	assert.NilError(t, err)
	p := bridged(t, "", "")
	assert.NilError(t, engine.sweep(t.Context(), p, before))
	assert.DeepEqual(t, fake.changes(), []string{
		"POST /containers/0123456789abcdef/stop", "DELETE /containers/0123456789abcdef", "POST /containers/fedcba/rename",
	})

	asked := len(fake.changes())
	before.containers = []Container{{ID: "1", Name: "0123456789ab_lb", Service: LoadBalancer, State: "running"}}
	p = bridged(t, "    container_name: 0123456789ab_lb\n", "")
	assert.NilError(t, engine.sweep(t.Context(), p, before))
	assert.Equal(t, len(fake.changes()), asked, "a name that only looks so is kept")
}

func TestOfTwoLoadBalancersTheOneThatTookOverCounts(t *testing.T) {
	t.Parallel()
	at := func(second int64, state string) Container {
		return Container{State: state, Created: time.Unix(second, 0), Service: LoadBalancer}
	}
	for name, c := range map[string]struct {
		containers []Container
		want       int
	}{
		"both run":              {[]Container{at(2, "running"), at(1, "running")}, 0},
		"both run, other order": {[]Container{at(1, "running"), at(2, "running")}, 1},
		"the old one has ended": {[]Container{at(1, "exited"), at(2, "running")}, 1},
		"the new one is made":   {[]Container{at(2, "created"), at(1, "running")}, 1},
		"none runs":             {[]Container{at(1, "exited"), at(2, "exited")}, 0},
	} {
		got := State{containers: c.containers}.of(LoadBalancer)
		assert.Assert(t, got != nil, name)
		assert.Equal(t, *got, c.containers[c.want], name)
	}
	assert.Assert(t, State{}.of(LoadBalancer) == nil)
}
