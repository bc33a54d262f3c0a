package e2e

import (
	"net/http"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestSlips_a_label_that_would_have_kept_a_client_out_closes_its_service(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	apps := []app{
		{name: "shop", labels: []string{"haproxy.host: shop.example.com"}},
		{name: "api", labels: []string{"haproxy.host: api.example.com"}},
		{name: "web", labels: []string{"haproxy.host: web.example.com", "Haproxy.Check: /healthz"}},
	}
	p.writeApps(apps...)
	open := []string{`service web: label Haproxy.Check: "/healthz": is not read: labels begin with haproxy.`, "did you mean haproxy.check?"}
	r := p.attach()
	p.mustSay(r, r.stderr, open...)

	apps[0].labels = append(apps[0].labels, "HAProxy.Allow: 192.0.2.0/24")
	apps[1].more = []string{"deploy: {labels: {haproxy.deny: 0.0.0.0/0}}"}
	p.writeApps(apps...)
	closed := []string{
		`service shop: label HAProxy.Allow: "192.0.2.0/24": is not read: labels begin with haproxy.`, "did you mean haproxy.allow?",
		`service api, deploy.labels: label haproxy.deny: "0.0.0.0/0": is not read there`,
	}
	mustServe := func() {
		t.Helper()
		p.eventually("only web is served", p.answers("web.example.com", http.StatusOK, "web"))
		for _, host := range []string{"shop.example.com", "api.example.com"} {
			assert.NilError(t, p.answers(host, http.StatusServiceUnavailable, "")())
		}
	}
	for _, command := range []string{"check", "plan", "up"} {
		r := p.mustFail(p.haproxy(command), 1, closed...)
		p.mustSay(r, r.stdout+r.stderr, open...)
	}
	mustServe()
	r = p.mustFail(p.haproxy("status"), 1)
	p.mustSay(r, r.stdout, closed...)
	p.mustSay(r, r.stdout, open...)
	r = p.mustFail(p.haproxy("reload"), 1, closed...)
	p.mustSay(r, r.stderr, open...)
	mustServe()

	apps[0].labels[1] = "haproxy.allow: 0.0.0.0/0"
	apps[1].more = nil
	p.writeApps(apps...)
	r = p.up()
	p.mustSay(r, r.stderr, open...)
	for _, host := range []string{"shop", "api", "web"} {
		p.eventually(host+" is served", p.answers(host+".example.com", http.StatusOK, host))
	}
}

func TestSlips_init_puts_nothing_in_front_of_a_service_that_a_label_was_to_guard(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "shop", labels: []string{"HAProxy.Auth: users"}})
	before := p.snapshot()
	p.mustFail(p.tryAttach("--route", "*=shop:8080"), 1, `service shop: label HAProxy.Auth: "users": is not read`, "did you mean haproxy.auth?", "nothing was changed")
	p.mustHoldStill(before)
}

func TestSlips_a_guard_on_the_load_balancer_that_is_not_understood_closes_all(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, app{name: "web", labels: []string{"haproxy.host: web.example.com"}})
	p.eventually("web is served", p.answers("web.example.com", http.StatusOK, "web"))
	p.edit("compose.override.yaml", func(text string) string {
		return strings.Replace(text, "  haproxy:\n", "  haproxy:\n    deploy: {labels: {haproxy.allow: 192.0.2.0/24}}\n", 1)
	})
	p.mustFail(p.haproxy("reload"), 1, "service haproxy, deploy.labels: label haproxy.allow", "all routes answer 503")
	assert.NilError(t, p.answers("web.example.com", http.StatusServiceUnavailable, "")())
}

func TestSlips_which_file_wins_is_said(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "a"})
	p.attach("--route", "*=a:8080")
	p.up()
	p.editCompose(func(text string) string {
		return text + "    labels:\n      haproxy.host: shop.example.com\n"
	})
	said := []string{
		`compose.yaml: warning: service a: label haproxy.host: "shop.example.com" is overruled by "*" in compose.override.yaml`,
		`compose.override.yaml wins: take the label out of it if "shop.example.com" is meant, else out of compose.yaml`,
	}
	for _, command := range [][]string{{"check"}, {"plan"}, {"up"}, {"reload"}, {"reload", "--dry-run"}, {"up", "--dry-run"}} {
		r := p.mustSucceed(p.haproxy(command...))
		p.mustSay(r, r.stdout+r.stderr, said...)
	}
	p.edit("compose.override.yaml", func(text string) string {
		var kept []string
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "haproxy.host") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	})
	for _, command := range []string{"check", "plan", "up"} {
		r := p.mustSucceed(p.haproxy(command))
		assert.Assert(t, !strings.Contains(r.stdout+r.stderr, "overruled"), r.stdout+r.stderr)
	}
	p.eventually("the person's label counts", p.answers("shop.example.com", http.StatusOK, "a"))
	assert.NilError(t, p.answers("other.example.com", http.StatusNotFound, "")())
}
