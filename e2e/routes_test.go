package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// mustSayEverywhere makes sure that whoever asks about the project is told of
// what is wrong with it, by exit code too.
func (p *project) mustSayEverywhere(words ...string) {
	p.t.Helper()
	for _, command := range []string{"check", "reload", "status", "up"} {
		r := p.haproxy(command)
		if r.exitCode != 1 {
			p.t.Errorf("%q must exit with 1:\n%s", command, r)
		}
		for _, word := range words {
			if !strings.Contains(r.output(), word) {
				p.t.Errorf("%q must say %q:\n%s", command, word, r)
			}
		}
	}
}

func TestRoutes_of_a_wrong_label_are_quarantined_and_all_others_served(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	good := app{name: "good", labels: []string{"haproxy.host: good.example.com"}}
	wrong := app{name: "wrong", labels: []string{"haproxy.host: wrong.example.com", "haproxy.balance: fastest"}}
	misspelt := app{name: "misspelt", labels: []string{"haproxy.host: misspelt.example.com", "haproxy.chekc: /healthz"}}
	p.writeApps(good)
	p.attach()
	p.writeApps(good, wrong, misspelt)

	r := p.mustFail(p.haproxy("up"), 1, "wrong", "haproxy.balance", "fastest", "leastconn", "misspelt", "haproxy.chekc", "did you mean haproxy.check?")
	assert.Assert(t, !strings.Contains(r.stderr, "service good"), "%s", r)
	unavailable := func(host string) {
		t.Helper()
		a := p.ask(request{host: host})
		assert.Equal(t, a.status, http.StatusServiceUnavailable)
		assert.Assert(t, a.header.Get("Retry-After") != "")
	}
	assert.Equal(t, p.ask(request{host: "good.example.com"}).by(), "good")
	unavailable("wrong.example.com")
	unavailable("misspelt.example.com")
	p.mustSayEverywhere("service wrong", "haproxy.balance", "fastest", "leastconn", "service misspelt", "haproxy.chekc", "did you mean haproxy.check?")
	assert.Equal(t, p.ask(request{host: "good.example.com"}).by(), "good")

	// Mended, it is served; a mistake in what was served takes that one out only.
	wrong.labels[1], misspelt.labels[1] = "haproxy.balance: leastconn", "haproxy.check: /healthz"
	good.labels = append(good.labels, "haproxy.port: none")
	p.writeApps(good, wrong, misspelt)
	p.mustFail(p.haproxy("reload"), 1, "service good", "haproxy.port", "none", "65535")
	p.eventually("what was mended is served", p.answers("wrong.example.com", http.StatusOK, "wrong"))
	p.eventually("what was mended is served", p.answers("misspelt.example.com", http.StatusOK, "misspelt"))
	unavailable("good.example.com")

	good.labels = good.labels[:1]
	p.writeApps(good, wrong, misspelt)
	p.mustSucceed(p.haproxy("reload"))
	p.eventually("everything is served", p.answers("good.example.com", http.StatusOK, "good"))
	for _, command := range []string{"check", "status", "up"} {
		p.mustSucceed(p.haproxy(command))
	}
}

func TestRoutes_of_a_snippet_that_HAProxy_refuses_are_quarantined(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	good := app{name: "good", labels: []string{"haproxy.host: good.example.com", "haproxy.snippet: http-response set-header X-Good yes"}}
	bad := app{name: "bad", labels: []string{"haproxy.host: bad.example.com", "haproxy.snippet: |\n  http-response set-header X-Bad yes\n  http-response set-heder X-Bad no"}}
	p.writeApps(good, bad)
	p.attach()
	p.mustFail(p.haproxy("up"), 1, "service bad", "set-heder")
	assert.Equal(t, p.ask(request{host: "good.example.com"}).header.Get("X-Good"), "yes")
	a := p.ask(request{host: "bad.example.com"})
	assert.Equal(t, a.status, http.StatusServiceUnavailable)
	assert.Assert(t, a.header.Get("Retry-After") != "")
	p.mustSayEverywhere("service bad", "set-heder")

	bad.labels[1] = "haproxy.snippet: http-response set-header X-Bad no"
	p.writeApps(good, bad)
	p.mustSucceed(p.haproxy("reload"))
	p.eventually("the mended snippet is served", func() error {
		a, err := p.try(request{host: "bad.example.com"})
		if err == nil && a.header.Get("X-Bad") != "no" {
			err = fmt.Errorf("answered with %d and %v", a.status, a.header)
		}
		return err
	})
}

func TestRoutes_conflict_is_told_with_both_services(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(
		app{name: "one", labels: []string{"haproxy.host: same.example.com"}},
		app{name: "two", labels: []string{"haproxy.a.host: same.example.com", "haproxy.b.host: two.example.com"}},
	)
	p.attach()
	p.mustFail(p.haproxy("up"), 1, "service two", "same.example.com", "service one", "haproxy.group")
	assert.Equal(t, p.ask(request{host: "same.example.com"}).by(), "one")
	assert.Equal(t, p.ask(request{host: "two.example.com"}).by(), "two", "what is not in the way is served")
}

func TestRoutes_without_a_container_answer_503_and_serve_again_without_us(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.writeApps(
		app{name: "web", labels: []string{"haproxy.host: web.example.com"}},
		app{name: "other", labels: []string{"haproxy.host: other.example.com"}},
	)
	p.attach()
	p.up()
	worker := p.worker()
	for what, commands := range map[string]struct{ away, back []string }{
		"stopped":     {[]string{"stop", "web"}, []string{"start", "web"}},
		"scaled to 0": {[]string{"up", "-d", "--scale", "web=0"}, []string{"up", "-d"}},
		"removed":     {[]string{"rm", "-sf", "web"}, []string{"up", "-d"}},
	} {
		p.mustSucceed(p.compose(commands.away...))
		p.eventually(what+": 503", p.answers("web.example.com", http.StatusServiceUnavailable, ""))
		a := p.ask(request{host: "web.example.com"})
		assert.Assert(t, a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "", "%s: answered with %d %v", what, a.status, a.header)
		assert.Equal(t, p.ask(request{host: "other.example.com"}).by(), "other")
		assert.Equal(t, p.ask(request{host: "nobody.example.com"}).status, http.StatusNotFound)

		p.mustSucceed(p.compose(commands.back...))
		began := time.Now()
		p.eventually(what+": served again", p.answers("web.example.com", http.StatusOK, "web"))
		took := time.Since(began)
		t.Logf("%s: served again %s after Compose was done", what, took.Round(time.Millisecond))
		assert.Assert(t, took < 10*time.Second, "%s", took) // a second or two, on a machine with nothing else to do
	}
	assert.Equal(t, p.worker(), worker, "nobody has asked for a reload")
}

func TestRoutes_change_at_run_time_and_what_cannot_is_reloaded(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	web := app{name: "web", labels: []string{"haproxy.host: old.example.com"}}
	blue := app{name: "blue", labels: []string{"haproxy.host: both.example.com", "haproxy.group: both", "haproxy.weight: 1"}}
	green := app{name: "green", labels: []string{"haproxy.host: both.example.com", "haproxy.group: both", "haproxy.weight: 1"}}
	p.writeApps(web, blue, green)
	p.attach()
	p.up()
	worker, ids := p.worker(), p.ids()
	conn := p.openSocket("old.example.com")

	// plans are asked before each step. They tell how, and change nothing.
	plans := func(words ...string) {
		t.Helper()
		before := p.snapshot()
		for _, command := range [][]string{{"plan"}, {"reload", "--dry-run"}, {"up", "--dry-run"}} {
			r := p.mustSucceed(p.haproxy(command...))
			p.mustSay(r, r.output(), words...)
		}
		assert.DeepEqual(t, p.snapshot(), before)
		assert.Equal(t, p.worker(), worker)
		assert.DeepEqual(t, p.ids(), ids)
	}

	// A route.
	web.labels = []string{"haproxy.host: new.example.com"}
	p.writeApps(web, blue, green)
	plans("run time", "old.example.com", "new.example.com")
	assert.Equal(t, p.ask(request{host: "old.example.com"}).by(), "web")
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.worker(), worker, "a change of routes must not need a reload")
	assert.Equal(t, p.ask(request{host: "new.example.com"}).by(), "web")
	assert.Equal(t, p.ask(request{host: "old.example.com"}).status, http.StatusNotFound)

	// A weight.
	green.labels[2] = "haproxy.weight: 3"
	p.writeApps(web, blue, green)
	plans("run time", "weight")
	assert.Equal(t, p.replicas(request{host: "both.example.com"}, 20)["green"], 10)
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.worker(), worker, "a change of weights must not need a reload")
	share := p.replicas(request{host: "both.example.com"}, 40)
	assert.Assert(t, share["green"] >= 28 && share["green"] <= 32, "weights 1 and 3 must show: %v", share)

	// Nothing.
	p.mustSucceed(p.haproxy("reload"))
	assert.DeepEqual(t, p.ids(), ids)

	// What is changed at run time is what a new worker knows too.
	worker = p.worker()
	p.editConfig(func(text string) string { return text + "# edited\n" })
	plans("reload", "haproxy.cfg")
	p.mustSucceed(p.haproxy("reload"))
	assert.Assert(t, p.worker() != worker)
	assert.Equal(t, p.ask(request{host: "new.example.com"}).by(), "web")
	assert.Equal(t, p.ask(request{host: "old.example.com"}).status, http.StatusNotFound)

	// And nobody noticed.
	echo, err := say(conn, "still there?")
	assert.NilError(t, err)
	assert.Equal(t, echo, "still there?")

	// A service more.
	worker = p.worker()
	p.writeApps(web, blue, green, app{name: "more", labels: []string{"haproxy.host: more.example.com"}})
	plans("reload", "more")
	p.up()
	assert.Assert(t, p.worker() != worker, "a backend more needs a reload")
	assert.Equal(t, p.container("haproxy").ID, ids["haproxy"])
	p.eventually("the new service is served", p.answers("more.example.com", http.StatusOK, "more"))
}
