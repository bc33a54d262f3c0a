package compose

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	composesdk "github.com/docker/compose/v5/pkg/compose"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestTheLoadBalancerIsReplacedWhenItsDefinitionOrItsImageChanged(t *testing.T) {
	t.Parallel()
	p := demoProject(t)
	hash, err := composesdk.ServiceHash(p.balancer)
	assert.NilError(t, err)
	images := ImageIDs{"haproxy:3.2": "sha256:a"}
	for name, c := range map[string]struct {
		running Container
		want    bool
	}{
		"as it is":               {Container{ImageID: "sha256:a", configHash: hash}, false},
		"another definition":     {Container{ImageID: "sha256:a", configHash: "old"}, true},
		"another image":          {Container{ImageID: "sha256:b", configHash: hash}, true},
		"made by something else": {Container{ImageID: "sha256:a"}, true},
	} {
		got, err := (&Engine{}).replaces(t.Context(), p, State{}, c.running, images)
		assert.NilError(t, err)
		assert.Equal(t, got, c.want, name)
	}
	p.balancer.Command = []string{"haproxy", "-f", "/other.cfg"}
	got, err := (&Engine{}).replaces(t.Context(), p, State{}, Container{ImageID: "sha256:a", configHash: hash}, images)
	assert.NilError(t, err)
	assert.Assert(t, got, "an edited command")
}

func TestUpPassesItsOptionsOn(t *testing.T) {
	t.Parallel()
	assert.Equal(t, UpOptions{}.recreate(), api.RecreateDiverged)
	assert.Equal(t, UpOptions{ForceRecreate: true}.recreate(), api.RecreateForce)
	assert.Assert(t, UpOptions{}.build() == nil)
	assert.Assert(t, UpOptions{Build: true}.build() != nil)
}

func TestAContainerThatFailedIsNamedWithItsLastWords(t *testing.T) {
	t.Parallel()
	ended := ours("1", "web1")
	ended.State, ended.Logs = "exited", "no such file: /app\n"
	silent := ours("2", "web2")
	starting := ours("3", "web3")
	starting.Status = "Up 3 seconds (health: starting)"
	p := demoProject(t)
	for message, want := range map[string][]string{
		"container demo-web1-1 exited (1)":                    {"container demo-web1-1 exited (1)\n  no such file: /app\n", "docker haproxy up"},
		"container demo-web1-1 is unhealthy":                  {"container demo-web1-1 is unhealthy\n  no such file"},
		"container demo-web2-1 exited (137)":                  {"container demo-web2-1 exited (137) without a word"},
		"container demo-gone-1 exited (1)":                    {"container demo-gone-1 exited (1)"},
		`service "web1" didn't complete successfully: exit 3`: {"container demo-web1-1 exited (3)", "others wait", "no such file"},
		"something unheard of":                                {"something unheard of"},
	} {
		engine, _ := (&fakeEngine{containers: []fakeContainer{ended, silent, starting}}).start(t)
		testkit.Contains(t, engine.explainUp(t.Context(), p, errors.New(message)).Error(), want...)
	}

	engine, _ := (&fakeEngine{containers: []fakeContainer{silent}}).start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, engine.explainUp(ctx, p, errors.New("container demo-web1-1 exited (130)")), context.Canceled)
}

func TestUpWaitsForWhatMayStillComeAndNamesWhatWillNot(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: demo
services:
  haproxy: {image: haproxy}
  web: {image: app, ports: ["80"]}
  seed: {image: app}
`, nil)
	container := func(service, state, status string) fakeContainer {
		c := ours("1", service)
		c.State, c.Status, c.Logs = state, status, "the last line\n"
		return c
	}
	for name, c := range map[string]struct {
		container fakeContainer
		services  []string
		want      []string
	}{
		"it runs":                       {container("web", "running", "Up 2 seconds"), nil, nil},
		"it is healthy":                 {container("web", "running", "Up 2 seconds (healthy)"), nil, nil},
		"it is unhealthy":               {container("web", "running", "Up 2 seconds (unhealthy)"), nil, []string{"demo-web-1 is unhealthy", "the last line"}},
		"it is still starting":          {container("web", "running", "Up 2 seconds (health: starting)"), nil, []string{"demo-web-1 was still starting after 1ms", "--wait-timeout"}},
		"it was not started":            {container("web", "created", "Created"), nil, []string{"demo-web-1 is created, not running"}},
		"it ended with an error":        {container("web", "exited", "Exited (3) 2 seconds ago"), nil, []string{"demo-web-1 exited (3)", "the last line"}},
		"it should serve and has ended": {container("web", "exited", "Exited (0) 2 seconds ago"), nil, []string{"demo-web-1 exited (0)"}},
		"a job is done":                 {container("seed", "exited", "Exited (0) 2 seconds ago"), nil, nil},
		"a job has failed":              {container("seed", "exited", "Exited (1) 2 seconds ago"), nil, []string{"demo-seed-1 exited (1)", "the last line"}},
		"others than those waited for":  {container("seed", "exited", "Exited (1) 2 seconds ago"), []string{"web"}, nil},
	} {
		engine, _ := (&fakeEngine{containers: []fakeContainer{c.container}}).start(t)
		_, _, err := engine.settle(t.Context(), p, c.services, time.Millisecond)
		if c.want == nil {
			assert.NilError(t, err, name)
			continue
		}
		testkit.Contains(t, fmt.Sprint(err), c.want...)
	}
}
