package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// A service's health check, which the stand-in app answers itself.
const (
	healthOf     = `healthcheck: {test: [CMD, /echo-server, -healthcheck], interval: 300ms, timeout: 5s, retries: 2}`
	neverDecided = `healthcheck: {test: [CMD, /echo-server, -healthcheck], interval: 300ms, timeout: 5s, retries: 100000}`
)

// failingService is a service that does not come up.
type failingService struct {
	name     string
	breaking func(*project)
	flags    []string
	words    []string
}

func failingServices() []failingService {
	compose := func(edits ...func(string) string) func(*project) {
		return func(p *project) {
			for _, edit := range edits {
				p.editCompose(edit)
			}
		}
	}
	noRestart := replacing("  restart: unless-stopped\n  # No \"ports\"", "  restart: \"no\"\n  # No \"ports\"")
	return []failingService{
		{
			name:     "an app that exits at once and is restarted",
			breaking: compose(configured("web2", "environment: {CRASH_AFTER: 1ms}")),
			words:    []string{"-web2-1", "crashing on request", "Mend the service"},
		},
		{
			name:     "an app that exits at once",
			breaking: compose(noRestart, configured("web2", "environment: {CRASH_AFTER: 1ms}")),
			words:    []string{"-web2-1", "exit", "1", "crashing on request", "Mend the service"},
		},
		{
			name:     "an app that does not know its flags",
			breaking: compose(noRestart, configured("web2", "command: [-unheard-of]")),
			words:    []string{"-web2-1", "exit", "2", "unheard-of", "Mend the service"},
		},
		{
			name:     "an app whose program is missing",
			breaking: compose(configured("web2", "entrypoint: [/absent]")),
			words:    []string{"web2", "/absent", "no such file"},
		},
		{
			name:     "an app that is unhealthy",
			breaking: compose(configured("web2", "environment: {FAIL_HEALTH: \"true\"}", healthOf)),
			words:    []string{"-web2-1", "unhealthy", "503", "failing", "Mend the service"},
		},
		{
			name:     "an app that is not healthy in time",
			breaking: compose(configured("web2", "environment: {FAIL_HEALTH: \"true\"}", neverDecided)),
			flags:    []string{"--wait-timeout", "2s"},
			words:    []string{"-web2-1", "still starting", "2s", "503", "--wait-timeout"},
		},
		{
			name: "a socket folder that HAProxy may not write to",
			breaking: compose(func(text string) string {
				start := strings.Index(text, "/var/run/haproxy:uid=")
				end := start + strings.Index(text[start:], ",mode")
				return text[:start] + "/var/run/haproxy:uid=0,gid=0" + text[end:]
			}),
			words: []string{"/var/run/haproxy/", "ermission denied", "Mend"},
		},
		{
			name:     "HAProxy with a flag that it does not know",
			breaking: compose(replacing("command: [haproxy, -S", "command: [haproxy, --unheard-of, -S")),
			words:    []string{"new master CLI", "Mend"},
		},
		{
			name:     "a folder to be mounted that is missing",
			breaking: compose(configured("web2", "volumes: [{type: bind, source: ./absent, target: /data, bind: {create_host_path: false}}]")),
			words:    []string{"web2", "absent"},
		},
		{
			name:     "a network that should exist and does not",
			breaking: compose(replacing("    driver: bridge\n", "    external: true\n    name: dh-e2e-nobodys\n")),
			words:    []string{"dh-e2e-nobodys"},
		},
	}
}

// TestServiceThatDoesNotComeUp: on an empty engine, the container must be named
// with its last words, and nothing must stay.
func TestServiceThatDoesNotComeUp(t *testing.T) {
	t.Parallel()
	for _, failing := range failingServices() {
		t.Run(failing.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.init()
			failing.breaking(p)
			r := p.refuses(append([]string{"up"}, failing.flags...))
			p.mustLeaveNothing()
			failing.mustSayWhy(p, r)
		})
	}
}

// TestUpgradeToAServiceThatDoesNotComeUp: a project that runs must go on serving
// with what is well, and say what is not as it was.
func TestUpgradeToAServiceThatDoesNotComeUp(t *testing.T) {
	t.Parallel()
	for _, failing := range failingServices() {
		t.Run(failing.name, func(t *testing.T) {
			t.Parallel()
			p := newRunningProject(t)
			compose := p.read(composeFile)
			failing.breaking(p)
			r := p.refuses(append([]string{"up"}, failing.flags...))
			// One app of three may be away: it was to be replaced. The load
			// balancer must not be.
			p.mustServe()
			p.write(composeFile, compose)
			p.up()
			p.allServe()
			failing.mustSayWhy(p, r)
		})
	}
}

// mustSayWhy comes last, so that the state is looked at where only the words
// are wrong.
func (f *failingService) mustSayWhy(p *project, r result) {
	p.t.Helper()
	p.mustSay(r, r.stderr, f.words...)
}

// allServe waits until every app answers: HAProxy looks for the address of a
// replaced container once a second.
func (p *project) allServe() {
	p.t.Helper()
	p.eventually("every app answers", func() error {
		if by := p.servedBy(9); len(by) != len(threeWebs) {
			return fmt.Errorf("only these do: %v", by)
		}
		return nil
	})
}

// trySome sends requests, all of which must be answered with 200.
func (p *project) trySome(n int) error {
	for range n {
		a, err := tryGet(p.http, "/")
		if err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("status %d", a.status)
		}
	}
	return nil
}

// mustServe waits until requests are answered, by whichever app.
func (p *project) mustServe() {
	p.t.Helper()
	p.eventually("requests are answered", func() error { return p.trySome(9) })
}

// TestAppOnAnotherPort: no server answers. Each must be named, with the reason.
func TestAppOnAnotherPort(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	for _, server := range []string{"s1", "s2", "s3"} {
		p.editConfig(served(server, 9999))
	}
	p.refuses([]string{"up", "--wait-timeout", "3s"},
		"nobody to send requests to", "webservers", "server s1 is DOWN", "server s3 is DOWN", "connection refused", "port", "haproxy/haproxy.cfg")
	p.mustLeaveNothing()
	p.editConfig(func(text string) string { return strings.ReplaceAll(text, ":9999", ":8080") })
	p.up()
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
}

// TestOneAppOnAnotherPort: a server that is away while others serve is worth a
// warning, and no failure.
func TestOneAppOnAnotherPort(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editConfig(served("s2", 9999))
	r := p.up("--wait-timeout", "3s")
	t.Log(r)
	p.mustSay(r, r.stderr, "Warning", "server s2 is DOWN", "connection refused")
	assert.DeepEqual(t, p.servedBy(9), []string{"web1", "web3"})
}

// TestAppThatFails: the app answers, but with 500.
func TestAppThatFails(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editCompose(replacing("  restart: unless-stopped\n  # No", "  environment: {STATUS: \"500\"}\n  restart: unless-stopped\n  # No"))
	p.refuses([]string{"up", "--wait-timeout", "3s"}, "server s1 is DOWN", "500", "webservers", "docker haproxy logs")
}

// TestNoMasterSocket: without -S nobody can ask HAProxy, which up must say, and
// reload must refuse with what to add.
func TestNoMasterSocket(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editCompose(replacing(`-S, "/var/run/haproxy/master.sock,mode,600", `, ""))
	r := p.up()
	t.Log(r)
	p.mustSay(r, r.stderr, "-S", "cannot be asked")
	p.mustServe()
	before := p.everything()
	p.editConfig(addingHeader("X-Edited", "yes"))
	p.refuses([]string{"reload"}, "-S", "master.sock", "command:", "docker haproxy up", composeFile)
	p.mustStillServe(before)
	p.up()
	p.mustStillServe(before)
}

// TestReloadWhileNothingRuns: there is nobody to be asked.
func TestReloadWhileNothingRuns(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	p.mustSucceed(p.haproxy("stop"))
	p.refuses([]string{"reload"}, p.name, "not running", "exited", "docker haproxy up")
	p.mustSucceed(p.haproxy("down"))
	p.refuses([]string{"reload"}, p.name, "not running", "docker haproxy up")
	p.mustLeaveNothing()
}

// TestUpWithoutPatience: a wait-timeout that is too short must name itself.
func TestUpWithoutPatience(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editCompose(configured("web1", "environment: {START_DELAY: 1h}", neverDecided))
	// "after 1s" is measured by the command; Compose's own work and the removal come on top.
	p.refuses([]string{"up", "--wait-timeout", "1s"}, "web1", "still starting after 1s", "--wait-timeout")
	p.mustLeaveNothing()
}
