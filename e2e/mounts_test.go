package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// TestAReplacedFolderIsNotTakenForLoaded: the mount goes on showing the folder
// that was there when the container was made, whatever has its name now.
func TestAReplacedFolderIsNotTakenForLoaded(t *testing.T) {
	onlyOnLinux(t)
	onBranches(t, func(p *project) {
		t := p.t
		before, worker := p.container("haproxy"), p.worker()
		p.replaceFolder(filepath.Dir(p.path(configFile)))
		p.mustSucceed(p.haproxy("reload")) // nothing in it is different yet
		p.mustBeTheSame(before)
		worker, old := p.worker(), worker
		assert.Assert(t, worker != old)

		p.editConfig(addingHeader("X-Edit", "1"))
		r := p.mustFail(p.haproxy("reload"), 1, "does not see "+configFile+" as it is on disk", "nothing was applied", "up --force-recreate", "docker restart "+before.Name)
		assert.Equal(t, r.stdout, "")
		assert.Equal(t, p.worker(), worker)
		assert.Equal(t, p.get("/").header.Get("X-Edit"), "")

		p.mustSucceed(p.docker("restart", before.ID))
		p.eventually("requests are answered again", p.serves("X-Edit", "1"))
		p.editConfig(replacing("X-Edit 1", "X-Edit 2"))
		p.mustSucceed(p.haproxy("reload"))
		assert.Equal(t, p.get("/").header.Get("X-Edit"), "2")

		p.replaceFolder(filepath.Dir(p.path(configFile)))
		p.editConfig(replacing("X-Edit 2", "X-Edit 3"))
		p.mustFail(p.haproxy("reload"), 1, "does not see ")
		p.up("--force-recreate")
		p.eventually("requests are answered again", p.serves("X-Edit", "3"))
	})
}

// replaceFolder is "mv FOLDER FOLDER.old; cp -r FOLDER.old FOLDER".
func (p *project) replaceFolder(folder string) {
	p.t.Helper()
	assert.NilError(p.t, os.RemoveAll(folder+".old"))
	assert.NilError(p.t, os.Rename(folder, folder+".old"))
	assert.NilError(p.t, os.CopyFS(folder, os.DirFS(folder+".old")))
}

// TestAFileThatIsMountedAloneMayBeReplacedByARollbackOnly: an editor that puts a
// new file in the place of the old one cuts HAProxy off; a rollback does not.
func TestAFileThatIsMountedAloneMayBeReplacedByARollbackOnly(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newProject(t)
	p.init("--servers", "1")
	p.editCompose(func(text string) string {
		return strings.NewReplacer("source: ./haproxy\n", "source: ./"+configFile+"\n", "target: /usr/local/etc/haproxy\n", "target: /usr/local/etc/haproxy/haproxy.cfg\n").Replace(text)
	})
	p.up()
	first := p.read(configFile)
	p.overwrite(configFile, addingHeader("X-Edit", "1")(first))
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "1")
	p.mustSucceed(p.haproxy("rollback"))
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "")
	assert.Equal(t, p.read(configFile), first)
	p.overwrite(configFile, addingHeader("X-Edit", "2")(first))
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "2")

	assert.NilError(t, os.Remove(p.path(configFile))) // as "sed -i" does
	p.overwrite(configFile, addingHeader("X-Edit", "3")(first))
	p.mustFail(p.haproxy("reload"), 1, "does not see "+configFile)
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "2")
}

// overwrite writes into the file that is there.
func (p *project) overwrite(name, text string) {
	p.t.Helper()
	assert.NilError(p.t, os.WriteFile(p.path(name), []byte(text), 0o644))
}
