//go:build unix

package compose

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"gotest.tools/v3/assert"
)

// HAProxy reads the files as a user of its own, whatever the mask of the person
// who makes them. (The mask is the process's: no other test may run meanwhile.)
func TestEverybodyMayReadWhatIsWrittenUnderAnyUmask(t *testing.T) {
	for _, mask := range []int{0o077, 0o777, 0} {
		folder := t.TempDir()
		old := syscall.Umask(mask)
		err := WriteFiles(filepath.Join(folder, "demo"), []File{{BaseConfigName, []byte("global\n")}})
		syscall.Umask(old)
		assert.NilError(t, err)
		for name, want := range map[string]os.FileMode{
			"demo":                     os.ModeDir | 0o755,
			"demo/haproxy":             os.ModeDir | 0o755,
			"demo/haproxy/haproxy.cfg": 0o644,
		} {
			info, err := os.Stat(filepath.Join(folder, name))
			assert.NilError(t, err)
			assert.Equal(t, info.Mode(), want, "%s under umask %o", name, mask)
		}
	}
}

func TestAFolderThatTheUserMadeKeepsItsMode(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	assert.NilError(t, os.Mkdir(filepath.Join(folder, "haproxy"), 0o700))
	assert.NilError(t, WriteFiles(folder, []File{{BaseConfigName, []byte("a")}}))
	info, err := os.Stat(filepath.Join(folder, "haproxy"))
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o700))
}
