package e2e

import (
	"net/http"
	"os"
	"testing"

	"gotest.tools/v3/assert"
)

func TestArguments_a_wait_of_zero_has_no_limit(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", labels: []string{"haproxy.host: web.example.com"}})
	p.attach()
	p.up("--wait-timeout", "0s")
	p.eventually("web is served", p.answers("web.example.com", http.StatusOK, "web"))
	for _, args := range [][]string{{"up"}, {"reload"}, {"start"}, {"restart", "web"}, {"scale", "web=2"}, {"rollout"}} {
		p.mustSucceed(p.haproxy(append(args, "--wait-timeout", "0")...))
	}
	assert.NilError(t, p.answers("web.example.com", http.StatusOK, "web")())
}

func TestArguments_that_mean_nothing_are_refused_as_docker_refuses_them(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	folder := p.path("a\nb")
	assert.NilError(t, os.Mkdir(folder, 0o755))
	before := p.snapshot()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"init", folder}, 1, "has control characters in its path"},
		{[]string{"init", ""}, 125, "the name of the folder is empty"},
		{[]string{"-p", "BAD NAME!", "ps"}, 1, "such as badname"},
		{[]string{"scale", "web=2", "web=3"}, 125, "service web is given twice"},
		{[]string{"rollout", "--pause", "-5s"}, 125, "must not be negative"},
		{[]string{"rollout", "--canary", "10%", "--canary-errors", "-1"}, 125, "must not be negative"},
		{[]string{"logs", "--tail", "abc"}, 125, "give a number of lines, or all"},
		{[]string{"up", "--wait-timeout", "-1s"}, 125, "must not be negative"},
		{[]string{"relaod"}, 1, "Did you mean this?\n\treload"},
	} {
		p.mustFail(p.haproxy(c.args...), c.code, c.says)
	}
	p.mustHoldStill(before)
	p.writeApps(app{name: "web"})
	p.attach()
	p.mustFail(p.haproxy("--profile", "nope", "up"), 1, `--profile "nope": no service of project`)
}
