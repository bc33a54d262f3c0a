package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gotest.tools/v3/assert"
)

// inContainer is where the cases' configurations expect their files.
const inContainer = "/usr/local/etc/haproxy/"

// TestLabels_make_what_HAProxy_accepts passes what each case of
// compose/labels/testdata makes through "haproxy -c", of both branches.
func TestLabels_make_what_HAProxy_accepts(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	files, err := filepath.Glob("../compose/labels/testdata/*.txtar")
	assert.NilError(t, err)
	assert.Assert(t, len(files) > 90)
	folder := t.TempDir()
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		assert.NilError(t, err)
		writeCase(t, filepath.Join(folder, strings.TrimSuffix(filepath.Base(file), ".txtar")), archive)
	}
	base := newProject(t)
	base.init()
	text := base.read(configFile)
	global, _, found := strings.Cut(text, "frontend stats")
	assert.Assert(t, found)
	assert.NilError(t, os.WriteFile(filepath.Join(folder, "base.cfg"), []byte(global), 0o644))
	const checkAll = `cd /cases || exit 9
for c in */; do
  haproxy -c -dr -f base.cfg -f "$c/generated" >/tmp/said 2>&1 || { echo "== $c: $?"; grep -v NOTICE /tmp/said; }
done`
	for branch, image := range branches {
		t.Run(branch, func(t *testing.T) {
			t.Parallel()
			needsImage(t, image)
			r := base.within(t).docker("run", "--rm", "--network", "none", "--tmpfs", "/tmp", "--volume", folder+":/cases:ro", "--entrypoint", "sh", image, "-c", checkAll)
			if r.exitCode != 0 || r.stdout != "" {
				t.Errorf("HAProxy refuses what labels make:\n%s", r)
			}
		})
	}
}

// writeCase writes the files of a case below a folder of its own, which stands
// for HAProxy's.
func writeCase(t *testing.T, folder string, archive *txtar.Archive) {
	t.Helper()
	name := filepath.Base(folder)
	for _, file := range archive.Files {
		target := filepath.Join(folder, "generated", file.Name)
		content := string(file.Data)
		switch {
		case file.Name == "labels" || file.Name == "problems":
			continue
		case strings.HasPrefix(file.Name, "haproxy/"):
			target = filepath.Join(folder, strings.TrimPrefix(file.Name, "haproxy/"))
		case strings.HasSuffix(file.Name, ".cfg"):
			content = strings.ReplaceAll(content, inContainer, fmt.Sprintf("/cases/%s/", name))
		}
		assert.NilError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		assert.NilError(t, os.WriteFile(target, []byte(content), 0o644))
	}
	script, err := os.ReadFile("../haproxy/routing/containers.lua")
	assert.NilError(t, err)
	assert.NilError(t, os.WriteFile(filepath.Join(folder, "generated", "containers.lua"), script, 0o644))
	assert.NilError(t, os.Chmod(folder, 0o755))
}
