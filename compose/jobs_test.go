package compose

import (
	"slices"
	"testing"

	"gotest.tools/v3/assert"
)

// jobProject has services that end and services that do not.
func jobProject(t *testing.T) *Project {
	t.Helper()
	return load(t, `
name: demo
services:
  haproxy: {image: haproxy}
  seed: {image: app}
  never: {image: app, restart: "no"}
  failing: {image: app, restart: on-failure:3}
  deployed: {image: app, deploy: {restart_policy: {condition: none}}}
  migrate: {image: app, ports: ["80"]}
  indexed: {image: app, profiles: [tools], depends_on: {odd: {condition: service_completed_successfully}}}
  odd: {image: app, expose: ["80"]}
  web: {image: app, labels: {haproxy.host: a.test, haproxy.port: "80"}, depends_on: {migrate: {condition: service_completed_successfully}, cache: {condition: service_healthy}, seed: {condition: service_started}}}
  worker: {image: app, restart: unless-stopped}
  swarmed: {image: app, deploy: {restart_policy: {condition: any}}}
  published: {image: app, ports: ["81"]}
  exposed: {image: app, expose: ["82"]}
  checked: {image: app, healthcheck: {test: [CMD, "true"]}}
  unchecked: {image: app, healthcheck: {disable: true}}
  cache: {image: app}
`, nil)
}

func TestWhatMayEndAndWhatMust(t *testing.T) {
	t.Parallel()
	p := jobProject(t)
	may := map[string]bool{
		"seed": true, "never": true, "failing": true, "deployed": true, "migrate": true, "odd": true, "unchecked": true,
		"haproxy": false, "web": false, "worker": false, "swarmed": false, "published": false, "exposed": false,
		"checked": false, "cache": false, "unknown": false,
	}
	for service, want := range may {
		assert.Equal(t, p.mayEnd(service), want, service)
		assert.Equal(t, p.Job(service), service == "migrate" || service == "odd", service)
	}
}

func TestAJobIsDoneWhenItEndedWellAndWasNotStopped(t *testing.T) {
	t.Parallel()
	ended := func(id, service, status string) fakeContainer {
		c := ours(id, service)
		c.State, c.Status = "exited", status
		return c
	}
	p := jobProject(t)
	p.noteJobs([]Container{
		{ID: "seed1", Service: "seed", State: "exited"},
		{ID: "web1", Service: "web", State: "exited"}, // an app that was stopped is not noted
		{ID: "never1", Service: "never", State: "exited", ExitCode: 1},
	})
	assert.DeepEqual(t, p.notedJobs(), []string{"seed1"})

	fake := &fakeEngine{containers: []fakeContainer{
		ended("seed1", "seed", "Exited (0) 3 days ago"),
		ended("migrate1", "migrate", "Exited (0) 1 second ago"),
		ended("odd1", "odd", "Exited (1) 1 second ago"),             // failed
		ended("never1", "never", "Exited (0) 2 seconds ago"),        // perhaps it was stopped
		ended("failing1", "failing", "Exited (0) 2 seconds ago"),    // ended by itself
		ended("deployed1", "deployed", "Exited (0) 2 seconds ago"),  // was stopped
		ended("unchecked1", "unchecked", "Exited (0) 1 second ago"), // ended by itself once, and was stopped then
		ended("web1", "web", "Exited (0) 2 seconds ago"),
		ours("cache1", "cache"),
	}, events: map[string][]string{
		"failing1":   {"start", "kill", "die", "start", "die"},
		"deployed1":  {"start", "kill", "die"},
		"unchecked1": {"start", "die", "start", "kill", "die"},
	}}
	engine, _ := fake.start(t)
	containers, err := engine.containers(t.Context(), "demo")
	assert.NilError(t, err)
	assert.DeepEqual(t, engine.done(t.Context(), p, containers), []string{"failing", "migrate", "seed"})

	half := append(slices.Clone(containers), Container{ID: "seed2", Service: "seed", State: "created"})
	assert.DeepEqual(t, engine.done(t.Context(), p, half), []string{"failing", "migrate"})
}

func TestWhatIsDoneIsNotStartedAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	p := jobProject(t)
	started := resting(p.Project, []string{"swarmed", "migrate"})
	for name, service := range started.Services {
		want := 1
		if name == "swarmed" || name == "migrate" {
			want = 0
		}
		assert.Equal(t, service.GetScale(), want, name)
	}
	assert.Equal(t, started.Services["swarmed"].Deploy.RestartPolicy.Condition, "any")
	assert.Assert(t, p.Services["swarmed"].Deploy.Replicas == nil, "the project itself is as it was")
}
