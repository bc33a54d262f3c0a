//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// unhealthy and never are what a service has that requests wait for in vain.
const (
	unhealthy = "healthcheck: {test: [CMD, /nothing], interval: 300ms, retries: 1}"
	never     = "healthcheck: {test: [CMD, /nothing], interval: 1h, start_period: 2h}"
)

// newClosedProject is a web app of plain Compose whose published port HAProxy is to
// take over, beside another service.
func newClosedProject(t *testing.T, web []string, other app, routes ...string) *project {
	t.Helper()
	p := newProject(t)
	p.needsCompose()
	p.writeApps(app{name: "web", more: append(web, fmt.Sprintf(`ports: ["%d:8080", "5044/udp"]`, p.http))}, app{name: other.name})
	p.mustSucceed(p.compose("up", "-d"))
	p.mustReach("web")
	p.edit(composeFile, configured(other.name, other.more...))
	flags := []string{"--close-ports", "--route", "*=web"}
	for _, route := range routes {
		flags = append(flags, "--route", route)
	}
	p.attach(flags...)
	return p
}

// mustReach waits until an app answers at the project's port.
func (p *project) mustReach(name string) {
	p.t.Helper()
	p.eventually(name+" answers", func() error {
		a, err := p.try(request{})
		if err == nil && (a.status != http.StatusOK || a.by() != name) {
			err = fmt.Errorf("status %d by %q", a.status, a.by())
		}
		return err
	})
}

// mustReachAsBefore stops the test unless the app has its port again, and HAProxy is
// gone; and unless plain Compose then serves it through HAProxy.
func (p *project) mustReachAsBefore(r result) {
	p.t.Helper()
	p.mustSay(r, r.stderr, "HAProxy does not run; service web is reached at its own published ports, as before")
	assert.Assert(p.t, !slices.ContainsFunc(p.containers(), func(c container) bool { return c.Service == "haproxy" }))
	assert.Assert(p.t, strings.Contains(p.published("web"), fmt.Sprintf("%d>8080/tcp", p.http)))
	p.mustReach("web")
}

func (p *project) mustReachThroughHAProxy() {
	p.t.Helper()
	p.mustReach("web")
	assert.Assert(p.t, !strings.Contains(p.published("web"), "8080/tcp"))
	assert.Assert(p.t, p.published("haproxy") != "")
}

func TestUnreached_what_no_request_depends_on_does_not_close_the_site(t *testing.T) {
	t.Parallel()
	p := newClosedProject(t, nil, app{name: "sick", more: []string{unhealthy}})
	p.refuses([]string{"up"}, "sick-1 is unhealthy", "Requests are served")
	p.mustReachThroughHAProxy()
	p.mustSucceed(p.compose("up", "-d"))
	p.mustReachThroughHAProxy()
}

func TestUnreached_a_failed_up_leaves_the_port_that_it_was_to_take_over(t *testing.T) {
	t.Parallel()
	p := newClosedProject(t, []string{"volumes: [/kept]"}, app{name: "api", more: []string{unhealthy}}, "api.test=api")
	p.mustSucceed(p.docker("cp", p.path(composeFile), p.container("web").ID+":/kept/note"))
	p.mustReachAsBefore(p.refuses([]string{"up"}, "api-1 is unhealthy"))
	p.mustSucceed(p.docker("cp", p.container("web").ID+":/kept/note", p.path("note"))) // its volume is the same
	p.mustReachAsBefore(p.refuses([]string{"up"}, "api-1 is unhealthy"))               // and again

	p.mustSucceed(p.compose("up", "-d"))
	p.mustReachThroughHAProxy()
}

func TestUnreached_an_app_whose_dependency_fails_runs_on_as_before(t *testing.T) {
	t.Parallel()
	p := newClosedProject(t, []string{"environment: {MODE: old}"}, app{name: "db", more: []string{unhealthy}})
	p.edit(composeFile, replacing("environment: {MODE: old}", "environment: {MODE: new}\n    depends_on: {db: {condition: service_healthy}}"))
	p.mustReachAsBefore(p.refuses([]string{"up"}, "db-1 is unhealthy"))
	assert.Assert(t, slices.Contains(p.container("web").Inspect.Config.Env, "MODE=old"), "what waits for db is not the version that runs")

	p.edit(composeFile, replacing("/nothing]", "/echo-server, -healthcheck]"))
	p.up()
	p.mustReachThroughHAProxy()
}

func TestUnreached_an_interrupted_up_leaves_the_port_that_it_was_to_take_over(t *testing.T) {
	t.Parallel()
	p := newClosedProject(t, nil, app{name: "api", more: []string{never}}, "api.test=api")
	happening := p.watch()
	up := p.startGroup("up")
	happening.await("the start of HAProxy", did("start", "haproxy"))
	up.signal(syscall.SIGINT)
	r := up.endsSoon(60 * time.Second)
	p.mustFail(r, 130, "interrupted", "removed again")
	mustReadWell(t, r)
	_, replaced, _ := strings.Cut(r.stderr, "replaced already: ")
	assert.Assert(t, strings.Contains(replaced, "api-1") && !strings.Contains(replaced, "web-1"), "it is as before:\n%s", r)
	p.mustReachAsBefore(r)

	p.mustSucceed(p.compose("up", "-d"))
	p.mustReachThroughHAProxy()
}
