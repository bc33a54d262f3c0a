package compose

import (
	"context"
	"errors"
	"testing"

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
		got, err := p.replaces(c.running, images)
		assert.NilError(t, err)
		assert.Equal(t, got, c.want, name)
	}
	p.balancer.Command = []string{"haproxy", "-f", "/other.cfg"}
	got, err := p.replaces(Container{ImageID: "sha256:a", configHash: hash}, images)
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
		"container demo-web1-1 exited (1)":    {"container demo-web1-1 exited (1)\n  no such file: /app\n", "docker haproxy up"},
		"container demo-web1-1 is unhealthy":  {"container demo-web1-1 is unhealthy\n  no such file"},
		"container demo-web2-1 exited (137)":  {"container demo-web2-1 exited (137) without a word"},
		"container demo-gone-1 exited (1)":    {"container demo-gone-1 exited (1)"},
		"application not healthy after 3s":    {"container demo-web1-1 is exited, not running", "no such file"},
		"something that nobody has ever seen": {"something that nobody has ever seen"},
	} {
		engine, _ := (&fakeEngine{containers: []fakeContainer{ended, silent, starting}}).start(t)
		testkit.Contains(t, engine.explainUp(t.Context(), p, errors.New(message)).Error(), want...)
	}

	engine, _ := (&fakeEngine{containers: []fakeContainer{silent, starting}}).start(t)
	err := engine.explainUp(t.Context(), p, errors.New("application not healthy after 3s"))
	testkit.Contains(t, err.Error(), "container demo-web3-1 was still starting after 3s", "--wait-timeout")

	engine, _ = (&fakeEngine{containers: []fakeContainer{silent}}).start(t)
	err = engine.explainUp(t.Context(), p, errors.New("application not healthy after 3s"))
	testkit.Contains(t, err.Error(), "--wait-timeout")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, engine.explainUp(ctx, p, errors.New("container demo-web1-1 exited (130)")), context.Canceled)
}
