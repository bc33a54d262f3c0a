package labels

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// parsed reads labels KEY=VALUE;KEY=VALUE that must be right.
func parsed(t *testing.T, text string) map[string]routing.Spec {
	t.Helper()
	said := Parse("web", labelled(text), files)
	assert.DeepEqual(t, said.Problems, []Problem(nil))
	specs := map[string]routing.Spec{}
	for _, spec := range said.Specs {
		assert.Equal(t, spec.Service, "web")
		specs[spec.Name] = spec
	}
	assert.Equal(t, len(specs), len(said.Specs), "two routes have one name")
	return specs
}

func TestARouteWithoutANameIsThereWhenSomethingSaysSo(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "",
		"enable=true":                       "",
		"network=backend":                   "",
		"port=3000":                         "<>",
		"host=a":                            "<>",
		"host=a;x.host=b":                   "<> x",
		"port=3000;x.host=b":                "x",
		"path=/a;x.host=b":                  "<> x",
		"path-exact=/a;x.host=b":            "<> x",
		"path-regex=a;x.host=b":             "<> x",
		"listen=5432;x.host=b":              "<> x",
		"tls=passthrough;host=*;x.host=b":   "<> x",
		"x.host=b;y.path=/c;z.listen=5432":  "x y z",
		"network=backend;x.host=b":          "x",
		"host=a/x b/y":                      "<> _2",
		"host=a/x b/y c/x;x.host=a/1 a/2 b": "<> _2 x x_2 x_3",
	} {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(parsed(t, text))) {
			if name == "" {
				name = "<>"
			}
			names = append(names, name)
		}
		assert.Check(t, strings.Join(names, " ") == want, "%s: %v", text, names)
	}
}

func TestLabelsWithoutANameAreDefaultsForRoutesWithOne(t *testing.T) {
	t.Parallel()
	specs := parsed(t, "host=a;port=3000;check=/healthz;check-interval=5s;compress=yes;sticky=yes;priority=7;redirect=https;"+
		"request-header.X-A=1;request-header.X-B=1;timeout-server=5s;snippet=option x;"+
		"x.host=b;x.check=tcp;x.compress=no;x.request-header.x-a=2;x.request-header.X-B=;x.timeout-server=1m;x.port=9000")
	one, x := specs[""], specs["x"]
	assert.Equal(t, one.Priority, 7)
	assert.Equal(t, x.Priority, 0)
	assert.Equal(t, one.HTTPS, true)
	assert.Equal(t, x.HTTPS, false)
	assert.DeepEqual(t, x.Hosts, []string{"b"})
	assert.Equal(t, one.Port, 3000)
	assert.Equal(t, x.Port, 9000)
	assert.Equal(t, one.Check, routing.Check{Path: "/healthz", Interval: one.Check.Interval})
	assert.Equal(t, x.Check, routing.Check{TCP: true, Interval: one.Check.Interval})
	assert.Equal(t, x.Compress, false)
	assert.Equal(t, x.Sticky, "SRV")
	assert.DeepEqual(t, x.Headers, []routing.Header{{Name: "X-B"}, {Name: "x-a", Value: "2"}})
	assert.DeepEqual(t, one.Headers, []routing.Header{{Name: "X-A", Value: "1"}, {Name: "X-B", Value: "1"}})
	assert.DeepEqual(t, x.Snippet, []string{"option x"})
	assert.Equal(t, x.Timeouts.Server.Seconds(), 60.0)
}

func TestADefaultCountsWhereItMakesSense(t *testing.T) {
	t.Parallel()
	specs := parsed(t, "sticky=yes;strip=yes;check=/healthz;check-status=200;www=add;balance=uri;auth-realm=Shop;"+
		"a.host=a.example/a;b.listen=5432;c.host=*;c.check=tcp;c.auth=users")
	a, b, c := specs["a"], specs["b"], specs["c"]
	assert.Equal(t, fmt.Sprintln(a.Sticky, a.Strip, a.Check.Path, a.Check.Status, a.WWW, a.Balance), "SRV true /healthz 200 add uri\n")
	assert.Assert(t, a.Auth == nil)
	assert.Equal(t, fmt.Sprint(b.Sticky, b.Strip, b.Check, b.WWW, b.Balance), fmt.Sprint("", false, routing.Check{}, "", ""))
	assert.Equal(t, fmt.Sprint(c.Strip, c.Check, c.WWW), fmt.Sprint(false, routing.Check{TCP: true}, ""))
	assert.Equal(t, c.Auth.Realm, "Shop")
}

// problems gives what is said of labels KEY=VALUE;KEY=VALUE, in their order.
func problems(t *testing.T, text string) []string {
	t.Helper()
	said := Parse("web", labelled(text), files)
	assert.Equal(t, len(said.Specs), 0, text)
	var all []string
	for _, p := range said.Problems {
		all = append(all, p.Error())
	}
	return all
}

func TestLabelsThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"listen=5432;host=a":                     "haproxy.host",
		"listen=5432;path=/a":                    "haproxy.path",
		"listen=5432;sticky=yes":                 "haproxy.sticky",
		"listen=5432;check=/healthz":             "haproxy.check",
		"listen=5432;check-status=200":           "haproxy.check-status",
		"listen=5432;balance=uri":                "haproxy.balance",
		"tls=passthrough":                        "haproxy.tls",
		"tls=passthrough;host=a/x":               "haproxy.host",
		"x.tls=passthrough;x.host=a;x.path=/b":   "haproxy.x.path",
		"host=a/x;path=/y":                       "haproxy.path",
		"host=a;strip=yes":                       "haproxy.strip",
		"host=a;path-exact=/x;strip=yes":         "haproxy.strip",
		"host=a;path=/;strip=yes":                "haproxy.strip",
		"host=a;check=off;check-interval=1s":     "haproxy.check-interval",
		"host=a;check=tcp;check-host=a":          "haproxy.check-host",
		"host=a;auth-realm=Shop":                 "haproxy.auth-realm",
		"host=a;redirect-code=301":               "haproxy.redirect-code",
		"host=*;www=add":                         "haproxy.www",
		"host=a;weight=2":                        "haproxy.weight",
		"host=a;backup=yes":                      "haproxy.backup",
		"priority=1;x.host=a":                    "haproxy.priority",
		"redirect=https;x.host=a":                "haproxy.redirect",
		"x.port=80":                              "haproxy.x.port",
		"host=a;x.port=80;x.balance=uri":         "haproxy.x.port",
		"sticky=yes;x.listen=1;y.listen=2":       "haproxy.sticky",
		"x.host=a;x.listen=1;sticky=yes":         "haproxy.sticky haproxy.x.host",
		"listen=5432;host=a;compress=yes;path=/": "haproxy.compress haproxy.host haproxy.path",
	} {
		said := Parse("web", labelled(text), files)
		var labels []string
		for _, p := range said.Problems {
			labels = append(labels, p.Label)
			assert.Check(t, p.Hint != "", "%s: %v", text, p)
		}
		assert.Check(t, strings.Join(labels, " ") == want, "%s: %v", text, said.Problems)
		assert.Check(t, len(said.Specs) == 0, text)
	}
}

func TestALabelThatIsMisspeltIsKnownAllTheSame(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"balence":               "did you mean haproxy.balance?",
		"hots":                  "did you mean haproxy.host?",
		"Host":                  "did you mean haproxy.host?",
		"hosts":                 "did you mean haproxy.host?",
		"prot":                  "did you mean haproxy.port?",
		"domain":                "did you mean haproxy.host?",
		"healthcheck":           "did you mean haproxy.check?",
		"https":                 "did you mean haproxy.redirect?",
		"check_interval":        "did you mean haproxy.check-interval?",
		"timeoutserver":         "did you mean haproxy.timeout-server?",
		"retry-after":           "did you mean haproxy.retry-in?",
		"x.prot":                "did you mean haproxy.x.port?",
		"x.reponse-header.Y":    "did you mean haproxy.x.response-header.Y?",
		"reqest-header.X-A":     "did you mean haproxy.request-header.X-A?",
		"host.x":                "did you mean haproxy.x.host?",
		"host.port":             "cannot be the name of a route",
		"request-header":        "such as haproxy.request-header.X-Robots-Tag",
		"request-header.":       "such as haproxy.request-header.X-Robots-Tag",
		"X.host":                "a route's name has lower-case letters",
		".host":                 "a route's name has lower-case letters",
		"x.enable":              "did you mean haproxy.enable?",
		"x.network":             "did you mean haproxy.network?",
		"http-port":             "give it to the service haproxy",
		"x":                     "the route x would be haproxy.x.host",
		"x.y":                   "docs/reference/labels.md",
		"":                      "docs/reference/labels.md",
		".":                     "docs/reference/labels.md",
		"X\x00\u202e":           "docs/reference/labels.md",
		strings.Repeat("x", 99): "docs/reference/labels.md",
	} {
		all := problems(t, key+"=x")
		assert.Check(t, len(all) == 1 && strings.Contains(all[0], want), "%s: %v", key, all)
	}
	assert.Equal(t, problems(t, "balence=x")[0], `service web: label haproxy.balence: "x": no such label; did you mean haproxy.balance?`)
}

func TestWhatIsNotEnabledNeedNotBeRight(t *testing.T) {
	t.Parallel()
	said := Parse("web", labelled("enable=no;host=:;nonsense=1"), files)
	assert.Assert(t, said.Disabled)
	assert.Equal(t, len(said.Specs)+len(said.Problems)+len(said.Quarantined), 0)
	assert.Assert(t, !Parse("web", labelled("enable=perhaps;host=a"), files).Disabled)
}

func TestLabelsOfOthersAreNotOurs(t *testing.T) {
	t.Parallel()
	others := map[string]string{"traefik.enable": "true", "haproxy": "x", "com.example.haproxy.host": "y"}
	assert.Assert(t, !Uses(others))
	said := Parse("web", others, files)
	assert.Equal(t, len(said.Specs)+len(said.Problems), 0)
	assert.Assert(t, Uses(map[string]string{"haproxy.": "x"}))
}

func TestTheNetworkIsKnownBesideAWrongLabel(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Parse("web", labelled("network=backend;host=a"), files).Network, "backend")
	assert.Equal(t, Parse("web", labelled("network=backend;host=:"), files).Network, "backend")
	assert.Equal(t, Parse("web", labelled("network=b c;host=a"), files).Network, "")
}

func TestRoutesOfAWrongLabelAreQuarantinedWhereTheyAreCertain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"host=a;balance=fastest":            "<>a",
		"host=a;chekc=/x":                   "<>a",
		"host=a/x b/y;port=x":               "<>a/x _2b/y",
		"host=a:b;x.host=c":                 "xc",
		"host=a;path=b":                     "",
		"path=/a;port=x":                    "<>/a",
		"path=/a;hots=b":                    "", // would be the path of every host
		"port=x":                            "<>",
		"prot=80":                           "",
		"listen=5432;sticky=yes":            "<>:5432",
		"tls=passthrough;port=x":            "",
		"tls=passthrough;host=a;port=x":     "<>a:443",
		"host=a;x.host=b;x.port=y;z.host=c": "<>a xb zc",
		"host=a;x.port=80":                  "<>a",
		"host=a;check=off;check-status=200": "<>a",
	} {
		said := Parse("web", labelled(text), files)
		var all []string
		for _, spec := range said.Quarantined {
			assert.Check(t, spec.Quarantined && spec.Service == "web", text)
			one := spec.Name
			if one == "" {
				one = "<>"
			}
			one += strings.Join(spec.Hosts, ",")
			for _, path := range spec.Paths {
				one += path.Value
			}
			if spec.Listen != 0 {
				one += fmt.Sprint(":", spec.Listen)
			}
			all = append(all, one)
		}
		assert.Check(t, strings.Join(all, " ") == want, "%s: %v", text, all)
		assert.Check(t, len(said.Problems) > 0, text)
	}
}

func TestEachFileIsReadOnce(t *testing.T) {
	t.Parallel()
	reads := 0
	said := Parse("web", labelled("auth=users;a.host=a;b.host=b;c.host=c"), func(path string) ([]byte, error) {
		reads++
		return files(path)
	})
	assert.Equal(t, len(said.Specs), 3)
	assert.Equal(t, reads, 1)
}

func TestTheLoadBalancersOwnLabels(t *testing.T) {
	t.Parallel()
	front := ParseFrontend("haproxy", nil)
	assert.Equal(t, front.Port, 80)
	front = ParseFrontend("haproxy", labelled("http-port=8080;snippet=option x\noption y"))
	assert.Equal(t, front.Port, 8080)
	assert.DeepEqual(t, front.Snippet, []string{"option x", "option y"})
	assert.Equal(t, len(front.Problems), 0)
	for text, want := range map[string]string{
		"http-port=0":      "between 1 and 65535",
		"http-prot=80":     "did you mean haproxy.http-port?",
		"port=80":          "is a label of app services",
		"bind=80":          "did you mean haproxy.http-port?",
		"host=a":           "is a label of app services",
		"x.host=a":         "is a label of app services",
		"snippet=frontend": "begins a section",
		"x.snippet=x":      "is a label of app services",
	} {
		front := ParseFrontend("haproxy", labelled(text))
		assert.Check(t, len(front.Problems) == 1 && strings.Contains(front.Problems[0].Error(), want), "%s: %v", text, front.Problems)
		assert.Check(t, front.Port == 80 && front.Snippet == nil, text)
	}
}
