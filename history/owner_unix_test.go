//go:build unix

package history

import (
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
)

func TestKeep_notes_whom_a_file_belongs_to(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	keep(t, s, "a", base, files)
	entries, err := s.List()
	assert.NilError(t, err)
	info, err := os.Stat(files[0])
	assert.NilError(t, err)
	assert.DeepEqual(t, entries[0].Files[0].Owner, OwnerOf(info))
}

func TestRestore_gives_a_deleted_file_its_owner_again(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	base, files := folder(t, "haproxy.cfg", "key.pem")
	assert.NilError(t, os.Chown(files[1], 99, 98))
	s := Store{Folder: filepath.Join(base, "kept")}
	entry := keep(t, s, "a", base, files)
	assert.NilError(t, os.Remove(files[1]))
	undo, err := s.Restore(entry, base, files[:1])
	assert.NilError(t, err)
	info, err := os.Stat(files[1])
	assert.NilError(t, err)
	assert.DeepEqual(t, OwnerOf(info), &Owner{UID: 99, GID: 98})
	assert.NilError(t, undo())

	// And where it is taken away and brought back.
	write(t, base, "later.pem", "later")
	later := filepath.Join(base, "later.pem")
	assert.NilError(t, os.Chown(later, 99, 98))
	undo, err = s.Restore(entry, base, []string{files[0], later})
	assert.NilError(t, err)
	assert.NilError(t, undo())
	info, err = os.Stat(later)
	assert.NilError(t, err)
	assert.DeepEqual(t, OwnerOf(info), &Owner{UID: 99, GID: 98})
}
