package labels

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

func TestLabelsThatAreNearlyOursAreToldWithTheRightForm(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{
		// case
		"HAProxy.Host":                       "haproxy.host",
		"Haproxy.Host":                       "haproxy.host",
		"HAPROXY.PORT":                       "haproxy.port",
		"HAProxy.Admin.Path":                 "haproxy.admin.path",
		"HaProxy.checkInterval":              "haproxy.check-interval",
		"HAProxy.request-header.X-Robots-Ta": "haproxy.request-header.X-Robots-Ta",
		// other signs than a dot
		"haproxy-host":            "haproxy.host",
		"haproxy_host":            "haproxy.host",
		"haproxy:host":            "haproxy.host",
		"haproxy/host":            "haproxy.host",
		"haproxy host":            "haproxy.host",
		"haproxy .host":           "haproxy.host",
		"haproxy,host":            "haproxy.host",
		"haproxy=host":            "haproxy.host",
		"haproxyHost":             "haproxy.host",
		"haproxy_admin_path":      "haproxy.admin.path",
		"haproxy-check-interval":  "haproxy.check-interval",
		"haproxy_path_exact":      "haproxy.path-exact",
		"haproxy/http-port":       "haproxy.http-port",
		"haproxy。host":            "haproxy.host",
		"haproxy\u00a0.host":      "haproxy.host",
		"hap\u200broxy.host":      "haproxy.host",
		"\ufeffhaproxy.host":      "haproxy.host",
		"haproxy\t.host":          "haproxy.host",
		"HAPROXY\x00.host":        "haproxy.host",
		"ｈａｐｒｏｘｙ．ｈｏｓｔ":            "haproxy.host",
		"hаproxy.host":            "haproxy.host", // Cyrillic а
		"haproxy-tls-passthrough": "haproxy.tls",
		// something before it
		".haproxy.host":          "haproxy.host",
		" haproxy.host":          "haproxy.host",
		`"haproxy.host"`:         "haproxy.host",
		"- haproxy.host":         "haproxy.host",
		"docker.haproxy.host":    "haproxy.host",
		"docker-haproxy.host":    "haproxy.host",
		"com.haproxy.host":       "haproxy.host",
		"com.haproxy.admin.path": "haproxy.admin.path",
		// misspelt
		"ha-proxy.host":    "haproxy.host",
		"ha_proxy_host":    "haproxy.host",
		"HA Proxy.host":    "haproxy.host",
		"haprxoy.host":     "haproxy.host",
		"hapoxy.host":      "haproxy.host",
		"haproxi.host":     "haproxy.host",
		"haproy.host":      "haproxy.host",
		"hproxy.host":      "haproxy.host",
		"aproxy.host":      "haproxy.host",
		"ahproxy.host":     "haproxy.host",
		"haroxy.host":      "haproxy.host",
		"hapory.host":      "haproxy.host",
		"haprxoy.hots":     "haproxy.host",
		"haproxys.host":    "haproxy.host",
		"haprxoy.x.blance": "haproxy.x.balance",
		"hapoxy.":          "haproxy.host",
		"HAProxy.domain":   "haproxy.host",
		"haproxy":          "haproxy.host",
		"HAPROXY":          "haproxy.host",
		"ha-proxy":         "haproxy.host",
	} {
		found := Slips("web", map[string]string{label: "shop"})
		assert.Check(t, len(found) == 1 && strings.HasSuffix(found[0].Hint, "did you mean "+want+"?"), "%q: %v", label, found)
		assert.Check(t, len(found) == 1 && !found[0].Guards, "%q", label)
	}
	assert.Equal(t, Slips("web", map[string]string{"haproxy-host": "a"})[0].Error(),
		`service web: label haproxy-host: "a": is not read: labels begin with haproxy.; did you mean haproxy.host?`)
}

func TestABareNameIsTakenForWhatItsValueIs(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"shop": "host", "8080": "port", "true": "enable", "yes": "enable", "false": "enable", "": "host"} {
		found := Slips("web", map[string]string{"haproxy": value})
		assert.Check(t, len(found) == 1 && strings.Contains(found[0].Hint, "haproxy."+want+"?"), "%q: %v", value, found)
		assert.Check(t, found[0].Guards == (value == "false"), value)
	}
}

func TestASlipThatWouldHaveKeptAClientOutClosesTheService(t *testing.T) {
	t.Parallel()
	for _, label := range []string{
		"HAProxy.Allow", "Haproxy.Deny", "HAPROXY.AUTH", "haproxy-allow", "haproxy_auth", "haproxy:rate-limit", "haproxy/rate_limit",
		"haproxy_rate_limit", "haproxyRateLimit", "ha-proxy.auth-realm", "haproxy .allow", ".haproxy.deny", "haprxoy.allow", "hapoxy.auth",
		"HAProxy.Alow", "haprxoy.dney", "haproxy_ratelimit", "Haproxy.whitelist", "haproxy-ip-allow", "HAProxy.basicauth",
		"HAProxy.admin.allow", "haproxy_admin_allow", "HAProxy.auth.users", "haproxy_auth_users", "HAProxy.limit.requests", "Haproxy.Snippet",
		"com.haproxy.allow", "docker.haproxy.deny", "HAProxy.allow.from",
	} {
		found := Slips("web", map[string]string{label: "10.0.0.0/8"})
		assert.Check(t, len(found) == 1 && found[0].Guards, "%q: %+v", label, found)

		said := Parse("web", map[string]string{"haproxy.host": "a.example", label: "10.0.0.0/8"}, files)
		assert.Check(t, len(said.Specs) == 0 && len(said.Problems) == 1, "%q: %+v", label, said)
		assert.Check(t, len(said.Quarantined) == 1 && said.Quarantined[0].Quarantined && said.Quarantined[0].Hosts[0] == "a.example", "%q: %+v", label, said)
	}
	assert.Assert(t, !Slips("web", map[string]string{"HAProxy.Enable": "true"})[0].Guards)
	assert.Assert(t, Slips("web", map[string]string{"HAProxy.Enable": "false"})[0].Guards, "the service was not to be served at all")
}

func TestASlipThatOnlyWouldHaveRoutedClosesNothing(t *testing.T) {
	t.Parallel()
	said := Parse("web", map[string]string{"haproxy.host": "a.example", "HAProxy.Port": "9000", "haproxy_check": "/healthz"}, files)
	assert.Equal(t, len(said.Problems), 0)
	assert.DeepEqual(t, said.Specs, []routing.Spec{{Service: "web", Hosts: []string{"a.example"}}})
}

func TestHonestLabelsOfOthersAreNoSlips(t *testing.T) {
	t.Parallel()
	for _, label := range []string{
		"traefik.enable", "traefik.http.routers.web.rule", "com.example.haproxy", "com.example.haproxy.host", "com.example.allow",
		"org.opencontainers.image.title", "org.label-schema.name", "com.docker.compose.project", "com.docker.stack.namespace",
		"haproxytech.host", "haproxytech.allow", "haproxytech.com/host", "haproxy-ingress.github.io/allowlist-source-range", "haproxy-exporter.port",
		"haproxy-version", "haproxy_version", "easyhaproxy.http.host", "easyhaproxy.http.port", "caddy", "caddy.reverse_proxy", "nginx.proxy.host",
		"proxy.host", "proxy.allow", "reverse-proxy.host", "myproxy.host", "goproxy.host", "httproxy.allow", "webproxy.allow", "my.proxy.allow",
		"host", "allow", "port", "auth", "rate-limit", "", " ", ".", "ha", "proxy", "hello.world", "happy.path", "homepage.group", "maintainer",
		"haproxy.host", "haproxy.allow", "haproxy.nonsense", "VIRTUAL_HOST", "prometheus.io/port", "diun.enable", "ofelia.enabled",
		"a-haproxy.host", "my-haproxy.allow",
	} {
		found := Slips("web", map[string]string{label: "x"})
		assert.Check(t, len(found) == 0, "%q: %v", label, found)
	}
}

func TestLabelsInAnotherPlaceAreNamedWithTheirPlace(t *testing.T) {
	t.Parallel()
	found := Misplaced("web", "deploy.labels", map[string]string{"haproxy.host": "a", "haproxy.alow": "10.0.0.0/8", "HAProxy.Port": "1", "traefik.enable": "true"})
	var all []string
	for _, slip := range found {
		all = append(all, slip.Error())
	}
	assert.Equal(t, strings.Join(all, "\n"), `service web, deploy.labels: label HAProxy.Port: "1": is not read there
  write it below "labels:" of the service: haproxy.port
service web, deploy.labels: label haproxy.alow: "10.0.0.0/8": is not read there
  write it below "labels:" of the service: haproxy.allow
service web, deploy.labels: label haproxy.host: "a": is not read there
  write it below "labels:" of the service: haproxy.host`)
	assert.Assert(t, !found[0].Guards && found[1].Guards && !found[2].Guards)
	assert.Equal(t, Misplaced("", "network front", map[string]string{"haproxy.host": "a"})[0].Error(),
		`network front: label haproxy.host: "a": is not read there: it is a label of services
  write it below "labels:" of the service: haproxy.host`)
}

func TestASecretOfASlipIsNotShown(t *testing.T) {
	t.Parallel()
	found := Slips("web", map[string]string{"HAProxy.Auth": "jane:hunter2"})
	assert.Assert(t, !strings.Contains(found[0].Error(), "hunter2"), found[0].Error())
}

func TestAWrongGuardOnTheLoadBalancerClosesAll(t *testing.T) {
	t.Parallel()
	for text, closed := range map[string]bool{
		"haproxy.snippet=frontend x": true,
		"haproxy.snipet=x":           true,
		"haproxy.allow=10.0.0.0/8":   true,
		"haproxy.alow=10.0.0.0/8":    true,
		"haproxy.x.deny=10.0.0.0/8":  true,
		"HAProxy.Allow=10.0.0.0/8":   true,
		"haproxy_snippet=x":          true,
		"haproxy.host=a":             false,
		"haproxy.http-port=0":        false,
		"haproxy.enable=false":       false,
		"HAProxy.Http-Port=8080":     false,
		"haproxy.snippet=option x":   false,
		"traefik.enable=false":       false,
	} {
		label, value, _ := strings.Cut(text, "=")
		front := ParseFrontend("haproxy", map[string]string{label: value})
		assert.Check(t, front.Closed == closed, "%s: %v", text, front.Problems)
	}
}

func FuzzSlips(f *testing.F) {
	f.Add("HAProxy.Allow", "x")
	f.Add("ha\xffproxy\u202e.allow", "\x1b[31m")
	f.Fuzz(func(t *testing.T, label, value string) {
		given := map[string]string{label: value}
		for _, slip := range append(Slips("web", given), Misplaced("web", "deploy.labels", given)...) {
			problemsAreNamed(t, []Problem{slip.Problem}, given)
		}
	})
}
