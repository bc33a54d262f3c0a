package labels

import (
	"fmt"
	"io/fs"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

const (
	sha512 = "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG."
	sha256 = "$5$rounds=5000$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM."
)

// files are what the labels of these tests may name.
func files(path string) ([]byte, error) {
	content, ok := map[string]string{
		"users":              "# the shop's\n\njane:" + sha512 + "\r\njohn@example.com:" + sha256,
		"users-plain":        "jane:" + sha512 + "\njohn:hunter2",
		"users-apr1":         "jane:$apr1$abcdefgh$82JubPF2dQkt1tVfvLnXS.",
		"users-bcrypt":       "jane:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC",
		"users-sha1":         "jane:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
		"users-cut":          "jane:$6$abcdefgh$ltjgWl6579",
		"users-twice":        "jane:" + sha512 + "\njane:" + sha512,
		"users-none":         "# nobody\n",
		"users-name":         "ja ne:" + sha512,
		"users-colon":        "hunter2",
		"haproxy/503.html":   "<h1>Back soon</h1>",
		"haproxy/empty.html": "",
		"haproxy/big.html":   strings.Repeat("x", maxPage+1),
		"pages/503.html":     "<h1>Back soon</h1>",
	}[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}

// row is a label with a value that is right, what has to be beside it, and what
// comes of it.
type row struct {
	key, value string
	beside     string // further labels: "KEY=VALUE;KEY=VALUE"
	want       func(*routing.Spec)
}

func rightValues() []row {
	addresses := func(texts ...string) []netip.Prefix {
		var all []netip.Prefix
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	hosts := func(names ...string) func(*routing.Spec) { return func(s *routing.Spec) { s.Hosts = names } }
	paths := func(match routing.Match, values ...string) func(*routing.Spec) {
		return func(s *routing.Spec) {
			for _, value := range values {
				s.Paths = append(s.Paths, routing.Path{Match: match, Value: value})
			}
		}
	}
	balance := func(text string) func(*routing.Spec) { return func(s *routing.Spec) { s.Balance = text } }
	check := func(c routing.Check) func(*routing.Spec) { return func(s *routing.Spec) { s.Check = c } }
	header := func(response bool, name, value string) func(*routing.Spec) {
		return func(s *routing.Spec) {
			s.Headers = []routing.Header{{Response: response, Name: name, Value: value}}
		}
	}
	redirect := func(r routing.Redirect) func(*routing.Spec) { return func(s *routing.Spec) { s.Redirect = &r } }
	rate := func(n int, per time.Duration) func(*routing.Spec) {
		return func(s *routing.Spec) { s.RateLimit = &routing.RateLimit{Requests: n, Per: per} }
	}
	auth := func(realm string) func(*routing.Spec) {
		return func(s *routing.Spec) {
			s.Auth = &routing.Auth{Realm: realm, Users: []routing.User{{Name: "jane", Hash: sha512}, {Name: "john@example.com", Hash: sha256}}}
		}
	}
	nothing := func(*routing.Spec) {}
	return []row{
		{"host", "shop.example.com", "", hosts("shop.example.com")},
		{"host", "  Shop.Example.COM.\n", "", hosts("shop.example.com")},
		{"host", "a.example, b.example\tc.example\nd.example,,", "", hosts("a.example", "b.example", "c.example", "d.example")},
		{"host", "*.example.com", "", hosts("*.example.com")},
		{"host", "*", "", hosts("*")},
		{"host", "localhost xn--bcher-kva.example my_app 192.0.2.1", "", hosts("localhost", "xn--bcher-kva.example", "my_app", "192.0.2.1")},
		{"host", "a.example/", "", hosts("a.example")},
		{"host", "a.example/x b.example/x", "", func(s *routing.Spec) {
			s.Hosts, s.Paths = []string{"a.example", "b.example"}, []routing.Path{{Match: routing.Prefix, Value: "/x"}}
		}},
		{"path", "/api", "", paths(routing.Prefix, "/api")},
		{"path", "/, /a%20b /a+b;c=(d)", "", paths(routing.Prefix, "/", "/a%20b", "/a+b;c=(d)")},
		{"path", "/api /api", "", paths(routing.Prefix, "/api")},
		{"path-exact", "/robots.txt /x*", "", paths(routing.Exact, "/robots.txt", "/x*")},
		{"path-regex", `^/v[0-9]{1,3}/(?!x)(a|b\))$`, "", paths(routing.Regex, `^/v[0-9]{1,3}/(?!x)(a|b\))$`)},
		{"path-regex", `\\Q`, "", paths(routing.Regex, `\\Q`)},
		{"priority", "-1000", "", func(s *routing.Spec) { s.Priority = -1000 }},
		{"enable", "yes", "host=*", hosts("*")},
		{"port", "8080", "", func(s *routing.Spec) { s.Port = 8080 }},
		{"network", "back_end", "host=*", hosts("*")},
		{"slots", "10000", "", func(s *routing.Spec) { s.Slots = 10000 }},
		{"balance", "leastconn", "", balance("leastconn")},
		{"balance", "RoundRobin", "", balance("roundrobin")},
		{"balance", "random(2)", "", balance("random(2)")},
		{"balance", "random", "", balance("random")},
		{"balance", "source", "listen=5432", func(s *routing.Spec) { s.Balance, s.Listen = "source", 5432 }},
		{"balance", "hdr( X-User )", "", balance("hdr(X-User)")},
		{"balance", "url_param user", "", balance("url_param user")},
		{"balance", "url_param(user)", "", balance("url_param user")},
		{"balance", "uri", "", balance("uri")},
		{"balance", "first", "", balance("first")},
		{"sticky", "true", "", func(s *routing.Spec) { s.Sticky = "SRV" }},
		{"sticky", "NODE", "", func(s *routing.Spec) { s.Sticky = "NODE" }},
		{"sticky", "off", "", nothing},
		{"maxconn", "1", "", func(s *routing.Spec) { s.MaxConn = 1 }},
		{"group", "web-2", "", func(s *routing.Spec) { s.Group = "web-2" }},
		{"weight", "256", "group=web", func(s *routing.Spec) { s.Weight, s.Group = 256, "web" }},
		{"backup", "on", "group=web", func(s *routing.Spec) { s.Backup, s.Group = true, "web" }},
		{"protocol", "http", "", nothing},
		{"protocol", "H2", "", func(s *routing.Spec) { s.Protocol = routing.H2 }},
		{"protocol", "grpc", "", func(s *routing.Spec) { s.Protocol, s.Check.TCP = routing.H2, true }},
		{"protocol", "grpc", "check-interval=1s", func(s *routing.Spec) {
			s.Protocol, s.Check = routing.H2, routing.Check{TCP: true, Interval: time.Second}
		}},
		{"protocol", "grpc", "check=off", func(s *routing.Spec) { s.Protocol, s.Check.Off = routing.H2, true }},
		{"check", "/healthz?x=1&y=%20", "", check(routing.Check{Path: "/healthz?x=1&y=%20"})},
		{"check", "tcp", "", check(routing.Check{TCP: true})},
		{"check", "off", "", check(routing.Check{Off: true})},
		{"check", "false", "", check(routing.Check{Off: true})},
		{"check", "true", "", check(routing.Check{Path: "/"})},
		{"check", "http", "", check(routing.Check{Path: "/"})},
		{"check-status", "200, 204 300-399", "", check(routing.Check{Status: "200,204,300-399"})},
		{"check-host", "Shop.example.com:8080", "", check(routing.Check{Host: "shop.example.com:8080"})},
		{"check-interval", "500ms", "check=tcp", check(routing.Check{TCP: true, Interval: 500 * time.Millisecond})},
		{"listen", "5432", "", func(s *routing.Spec) { s.Listen = 5432 }},
		{"tls", "passthrough", "host=a.example", func(s *routing.Spec) {
			s.Passthrough, s.Listen, s.Hosts = true, 443, []string{"a.example"}
		}},
		{"tls", "passthrough", "host=*.a.example;listen=8443", func(s *routing.Spec) {
			s.Passthrough, s.Listen, s.Hosts = true, 8443, []string{"*.a.example"}
		}},
		{"timeout-connect", "500ms", "", func(s *routing.Spec) { s.Timeouts.Connect = 500 * time.Millisecond }},
		{"timeout-server", "5m", "", func(s *routing.Spec) { s.Timeouts.Server = 5 * time.Minute }},
		{"timeout-queue", "1h", "", func(s *routing.Spec) { s.Timeouts.Queue = time.Hour }},
		{"timeout-tunnel", "24d", "", func(s *routing.Spec) { s.Timeouts.Tunnel = 24 * 24 * time.Hour }},
		{"strip", "true", "path=/api", func(s *routing.Spec) { s.Strip = true; paths(routing.Prefix, "/api")(s) }},
		{"strip", "false", "", nothing},
		{"rewrite", `^/old/(.*)  /new/\1?x=\0`, "", func(s *routing.Spec) {
			s.Rewrite = &routing.Rewrite{Regex: "^/old/(.*)", Replacement: `/new/\1?x=\0`}
		}},
		{"redirect", "HTTPS", "", func(s *routing.Spec) { s.HTTPS = true }},
		{"redirect", "https://new.example.com", "", redirect(routing.Redirect{To: "https://new.example.com", Code: 308, KeepPath: true})},
		{"redirect", "http://new.example.com:8080/", "", redirect(routing.Redirect{To: "http://new.example.com:8080/", Code: 308})},
		{"redirect", "https://[2001:db8::1]", "", redirect(routing.Redirect{To: "https://[2001:db8::1]", Code: 308, KeepPath: true})},
		{"redirect-code", "302", "redirect=https://a.example/x", redirect(routing.Redirect{To: "https://a.example/x", Code: 302})},
		{"redirect-code", "301", "redirect=https", func(s *routing.Spec) { s.HTTPS = true; redirect(routing.Redirect{Code: 301})(s) }},
		{"www", "add", "host=a.example", func(s *routing.Spec) { s.WWW, s.Hosts = routing.AddWWW, []string{"a.example"} }},
		{"www", "remove", "host=www.a.example", func(s *routing.Spec) { s.WWW, s.Hosts = routing.RemoveWWW, []string{"www.a.example"} }},
		{"request-header.X-Tenant", `the "shop" & 100% ü`, "", header(false, "X-Tenant", `the "shop" & 100% ü`)},
		{"request-header.X-Tenant", "  ", "", header(false, "X-Tenant", "")},
		{"request-header.X.Y_z", "1", "", header(false, "X.Y_z", "1")},
		{"response-header.Server", "", "", header(true, "Server", "")},
		{"compress", "1", "", func(s *routing.Spec) { s.Compress = true }},
		{"auth", "users", "", auth("web")},
		{"auth-realm", "Shop, members only", "auth=users", auth("Shop, members only")},
		{"auth-forward", "true", "auth=users", func(s *routing.Spec) { auth("web")(s); s.Auth.Forward = true }},
		{"conn-limit", "50", "", func(s *routing.Spec) { s.ConnLimit = 50 }},
		{"path-nocase", "true", "path=/Admin", func(s *routing.Spec) {
			s.Paths = []routing.Path{{Match: routing.Prefix, Value: "/Admin", NoCase: true}}
		}},
		{"path-nocase", "true", "host=a.example/x", func(s *routing.Spec) {
			s.Hosts, s.Paths = []string{"a.example"}, []routing.Path{{Match: routing.Prefix, Value: "/x", NoCase: true}}
		}},
		{"timeout-body", "1m", "", func(s *routing.Spec) { s.Timeouts.Body = time.Minute }},
		{"allow", "10.0.0.0/8, 192.0.2.7 2001:db8::/32 ::ffff:192.0.2.7", "", func(s *routing.Spec) {
			s.Allow = addresses("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")
		}},
		{"deny", "0.0.0.0/0 ::/0", "", func(s *routing.Spec) { s.Deny = addresses("0.0.0.0/0", "::/0") }},
		{"rate-limit", "100/10s", "", rate(100, 10*time.Second)},
		{"rate-limit", "20/s", "", rate(20, time.Second)},
		{"rate-limit", "600 / m", "", rate(600, time.Minute)},
		{"page-503", "haproxy/503.html", "", func(s *routing.Spec) { s.Page503 = "/usr/local/etc/haproxy/503.html" }},
		{"page-503", "./haproxy//503.html", "", func(s *routing.Spec) { s.Page503 = "/usr/local/etc/haproxy/503.html" }},
		{"retry-in", "2m", "", func(s *routing.Spec) { s.RetryIn = 2 * time.Minute }},
		{"hold", "100ms", "", func(s *routing.Spec) { s.Hold = 100 * time.Millisecond }},
		{"hold", "1m", "", func(s *routing.Spec) { s.Hold = time.Minute }},
		{"snippet", "  option x\r\n\n\tno option \"y\\\" z\" # it's\n# don't", "", func(s *routing.Spec) {
			s.Snippet = []string{"option x", `no option "y\" z" # it's`, "# don't"}
		}},
	}
}

// labelled makes labels of KEY=VALUE;KEY=VALUE.
func labelled(text string) map[string]string {
	labels := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		if key, value, ok := strings.Cut(part, "="); ok {
			labels[prefix+key] = value
		}
	}
	return labels
}

func TestAValueThatIsRightIsInTheSpec(t *testing.T) {
	t.Parallel()
	for _, r := range rightValues() {
		t.Run(r.key+"="+r.value, func(t *testing.T) {
			t.Parallel()
			given := labelled(r.beside)
			given[prefix+r.key] = r.value
			said := Parse("web", given, files)
			assert.DeepEqual(t, said.Problems, []Problem(nil))
			assert.Equal(t, len(said.Quarantined), 0)
			want := routing.Spec{Service: "web"}
			r.want(&want)
			assert.Equal(t, len(said.Specs), 1)
			assert.Assert(t, reflect.DeepEqual(said.Specs[0], want), "got\n%+v\nwant\n%+v", said.Specs[0], want)
		})
	}
}

// refused is a label with a value that is wrong, and words of what is said of it.
type refused struct {
	key, value string
	says       string
}

func wrongValues() []refused {
	long := strings.Repeat("x", maxPath+1)
	return []refused{
		{"host", "", "is empty"},
		{"host", ",", "is empty"},
		{"host", "a.example:80", `did you mean "a.example"?`},
		{"host", "https://a.example/x/", `did you mean "a.example/x"?`},
		{"host", "/api", "did you mean haproxy.path?"},
		{"host", "a..example", "two dots"},
		{"host", ".a.example", "two dots"},
		{"host", ".", "is not a host name"},
		{"host", "bücher.example", "xn--"},
		{"host", "a.*.example", "*.example.com is any one name"},
		{"host", "*a.example", "*.example.com is any one name"},
		{"host", "*.", "is not a host name"},
		{"host", "-a.example", "hyphen"},
		{"host", "a!.example", "letters, digits"},
		{"host", "a.example\x00", "letters, digits"},
		{"host", strings.Repeat("a", 64) + ".example", "63 letters"},
		{"host", strings.Repeat("a.", 130) + "example", "253 at most"},
		{"host", "a.example/x?y", "has a ?"},
		{"host", "a.example b.example:x", "is not a host name"},
		{"path", "api", `did you mean "/api"?`},
		{"path", "/api/*", `did you mean "/api"?`},
		{"path", "/*", `did you mean "/"?`},
		{"path", "/api?x", `did you mean "/api"?`},
		{"path", "/api#x", `did you mean "/api"?`},
		{"path", "/café", `did you mean "/caf%C3%A9"?`},
		{"path", "/v[0-9]+", "did you mean haproxy.path-regex?"},
		{"path", "/a\x01", "cannot be printed: U+0001"},
		{"path", "/" + long, "1024 at most"},
		{"path-exact", "robots.txt", `did you mean "/robots.txt"?`},
		{"path-regex", "^/(a", "missing closing )"},
		{"path-regex", "a)(b", "unexpected )"},
		{"path-regex", "[a", "missing closing ]"},
		{"path-regex", "a**", "invalid nested repetition"},
		{"path-regex", `a\`, "trailing backslash"},
		{"path-regex", "a b", "a blank is %20"},
		{"path-regex", `\Qa`, "$ is the end of the path"},
		{"path-regex", `\\\z`, "$ is the end of the path"},
		{"path-regex", "ü", "percent-encoded"},
		{"path-regex", "(?<=a)b", "is not a regular expression"},
		{"path-regex", "a\nb", "more than one line"},
		{"path-regex", long, "1024 at most"},
		{"priority", "1001", "-1000 and 1000"},
		{"priority", "high", "a whole number from -1000 to 1000"},
		{"enable", "maybe", "true or false"},
		{"port", "0", "between 1 and 65535"},
		{"port", "65536", "between 1 and 65535"},
		{"port", "+80", "is not a whole number"},
		{"port", "8e1", "is not a whole number"},
		{"port", "99999999999999999999", "between 1 and 65535"},
		{"port", "80/tcp", "is not a whole number"},
		{"network", "a b", "the key of a network"},
		{"slots", "10001", "between 1 and 10000"},
		{"balance", "fastest", "leastconn"},
		{"balance", "hdr", "needs a name"},
		{"balance", "hdr(a b)", "needs a name"},
		{"balance", "hdr(a", "is not a way to balance"},
		{"balance", "random(0)", "between 1 and 100"},
		{"balance", "roundrobin 2", "is not a way to balance"},
		{"sticky", "a b", "the name of a cookie"},
		{"sticky", "a;b", "the name of a cookie"},
		{"maxconn", "0", "between 1 and"},
		{"group", "Web", "lower-case letters"},
		{"group", "-", "lower-case letters"},
		{"weight", "257", "between 1 and 256"},
		{"backup", "perhaps", "true or false"},
		{"protocol", "https", "haproxy.tls: passthrough"},
		{"protocol", "spdy", "grpc"},
		{"check", "healthz", `did you mean "/healthz"?`},
		{"check", "/a b", "is not in the form"},
		{"check", "/a?b\x01", "percent-encoded"},
		{"check-status", "200-100", "200-399"},
		{"check-status", "20x", "200-399"},
		{"check-status", "600", "200-399"},
		{"check-host", "*", "*"},
		{"check-host", "a:0", "is not a port"},
		{"check-interval", "5", "did you mean 5s or 5ms?"},
		{"listen", "postgres", "1 to 65535"},
		{"tls", "terminate", "passthrough"},
		{"timeout-connect", "0s", "no time at all"},
		{"timeout-connect", "-1s", "is not a time"},
		{"timeout-server", "1m30s", "did you mean 90s?"},
		{"timeout-server", "1.5s", "did you mean 1500ms?"},
		{"timeout-queue", "10 parsecs", `" parsecs"`},
		{"timeout-tunnel", "25d", "24d at most"},
		{"timeout-tunnel", "99999999999999999999h", "24d at most"},
		{"strip", "prefix", "true or false"},
		{"rewrite", "^/a", "1 words"},
		{"rewrite", "a b c", "3 words"},
		{"rewrite", "^/(a /b", "missing closing )"},
		{"rewrite", `^/a /b/\1`, `has 0`},
		{"rewrite", `^/a /b\`, "without the number"},
		{"rewrite", `^/a /b\n`, "without the number"},
		{"rewrite", "^/a /ü", "cannot be in a path"},
		{"redirect", "new.example.com/x", `did you mean "https://new.example.com/x"?`},
		{"redirect", "ftp://a.example", "https://"},
		{"redirect", "/x", "https://"},
		{"redirect", "https://", "is not a host name"},
		{"redirect", "https://a b", "is not a URL"},
		{"redirect", "https://jane:secret@a.example", "has a user"},
		{"redirect", "https://a.example:0", "is not a port"},
		{"redirect", "https://a.example/\"x", "is not a URL"},
		{"redirect", "https://a.example/\r\nX: y", "more than one line"},
		{"redirect", "https://a.example/" + long, "1024 at most"},
		{"redirect-code", "304", "301, 302"},
		{"www", "yes", "add or remove"},
		{"request-header.X A", "1", "is not the name of a header"},
		{"request-header.X:", "1", "is not the name of a header"},
		{"request-header.X-A", "a\r\nX-B: c", "more than one line"},
		{"request-header.X-A", "a\x7f", "U+007F"},
		{"request-header.X-A", "a\u202eb", "U+202E"},
		{"request-header.X-A", "a\xff", "is not UTF-8"},
		{"request-header.X-A", strings.Repeat("x", maxValue+1), "4096 at most"},
		{"response-header.X-A", "a\x00b", "U+0000"},
		{"compress", "gzip", "true or false"},
		{"auth", "missing", "file does not exist"},
		{"auth", "users-plain", "line 2 of the file has a password that is not hashed"},
		{"auth", "users-apr1", "openssl passwd -6"},
		{"auth", "users-bcrypt", "openssl passwd -6"},
		{"auth", "users-sha1", "openssl passwd -6"},
		{"auth", "users-cut", "is not complete"},
		{"auth", "users-twice", "line 2"},
		{"auth", "users-none", "without users"},
		{"auth", "users-name", "line 1"},
		{"auth", "users-colon", "no colon"},
		{"auth", "jane:hunter2", "looks like a user and a password"},
		{"auth", "a\x01b", "cannot be printed"},
		{"auth-realm", `a"b`, `text without "`},
		{"auth-forward", "yes please", "true or false"},
		{"conn-limit", "0", "1 to 1000000"},
		{"path-nocase", "maybe", "true or false"},
		{"path", "/a/../b", "leads upwards"},
		{"path", "/a%00", "has an encoding"},
		{"path-exact", "/a%zz", "has an encoding"},
		{"timeout-body", "soon", "a number and ms"},
		{"auth-realm", "a\nb", "more than one line"},
		{"allow", "localhost", "neither an IP address"},
		{"allow", "10.0.0.1/8", "did you mean 10.0.0.0/8 or 10.0.0.1?"},
		{"allow", "fe80::1%eth0", "neither an IP address"},
		{"deny", "10.0.0.0/33", "neither an IP address"},
		{"deny", "::ffff:10.0.0.0/104", "neither an IP address"},
		{"rate-limit", "100", `did you mean "100/s"?`},
		{"rate-limit", "0/s", "between 1 and"},
		{"rate-limit", "100/", "100/10s"},
		{"rate-limit", "100/10", "100/10s"},
		{"rate-limit", "100/min", "100/10s"},
		{"rate-limit", "100/10ms", "100/10s"},
		{"page-503", "pages/503.html", "below haproxy/"},
		{"page-503", "503.html", `did you mean "haproxy/503.html"?`},
		{"page-503", "haproxy/../users", "below haproxy/"},
		{"page-503", "/etc/haproxy/503.html", "below haproxy/"},
		{"page-503", "haproxy/a b.html", "characters"},
		{"page-503", "haproxy/none.html", "file does not exist"},
		{"page-503", "haproxy/empty.html", "empty"},
		{"page-503", "haproxy/big.html", "14336"},
		{"retry-in", "500ms", "whole seconds"},
		{"retry-in", "30", "did you mean 30s"},
		{"hold", "99ms", "between 100ms and 60s"},
		{"hold", "61s", "between 100ms and 60s"},
		{"hold", "20", "did you mean 20s"},
		{"snippet", " \n ", "is empty"},
		{"snippet", "option x\nbackend y", "line 2 begins a section"},
		{"snippet", "no backend y", "begins a section"},
		{"snippet", "no", "is not complete"},
		{"snippet", ".endif", "condition"},
		{"snippet", `"backend" y`, "is not a keyword"},
		{"snippet", `back\end y`, "is not a keyword"},
		{"snippet", `"$X" y`, "is not a keyword"},
		{"snippet", `acl a hdr(x) "y`, "without a second one"},
		{"snippet", `acl a hdr(x) 'y\'z'`, "without a second one"},
		{"snippet", `acl a hdr(x) y\`, "ends with a \\"},
		{"snippet", "acl a\x00b", "U+0000"},
		{"snippet", "acl a\rbackend b", "more than one line"},
	}
}

func TestAWrongValueIsRefusedWithWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, r := range wrongValues() {
		t.Run(fmt.Sprintf("%s=%.40q", r.key, r.value), func(t *testing.T) {
			t.Parallel()
			label := prefix + r.key
			said := Parse("web", map[string]string{label: r.value}, files)
			assert.Equal(t, len(said.Specs), 0)
			assert.Equal(t, len(said.Problems), 1)
			p := said.Problems[0]
			assert.Equal(t, p.Service, "web")
			assert.Equal(t, p.Label, label)
			assert.Assert(t, p.Message != "" && p.Hint != "", "%+v", p)
			text := p.Error()
			assert.Assert(t, strings.Contains(text, r.says), "%q does not say %q", text, r.says)
			assert.Assert(t, strings.HasPrefix(text, "service web: label "), text)
			assert.Assert(t, strings.Count(text, "\n") < 2, "more than two lines: %s", text)
			assert.Assert(t, !strings.ContainsFunc(strings.Replace(text, "\n  ", "", 1), unicode.IsControl), "%q", text)
			for _, secret := range []string{"hunter2", "82JubPF", "c4WoMPo3", "W6ph5Mm5", "ltjgWl6579"} {
				assert.Assert(t, !strings.Contains(fmt.Sprintf("%+v", p), secret), "a secret is shown: %+v", p)
			}
		})
	}
}

func TestEveryLabelHasARightAndAWrongValueInTheseTests(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		covers := func(key string) bool { _, _, ok := (table{r}).lookup(key); return ok }
		assert.Check(t, slices.ContainsFunc(rightValues(), func(x row) bool { return covers(x.key) }), "no right value of %s", r.Key)
		assert.Check(t, slices.ContainsFunc(wrongValues(), func(x refused) bool { return covers(x.key) }), "no wrong value of %s", r.Key)
	}
}

func TestEveryExampleOfTheReferenceIsRight(t *testing.T) {
	t.Parallel()
	read := func(string) ([]byte, error) { return []byte("jane:" + sha512 + "\n"), nil }
	for _, r := range rules() {
		a := argument{value: r.Example, name: "X-A", read: read}
		assert.Check(t, r.set(&draft{}, a) == nil, "%s: %s", r.Key, r.Example)
	}
	for _, r := range frontendRules() {
		assert.Check(t, r.set(&draft{}, argument{value: r.Example}) == nil, "%s: %s", r.Key, r.Example)
	}
}

func TestEveryLabelIsDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range Reference() {
		assert.Check(t, l.Group != "" && l.Values != "" && l.Example != "" && strings.HasSuffix(l.Doc, "."), "%+v", l)
		assert.Check(t, !seen[l.Group+l.Key], "%s stands twice", l.Key)
		seen[l.Group+l.Key] = true
		assert.Check(t, isRouteName(strings.TrimSuffix(l.Key, namePlace)), l.Key)
		assert.Check(t, strings.Contains(Markdown(), "`haproxy."+l.Key+"`"), l.Key)
	}
	for _, r := range slices.Concat(rules(), frontendRules()) {
		for _, alias := range r.aliases {
			_, isKey := rules().find(alias)
			assert.Check(t, !isKey || slices.Contains([]string{"port"}, alias), "%s is a label, not only another word for %s", alias, r.Key)
		}
	}
}
