package compose

import (
	"fmt"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestTheHealthOfAContainerIsFoundWhereTheEngineHasIt(t *testing.T) {
	t.Parallel()
	health := func(status container.HealthStatus) *container.HealthSummary {
		return &container.HealthSummary{Status: status}
	}
	for name, c := range map[string]struct {
		summary container.Summary
		want    string
	}{
		"words: healthy":   {container.Summary{Status: "Up 3 seconds (healthy)"}, "healthy"},
		"words: unhealthy": {container.Summary{Status: "Up 2 hours (unhealthy)"}, "unhealthy"},
		"words: starting":  {container.Summary{Status: "Up 3 seconds (health: starting)"}, "starting"},
		"words: no check":  {container.Summary{Status: "Up 3 seconds"}, ""},
		"words: ended":     {container.Summary{Status: "Exited (1) 2 minutes ago"}, ""},
		"words: paused":    {container.Summary{Status: "Up 3 seconds (Paused)"}, ""},
		"field: healthy":   {container.Summary{Status: "Up 3 seconds (unhealthy)", Health: health(container.Healthy)}, "healthy"},
		"field: starting":  {container.Summary{Health: health(container.Starting)}, "starting"},
		"field: no check":  {container.Summary{Status: "Up 3 seconds", Health: health(container.NoHealthcheck)}, ""},
	} {
		assert.Equal(t, healthOf(c.summary), c.want, name)
	}
}

func TestAContainerWithoutANameIsNoFault(t *testing.T) {
	t.Parallel()
	assert.Equal(t, containerOf(container.Summary{ID: "x"}).Name, "")
	assert.Equal(t, containerOf(container.Summary{Names: []string{"/a", "/b"}}).Name, "a")
}

func demoProject(t *testing.T) *Project {
	t.Helper()
	return load(t, "name: demo\nservices:\n  haproxy:\n    image: haproxy:3.2\n", nil)
}

func TestTheRunningLoadBalancerIsFoundWithItsStart(t *testing.T) {
	t.Parallel()
	lb := ours("1", LoadBalancer)
	lb.StartedAt = "2026-01-02T12:00:00.123456789Z"
	engine, _ := (&fakeEngine{containers: []fakeContainer{ours("2", "web1"), lb}}).start(t)
	balancer, err := engine.RunningBalancer(t.Context(), demoProject(t))
	assert.NilError(t, err)
	assert.Equal(t, balancer.ID, "1")
	assert.Assert(t, balancer.StartedAt.Equal(midday.Add(123456789*time.Nanosecond)))
}

func TestALoadBalancerThatDoesNotRunIsExplainedWithItsLastWords(t *testing.T) {
	t.Parallel()
	p := demoProject(t)
	engine, _ := (&fakeEngine{}).start(t)
	_, err := engine.RunningBalancer(t.Context(), p)
	assert.ErrorIs(t, err, ErrNotRunning)
	assert.Equal(t, err.Error(), "the load balancer of project \"demo\" is not running\nStart it with \"docker haproxy up\".")

	ended := ours("1", LoadBalancer)
	ended.State, ended.Logs = "exited", "[ALERT] (1) : cannot bind\n[ALERT] (1) : fatal\n"
	engine, _ = (&fakeEngine{containers: []fakeContainer{ended}}).start(t)
	_, err = engine.RunningBalancer(t.Context(), p)
	assert.ErrorIs(t, err, ErrNotRunning)
	testkit.Contains(t, err.Error(), "(container demo-haproxy-1: exited)", "  [ALERT] (1) : cannot bind\n  [ALERT] (1) : fatal\n", "docker haproxy up")
}

func TestAProjectWithoutContainersIsNotStoppedInSilence(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{containers: []fakeContainer{ours("1", "web1")}}).start(t)
	target := Target{Name: "shop"}
	for verb, err := range map[string]error{
		"stop":  engine.Stop(t.Context(), target, nil),
		"start": engine.Start(t.Context(), target, time.Second),
		"logs":  engine.Logs(t.Context(), target, nil, LogOptions{}),
	} {
		assert.ErrorIs(t, err, ErrNotRunning, verb)
		testkit.Contains(t, fmt.Sprint(err), `project "shop" has no containers`, "docker haproxy up")
	}
	err := engine.Stop(t.Context(), Target{Name: "demo", Services: []string{"web2", "web3"}}, nil)
	testkit.Contains(t, fmt.Sprint(err), `project "demo" has no containers of web2, web3`)
}

func TestDownOfNothingFindsNothing(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{}).start(t)
	found, err := engine.Down(t.Context(), Target{Name: "demo"}, DownOptions{})
	assert.NilError(t, err)
	assert.Assert(t, !found)
}
