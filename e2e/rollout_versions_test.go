package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// of are the containers of a service.
func (p *project) of(service string) []container {
	p.t.Helper()
	return slices.DeleteFunc(p.containers(), func(c container) bool { return c.Service != service })
}

// mustHave makes sure that all containers of a service have a variable, or none has.
func (p *project) mustHave(service, variable string, has bool) {
	p.t.Helper()
	for _, c := range p.of(service) {
		assert.Equal(p.t, slices.Contains(c.Inspect.Config.Env, variable), has, "%s: %v", c.Name, c.Inspect.Config.Env)
	}
}

// TestUndoBringsBackTheWholeDefinition: variables, labels, mounts and all else, though
// the image is the same; the Compose file is ahead then, and every command says so.
func TestUndoBringsBackTheWholeDefinition(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(2, `environment: {MODE: old}`, `volumes: ["./old:/data"]`, `healthcheck: {test: [CMD, /echo-server, -healthcheck], interval: 400ms}`),
		app{name: "worker", more: []string{`environment: {MODE: old}`}})
	load := p.startRolloutLoad()
	load.goOn(30)
	before := p.read(composeFile)
	p.editCompose(func(text string) string {
		text = strings.ReplaceAll(text, "{MODE: old}", "{MODE: new, SECRET: hunter2}")
		text = strings.Replace(text, "./old:/data", "./new:/elsewhere", 1)
		return strings.Replace(text, "interval: 400ms", "interval: 900ms", 1)
	})
	p.mustSucceed(p.haproxy("rollout"))
	p.mustHave("web", "MODE=new", true)
	p.mustHave("worker", "MODE=new", true)

	r := p.mustSucceed(p.haproxy("rollout", "undo", "web", "worker"))
	load.goOn(30)
	load.mustLoseNothing()
	p.mustSay(r, r.stderr, "Service web runs what it ran before again", "Service worker runs what it ran before again", "change it back there")
	p.mustSay(r, r.stdout, "service web: 2 containers started, 2 stopped", "service worker: 1 container started, 1 stopped")
	for _, service := range []string{"web", "worker"} {
		p.mustHave(service, "MODE=old", true)
		p.mustHave(service, "SECRET=hunter2", false)
	}
	assert.Equal(t, len(p.of("web")), 2)
	for _, c := range p.of("web") {
		assert.Equal(t, len(c.Inspect.Mounts), 1)
		assert.Equal(t, c.Inspect.Mounts[0].Destination, "/data")
		assert.Equal(t, c.State, "running")
	}
	assert.Equal(t, len(p.replicas(request{}, 8)), 2)

	files, err := filepath.Glob(p.path(".docker-haproxy/definitions/web-*.json"))
	assert.NilError(t, err)
	assert.Assert(t, len(files) > 0)
	for _, file := range files {
		info, err := os.Stat(file)
		assert.NilError(t, err)
		assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600), file)
	}

	// More of the version that runs, and not of the file's.
	r = p.mustSucceed(p.haproxy("scale", "web=3"))
	p.mustSay(r, r.stderr, "keeps the version that runs")
	p.mustHave("web", "MODE=old", true)
	assert.Equal(t, len(p.of("web")), 3)

	r = p.mustSucceed(p.haproxy("plan"))
	p.mustSay(r, r.stdout, "service web", `("rollout undo" had gone back)`)
	r = p.mustSucceed(p.haproxy("rollout", "web"))
	p.mustSay(r, r.stderr, "goes forward to the Compose file's version again")
	p.mustHave("web", "MODE=new", true)
	assert.Equal(t, len(p.of("web")), 3)
	p.mustSucceed(p.haproxy("rollout", "undo", "web"))
	p.mustHave("web", "MODE=old", true)

	// Changed back in the file, all is as it should be.
	p.write(composeFile, strings.Replace(before, "scale: 2", "scale: 3", 1))
	web := p.replicasOf("web")
	p.up()
	assert.DeepEqual(t, p.replicasOf("web"), web)
	r = p.mustSucceed(p.haproxy("plan"))
	p.mustSay(r, r.output(), "Nothing to do")
}

// TestUndoOfAnImageThatHasMoved: the name stands for the new image by then.
func TestUndoOfAnImageThatHasMoved(t *testing.T) {
	t.Parallel()
	needsImage(t, standInEcho2)
	p := newProject(t)
	moving := "localhost/" + p.name + ":latest"
	t.Cleanup(func() { p.docker("rmi", moving) })
	p.mustSucceed(p.docker("tag", standInEcho, moving))
	p.write(composeFile, strings.ReplaceAll(composeOf(versioned(1)), standInEcho, moving))
	p.attach()
	p.up()
	p.mustSucceed(p.docker("tag", standInEcho2, moving))
	p.mustSucceed(p.haproxy("rollout"))
	assert.DeepEqual(t, p.versions(3), []string{"2"})
	p.mustSucceed(p.haproxy("rollout", "undo", "web"))
	assert.DeepEqual(t, p.versions(3), []string{"1"})

	// Another client, or a lost folder: the image is known by the containers' labels.
	p.mustSucceed(p.haproxy("rollout"))
	assert.DeepEqual(t, p.versions(3), []string{"2"})
	assert.NilError(t, os.RemoveAll(p.path(".docker-haproxy/definitions")))
	r := p.mustSucceed(p.haproxy("rollout", "undo", "web"))
	p.mustSay(r, r.stderr, "all but the image is as the Compose file says")
	assert.DeepEqual(t, p.versions(3), []string{"1"})
	p.removeAll()
}

// TestScaleAndRolloutAgree on the version and on the number of containers: the one
// that was asked for last counts.
func TestScaleAndRolloutAgree(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(2))
	p.nextVersion()
	r := p.mustSucceed(p.haproxy("scale", "web=3"))
	p.mustSay(r, r.stderr, "keeps the version that runs", "docker haproxy rollout web")
	assert.DeepEqual(t, p.versions(9), []string{"1"})
	assert.Equal(t, len(p.replicas(request{}, 9)), 3)
	p.mustSucceed(p.haproxy("rollout"))
	assert.DeepEqual(t, p.versions(9), []string{"2"})
	assert.Equal(t, len(p.of("web")), 3)

	// up goes by the file, and says so before and after.
	r = p.mustSucceed(p.haproxy("plan"))
	p.mustSay(r, r.stdout, "1 to be removed: the Compose file asks for 2")
	r = p.up()
	p.mustSay(r, r.stderr, "Service web has 2 containers, as the Compose file says, instead of 3", "docker haproxy scale web=3")
	assert.Equal(t, len(p.of("web")), 2)

	// Fewer than the file says.
	p.mustSucceed(p.haproxy("scale", "web=1"))
	p.editCompose(withEnvironment(`{EDITED: "1"}`))
	p.mustSucceed(p.haproxy("rollout"))
	p.mustHave("web", "EDITED=1", true)
	assert.Equal(t, len(p.of("web")), 1)

	// An edit of the file is later.
	p.editCompose(replacing("scale: 2", "scale: 4"))
	p.mustSucceed(p.haproxy("rollout"))
	assert.Equal(t, len(p.of("web")), 4)
	p.editCompose(replacing("scale: 4", "scale: 2"))
	p.mustSucceed(p.haproxy("rollout"))
	assert.Equal(t, len(p.of("web")), 2)

	// Plain Compose has scaled.
	if prepared.noCompose == "" {
		p.mustSucceed(p.compose("up", "-d", "--no-recreate", "--scale", "web=3"))
		p.editCompose(replacing(`EDITED: "1"`, `EDITED: "2"`))
		p.mustSucceed(p.haproxy("rollout"))
		p.mustHave("web", "EDITED=2", true)
		assert.Equal(t, len(p.of("web")), 3)
	}
}

// TestRolloutWithARangeOfPorts: as long as ports are free, new containers start first.
func TestRolloutWithARangeOfPorts(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	first := freeRange(t, 4)
	p.writeApps(versioned(2, fmt.Sprintf(`ports: ["127.0.0.1:%d-%d:8080"]`, first, first+3)))
	p.attach()
	p.up()
	load := p.startRolloutLoad()
	load.goOn(30)
	r := p.mustSucceed(p.haproxy("restart", "web", "--dry-run"))
	p.mustSay(r, r.stdout, "start 2, wait for their checks; drain and stop")
	p.mustSucceed(p.haproxy("restart", "web"))
	p.mustSucceed(p.haproxy("scale", "web=4"))
	load.goOn(30)
	load.mustLoseNothing()
	assert.Equal(t, len(p.replicas(request{}, 12)), 4)
	p.mustFail(p.haproxy("scale", "web=5"), 1, fmt.Sprintf("service web cannot have 5 containers: its port range %d-%d leaves room for 4", first, first+3))
	r = p.mustSucceed(p.haproxy("restart", "web", "--dry-run"))
	p.mustSay(r, r.stdout, "drain and stop "+p.name+"-web-", "; start 1", "old before new: port range")
	assert.Equal(t, strings.Count(r.stdout, "; start 1"), 4, r.stdout)
}

// freeRange is the first of n ports in a row without a listener.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	for {
		if ports := freePorts(t, n); ports[n-1] == ports[0]+n-1 {
			return ports[0]
		}
	}
}

// TestAContainerThatIsNotWellStaysUntilItsSuccessorServes.
func TestAContainerThatIsNotWellStaysUntilItsSuccessorServes(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(3, `restart: "no"`))
	paused, killed := p.name+"-web-2", p.name+"-web-3"
	p.mustSucceed(p.docker("pause", paused))
	p.mustSucceed(p.docker("kill", killed))
	states := func() map[string]string {
		all := map[string]string{}
		for _, c := range p.of("web") {
			all[c.ID] = c.State
		}
		return all
	}
	before := states()
	good := p.read(composeFile)
	p.editCompose(withEnvironment(`{STATUS: "500"}`))
	r := p.mustFail(p.haproxy("rollout", "--wait-timeout", "4s"), 1, "was not ready after 4s", "--wait-timeout")
	p.mustSay(r, r.stderr, "As it was")
	assert.DeepEqual(t, states(), before)
	assert.DeepEqual(t, p.statuses(6), []int{http.StatusOK})

	// stop-first takes what serves least first, one at a time, and starts it again as it was.
	r = p.mustFail(p.haproxy("rollout", "--order", "stop-first", "--wait-timeout", "4s"), 1, "was not ready after 4s")
	assert.Assert(t, !strings.Contains(r.stderr, "As it was"), r.stderr)
	p.mustSay(r, r.stderr, "no longer there: "+paused)
	assert.DeepEqual(t, p.statuses(6), []int{http.StatusOK})

	p.write(composeFile, good)
	r = p.mustSucceed(p.haproxy("scale", "web=3"))
	p.mustSay(r, r.stdout, "2 containers started")
	assert.Equal(t, len(p.replicas(request{}, 9)), 3)
	assert.Equal(t, len(p.of("web")), 3)
	p.mustBeNothingToDo()
}

// statuses are the statuses of n answers, each once.
func (p *project) statuses(n int) (statuses []int) {
	p.t.Helper()
	for range n {
		if status := p.get("/").status; !slices.Contains(statuses, status) {
			statuses = append(statuses, status)
		}
	}
	return statuses
}

// TestStopFirstBringsBackWhatWasThere: with its whole definition.
func TestStopFirstBringsBackWhatWasThere(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(2, `environment: {STATUS: "200"}`))
	p.editCompose(replacing(`STATUS: "200"`, `STATUS: "500"`))
	r := p.mustFail(p.haproxy("rollout", "--order", "stop-first", "--wait-timeout", "4s"), 1, "was not ready after 4s", "service web runs what it ran before again")
	assert.Assert(t, !strings.Contains(r.stderr, "As it was"), r.stderr)
	p.mustHave("web", "STATUS=200", true)
	assert.Equal(t, len(p.replicas(request{}, 8)), 2)
}

// TestAWaitThatCannotBeEnoughIsToldBefore anything starts.
func TestAWaitThatCannotBeEnoughIsToldBefore(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, versioned(1, `healthcheck: {test: [CMD, /echo-server, -healthcheck], interval: 3s, start_period: 90s}`))
	before := p.ids()
	p.mustFail(p.haproxy("restart", "web", "--wait-timeout", "2s"), 1, "--wait-timeout 2s is too short for service web", "its health check comes after 3s")
	p.mustFail(p.haproxy("scale", "web=2", "--wait-timeout", "2s"), 1, "--wait-timeout 2s is too short for service web")
	assert.DeepEqual(t, p.ids(), before)
	r := p.mustSucceed(p.haproxy("restart", "web", "--dry-run"))
	p.mustSay(r, r.stderr, "The health check of service web allows 2m9s", "--wait-timeout")
	r = p.mustSucceed(p.haproxy("restart", "web", "--dry-run", "--wait-timeout", "1m"))
	p.mustSay(r, r.stderr, "--wait-timeout 1m0s is less than the 2m9s")
}

// TestUndoOfASingleContainer: its name and its port are free only once it has gone;
// its networks and aliases are those of before.
func TestUndoOfASingleContainer(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	port := freePorts(t, 1)[0]
	p.write(composeFile, composeOf(app{name: "web", labels: []string{`haproxy.host: "*"`, "haproxy.hold: 30s"}, more: []string{
		"container_name: " + p.name + "-shop", fmt.Sprintf(`ports: ["127.0.0.1:%d:8080"]`, port),
		"environment: {MODE: old}", "networks: {default: {aliases: [shop]}, back: {aliases: [behind]}}",
	}})+"networks: {default: {}, back: {}}\n")
	p.attach()
	p.up()
	p.editCompose(func(text string) string {
		return strings.NewReplacer("{MODE: old}", "{MODE: new}", "aliases: [behind]", "aliases: [elsewhere]").Replace(text)
	})
	p.mustSucceed(p.haproxy("rollout", "web"))
	p.mustHave("web", "MODE=new", true)
	p.mustSucceed(p.haproxy("rollout", "undo", "web"))
	p.mustHave("web", "MODE=old", true)
	web := p.container("web")
	assert.Equal(t, web.Name, p.name+"-shop")
	assert.DeepEqual(t, web.Ports, []string{fmt.Sprintf("127.0.0.1:%d->8080/tcp", port)})
	assert.DeepEqual(t, web.Network, []string{p.name + "_back", p.name + "_default"})
	for network, alias := range map[string]string{"_back": "behind", "_default": "shop"} {
		aliases := web.Inspect.NetworkSettings.Networks[p.name+network].Aliases
		assert.Assert(t, slices.Contains(aliases, alias) && slices.Contains(aliases, "web") && slices.Contains(aliases, web.Name), "%v", aliases)
	}
	assert.DeepEqual(t, p.statuses(3), []int{http.StatusOK})
}
