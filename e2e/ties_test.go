package e2e

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// sidecar is a service that only is there, until it is stopped.
func sidecar(name string, more ...string) string {
	return job(name, "trap 'exit 0' TERM; sleep 1d & wait", more...)
}

// mustShare makes sure that a service's container runs and shares something with the
// running container of another service.
func (p *project) mustShare(service, with string) {
	p.t.Helper()
	c, owners := p.container(service), map[string]bool{}
	for _, id := range p.replicasOf(with) {
		owners["container:"+id] = true
	}
	assert.Equal(p.t, c.State, "running", c.Name)
	host := c.Inspect.HostConfig
	assert.Assert(p.t, owners[host.NetworkMode] || owners[host.PidMode], "%s shares nothing with %s: %+v, %v", service, with, host, owners)
}

// TestSidecarsGoAlong: what shares a namespace with a replaced container is made anew
// with it, and what asks to be restarted is.
func TestSidecarsGoAlong(t *testing.T) {
	t.Parallel()
	p := newProjectWith(t, sidecar("side", `network_mode: "service:web"`)+
		sidecar("chained", `pid: "service:side"`)+
		sidecar("bystander")+
		sidecar("follower", `depends_on: {web: {condition: service_started, restart: true}}`)+
		sidecar("debug", `network_mode: "service:web"`, `profiles: [debug]`), versioned(2))
	p.mustSucceed(p.haproxy("--profile", "debug", "up"))
	for _, service := range []string{"side", "debug"} {
		p.mustShare(service, "web")
	}
	p.mustShare("chained", "side")
	p.mustBeNothingToDo()
	before := p.ids()
	started := p.container("follower").Inspect.State.StartedAt
	load := p.startRolloutLoad()
	load.goOn(20)

	r := p.mustSucceed(p.haproxy("rollout", "web", "--force", "--dry-run"))
	p.mustSay(r, r.stdout,
		"service side: replaced by Compose, since HAProxy sends it nothing: it shares the network of",
		"service chained: replaced by Compose", "it shares the pid namespace of", "service debug: ",
		"service follower: restarted by Compose", "restart: true")
	assert.DeepEqual(t, p.ids(), before)

	r = p.mustSucceed(p.haproxy("rollout", "web", "--force"))
	p.mustSay(r, r.stdout, "service web: 2 containers started, 2 stopped", "service side: 1 container started, 1 stopped", "service chained: 1", "service debug: 1", "service follower: 1 container restarted")
	for _, service := range []string{"side", "debug"} {
		p.mustShare(service, "web")
	}
	p.mustShare("chained", "side")
	after := p.ids()
	assert.Equal(t, after["bystander"], before["bystander"])
	assert.Equal(t, after["follower"], before["follower"])
	assert.Assert(t, p.container("follower").Inspect.State.StartedAt.After(started))
	p.mustBeNothingToDo()

	// Down to the container that the sidecar is not bound to, and back.
	p.mustSucceed(p.haproxy("scale", "web=3"))
	p.mustSucceed(p.haproxy("scale", "web=1"))
	p.mustShare("side", "web")
	p.mustShare("chained", "side")
	p.mustFail(p.haproxy("scale", "web=0"), 1, "cannot do without containers", "docker stop")
	load.goOn(20)
	load.mustLoseNothing()
}

// TestWhatCannotGoAlongIsRefused: before anything is touched.
func TestWhatCannotGoAlongIsRefused(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(1))
	outsider := p.name + "-outsider"
	p.mustSucceed(p.docker("run", "-d", "--name", outsider, "--label", strings.TrimPrefix(p.label(), "label="), "--entrypoint", "sleep",
		"--network", "container:"+p.name+"-web-1", standIn, "1d"))
	before := p.replicasOf("web")
	p.nextVersion()
	for _, command := range [][]string{{"rollout"}, {"rollout", "--dry-run"}, {"restart", "web"}, {"up"}, {"up", "--dry-run"}} {
		p.mustFail(p.haproxy(command...), 1, outsider+" shares its network", "no part of the Compose file", "nothing was touched")
	}
	assert.DeepEqual(t, p.replicasOf("web"), before)
	p.mustSucceed(p.docker("rm", "-f", outsider))
	p.mustSucceed(p.haproxy("rollout"))
	assert.DeepEqual(t, p.versions(2), []string{"2"})

	p.editCompose(func(text string) string {
		return text + sidecar("named", `network_mode: "container:`+p.name+`-web-2"`)
	})
	p.up()
	before = p.replicasOf("web")
	p.mustFail(p.haproxy("restart", "web"), 1, "names that very container", `Write "service:web"`)
	p.mustFail(p.haproxy("up", "--force-recreate"), 1, "names that very container")
	assert.DeepEqual(t, p.replicasOf("web"), before)

	// A sidecar that was stopped stays stopped, and can be started again.
	p.editCompose(replacing("container:"+p.name+"-web-2", "service:web"))
	p.up()
	p.mustSucceed(p.docker("stop", p.name+"-named-1"))
	r := p.mustSucceed(p.haproxy("restart", "web"))
	p.mustSay(r, r.stdout, "service named: 1 container replaced", "not started")
	assert.Equal(t, p.container("named").State, "created")
	p.mustSucceed(p.docker("start", p.name+"-named-1"))
	p.mustShare("named", "web")
	p.mustBeNothingToDo()
}
