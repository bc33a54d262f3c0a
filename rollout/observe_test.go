package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func slot(server, addr string, admin haproxy.AdminState) haproxy.ServerState {
	return haproxy.ServerState{Backend: "b", Server: server, FQDN: "web", Addr: addr, OpState: haproxy.OpRunning, AdminState: admin}
}

func replica(name string, seats ...haproxy.ServerState) Replica {
	return Replica{Container: compose.Container{ID: name, Name: name, State: "running"}, Seats: seats}
}

func TestSeated(t *testing.T) {
	t.Parallel()
	up, drained := slot("web1", "10.0.0.1", 0), slot("web2", "10.0.0.2", haproxy.ForcedDrain)
	down := slot("web3", "10.0.0.3", 0)
	down.OpState = haproxy.OpStopped
	vacant := slot("web4", "", haproxy.NoAddress)
	o := Observation{Service: "web", Seats: []haproxy.ServerState{up, drained, down, vacant}}
	line := haproxy.ServerState{Backend: "b", Server: "s1", FQDN: "web", Addr: "10.0.0.1", OpState: haproxy.OpRunning}
	single := Observation{Service: "web", Seats: []haproxy.ServerState{line}}
	for name, test := range map[string]struct {
		o     Observation
		r     Replica
		fresh []Replica
		held  bool
		want  bool
	}{
		"up":                                 {o, replica("a", up), nil, false, true},
		"drained":                            {o, replica("a", drained), nil, false, false},
		"drained while held":                 {o, replica("a", drained), nil, true, true},
		"down":                               {o, replica("a", down), nil, true, false},
		"without a slot":                     {o, replica("a"), []Replica{replica("b", up)}, false, false},
		"one line, its own":                  {single, replica("a", line), nil, false, true},
		"one line, that of another new one":  {single, replica("a"), []Replica{replica("b", line)}, false, true},
		"one line, that nobody of them has":  {single, replica("a"), []Replica{replica("b")}, false, false},
		"in one of two backends":             {Observation{Seats: []haproxy.ServerState{up, vacant, {Backend: "c", Server: "s1", FQDN: "web"}}}, replica("a", up), nil, false, false},
		"in maintenance, even while held":    {o, replica("a", slot("web5", "10.0.0.5", haproxy.ForcedMaintenance)), nil, true, false},
		"without an address any more, in it": {o, replica("a", slot("web6", "10.0.0.6", haproxy.NoAddress)), nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.o.seated(test.r, test.fresh, test.held), test.want)
		})
	}
}

// TestTheNewOnes: which containers a rollout that was killed has started.
func TestTheNewOnes(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := func(name string, age time.Duration) compose.Container {
		return compose.Container{ID: name, Name: name, Created: now.Add(-age)}
	}
	made := func(names ...string) func(compose.Container) bool {
		return func(c compose.Container) bool {
			for _, name := range names {
				if c.Name == name {
					return true
				}
			}
			return false
		}
	}
	containers := []compose.Container{c("a", time.Hour), c("b", time.Hour), c("n", time.Minute)}
	isNew := newOnes(containers, made("n"))
	assert.Assert(t, !isNew(containers[0]) && isNew(containers[2]), "the definition tells")
	isNew = newOnes(containers, made("a", "b", "n"))
	assert.Assert(t, isNew(containers[0]) && isNew(containers[2]), "nothing changed, and no rollout was there: none is old")
	assert.Equal(t, newestRollout(containers), "")
}

func TestWeights(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ old, fresh, share, oldWeight, newWeight int }{
		{1, 1, 50, 50, 50},
		{3, 3, 10, 256, 28},
		{10, 1, 10, 90, 100},
		{1, 10, 1, 256, 1},
	} {
		oldWeight, newWeight := weights(test.old, test.fresh, test.share)
		assert.Equal(t, oldWeight, test.oldWeight, "%+v", test)
		assert.Equal(t, newWeight, test.newWeight, "%+v", test)
	}
	for old := 1; old < 20; old++ {
		for fresh := 1; fresh < 20; fresh++ {
			for share := 1; share < 100; share++ {
				a, b := weights(old, fresh, share)
				assert.Assert(t, a >= 1 && a <= 256 && b >= 1 && b <= 256, "%d old, %d new, %d%%: %d, %d", old, fresh, share, a, b)
				got := 100 * float64(b*fresh) / float64(a*old+b*fresh)
				assert.Assert(t, got > float64(share)/2-1 && got < float64(share)*2+6, "%d old, %d new, %d%%: %.1f%%", old, fresh, share, got)
			}
		}
	}
}

func TestCanaryVerdict(t *testing.T) {
	t.Parallel()
	c := Canary{Errors: 1, Latency: 3}
	ms := time.Millisecond
	for name, test := range map[string]struct {
		now, old score
		over     bool
		failed   bool
	}{
		"well":                        {score{1000, 5, 20 * ms}, score{latency: 10 * ms}, false, false},
		"errors":                      {score{1000, 11, 20 * ms}, score{latency: 10 * ms}, false, true},
		"too few to judge":            {score{10, 10, 20 * ms}, score{latency: 10 * ms}, false, false},
		"few, but the time is over":   {score{10, 10, 20 * ms}, score{latency: 10 * ms}, true, true},
		"nothing came":                {score{}, score{latency: 10 * ms}, true, false},
		"slow":                        {score{1000, 0, 31 * ms}, score{latency: 10 * ms}, false, true},
		"slow within the clock's say": {score{1000, 0, 3 * ms}, score{latency: 0}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.verdict(test.now, test.old, test.over) != "", test.failed)
		})
	}
}

func TestScalePlan(t *testing.T) {
	t.Parallel()
	slots := []haproxy.ServerState{slot("web1", "10.0.0.1", 0), slot("web2", "10.0.0.2", 0), slot("web3", "", haproxy.NoAddress)}
	o := Observation{Service: "web", Replicas: []Replica{replica("web-1", slots[0]), replica("web-2", slots[1])}, Seats: slots}
	plan, err := scalePlan(o, 3)
	assert.NilError(t, err)
	assert.DeepEqual(t, plan.Batches, []Batch{{Start: 1}})
	plan, err = scalePlan(o, 1)
	assert.NilError(t, err)
	assert.DeepEqual(t, plan.Batches, []Batch{{Retire: []string{"web-2"}}})
	plan, err = scalePlan(o, 2)
	assert.NilError(t, err)
	assert.Assert(t, plan.Nothing())
	_, err = scalePlan(o, 4)
	assert.ErrorContains(t, err, "HAProxy has 1 vacant slots for service web, and 2 more containers are wanted")
	o.Limit = compose.Limit{Spare: 0, Why: "container_name: web"}
	_, err = scalePlan(o, 3)
	assert.ErrorContains(t, err, "service web cannot have 3 containers: its container_name: web leaves room for 2")
	_, err = scalePlan(Observation{Service: "web", Seats: slots[:1], Replicas: o.Replicas[:1]}, 2)
	assert.ErrorContains(t, err, "one server line")
}

// TestScaleOfContainersThatAreNotWell: what does not run counts for nothing, and goes
// when others have come in its place; what is not healthy goes before what is.
func TestScaleOfContainersThatAreNotWell(t *testing.T) {
	t.Parallel()
	as := func(states ...string) (o Observation) {
		for i, state := range states {
			r := replica(fmt.Sprintf("web-%d", i+1))
			if r.State = state; state == "unhealthy" || state == "starting" {
				r.State, r.Health = "running", state
			}
			o.Replicas = append(o.Replicas, r)
		}
		return o
	}
	for name, test := range map[string]struct {
		there  []string
		wanted int
		want   Batch
	}{
		"paused, none more":      {[]string{"running", "paused", "running"}, 3, Batch{Start: 1, Remove: []string{"web-2"}}},
		"restarting, more":       {[]string{"running", "restarting"}, 3, Batch{Start: 2, Remove: []string{"web-2"}}},
		"created, fewer":         {[]string{"created", "running", "running"}, 2, Batch{Remove: []string{"web-1"}}},
		"unhealthy, fewer":       {[]string{"unhealthy", "running", "running"}, 2, Batch{Retire: []string{"web-1"}}},
		"starting, fewer":        {[]string{"running", "starting", "running"}, 2, Batch{Retire: []string{"web-2"}}},
		"all well, fewer":        {[]string{"running", "running", "running"}, 1, Batch{Retire: []string{"web-3", "web-2"}}},
		"none any more":          {[]string{"running", "exited"}, 0, Batch{Retire: []string{"web-1"}, Remove: []string{"web-2"}}},
		"all of them restarting": {[]string{"restarting", "restarting"}, 2, Batch{Start: 2, Remove: []string{"web-1", "web-2"}}},
	} {
		plan, err := scalePlan(as(test.there...), test.wanted)
		assert.NilError(t, err)
		assert.DeepEqual(t, plan.Batches, []Batch{test.want})
		assert.Assert(t, !plan.StopFirst, name)
	}
	one := as("exited")
	one.Limit = compose.Limit{Spare: 0, Why: "container_name: web"}
	plan, err := scalePlan(one, 1)
	assert.NilError(t, err)
	assert.Assert(t, plan.StopFirst, "its name is free only once it is gone")
}

// TestAsItWas: it is said only where it is so.
func TestAsItWas(t *testing.T) {
	t.Parallel()
	paused := replica("paused")
	paused.State = "paused"
	stopped := replica("a")
	stopped.State = "exited"
	before := []Replica{replica("a"), replica("b"), paused}
	assert.Equal(t, len(lost(before, append(before, replica("new")))), 0)
	assert.DeepEqual(t, lost(before, []Replica{stopped, replica("b")}), []string{"a", "paused"})
}

// TestGenuine: how many containers count as wanted.
func TestGenuine(t *testing.T) {
	t.Parallel()
	c := func(state string) compose.Container { return compose.Container{State: state} }
	assert.Equal(t, genuine(nil), 0)
	assert.Equal(t, genuine([]compose.Container{c("running"), c("running"), c("exited")}), 2)
	other := c("running")
	other.ImageID = "sha256:2"
	assert.Equal(t, genuine([]compose.Container{c("running"), other}), 0, "two versions")
}

func TestWait(t *testing.T) {
	t.Parallel()
	slow := compose.HealthTime{Earliest: 10 * time.Second, Allowed: 2 * time.Minute}
	for name, test := range map[string]struct {
		health compose.HealthTime
		given  time.Duration
		chosen bool
		want   time.Duration
		said   string
	}{
		"no health check":                    {compose.HealthTime{}, time.Minute, false, time.Minute, ""},
		"a quick one":                        {compose.HealthTime{Earliest: time.Second, Allowed: 10 * time.Second}, time.Minute, false, time.Minute, ""},
		"as long as the health check allows": {slow, time.Minute, false, 2 * time.Minute, "allows 2m0s until a container is healthy: that long is waited, and not the usual 1m0s (--wait-timeout)"},
		"less than it allows, as chosen":     {slow, time.Minute, true, time.Minute, "--wait-timeout 1m0s is less than the 2m0s"},
		"more than it allows, as chosen":     {slow, time.Hour, true, time.Hour, ""},
		"no limit, as chosen":                {slow, 0, true, 0, ""},
	} {
		got, note, err := wait("web", test.health, test.given, test.chosen)
		assert.NilError(t, err, name)
		assert.Equal(t, got, test.want, name)
		assert.Assert(t, strings.Contains(note, test.said) && (note == "") == (test.said == ""), "%s: %s", name, note)
	}
	_, _, err := wait("web", slow, 10*time.Second, true)
	assert.ErrorContains(t, err, "--wait-timeout 10s is too short for service web: the first probe of its health check comes after 10s")
}

// TestWhatWasBefore: a rollout that has replaced another version knows it.
func TestWhatWasBefore(t *testing.T) {
	t.Parallel()
	_, err := before("web", []compose.Container{{}})
	assert.ErrorContains(t, err, "no rollout has started its containers")
}

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Amount{"1": {1, false}, "25%": {25, true}, "100%": {100, true}} {
		got, err := ParseAmount(text)
		assert.NilError(t, err)
		assert.Equal(t, got, want)
	}
	for _, text := range []string{"", "0", "-1", "101%", "0%", "all", "1.5", "%"} {
		_, err := ParseAmount(text)
		assert.ErrorContains(t, err, "neither a number")
	}
	assert.Equal(t, Amount{}.of(7), 7)
	assert.Equal(t, Amount{25, true}.of(10), 2)
	assert.Equal(t, Amount{1, true}.of(10), 1)
}

func TestSummary(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Result{Service: "web"}.Summary(), "service web: nothing to do")
	assert.Equal(t, Result{Service: "web", Started: 3, Stopped: 1, Duration: 4200 * time.Millisecond, Requests: 7, Cut: Cut{1, 2}}.Summary(),
		"service web: 3 containers started, 1 stopped in 4.2s; 7 requests, 0 lost, 1 request cut at the drain timeout, 2 websockets closed at the websocket timeout")
}

func TestWhatAKilledRolloutHasStoppedIsSpentOnceNewOnesServeAlone(t *testing.T) {
	t.Parallel()
	as := func(name string, isNew bool, state string) Replica {
		r := replica(name)
		r.New, r.State = isNew, state
		return r
	}
	fresh, old := as("new", true, "running"), as("old", false, "running")
	exited, crashed := as("exited", false, "exited"), as("crashed", true, "exited")
	for when, test := range map[string]struct {
		all  []Replica
		want []string
	}{
		"old ones stopped":        {[]Replica{fresh, exited, crashed}, []string{"exited"}},
		"one that is paused":      {[]Replica{fresh, as("paused", false, "paused")}, nil},
		"an old one runs":         {[]Replica{fresh, old, exited}, nil},
		"no new one runs":         {[]Replica{crashed, exited}, nil},
		"nothing is left of them": {[]Replica{fresh}, nil},
	} {
		var names []string
		for _, r := range (Observation{Replicas: test.all}).spent() {
			names = append(names, r.Name)
		}
		assert.Assert(t, slices.Equal(names, test.want), "%s: %v", when, names)
	}
}
