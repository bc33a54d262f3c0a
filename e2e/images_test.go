package e2e

import (
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// TestImages_are_run_hardened_and_reloaded goes through a project's life on
// each kind of image that HAProxy comes in.
func TestImages_are_run_hardened_and_reloaded(t *testing.T) {
	t.Parallel()
	for _, image := range []string{standIn, standIn34, standInOfficial, standInNoSocat} {
		_, tag, _ := strings.Cut(image, ":")
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			needsImage(t, image)
			p.init("--image", image, "--servers", "2")
			p.up()
			assert.DeepEqual(t, p.servedBy(6), []string{"web1", "web2"})
			assert.Equal(t, p.container("haproxy").Inspect.Config.Image, image)
			mustBeHardened(t, p)

			worker := p.worker()
			p.editConfig(addingHeader("X-Edit", "1"))
			p.mustSucceed(p.haproxy("reload"))
			assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
			assert.Assert(t, p.worker() != worker)
			mustBeHardened(t, p) // the new worker too

			before := p.worker()
			p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
			p.mustFail(p.haproxy("reload"), 1, "haproxy.cfg:", "bimd")
			assert.Equal(t, p.worker(), before)
			assert.DeepEqual(t, p.servedBy(6), []string{"web1", "web2"})

			p.mustSucceed(p.haproxy("down"))
			p.mustLeaveNothing()
		})
	}
}

// mustBeHardened holds the fourth promise: nothing that faces the internet has
// more rights than it needs.
func mustBeHardened(t *testing.T, p *project) {
	t.Helper()
	c := p.container("haproxy")
	host := c.Inspect.HostConfig
	assert.Equal(t, c.Inspect.Config.User, "1000:1000")
	assert.Equal(t, host.ReadonlyRootfs, true)
	assert.DeepEqual(t, host.CapDrop, []string{"ALL"})
	assert.Equal(t, len(host.CapAdd), 0)
	assert.Equal(t, host.Privileged, false)
	assert.Equal(t, host.PidMode, "")
	assert.Assert(t, slices.Contains(host.SecurityOpt, "no-new-privileges:true"), "%v", host.SecurityOpt)
	for _, mount := range c.Inspect.Mounts {
		assert.Assert(t, !strings.Contains(mount.Source, "docker.sock"), "the Docker socket is no business of HAProxy's")
		assert.Equal(t, mount.RW, false, "%s is writable", mount.Destination)
	}

	// The kernel's view, whatever the image's passwd says: the columns of
	// "docker top" come from ps on the engine's machine.
	lines := strings.Split(strings.TrimSpace(p.mustSucceed(p.docker("top", c.ID, "-eo", "pid,uid,comm")).stdout), "\n")
	assert.Assert(t, len(lines) >= 3, "there must be a master and a worker: %v", lines)
	for _, line := range lines[1:] {
		assert.Equal(t, strings.Fields(line)[1], "1000", "every process must run as the user: %v", lines)
	}
	status := p.mustSucceed(p.docker("exec", c.ID, "cat", "/proc/1/status")).stdout
	assert.Assert(t, strings.Contains(status, "CapEff:\t0000000000000000\n"), status)
	assert.Assert(t, strings.Contains(status, "NoNewPrivs:\t1\n"), status)
	for _, file := range []string{"/usr/local/etc/haproxy/x", "/x"} {
		r := p.docker("exec", c.ID, "sh", "-c", "echo > "+file) // shells fail with codes of their own
		p.mustFail(r, r.exitCode, "Read-only file system")
	}
}
