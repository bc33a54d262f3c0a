package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"gotest.tools/v3/assert"
)

// The guards: each keeps the clients of this test out. A limit of one request a
// day does once that request was made.
var guards = []struct {
	name   string
	labels []string
	status string
}{
	{"allow", []string{"allow: 192.0.2.0/24"}, "403"},
	{"deny", []string{"deny: 0.0.0.0/0, ::/0"}, "403"},
	{"auth", []string{"auth: secrets/shop.htpasswd"}, "401"},
	{"limit", []string{"rate-limit: 1/1d"}, "429"},
}

// guardedProject has each guard on a host of its own, and on a path of the host
// path.test; a route without a guard takes all else of path.test, and one all
// other hosts.
func guardedProject(t *testing.T) *project {
	t.Helper()
	p := newProject(t)
	p.write("secrets/shop.htpasswd", "demo:"+passwordHash+"\n")
	routes := []string{"haproxy.open.host: path.test", `haproxy.any.host: "*"`}
	for _, g := range guards {
		routes = append(routes, fmt.Sprintf("haproxy.%s-host.host: %s.test", g.name, g.name),
			fmt.Sprintf("haproxy.%s-path.host: path.test", g.name), fmt.Sprintf("haproxy.%s-path.path: /%s", g.name, g.name))
		for _, label := range g.labels {
			routes = append(routes, fmt.Sprintf("haproxy.%s-host.%s", g.name, label), fmt.Sprintf("haproxy.%s-path.%s", g.name, label))
		}
	}
	p.writeApps(app{name: "web", labels: routes})
	p.attach()
	p.up()
	for _, g := range guards { // the one request that each limit lets pass
		p.rawStatus(g.name+".test", "/")
		p.rawStatus("path.test", "/"+g.name)
		assert.Equal(t, p.rawStatus(g.name+".test", "/"), g.status)
		assert.Equal(t, p.rawStatus("path.test", "/"+g.name), g.status)
	}
	return p
}

// spellings are forms of /NAME/x that an app may read as /NAME/x, or as
// something below /NAME.
func spellings(name string) []string {
	first := fmt.Sprintf("%%%02x", name[0])
	encodedTwice := fmt.Sprintf("%%25%02x", name[0])
	overlong := fmt.Sprintf("%%%02x%%%02x", 0xc0|name[0]>>6, 0x80|name[0]&0x3f)
	overlong3 := fmt.Sprintf("%%e0%%%02x%%%02x", 0x80|name[0]>>6, 0x80|name[0]&0x3f)
	rest := name[1:]
	return []string{
		"/" + name, "/" + name + "/", "/" + name + "/x", "/" + name + "?x=/", "/" + name + "/x?y",
		"//" + name, "///" + name + "/x", "/" + name + "//x", "/./" + name + "/x", "/.//./" + name, "/%2e/" + name,
		"/x/../" + name + "/x", "/../" + name, "/x/%2e%2e/" + name, "/x/%2E%2e/" + name, "/x/.%2e/" + name, "/x/%2e%2e%2f" + name,
		"/x%2f..%2f" + name, "/x/..;/" + name, "/x/..;a=b/" + name, "/..;/" + name, "/x/%252e%252e/" + name, "/" + name + "/../" + name, "/" + name + "/..;/" + name + "/x",
		"/" + first + rest, "/" + strings.ToUpper(first) + rest + "/x", "/" + encodedTwice + rest, "/" + encodedTwice + rest + "/%25",
		"/%2525" + first[1:] + rest, "/" + name + "%2fx", "/" + name + "%2Fx", "/" + name + "%252fx", "/%2f" + name, "/%2F/" + name,
		`/\` + name, `/` + name + `\x`, "/%5c" + name, "/" + name + "%5Cx", "/" + name + "%255cx", `/x\..\` + name, "/x/..%5c" + name,
		"/" + name + ";x", "/" + name + ";a=b/x", "/;x/" + name, "/" + name + ";/x", "/" + name + "%3bx", "/" + name + "/;/x",
		"/" + name + "%00", "/" + name + "%00/x", "/%00/" + name, "/" + name + "%0a", "/" + name + "%09/x", "/" + name + "%7f", "/" + name + "%2500",
		"/" + overlong + rest, "/" + overlong3 + rest, "/%c0%af" + name, "/x%c0%af..%c0%af" + name, "/%c0%ae/" + name, "/" + name + "%c0%afx", "/%e0%80%af" + name, "/%f0%80%80%af" + name,
		"/%u00" + first[1:] + rest, "/%zz/../" + name, "/" + name + "%", "/" + name + "/%zz",
	}
}

// TestFrontDoor_no_form_of_a_request_passes_a_guard asks the running HAProxy for
// guarded hosts and paths in every form that an app might read as the guarded
// one. Whoever gets an answer of the app has passed.
func TestFrontDoor_no_form_of_a_request_passes_a_guard(t *testing.T) {
	t.Parallel()
	p := guardedProject(t)
	tried := 0
	door := newDoor(t, p.http)
	try := func(what, request string) {
		tried++
		if got := door.ask(request); got.fromApp || !slices.Contains([]string{"400", "401", "403", "405", "429", "501"}, got.status) {
			t.Errorf("%s: %s, from the app: %t\n%q", what, got.status, got.fromApp, request)
		}
	}
	form := func(method, target, host, more string) string {
		return method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n"
	}
	for _, g := range guards {
		host := g.name + ".test"
		for _, path := range spellings(g.name) {
			try(g.name+" by path", form("GET", path, "path.test", ""))
			try(g.name+" by host", form("GET", path, host, ""))
			try(g.name+" by path over HTTP/2", "h2 GET path.test "+path)
		}
		for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "PURGE", "get", "Connect", "X"} {
			try(method+" by path", form(method, "/"+g.name, "path.test", ""))
			try(method+" by host", form(method, "/", host, ""))
			try(method+" over HTTP/2", "h2 "+method+" "+host+" /")
		}
		for _, h := range hostForms(host) {
			try("Host "+h, form("GET", "/", h, ""))
			try("Host "+h+" over HTTP/2", "h2 GET "+h+" /")
		}
		try("two hosts", form("GET", "/", host, "Host: open.test\r\n"))
		try("two hosts", form("GET", "/", "open.test", "Host: "+host+"\r\n"))
		try("absolute form", form("GET", "http://"+host+"/", host, ""))
		try("absolute form, another host", form("GET", "http://"+host+"/", "open.test", ""))
		try("absolute form, by path", form("GET", "http://path.test/"+g.name+"/x", "path.test", ""))
		try("absolute form of https", form("GET", "https://"+strings.ToUpper(host)+":443/", host+":443", ""))
		try("HTTP/1.0", "GET / HTTP/1.0\r\nHost: "+host+"\r\n\r\n")
		for _, version := range []string{"1.0", "1.1"} {
			try("absolute form without Host", "GET http://"+host+"/ HTTP/"+version+"\r\n\r\n")
			try("absolute form without Host, by path", "GET http://path.test/"+g.name+" HTTP/"+version+"\r\n\r\n")
			try("absolute form without Host and path", "GET http://"+host+" HTTP/"+version+"\r\n\r\n")
			try("absolute form of another scheme", "GET foo://"+host+"/ HTTP/"+version+"\r\n\r\n")
		}
		try("absolute form without a path", form("GET", "http://"+host+"?/x", host, ""))
		try("a line folded", "GET / HTTP/1.1\r\nHost:\r\n "+host+"\r\n\r\n")
		for _, header := range spoofed {
			for _, address := range []string{"192.0.2.1", "127.0.0.1"} {
				try(header, form("GET", "/", host, header+": "+address+"\r\n"))
			}
		}
		try("a password in two headers", form("GET", "/", host, "Authorization: Basic eDp5\r\nAuthorization: Basic eDp5\r\n"))
		try("an upgrade", form("GET", "/", host, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
	}
	assert.Assert(t, tried >= 300, "only %d combinations", tried)
	t.Logf("%d combinations", tried)

	// The door is not merely shut.
	for _, path := range []string{"/", "/x", "/allowed", "/den", "/authority/x", "/a%20b;x=1", "/%7Euser", "/a//b"} {
		assert.Check(t, door.ask(form("GET", path, "path.test", "")).fromApp, path)
		assert.Check(t, door.ask("h2 GET path.test "+path).fromApp, path)
	}
	assert.Check(t, door.ask(form("GET", "/auth/x", "path.test", "Authorization: "+basicAuth+"\r\n")).fromApp)
}

// hostForms are forms of a host that an app, or a proxy behind HAProxy, may read
// as the host.
func hostForms(host string) []string {
	return []string{
		strings.ToUpper(host), host + ".", host + "..", host + ":80", host + ":", host + ".:80", host + ":8x", host + ":80:80", host + ":-1",
		"u@" + host, "u:p@" + host, host + ",open.test", "open.test," + host, host + "%2e", strings.Replace(host, ".", "%2e", 1), host + "/", host + "/x", host + "?x", host + "#x", host + `\x`, "[" + host + "]", "http://" + host,
	}
}

// TestFrontDoor_only_websockets_become_tunnels: in the demo and in front of a
// project, over HTTP/1.1 and HTTP/2.
func TestFrontDoor_only_websockets_become_tunnels(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"demo", "attached"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newProjectOf(t, kind)
			door := newDoor(t, p.http)
			for _, form := range []string{
				"CONNECT shop.example.com:80 HTTP/1.1\r\nHost: shop.example.com:80\r\n\r\n",
				"CONNECT shop.example.com:80 HTTP/1.0\r\n\r\n",
				"h2 CONNECT shop.example.com:80 -",
			} {
				got := door.ask(form)
				assert.Check(t, !got.fromApp && (got.status == "405" || got.status == "400"), "%q: %s", form, got.status)
			}
			// An upgrade to anything else does not reach the app.
			for _, upgrade := range []string{"h2c", "TLS/1.0", "websocket, h2c", "h2c, websocket", "websocket\r\nUpgrade: h2c", "foo"} {
				got := door.ask("GET /?format=json HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUpgrade: " + upgrade + "\r\n\r\n")
				assert.Check(t, got.fromApp && got.status == "200", "%q: %s", upgrade, got.status)
				for _, other := range []string{"h2c", "TLS", "foo"} { // of several HAProxy itself leaves "websocket"
					assert.Check(t, !bytes.Contains(got.body, []byte(other)), "%q: the app sees\n%s", upgrade, got.body)
				}
			}
			got := door.ask("POST /?format=json HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 0\r\n\r\n")
			assert.Check(t, !bytes.Contains(got.body, []byte("Upgrade")), "%s", got.body)
			// A websocket is one, in both versions of HTTP.
			got = door.ask("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			assert.Check(t, got.status == "101", "%s", got.status)
			got = door.ask("h2 CONNECT a.test /ws websocket")
			assert.Check(t, got.status == "200" && got.fromApp, "%s", got.status)
		})
	}
}

// newProjectOf is a running project: the demo, or one with HAProxy in front.
func newProjectOf(t *testing.T, kind string) *project {
	t.Helper()
	if kind == "demo" {
		return newRunningProject(t)
	}
	return newRoutedProject(t, app{name: "web", labels: []string{`haproxy.host: "*"`}})
}

// spoofed are headers by which a client could tell an app who it is.
var spoofed = []string{
	"Forwarded", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Ssl",
	"X-Forwarded-Prefix", "X-Forwarded-User", "X-Forwarded", "X-Forward-For", "Forwarded-For", "True-Client-IP", "X-Client-IP", "Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP",
	"X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "X-Host", "X-Remote-Addr", "X-Remote-User", "Remote-User", "Proxy", "Front-End-Https", "X-Client-Cert", "X-Scheme",
	"X_Real_IP", "X_Forwarded_For", "x-forwarded_for", "X_FORWARDED-PROTO", "X.Forwarded.For", "TRUE_CLIENT_IP", "X_Original_URL", "Remote_User",
}

// TestFrontDoor_apps_believe_HAProxy_and_not_the_client: no header about the
// client arrives as the client sent it, in no spelling, and none of ours can be
// taken away by the client's Connection.
func TestFrontDoor_apps_believe_HAProxy_and_not_the_client(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"demo", "attached"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newProjectOf(t, kind)
			door := newDoor(t, p.http)
			var headers strings.Builder
			for _, header := range spoofed {
				fmt.Fprintf(&headers, "%s: forged.example\r\n%s: forged.example\r\n", header, header)
			}
			for _, request := range []string{
				"GET /?format=json HTTP/1.1\r\nHost: a.test\r\nConnection: X-Forwarded-For, X-Real-IP, X-Forwarded-Host, keep-alive\r\nX-Kept: yes\r\n" + headers.String() + "\r\n",
				"POST /?format=json HTTP/1.1\r\nHost: a.test\r\nX-Kept: yes\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Forwarded-For: forged.example\r\nX-Real-IP: forged.example\r\n\r\n",
			} {
				got := door.ask(request)
				assert.Assert(t, got.fromApp, "%s", got.status)
				assert.Check(t, !bytes.Contains(got.body, []byte("forged")), "the app sees\n%s", got.body)
				var seen struct{ Headers http.Header }
				assert.NilError(t, json.Unmarshal(got.body, &seen))
				address := net.ParseIP(seen.Headers.Get("X-Forwarded-For"))
				assert.Check(t, address != nil && len(seen.Headers["X-Forwarded-For"]) == 1, "%v", seen.Headers)
				assert.Equal(t, seen.Headers.Get("X-Real-Ip"), seen.Headers.Get("X-Forwarded-For"))
				assert.Equal(t, seen.Headers.Get("X-Forwarded-Proto"), "http")
				assert.Equal(t, seen.Headers.Get("X-Forwarded-Host"), "a.test")
				assert.Equal(t, seen.Headers.Get("Connection"), "")
				assert.Equal(t, seen.Headers.Get("X-Kept"), "yes")
			}
		})
	}
}

// TestFrontDoor_what_is_matched_is_what_is_stripped, whatever the spelling, and
// the rest of the path stays as the client wrote it.
func TestFrontDoor_what_is_matched_is_what_is_stripped(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("secrets/shop.htpasswd", "demo:"+passwordHash+"\n")
	p.writeApps(app{name: "web", labels: []string{
		"haproxy.api.host: api.test", "haproxy.api.path: /api, /api/v2, /caf%C3%A9", "haproxy.api.strip: true",
		"haproxy.nocase.host: api.test", "haproxy.nocase.path: /Admin", "haproxy.nocase.path-nocase: true", "haproxy.nocase.strip: true",
		"haproxy.old.host: old.test", `haproxy.old.rewrite: ^/old/(.*) /new/\1`,
		"haproxy.plain.host: plain.test",
		"haproxy.members.host: members.test", "haproxy.members.auth: secrets/shop.htpasswd",
		"haproxy.forward.host: forward.test", "haproxy.forward.auth: secrets/shop.htpasswd", "haproxy.forward.auth-forward: true",
	}})
	p.attach()
	p.up()
	door := newDoor(t, p.http)
	see := func(host, path, more string) (status, uri string, headers http.Header) {
		t.Helper()
		got := door.ask("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: application/json\r\n" + more + "\r\n")
		var seen struct {
			URI     string
			Headers http.Header
		}
		if got.fromApp {
			assert.NilError(t, json.Unmarshal(got.body, &seen))
		}
		return got.status, seen.URI, seen.Headers
	}
	for _, c := range []struct{ host, path, uri, prefix string }{
		{"api.test", "/api", "/", "/api"},
		{"api.test", "/api/x?y=1", "/x?y=1", "/api"},
		{"api.test", "/%61pi/x", "/x", "/api"},
		{"api.test", "//api/x", "/x", "/api"},
		{"api.test", "/api%2Fx", "/x", "/api"},
		{"api.test", "/api;v=1/x", "/x", "/api"},
		{"api.test", "/./api/x?y=%2f", "/x?y=%2f", "/api"},
		{"api.test", "/api/group%2Fproject", "/group%2Fproject", "/api"}, // the rest is the app's
		{"api.test", "/api/v2/x", "/x", "/api/v2"},
		{"api.test", "/api/%762/x", "/x", "/api/v2"},
		{"api.test", "/api//evil.test/", "/evil.test/", "/api"},
		{"api.test", "/caf%C3%A9/x", "/x", "/caf%C3%A9"},
		{"api.test", "/caf%c3%a9/x", "/x", "/caf%C3%A9"},
		{"api.test", "/admin/X", "/X", "/Admin"},
		{"api.test", "/ADMIN/%58", "/%58", "/Admin"},
		{"api.test", "/%41DMIN/y", "/y", "/Admin"},
		{"old.test", "/old/x", "/new/x", ""},
		{"old.test", "/%6fld/x", "/new/x", ""},
		{"old.test", "//old/x", "/new/x", ""},
		{"old.test", "/a%2Fb", "/a%2Fb", ""},
		// A host whose requests all go the same way: no path is refused, whatever routes others have.
		{"plain.test", "/a/../b", "/a/../b", ""},
		{"plain.test", "/a%zz", "/a%zz", ""},
		{"plain.test", "/a%00%c0%af", "/a%00%c0%af", ""},
		{"plain.test", "/100%", "/100%", ""},
	} {
		got := door.ask("GET " + c.path + " HTTP/1.1\r\nHost: " + c.host + "\r\nAccept: application/json\r\n\r\n")
		if strings.Contains(c.path, "%zz") || strings.HasSuffix(c.path, "%") { // Go's server, which the app is, refuses these itself
			assert.Check(t, !bytes.Contains(got.body, []byte("<h1>")), "%s: HAProxy answers %s", c.path, got.status)
			continue
		}
		_, uri, headers := see(c.host, c.path, "")
		assert.Check(t, uri == c.uri, "%s: the app sees %q instead of %q", c.path, uri, c.uri)
		assert.Check(t, headers.Get("X-Forwarded-Prefix") == c.prefix, "%s: prefix %q", c.path, headers.Get("X-Forwarded-Prefix"))
	}
	_, _, headers := see("members.test", "/", "Authorization: "+basicAuth+"\r\n")
	assert.Check(t, headers != nil && headers.Get("Authorization") == "", "the app sees the password: %v", headers)
	_, _, headers = see("members.test", "/", "Authorization: "+basicAuth+"\r\nProxy-Authorization: "+basicAuth+"\r\n")
	assert.Check(t, headers != nil && headers.Get("Proxy-Authorization") == "", "%v", headers)
	_, _, headers = see("forward.test", "/", "Authorization: "+basicAuth+"\r\n")
	assert.Equal(t, headers.Get("Authorization"), basicAuth)
	status, _, _ := see("api.test", "/x/../api", "")
	assert.Equal(t, status, "400")
}

// TestFrontDoor_counters_survive_a_reload, and slow or too many requests end.
func TestFrontDoor_counters_survive_a_reload(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, app{name: "web", labels: []string{
		"haproxy.limit.host: limit.test", "haproxy.limit.rate-limit: 3/1h",
		"haproxy.one.host: one.test", "haproxy.one.conn-limit: 1",
		"haproxy.slow.host: slow.test", "haproxy.slow.timeout-body: 1s",
	}})
	for range 3 {
		assert.Equal(t, p.rawStatus("limit.test", "/"), "200")
	}
	assert.Equal(t, p.rawStatus("limit.test", "/"), "429")
	worker := p.worker()
	p.editConfig(replacing("timeout connect 2s", "timeout connect 3s"))
	p.mustSucceed(p.haproxy("reload"))
	assert.Assert(t, p.worker() != worker)
	p.eventually("the new worker knows what the old one counted", func() error {
		if status := p.rawStatus("limit.test", "/"); status != "429" {
			return fmt.Errorf("answered with %s", status)
		}
		return nil
	})

	door := newDoor(t, p.http)
	first := make(chan doorAnswer, 1)
	go func() { first <- door.ask("GET /?delay=8s HTTP/1.1\r\nHost: one.test\r\n\r\n") }()
	p.eventually("the first request is counted", func() error {
		if table := p.runtimeAPI("show table " + p.name + ".web:one"); !strings.Contains(table, "conn_cur=1") {
			return fmt.Errorf("%s", table)
		}
		return nil
	})
	assert.Equal(t, door.ask("GET / HTTP/1.1\r\nHost: one.test\r\n\r\n").status, "429", "a second request at one time")
	assert.Equal(t, (<-first).status, "200")
	assert.Equal(t, door.ask("GET / HTTP/1.1\r\nHost: one.test\r\n\r\n").status, "200")

	begun := time.Now()
	slow := door.ask("POST / HTTP/1.1\r\nHost: slow.test\r\nContent-Length: 100000\r\n\r\nabc")
	assert.Equal(t, slow.status, "408")
	assert.Check(t, time.Since(begun) < 8*time.Second)
	body := strings.Repeat("x", 2000)
	assert.Equal(t, door.ask("POST / HTTP/1.1\r\nHost: slow.test\r\nContent-Length: 2000\r\n\r\n"+body).status, "200")
}

// TestFrontDoor_the_stats_page_is_for_the_side_that_publishes_it: another
// container of the network gets neither the page nor the metrics.
func TestFrontDoor_the_stats_page_is_for_the_side_that_publishes_it(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	for _, path := range []string{"/", "/metrics", "/;csv"} {
		assert.Equal(t, p.getStats(path).status, http.StatusOK, path)
		r := p.docker("run", "--rm", "--network", p.name+"_mynetwork", "--entrypoint", "sh", standIn, "-c",
			`printf 'GET `+path+` HTTP/1.0\r\n\r\n' | socat -t5 - TCP:haproxy:8404`)
		assert.Check(t, strings.HasPrefix(r.stdout, "HTTP/1.1 403"), "%s: %s", path, r)
	}
	r := p.docker("run", "--rm", "--network", p.name+"_mynetwork", "--entrypoint", "sh", standIn, "-c",
		`printf 'GET /healthz HTTP/1.0\r\n\r\n' | socat -t5 - TCP:haproxy:8404`)
	assert.Check(t, strings.HasPrefix(r.stdout, "HTTP/1.1 200"), "%s", r)
}

// door asks with requests as they are written.
type door struct {
	t       *testing.T
	address string
}

func newDoor(t *testing.T, port int) door {
	t.Helper()
	return door{t: t, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
}

type doorAnswer struct {
	status  string
	fromApp bool
	body    []byte
}

// ask sends a request: its text, or "h2 METHOD AUTHORITY PATH [PROTOCOL]". A
// connection that is closed without an answer counts as a status 400.
func (d door) ask(request string) doorAnswer {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.address)
	assert.NilError(d.t, err)
	defer conn.Close()
	assert.NilError(d.t, conn.SetDeadline(time.Now().Add(15*time.Second)))
	if form, is := strings.CutPrefix(request, "h2 "); is {
		return d.askH2(conn, strings.Split(form, " "))
	}
	method, _, _ := strings.Cut(request, " ")
	_, err = io.WriteString(conn, request)
	assert.NilError(d.t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return doorAnswer{status: "400"}
	}
	got := doorAnswer{status: strconv.Itoa(response.StatusCode), fromApp: response.Header.Get("X-Echo-Name") != ""}
	if response.StatusCode != http.StatusSwitchingProtocols {
		got.body, _ = io.ReadAll(response.Body)
	}
	return got
}

// askH2 writes the frames itself: a library would refuse most of these requests.
func (d door) askH2(conn net.Conn, form []string) doorAnswer {
	d.t.Helper()
	_, err := io.WriteString(conn, http2.ClientPreface)
	assert.NilError(d.t, err)
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	assert.NilError(d.t, framer.WriteSettings())
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	field := func(name, value string) { _ = encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	field(":method", form[0])
	if form[2] != "-" {
		field(":scheme", "http")
		field(":path", form[2])
	}
	field(":authority", form[1])
	if len(form) > 3 {
		field(":protocol", form[3])
		field("sec-websocket-version", "13")
	}
	assert.NilError(d.t, framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: form[0] != "CONNECT",
	}))
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return doorAnswer{status: "400"}
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			got := doorAnswer{status: f.PseudoValue("status")}
			for _, h := range f.RegularFields() {
				got.fromApp = got.fromApp || h.Name == "x-echo-name"
			}
			return got
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return doorAnswer{status: "400"}
		case *http2.SettingsFrame:
			if !f.IsAck() {
				assert.NilError(d.t, framer.WriteSettingsAck())
			}
		}
	}
}
