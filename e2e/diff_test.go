package e2e

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestDiff_shows_what_a_reload_would_change(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	r := p.mustSucceed(p.haproxy("diff", "--exit-code"))
	assert.Equal(t, r.stdout, "")
	p.mustSay(r, r.stderr, "What is on disk is what HAProxy runs", "HAProxy accepts")

	p.editConfig(addingHeader("X-Edit", "1"))
	p.write("haproxy/maps/hosts.map", "shop.example.com web\n")
	r = p.mustSucceed(p.haproxy("diff"))
	p.mustSay(r, r.stdout, "+    http-response set-header X-Edit 1\n", "hosts.map", "+shop.example.com web\n")
	assert.Assert(t, !strings.Contains(r.stdout, "\x1b"), "colours are for terminals:\n%s", r)
	p.mustFail(p.haproxy("diff", "--exit-code"), 1)

	var parsed struct {
		Running bool
		Valid   bool
		Files   []struct{ Name, Change, Unified string }
	}
	p.decode(p.mustSucceed(p.haproxy("diff", "--format", "json")), &parsed)
	assert.Assert(t, parsed.Running && parsed.Valid)
	assert.Equal(t, len(parsed.Files), 2)
	assert.Equal(t, parsed.Files[0].Change, "changed")
	assert.Equal(t, parsed.Files[1].Change, "added")

	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	r = p.mustSucceed(p.haproxy("diff"))
	p.mustSay(r, r.output(), "-    bind :80\n", "+    bimd :80\n", "unknown keyword 'bimd'", "HAProxy refuses")
	p.mustFail(p.haproxy("diff", "--exit-code"), 1)
	p.mustFail(p.haproxy("diff", "--format", "xml"), 1, "table or json")
}

func TestDiff_does_not_show_private_keys(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	p.write("haproxy/key.pem", "-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----\n")
	r := p.mustSucceed(p.haproxy("diff"))
	p.mustSay(r, r.stdout, "key.pem added: not shown")
	assert.Assert(t, !strings.Contains(r.output(), "MIIsecret"), "%s", r)
}

func TestDiff_without_a_history_says_so(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.mustFail(p.haproxy("diff"), 1, "docker haproxy up")
}
