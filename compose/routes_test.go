package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// balancerService is a load balancer that loads the generated config.
const balancerService = `
  haproxy:
    image: haproxy
    user: "99:99"
    networks: [front, shared]
    command: [haproxy, -S, "/run/master.sock,mode,600", -f, /usr/local/etc/haproxy/haproxy.cfg, -f, /usr/local/etc/haproxy/generated]
    ports: ["80:80"]
    volumes: [./haproxy:/usr/local/etc/haproxy:ro]
networks:
  front: {name: shop_front}
  back: {}
  shared: {external: true, name: shared}
`

const baseConfig = "frontend stats\n  bind :8404\n"

// labelled is a project with these services, each in YAML, indented by two.
func labelled(t *testing.T, services string) *Project {
	t.Helper()
	return load(t, "name: shop\nservices:"+services+balancerService, map[string]string{BaseConfigName: baseConfig})
}

// routesOf are the files that the labels of a project make, and who is not served.
func routesOf(t *testing.T, p *Project) (files map[string]string, quarantines string) {
	t.Helper()
	engine, _ := (&fakeEngine{}).start(t)
	r, out, err := engine.routing(t.Context(), p, nil)
	assert.NilError(t, err)
	files = map[string]string{}
	for _, file := range r.Render("/generated").Files {
		files[file.Name] = string(file.Content)
	}
	var said []string
	for _, q := range out {
		said = append(said, q.String())
	}
	return files, strings.Join(said, "\n")
}

func TestAServiceIsFoundByItsNameOnANetworkThatBothAreOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service string
		address string // of the server, "" where it is not served
		why     []string
	}{
		"one network":                  {"networks: [front]", "web.shop_front:8080", nil},
		"one of its own before shared": {"networks: [shared, front]", "web.shop_front:8080", nil},
		"a shared one":                 {"networks: [shared]", "web.shared:8080", nil},
		"the one that is asked for":    {"networks: [shared, front], labels: {haproxy.network: shared, haproxy.port: '8080'}", "web.shared:8080", nil},
		"none together":                {"networks: [back]", "", []string{"HAProxy is on none of its networks (back)", `add one of them to "networks:" of service haproxy`}},
		"one that it is not on":        {"networks: [front], labels: {haproxy.network: back, haproxy.port: '8080'}", "", []string{"label haproxy.network", `not on a network "back"`, "front"}},
		"one that HAProxy is not on":   {"networks: [front, back], labels: {haproxy.network: back, haproxy.port: '8080'}", "", []string{`HAProxy is not on the network "back"`}},
		"the host's":                   {"network_mode: host", "", []string{"network_mode: host"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(c.service, "labels:") {
				c.service += ", labels: {haproxy.port: '8080'}"
			}
			files, quarantines := routesOf(t, labelled(t, "\n  web: {image: app, "+c.service+"}"))
			testkit.Contains(t, quarantines, c.why...)
			assert.Equal(t, c.address == "", quarantines != "", quarantines)
			if c.address != "" {
				testkit.Contains(t, files[routing.RoutesName], "server-template web 10 "+c.address+" ")
			}
		})
	}
}

func TestThePortIsTheOnlyOneThatIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ service, port, why string }{
		"exposed":            {"expose: ['3000'], networks: [front]", "3000", ""},
		"published":          {"ports: ['8080:80'], networks: [front]", "80", ""},
		"the same twice":     {"ports: ['8080:80'], expose: ['80'], networks: [front]", "80", ""},
		"two":                {"expose: ['3000', '4000'], networks: [front]", "", "there are 3000, 4000"},
		"none, no image yet": {"networks: [front]", "", "neither the Compose file nor its image names one"},
		"one by UDP too":     {"expose: ['53/udp', '3000'], networks: [front]", "3000", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, quarantines := routesOf(t, labelled(t, "\n  web: {image: app, "+c.service+", labels: {haproxy.host: a.example.com}}"))
			if c.why != "" {
				testkit.Contains(t, quarantines, "service web is not served", c.why, "haproxy.port")
				return
			}
			assert.Equal(t, quarantines, "")
			testkit.Contains(t, files[routing.RoutesName], "web.shop_front:"+c.port+" ")
		})
	}
}

func TestAWrongLabelTakesOutItsServiceOnly(t *testing.T) {
	t.Parallel()
	files, quarantines := routesOf(t, labelled(t, `
  web: {image: app, networks: [front], labels: {haproxy.host: web.example.com, haproxy.port: "80", haproxy.balence: leastconn}}
  api: {image: app, networks: [front], labels: {haproxy.host: api.example.com, haproxy.port: "80"}}
  off: {image: app, networks: [front], labels: {haproxy.enable: "false", haproxy.nonsense: x}}
  two: {image: app, networks: [front], labels: {haproxy.host: api.example.com, haproxy.port: "80"}}`))
	testkit.Contains(t, quarantines, "service web is not served", "haproxy.balence", "haproxy.balance",
		"service two is served in part only", "api.example.com leads to service api already", "haproxy.group")
	assert.Assert(t, !strings.Contains(quarantines, "off"))
	testkit.Contains(t, files["prefix.map"], "web.example.com/ shop.web\n", "api.example.com/ shop.api\n")
	testkit.Contains(t, files[routing.RoutesName], "server-template api ")
	assert.Assert(t, !strings.Contains(files[routing.RoutesName], "server-template web "))
}

func TestRoutesOfProfilesThatAreNotEnabledStay(t *testing.T) {
	t.Parallel()
	p := labelled(t, `
  beta: {image: app, profiles: [beta], networks: [front], labels: {haproxy.host: beta.example.com, haproxy.port: "80"}}`)
	files, quarantines := routesOf(t, p)
	assert.Equal(t, quarantines, "")
	testkit.Contains(t, files["prefix.map"], "beta.example.com/ shop.beta\n")
	assert.Assert(t, p.idle("beta.shop_front"))
}

func TestTwiceTheContainersFindASlot(t *testing.T) {
	t.Parallel()
	files, _ := routesOf(t, labelled(t, `
  web: {image: app, scale: 30, networks: [front], labels: {haproxy.port: "80"}}`))
	testkit.Contains(t, files[routing.RoutesName], "server-template web 60 ")
}

func TestABaseConfigThatTakesThePortIsRefused(t *testing.T) {
	t.Parallel()
	p := labelled(t, "\n  web: {image: app, networks: [front], labels: {haproxy.port: '80'}}")
	testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend old\n  bind :80\n")
	engine, _ := (&fakeEngine{}).start(t)
	_, _, err := engine.routing(t.Context(), p, nil)
	assert.ErrorContains(t, err, "frontend old listens on port 80")
	assert.ErrorContains(t, err, "haproxy.http-port")
}

func TestLabelsThatNobodyLoadsAreToldOf(t *testing.T) {
	t.Parallel()
	p := load(t, `name: shop
services:
  web: {image: app, labels: {haproxy.host: a.example.com}}
  haproxy: {image: haproxy, command: [haproxy, -f, /usr/local/etc/haproxy/haproxy.cfg], volumes: ["./haproxy:/usr/local/etc/haproxy:ro"]}
`, map[string]string{BaseConfigName: baseConfig})
	engine, _ := (&fakeEngine{}).start(t)
	_, err := engine.generate(t.Context(), p, nil, "")
	assert.ErrorIs(t, err, ErrNotLoaded)
	testkit.Contains(t, err.Error(), "-f, /usr/local/etc/haproxy/generated", "compose.yaml")
}

// webOnly is a project with one routed service.
func webOnly(t *testing.T, host string) *Project {
	t.Helper()
	return labelled(t, "\n  web: {image: app, networks: [front], labels: {haproxy.port: '80', haproxy.host: "+host+"}}")
}

// labelsLoaded is a project whose HAProxy runs what its labels make.
func labelsLoaded(t *testing.T) *Project {
	t.Helper()
	p := webOnly(t, "a.example.com")
	fake := healthy()
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	done, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.Equal(t, len(done.AtRunTime), 0, "it is not known what HAProxy had")
	return p
}

// relabel gives a project's folder other labels.
func relabel(t *testing.T, p *Project, host string) *Project {
	t.Helper()
	other := webOnly(t, host)
	other.WorkingDir = p.WorkingDir
	for i, volume := range p.balancer.Volumes {
		other.balancer.Volumes[i].Source = volume.Source
	}
	return other
}

func TestAChangeOfRoutesIsMadeAtRunTime(t *testing.T) {
	t.Parallel()
	p := labelsLoaded(t)
	p = relabel(t, p, "b.example.com")
	fake := healthy()
	fake.reloads = 1 // the worker of labelsLoaded
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)

	plan, err := engine.PlanReload(t.Context(), p, runs)
	assert.NilError(t, err)
	assert.Equal(t, plan.How(), AtRunTime, plan.String())

	done, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.Equal(t, len(done.AtRunTime), 2)
	const file = "/usr/local/etc/haproxy/generated/prefix.map"
	assert.DeepEqual(t, slices.Concat(fake.sent("add map"), fake.sent("del map")), []string{
		"add map " + file + " b.example.com/ shop.web", "del map " + file + " a.example.com/",
	})
	assert.Equal(t, len(fake.sent("reload")), 0)
	assert.Equal(t, p.memory(runs, 10), read(t, p).Hash, "it is noted what HAProxy has now")
	testkit.Contains(t, generatedFile(t, p, "prefix.map"), "b.example.com/")
}

func TestWhatHAProxyRefusesAtRunTimeIsReloaded(t *testing.T) {
	t.Parallel()
	p := labelsLoaded(t)
	p = relabel(t, p, "b.example.com")
	fake := healthy()
	fake.reloads, fake.refuses = 1, "add map"
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	done, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.Equal(t, len(done.AtRunTime), 0)
	assert.Equal(t, len(fake.sent("reload")), 1)
}

func generatedFile(t *testing.T, p *Project, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.WorkingDir, "haproxy", GeneratedName, name))
	assert.NilError(t, err)
	return string(text)
}

func TestAReloadThatFailsLeavesTheGeneratedConfigAsItWas(t *testing.T) {
	t.Parallel()
	p := labelsLoaded(t)
	before := generatedFile(t, p, "prefix.map")
	p = relabel(t, p, "b.example.com")
	testkit.Put(t, p.WorkingDir, BaseConfigName, baseConfig+"frontend other\n  bind :81\n") // takes a reload
	fake := healthy()
	fake.reloads, fake.verdict = 1, "Success=0\n--\n"+unknownKeyword+"\n"
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.ErrorContains(t, err, "HAProxy refuses")
	assert.Equal(t, generatedFile(t, p, "prefix.map"), before)
}

func TestThePlanSaysWhatTakesAReload(t *testing.T) {
	t.Parallel()
	p := labelsLoaded(t)
	testkit.Put(t, p.WorkingDir, BaseConfigName, baseConfig+"frontend other\n  bind :81\n")
	fake := healthy()
	fake.reloads = 1
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	plan, err := engine.PlanReload(t.Context(), p, runs)
	assert.NilError(t, err)
	assert.Equal(t, plan.How(), ByReload)
	testkit.Contains(t, plan.String(), "by reload", "haproxy.cfg: it was edited")

	// Another container: nothing is known of its memory.
	another := runs
	another.ID = "c2"
	plan, err = engine.PlanReload(t.Context(), p, another)
	assert.NilError(t, err)
	assert.Equal(t, plan.How(), ByReload)
	testkit.Contains(t, plan.Steps[0].Cause, "not known what HAProxy has in memory")
}

func TestTheServersStateIsLeftForTheNextWorkerAndTakenAway(t *testing.T) {
	t.Parallel()
	p := configured(t)
	testkit.Put(t, p.WorkingDir, BaseConfigName, "global\n  server-state-file /run/state\nfrontend a\n  bind :80\n")
	fake := healthy()
	const (
		drained = "3 web 2 s2 10.0.0.2 2 8 1 1 web2 80\n"
		waits   = "4 demo.app 1 app1 10.0.0.3 2 0 1 1 app 80\n"
		vacant  = "4 demo.app 2 app2 - 0 32 1 1 app 80\n"
	)
	fake.workers = []fakeWorker{{oneServer + drained + waits + vacant, serving}}
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.DeepEqual(t, fake.saved, []string{"/run/state: " + stateColumns + drained + waits, "/run/state: "})
}

func TestNoStateIsLeftWhereNothingIsWorthIt(t *testing.T) {
	t.Parallel()
	state, gated := demoProject(t).stateToLeave(stateColumns + oneServer + "3 web 2 s2 - 0 32 1 1 web2 80\n")
	assert.Equal(t, state, "")
	assert.Assert(t, !gated)
}

func TestContainersToBeChangedAreCountedByCause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		have, stale, stopped, want int
		force                      bool
		cause                      string
	}{
		{2, 0, 0, 2, false, ""},
		{0, 0, 0, 3, false, "3 to be created"},
		{2, 2, 0, 2, false, "2 to be replaced: the definition changed"},
		{2, 2, 0, 3, true, "2 to be replaced, as asked, 1 to be created"},
		{5, 0, 0, 2, false, "3 to be removed: the Compose file asks for 2"},
		{2, 0, 1, 2, false, "1 to be started"},
	} {
		assert.Equal(t, containerCause(c.have, c.stale, c.stopped, c.want, c.force), c.cause)
	}
}

func TestPasswordsAreForHAProxysUserOnly(t *testing.T) {
	t.Parallel()
	p := labelled(t, "\n  web: {image: app, networks: [front], labels: {haproxy.port: '80', haproxy.auth: htpasswd}}")
	hash := "$5$salt$" + strings.Repeat("a", 43)
	testkit.Put(t, p.WorkingDir, "htpasswd", "joe:"+hash+"\n")
	fake := healthy()
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	done, err := engine.Reload(t.Context(), p, runs, promptly)
	if os.Getuid() != 0 { // the file cannot be given away
		assert.ErrorContains(t, err, "hashes of passwords")
		return
	}
	assert.NilError(t, err)
	assert.Equal(t, len(done.Quarantines), 0, "%v", done.Quarantines)
	info, err := os.Stat(filepath.Join(p.WorkingDir, "haproxy", GeneratedName, routing.UsersName))
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))
	assert.Assert(t, isOwner(info, 99))
	testkit.Contains(t, generatedFile(t, p, routing.UsersName), hash)
	assert.Assert(t, !strings.Contains(generatedFile(t, p, routing.RoutesName), hash))
}
