package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// once is a job that fails when it is run a second time.
func once(service string, more ...string) string {
	return "  " + service + ":\n    image: " + standIn + "\n    user: root\n" +
		"    entrypoint: [sh, -c, \"echo seeding; mkdir /data/" + service + "\"]\n    volumes: [\"data:/data\"]\n" +
		indented(more)
}

func indented(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("    " + line + "\n")
	}
	return b.String()
}

// newJobsProject has an app behind HAProxy, a worker, and what else is given.
func newJobsProject(t *testing.T, services string, dependsOn ...string) *project {
	t.Helper()
	p := newProject(t)
	needsImage(t, standIn)
	p.write(composeFile, composeOf(
		app{name: "web", labels: []string{`haproxy.host: "*"`, `haproxy.port: "8080"`}, more: dependsOn},
		app{name: "worker"},
	)+services+"volumes: {data: }\n")
	p.mustSucceed(p.tryAttach())
	return p
}

func (p *project) startedAt(service string) string {
	p.t.Helper()
	return p.container(service).Inspect.State.StartedAt.String()
}

func (p *project) mustHaveNothingToDo() {
	p.t.Helper()
	assert.Equal(p.t, strings.TrimSpace(p.mustSucceed(p.haproxy("plan", "--format", "{{ .What }}")).stdout), "")
}

func TestJobs_run_once(t *testing.T) {
	t.Parallel()
	p := newJobsProject(t,
		once("seed")+once("leaf", `restart: "no"`)+once("retried", "restart: on-failure:2")+
			once("deployed", "deploy: {restart_policy: {condition: none}}"),
		"depends_on: {seed: {condition: service_completed_successfully}}")
	jobs := []string{"seed", "leaf", "retried", "deployed"}
	p.up()
	assert.Equal(t, p.get("/").status, http.StatusOK)
	began := map[string]string{}
	for _, job := range jobs {
		p.eventually(job+" has ended", p.hasEnded(job))
		began[job] = p.startedAt(job)
	}
	jobsRanOnce := func(when string) {
		t.Helper()
		for _, job := range jobs {
			state := p.container(job).Inspect.State
			assert.Equal(t, state.ExitCode, 0, "%s, %s", job, when)
			assert.Equal(t, state.StartedAt.String(), began[job], "%s, %s", job, when)
		}
	}
	p.up()
	jobsRanOnce("after another up")
	p.mustHaveNothingToDo()

	p.mustSucceed(p.haproxy("stop"))
	p.mustSucceed(p.haproxy("start"))
	jobsRanOnce("after stop and start")
	assert.Equal(t, p.container("worker").State, "running")
	p.eventually("requests are served", func() error {
		if status := p.get("/").status; status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})

	// What was stopped is no job that is done, though it ended with exit code 0 too.
	for _, service := range []string{"web", "worker"} {
		p.mustSucceed(p.docker("stop", p.container(service).ID))
		assert.Equal(t, p.container(service).Inspect.State.ExitCode, 0)
	}
	p.up()
	jobsRanOnce("after others were stopped")
	assert.Equal(t, p.container("web").State, "running")
	assert.Equal(t, p.container("worker").State, "running")
	p.mustHaveNothingToDo()

	p.mustSucceed(p.haproxy("rollout"))
	jobsRanOnce("after a rollout")

	p.edit(composeFile, replacing("mkdir /data/leaf", "mkdir /data/leaf2"))
	p.up()
	assert.Assert(t, p.startedAt("leaf") != began["leaf"], "a job that was edited runs again")
	p.eventually("leaf has ended", p.hasEnded("leaf"))
	began["leaf"] = p.startedAt("leaf")
	jobsRanOnce("after one was edited")
}

func (p *project) hasEnded(service string) func() error {
	return func() error {
		if state := p.container(service).State; state != "exited" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	}
}

func TestJobs_that_fail_are_an_error_and_are_tried_again(t *testing.T) {
	t.Parallel()
	failing := strings.Replace(once("seed"), "mkdir /data/seed", "echo no such table; test -e /data/ready", 1)
	p := newJobsProject(t, failing, "depends_on: {seed: {condition: service_completed_successfully}}")
	p.refuses([]string{"up"}, "seed-1", "exited (1)", "no such table")
	p.mustLeaveNothing()

	p.edit(composeFile, replacing("test -e /data/ready", "test -e /data/ready || touch /data/ready"))
	p.up()
	assert.Equal(t, p.get("/").status, http.StatusOK)
	p.mustHaveNothingToDo()
}

func TestJobs_that_no_request_depends_on_do_not_keep_the_site_from_being_served(t *testing.T) {
	t.Parallel()
	failing := strings.Replace(once("seed"), "mkdir /data/seed", "echo no such table; test -e /data/ready", 1)
	p := newJobsProject(t, failing)
	p.refuses([]string{"up"}, "seed-1", "exited (1)", "no such table", "Requests are served")
	assert.Equal(t, p.get("/").status, http.StatusOK)
	began := p.startedAt("seed")
	p.refuses([]string{"up"}, "seed-1", "exited (1)", "no such table")
	assert.Assert(t, p.startedAt("seed") != began, "it is tried again")
	assert.Equal(t, p.get("/").status, http.StatusOK)
}
