package e2e

import (
	"net/http"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestPlainCompose_runs_what_init_wrote(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.init()

	p.mustSucceed(p.compose("up", "-d", "--wait"))
	p.eventually("HAProxy has found its servers", func() error {
		_, err := tryGet(p.http, "/")
		return err
	})
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
	assert.Equal(t, p.getStats("/healthz").status, http.StatusOK)

	services := strings.Fields(p.mustSucceed(p.compose("ps", "--services", "--status", "running")).stdout)
	assert.Equal(t, len(services), 4, "%v", services)

	// The signal is what plain Docker has for a reload.
	worker := p.worker()
	p.editConfig(addingHeader("X-Plain", "yes"))
	p.mustSucceed(p.docker("kill", "-s", "HUP", p.container("haproxy").ID))
	p.eventually("the edited configuration is served", p.serves("X-Plain", "yes"))
	assert.Assert(t, p.worker() != worker)

	p.mustSucceed(p.compose("down"))
	p.mustLeaveNothing()
}

func TestPlainCompose_project_is_taken_over_with_nothing_recreated(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.init()
	p.mustSucceed(p.compose("up", "-d", "--wait"))
	before, pid := p.ids(), p.container("haproxy").PID

	p.up()
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, p.container("haproxy").PID, pid)

	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")

	assert.Equal(t, strings.Count(p.mustSucceed(p.haproxy("ps", "-q")).stdout, "\n"), 4)
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
}

func TestPlainCompose_takes_over_a_project_with_nothing_recreated(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.init()
	p.up()
	before, pid := p.ids(), p.container("haproxy").PID

	p.mustSucceed(p.compose("up", "-d", "--wait"))
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, p.container("haproxy").PID, pid)

	p.up() // and back again
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, p.container("haproxy").PID, pid)

	p.mustSucceed(p.compose("down"))
	p.mustLeaveNothing()
}

func TestPlainCompose_edit_is_noticed_by_up_by_its_date(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.init("--servers", "1")
	p.mustSucceed(p.compose("up", "-d", "--wait"))
	before := p.ids()

	// Nobody has noted what this HAProxy has loaded.
	p.editConfig(addingHeader("X-Edit", "1"))
	p.up()
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
	assert.DeepEqual(t, p.ids(), before)
}
