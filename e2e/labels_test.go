package e2e

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestLabels_choose_the_route_by_host_path_and_priority(t *testing.T) {
	t.Parallel()
	// Every route says in its answers which one it is.
	says := func(route, label string) []string {
		return []string{
			"haproxy." + route + "." + label,
			"haproxy." + route + ".response-header.X-Route: " + route,
		}
	}
	p := newRoutedProject(t,
		app{name: "web", labels: slices.Concat(
			says("shop", "host: shop.example.com, www.shop.example.com"),
			says("prefix", `host: shop.example.com`), []string{`haproxy.prefix.path: "/api /v2/"`},
			says("exact", `host: shop.example.com`), []string{`haproxy.exact.path-exact: /api/exact`},
			says("regex", `host: shop.example.com`), []string{`haproxy.regex.path-regex: '^/img/[0-9]{1,3}\.png$'`},
			says("wild", `host: "*.example.com"`),
			says("docs", `host: pages.example.com/docs`),
			says("urgent", `path: /urgent`), []string{"haproxy.urgent.priority: 10"},
			says("any", `host: "*"`),
			says("late", `host: shop.example.com`), []string{"haproxy.late.priority: -1", "haproxy.late.path: /never"},
		)},
		app{name: "off", labels: []string{"haproxy.enable: false", "haproxy.host: off.example.com", "haproxy.nonsense: x"}},
	)
	for _, c := range []struct{ url, route string }{
		{"shop.example.com/", "shop"},
		{"SHOP.Example.com:8080/", "shop"},
		{"www.shop.example.com/", "shop"},
		{"shop.example.com/apix", "shop"},
		{"shop.example.com/api", "prefix"},
		{"shop.example.com/api/", "prefix"},
		{"shop.example.com/api/x?y=/z", "prefix"},
		{"shop.example.com/v2", "prefix"},
		{"shop.example.com/api/exact", "exact"},
		{"shop.example.com/api/exact?a=b", "exact"},
		{"shop.example.com/api/exact/x", "prefix"},
		{"shop.example.com/img/12.png", "regex"},
		{"shop.example.com/img/1234.png", "shop"},
		{"shop.example.com/img/1xpng", "shop"},
		{"other.example.com/", "wild"},
		{"other.example.com/api", "wild"},
		{"a.b.example.com/", "any"},
		{"example.com/", "any"},
		{"pages.example.com/docs/intro", "docs"},
		{"pages.example.com/docsx", "wild"},
		{"shop.example.com/urgent", "urgent"},
		{"elsewhere.test/urgent/now", "urgent"},
		{"elsewhere.test/urgently", "any"},
		{"shop.example.com/never", "shop"},
		{"off.example.com/", "wild"},
	} {
		host, path, _ := strings.Cut(c.url, "/")
		a := p.ask(request{host: host, path: "/" + path})
		if got := a.header.Get("X-Route"); got != c.route || a.by() != "web" {
			t.Errorf("%s takes the route %q (answered %d by %q), want %q", c.url, got, a.status, a.by(), c.route)
		}
	}
}

func TestLabels_change_requests_and_answers(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, app{name: "web", labels: []string{
		"haproxy.short.host: short.example.com",
		"haproxy.short.path: /api, /v1",
		"haproxy.short.strip: true",
		"haproxy.rewritten.host: rewritten.example.com",
		`haproxy.rewritten.rewrite: '^/old/(.*) /new/\1/x'`,
		"haproxy.headers.host: headers.example.com",
		`haproxy.headers.request-header.X-Tenant: the "shop" & 100%`,
		`haproxy.headers.request-header.X-Secret: ""`,
		"haproxy.headers.response-header.X-Frame-Options: DENY",
		`haproxy.headers.response-header.X-Echo-Version: ""`,
		"haproxy.small.host: small.example.com",
		"haproxy.small.compress: true",
		"haproxy.raw.host: raw.example.com",
		"haproxy.raw.snippet: |\n  http-request set-header X-Raw one\n  http-response set-header X-Raw two",
	}})

	for path, want := range map[string]string{
		"/api/x?y=z":  "GET /x?y=z HTTP/1.1",
		"/api":        "GET / HTTP/1.1",
		"/v1/api/x":   "GET /api/x HTTP/1.1",
		"/api/?q=/v1": "GET /?q=/v1 HTTP/1.1",
	} {
		a := p.ask(request{host: "short.example.com", path: path})
		assert.Assert(t, strings.Contains(a.body, want+"\n"), "%s: the app must see %q:\n%s", path, want, a.body)
	}
	a := p.ask(request{host: "rewritten.example.com", path: "/old/a/b?c=d"})
	assert.Assert(t, strings.Contains(a.body, "GET /new/a/b/x?c=d HTTP/1.1\n"), a.body)

	a = p.ask(request{host: "headers.example.com", header: map[string]string{"X-Secret": "hidden", "X-Forwarded-For": "192.0.2.66"}})
	assert.Assert(t, strings.Contains(a.body, "X-Tenant: the \"shop\" & 100%\n"), a.body)
	assert.Assert(t, !strings.Contains(a.body, "hidden"), a.body)
	assert.Assert(t, !strings.Contains(a.body, "192.0.2.66"), "what the client claims of itself counts for nothing:\n%s", a.body)
	assert.Assert(t, strings.Contains(a.body, "X-Forwarded-Host: headers.example.com\n"), a.body)
	assert.Assert(t, strings.Contains(a.body, "X-Forwarded-Proto: http\n"), a.body)
	assert.Equal(t, a.header.Get("X-Frame-Options"), "DENY")
	assert.Equal(t, a.header.Get("X-Echo-Version"), "")
	assert.Equal(t, a.header.Get("X-Echo-Name"), "web")

	a = p.ask(request{host: "small.example.com", path: "/?size=20000", header: map[string]string{"Accept-Encoding": "gzip"}})
	assert.Equal(t, a.header.Get("Content-Encoding"), "gzip")
	assert.Assert(t, len(a.body) < 5000, "%d bytes", len(a.body))
	assert.Equal(t, len(gunzip(t, a)), 20000)
	a = p.ask(request{host: "headers.example.com", path: "/?size=20000", header: map[string]string{"Accept-Encoding": "gzip"}})
	assert.Equal(t, a.header.Get("Content-Encoding"), "", "only where it is asked for")

	a = p.ask(request{host: "raw.example.com"})
	assert.Assert(t, strings.Contains(a.body, "X-Raw: one\n"), a.body)
	assert.Equal(t, a.header.Get("X-Raw"), "two")
}

func TestLabels_send_clients_elsewhere(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, app{name: "web", labels: []string{
		"haproxy.secure.host: secure.example.com",
		"haproxy.secure.redirect: https",
		"haproxy.bare.host: bare.example.com",
		"haproxy.bare.www: add",
		"haproxy.less.host: www.less.example.com",
		"haproxy.less.www: remove",
		"haproxy.less.redirect-code: 301",
		"haproxy.moved.host: moved.example.com",
		"haproxy.moved.redirect: https://new.example.com",
		"haproxy.page.host: page.example.com",
		"haproxy.page.redirect: https://new.example.com/notice?why=closed",
		"haproxy.page.redirect-code: 302",
	}})
	for _, c := range []struct {
		host     string
		status   int
		location string // "" for an answer of the app
	}{
		{"secure.example.com", 308, "https://secure.example.com/a/b?c=d"},
		{"bare.example.com", 308, "http://www.bare.example.com/a/b?c=d"},
		{"www.bare.example.com", 200, ""},
		{"www.less.example.com", 301, "http://less.example.com/a/b?c=d"},
		{"less.example.com", 200, ""},
		{"moved.example.com", 308, "https://new.example.com/a/b?c=d"},
		{"page.example.com", 302, "https://new.example.com/notice?why=closed"},
	} {
		a := p.ask(request{host: c.host, path: "/a/b?c=d"})
		if a.status != c.status || a.header.Get("Location") != c.location {
			t.Errorf("%s is answered with %d to %q, want %d to %q", c.host, a.status, a.header.Get("Location"), c.status, c.location)
		}
	}
}

// The hash is of the password correct-horse.
const (
	passwordHash = "$6$e2esalt$eJdjxexVXH1EmLD0DfVeuJj5QWZQlMXBRKeOhOouWombKiGwB0xg0/nlu.lrVrO5hv.PS7ill3Mp0iN9gwQr41"
	basicAuth    = "Basic ZGVtbzpjb3JyZWN0LWhvcnNl" // demo:correct-horse
)

// TestLabels_keep_people_out_however_they_spell_the_path: a guarded path below
// an open host is not to be had by another spelling of it.
func TestLabels_keep_people_out_however_they_spell_the_path(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("secrets/shop.htpasswd", "demo:"+passwordHash+"\n")
	p.writeApps(app{name: "web", labels: []string{
		"haproxy.shop.host: shop.example.com",
		"haproxy.admin.host: shop.example.com",
		"haproxy.admin.path: /admin, /caf%C3%A9",
		"haproxy.admin.auth: secrets/shop.htpasswd",
	}})
	p.attach()
	p.up()
	for path, status := range map[string]string{
		"/":                 "200",
		"/administration":   "200",
		"/a%20b;x=1":        "200",
		"/admin":            "401",
		"/admin/x?y=/":      "401",
		"/%61dmin":          "401",
		"//admin":           "401",
		"/admin;x=1/y":      "401",
		"/admin/x%3Fy":      "401",
		"/caf%C3%A9/x":      "401",
		"/public/../admin":  "400",
		"/public/%2e%2e/ad": "400",
		"/admin/x%":         "400",
		"/%zz/%61dmin":      "400",
		"/admin%00":         "400",
	} {
		got := p.rawStatus("shop.example.com", path)
		assert.Check(t, got == status, "%s: %s instead of %s", path, got, status)
	}
}

// rawStatus is the status of a request whose path is sent as it is.
func (p *project) rawStatus(host, path string) string {
	p.t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.http)))
	assert.NilError(p.t, err)
	defer conn.Close()
	assert.NilError(p.t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host)
	assert.NilError(p.t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	assert.NilError(p.t, err)
	fields := strings.Fields(line)
	assert.Assert(p.t, len(fields) > 1, "%q", line)
	return fields[1]
}

func TestLabels_keep_people_out(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("secrets/shop.htpasswd", "demo:"+passwordHash+"\n")
	assert.NilError(t, os.Chmod(p.path("secrets/shop.htpasswd"), 0o600))
	p.writeApps(app{name: "web", labels: []string{
		"haproxy.members.host: members.example.com",
		"haproxy.members.auth: secrets/shop.htpasswd",
		`haproxy.members.auth-realm: "Shop, members only"`,
		"haproxy.inside.host: inside.example.com",
		"haproxy.inside.allow: 192.0.2.0/24, 2001:db8::/32",
		"haproxy.outside.host: outside.example.com",
		"haproxy.outside.deny: 0.0.0.0/0 ::/0",
		"haproxy.world.host: world.example.com",
		"haproxy.world.allow: 0.0.0.0/0 ::/0",
		"haproxy.world.deny: 192.0.2.7",
		"haproxy.slow.host: slow.example.com",
		"haproxy.slow.rate-limit: 5/1m",
	}})
	p.attach()
	p.up()

	a := p.ask(request{host: "members.example.com"})
	assert.Equal(t, a.status, http.StatusUnauthorized)
	assert.Equal(t, a.header.Get("WWW-Authenticate"), `Basic realm="Shop, members only"`)
	wrong := p.ask(request{host: "members.example.com", header: map[string]string{"Authorization": "Basic ZGVtbzp3cm9uZw=="}})
	assert.Equal(t, wrong.status, http.StatusUnauthorized)
	right := p.ask(request{host: "members.example.com", header: map[string]string{"Authorization": basicAuth}})
	assert.Equal(t, right.status, http.StatusOK)
	assert.Equal(t, right.by(), "web")

	assert.Equal(t, p.ask(request{host: "inside.example.com"}).status, http.StatusForbidden)
	assert.Equal(t, p.ask(request{host: "outside.example.com"}).status, http.StatusForbidden)
	assert.Equal(t, p.ask(request{host: "world.example.com"}).status, http.StatusOK)

	for i := range 5 {
		assert.Equal(t, p.ask(request{host: "slow.example.com"}).status, http.StatusOK, "request %d", i)
	}
	limited := p.ask(request{host: "slow.example.com"})
	assert.Equal(t, limited.status, http.StatusTooManyRequests)
	assert.Assert(t, limited.header.Get("Retry-After") != "")
	assert.Equal(t, p.ask(request{host: "world.example.com"}).status, http.StatusOK, "the limit is of its route only")

	// What the password's hash is, is nobody's business.
	p.mustHide(passwordHash, "secrets/shop.htpasswd")
	p.editCompose(replacing("192.0.2.7", "192.0.2.8"))
	for _, command := range [][]string{{"check"}, {"status"}, {"plan"}, {"reload", "--dry-run"}, {"reload"}, {"diff"}, {"up", "--dry-run"}, {"up", "--progress", "plain"}} {
		if r := p.haproxy(command...); strings.Contains(r.output(), "e2esalt") {
			t.Errorf("the hash must not be shown:\n%s", r)
		}
	}
	p.mustHide(passwordHash, "secrets/shop.htpasswd")

	// A mistake in the file is named without its content.
	p.write("secrets/shop.htpasswd", "demo:correct-horse\n")
	r := p.mustFail(p.haproxy("reload"), 1, "web", "haproxy.members.auth", "openssl passwd -6")
	assert.Assert(t, !strings.Contains(r.output(), "correct-horse"), "%s", r)
	assert.Equal(t, p.ask(request{host: "members.example.com", header: map[string]string{"Authorization": basicAuth}}).status,
		http.StatusServiceUnavailable, "without its guard the route must answer nobody")
}

// mustHide makes sure that a secret is in no file that everybody may read. The
// user's own file is the user's own business.
func (p *project) mustHide(secret, own string) {
	p.t.Helper()
	found := false
	err := filepath.WalkDir(p.dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || file == p.path(own) {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || !strings.Contains(string(text), secret) {
			return err
		}
		found = true
		if info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s holds a password's hash and has mode %s", file, info.Mode())
		}
		return nil
	})
	assert.NilError(p.t, err)
	assert.Assert(p.t, found, "HAProxy needs the hash from somewhere")
}

func TestLabels_keep_a_client_at_its_container(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, app{name: "web", scale: 3, labels: []string{
		"haproxy.host: sticky.example.com", "haproxy.sticky: true",
	}})
	ask := func(cookie string) answer {
		return p.ask(request{host: "sticky.example.com", header: map[string]string{"Cookie": cookie}})
	}
	first := ask("other=1")
	cookie, _, _ := strings.Cut(first.header.Get("Set-Cookie"), ";")
	assert.Assert(t, strings.HasPrefix(cookie, "SRV="), first.header)
	stays := func(when string) {
		t.Helper()
		for range 6 {
			assert.Equal(t, ask(cookie).by(), first.by(), "%s", when)
		}
	}
	stays("at once")
	assert.Equal(t, len(p.replicas(request{host: "sticky.example.com"}, 12)), 3, "those without a cookie go to all")

	worker := p.worker()
	p.editConfig(func(text string) string { return text + "# edited\n" })
	p.mustSucceed(p.haproxy("reload"))
	assert.Assert(t, p.worker() != worker)
	stays("after a reload")

	p.needsCompose()
	p.mustSucceed(p.compose("up", "-d", "--no-recreate", "--scale", "web=6"))
	allServe := func() error {
		if n := len(p.replicas(request{host: "sticky.example.com"}, 18)); n != 6 {
			return fmt.Errorf("%d containers answer", n)
		}
		return nil
	}
	p.eventually("the new containers are served", allServe)
	stays("after scaling up")
	p.mustSucceed(p.docker("restart", p.container("haproxy").ID))
	p.eventually("HAProxy serves again", p.answers("sticky.example.com", http.StatusOK, ""))
	p.eventually("HAProxy knows all containers again", allServe)
	stays("after a restart of HAProxy")
}

// replicas are the containers that answer n requests, with how many each.
func (p *project) replicas(r request, n int) map[string]int {
	p.t.Helper()
	count := map[string]int{}
	for range n {
		count[p.ask(r).by()]++
	}
	return count
}

func TestLabels_choose_the_container(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(
		app{name: "busy", scale: 2, labels: []string{"haproxy.host: busy.example.com", "haproxy.balance: leastconn"}},
		app{name: "one", labels: []string{"haproxy.host: one.example.com", "haproxy.maxconn: 1", "haproxy.timeout-queue: 10s"}},
		app{name: "old", labels: []string{"haproxy.host: both.example.com", "haproxy.group: both", "haproxy.weight: 3"}},
		app{name: "new", labels: []string{"haproxy.host: both.example.com", "haproxy.group: both", "haproxy.weight: 1"}},
		app{name: "first", labels: []string{"haproxy.host: spare.example.com", "haproxy.group: spare", "haproxy.check: /healthz", "haproxy.check-interval: 200ms"}},
		app{name: "second", labels: []string{"haproxy.host: spare.example.com", "haproxy.group: spare", "haproxy.check: /healthz", "haproxy.check-interval: 200ms", "haproxy.backup: true"}},
		app{name: "ill", more: []string{"environment: { FAIL_HEALTH: 1 }"}, labels: []string{
			"haproxy.host: ill.example.com", "haproxy.group: ill", "haproxy.check: /healthz", "haproxy.check-status: 200", "haproxy.check-host: ill.example.com",
		}},
		app{name: "well", labels: []string{
			"haproxy.host: ill.example.com", "haproxy.group: ill", "haproxy.check: /healthz", "haproxy.check-status: 200", "haproxy.check-host: ill.example.com",
		}},
	)
	p.attach()
	p.up("--wait-timeout", "10s") // ill never is ready
	for _, host := range []string{"busy", "one", "both", "spare", "ill"} {
		p.eventually(host+" is served", p.answers(host+".example.com", http.StatusOK, ""))
	}

	// leastconn: who is busy gets nothing more, except where a request comes so
	// close behind another that HAProxy still counts both servers as busy.
	const asked = 20
	slow := make(chan answer, 1)
	go func() {
		a, _ := p.try(request{host: "busy.example.com", path: "/?delay=3s"})
		slow <- a
	}()
	time.Sleep(500 * time.Millisecond)
	others := p.replicas(request{host: "busy.example.com"}, asked)
	held := <-slow
	assert.Assert(t, held.by() != "" && others[held.by()] <= asked/5, "%s is busy, and others were served by %v: taken in turns, it would be half of them", held.by(), others)

	// maxconn: one after the other, and nobody is turned away.
	began := time.Now()
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			if a, err := p.try(request{host: "one.example.com", path: "/?delay=500ms"}); err != nil || a.status != http.StatusOK {
				t.Errorf("a request that waits in the queue must be served: %d, %v", a.status, err)
			}
		})
	}
	clients.Wait()
	assert.Assert(t, time.Since(began) >= 1500*time.Millisecond, "three requests of half a second each took %s", time.Since(began))

	share := p.replicas(request{host: "both.example.com"}, 40)
	assert.Assert(t, share["old"] >= 28 && share["old"] <= 32 && share["new"] == 40-share["old"], "weights 3 and 1 must show: %v", share)

	assert.DeepEqual(t, p.replicas(request{host: "ill.example.com"}, 6), map[string]int{"well": 6})

	assert.DeepEqual(t, p.replicas(request{host: "spare.example.com"}, 4), map[string]int{"first": 4})
	assert.Equal(t, p.ask(request{method: http.MethodPost, host: "spare.example.com", path: "/healthz/fail"}).status, http.StatusNoContent)
	p.eventually("the backup takes over", p.answers("spare.example.com", http.StatusOK, "second"))
	assert.DeepEqual(t, p.replicas(request{host: "spare.example.com"}, 4), map[string]int{"second": 4})
}

func TestLabels_say_what_is_answered_when_nothing_is_there(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("haproxy/pages/503.html", "<h1>Back soon</h1>\n")
	p.writeApps(
		app{name: "page", more: []string{"scale: 0"}, labels: []string{
			"haproxy.host: page.example.com", "haproxy.port: 8080",
			"haproxy.page-503: haproxy/pages/503.html", "haproxy.retry-in: 2m",
		}},
		app{name: "plain", more: []string{"scale: 0"}, labels: []string{"haproxy.host: plain.example.com", "haproxy.port: 8080"}},
		app{name: "web", labels: []string{"haproxy.host: web.example.com"}},
	)
	p.attach()
	p.up()
	page := p.ask(request{host: "page.example.com"})
	assert.Equal(t, page.status, http.StatusServiceUnavailable)
	assert.Equal(t, page.body, "<h1>Back soon</h1>\n")
	assert.Equal(t, page.header.Get("Retry-After"), "120")
	assert.Equal(t, page.header.Get("Content-Type"), "text/html")
	plain := p.ask(request{host: "plain.example.com"})
	assert.Equal(t, plain.status, http.StatusServiceUnavailable)
	assert.Equal(t, plain.header.Get("Retry-After"), "5")
	assert.Equal(t, p.ask(request{host: "web.example.com"}).by(), "web")
	assert.Equal(t, p.ask(request{host: "nobody.example.com"}).status, http.StatusNotFound)
}

func TestLabels_hold_requests_until_a_container_is_back(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t,
		app{name: "held", labels: []string{"haproxy.host: held.example.com", "haproxy.hold: 20s"}},
		app{name: "plain", labels: []string{"haproxy.host: plain.example.com"}},
	)
	held := p.container("held").ID
	p.mustSucceed(p.docker("stop", "--time", "0", held, p.container("plain").ID))
	p.eventually("HAProxy knows that both are gone", func() error {
		for name, row := range p.serverRows() {
			if row.State == "up" {
				return fmt.Errorf("%s is up", name)
			}
		}
		return nil
	})

	waits := make(chan answer, 1)
	go func() {
		a, _ := p.try(request{method: http.MethodPost, host: "held.example.com", body: "patience"})
		waits <- a
	}()
	began := time.Now()
	atOnce := p.ask(request{host: "plain.example.com"})
	assert.Equal(t, atOnce.status, http.StatusServiceUnavailable)
	assert.Assert(t, atOnce.header.Get("Retry-After") != "")
	assert.Assert(t, time.Since(began) < time.Second, "without the label nobody waits, but it took %s", time.Since(began))
	time.Sleep(time.Second)
	select {
	case a := <-waits:
		t.Fatalf("must wait for a container, and is answered with %d: %s", a.status, a.body)
	default:
	}

	p.mustSucceed(p.docker("start", held))
	a := <-waits
	assert.Equal(t, a.status, http.StatusOK, "%s", a.body)
	assert.Equal(t, a.by(), "held")
	assert.Assert(t, strings.Contains(a.body, "patience"), "what was sent with it must arrive:\n%s", a.body)
}

// gunzip gives the text of a compressed answer.
func gunzip(t *testing.T, a answer) string {
	t.Helper()
	reader, err := gzip.NewReader(strings.NewReader(a.body))
	assert.NilError(t, err)
	text, err := io.ReadAll(reader)
	assert.NilError(t, err)
	return string(text)
}
