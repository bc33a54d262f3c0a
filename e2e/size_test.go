package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// sizes are the numbers of servers of TestSize. "-sizes 10,100,1000,10000 -v"
// gives the table of docs/scale.md; the largest alone takes minutes on a small machine.
var sizes = flag.String("sizes", "2000", "how many servers, in tens, separated by commas")

// TestSize_a_large_project_renders_checks_and_applies has a service for every
// ten servers, which all belong to a profile that is not enabled: there is a
// route for each and a slot for each container that may come.
func TestSize_a_large_project_renders_checks_and_applies(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for size := range strings.SplitSeq(*sizes, ",") {
		servers, err := strconv.Atoi(size)
		assert.NilError(t, err)
		t.Run(size, func(t *testing.T) { large(t, servers/10) })
	}
}

func large(t *testing.T, services int) {
	t.Helper()
	p := newProject(t)
	apps := []app{{name: "web", labels: []string{"haproxy.host: web.example.com"}}}
	for i := range services {
		apps = append(apps, app{
			name:   fmt.Sprintf("svc%d", i),
			labels: []string{fmt.Sprintf("haproxy.host: svc%d.example.com", i), "haproxy.port: '8080'"},
			more:   []string{"profiles: [later]"},
		})
	}
	p.writeApps(apps...)
	p.attach()
	timed := func(args ...string) time.Duration {
		t.Helper()
		began := time.Now()
		p.mustSucceed(p.haproxy(append(args, "--progress", "quiet")...))
		return time.Since(began).Round(time.Millisecond)
	}
	check := timed("check")
	up := timed("up")
	worker := p.worker()
	assert.Equal(t, p.ask(request{host: "web.example.com"}).by(), "web")
	last := fmt.Sprintf("svc%d.example.com", services-1)
	a := p.ask(request{host: last})
	assert.Equal(t, a.status, http.StatusServiceUnavailable)

	apps[services].labels[0] += ", more.example.com"
	p.writeApps(apps...)
	route := timed("reload")
	assert.Equal(t, p.worker(), worker, "a route more must not need a reload")
	assert.Equal(t, p.ask(request{host: "more.example.com"}).status, http.StatusServiceUnavailable)

	p.editConfig(func(text string) string { return text + "# edited\n" })
	reload := timed("reload")
	assert.Assert(t, p.worker() != worker)
	assert.Equal(t, p.ask(request{host: "web.example.com"}).by(), "web")
	nothing := timed("up")
	t.Logf("| %d servers | check %s | up %s | a route more %s | reload %s | nothing to do %s | %d MB |", services*10, check, up, route, reload, nothing, p.memory()>>10)
}

var residentSet = regexp.MustCompile(`VmRSS:\s+([0-9]+) kB`)

// memory is the resident set of the worker in KB.
func (p *project) memory() int {
	p.t.Helper()
	r := p.mustSucceed(p.docker("exec", p.container("haproxy").ID, "cat", fmt.Sprintf("/proc/%d/status", p.worker())))
	match := residentSet.FindStringSubmatch(r.stdout)
	assert.Assert(p.t, match != nil, "%s", r)
	kb, err := strconv.Atoi(match[1])
	assert.NilError(p.t, err)
	return kb
}
