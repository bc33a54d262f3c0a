package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// folder is a project's folder with files, each with its name as its content.
func folder(t *testing.T, names ...string) (base string, files []string) {
	t.Helper()
	base = t.TempDir()
	for _, name := range names {
		files = append(files, filepath.Join(base, filepath.FromSlash(name)))
		write(t, base, name, name)
	}
	return base, files
}

func write(t *testing.T, base, name, text string) {
	t.Helper()
	file := filepath.Join(base, filepath.FromSlash(name))
	assert.NilError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	assert.NilError(t, os.WriteFile(file, []byte(text), 0o644))
}

func read(t *testing.T, base, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(base, filepath.FromSlash(name)))
	assert.NilError(t, err)
	return string(text)
}

func keep(t *testing.T, s Store, hash, base string, files []string) Entry {
	t.Helper()
	return keepAs(t, s, true, hash, base, files)
}

func keepAs(t *testing.T, s Store, accepted bool, hash, base string, files []string) Entry {
	t.Helper()
	var sources []Source
	for _, name := range files {
		content, err := os.ReadFile(name)
		assert.NilError(t, err)
		info, err := os.Stat(name)
		assert.NilError(t, err)
		sources = append(sources, Source{Name: name, Content: content, Mode: info.Mode(), Owner: OwnerOf(info)})
	}
	entry, err := s.Keep(Entry{Hash: hash, Accepted: accepted, How: "reload"}, base, sources)
	assert.NilError(t, err)
	return entry
}

func ids(t *testing.T, s Store) (ids []string) {
	t.Helper()
	entries, err := s.List()
	assert.NilError(t, err)
	for _, entry := range entries {
		ids = append(ids, entry.ID+entry.Hash)
	}
	return ids
}

func TestKeep_lists_the_newest_first_and_each_once_under_its_ID(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	for _, hash := range []string{"a", "a", "b", "a"} {
		keep(t, s, hash, base, files)
	}
	assert.DeepEqual(t, ids(t, s), []string{"1a", "2b"})

	newest, found, err := s.ByHash("a")
	assert.NilError(t, err)
	assert.Assert(t, found)
	assert.Equal(t, newest.ID, "1")
	_, found, err = s.ByHash("c")
	assert.NilError(t, err)
	assert.Assert(t, !found)
}

func TestKeep_forgets_the_oldest_with_their_contents(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	for i := range limit + 5 {
		write(t, base, "haproxy.cfg", fmt.Sprint("content ", i))
		keep(t, s, fmt.Sprint(i), base, files)
	}
	entries, err := s.List()
	assert.NilError(t, err)
	assert.Equal(t, len(entries), limit)
	assert.Equal(t, entries[0].ID, fmt.Sprint(limit+5))
	objects, err := os.ReadDir(filepath.Join(s.Folder, "objects"))
	assert.NilError(t, err)
	assert.Equal(t, len(objects), limit)
}

func TestKeep_of_what_was_set_aside_before(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	keep(t, s, "a", base, files)
	keepAs(t, s, false, "b", base, files)
	keep(t, s, "c", base, files)
	assert.Assert(t, keepAs(t, s, false, "a", base, files).Accepted, "what was loaded once stays what was loaded")
	assert.DeepEqual(t, ids(t, s), []string{"3c", "2b", "1a"})
	assert.Assert(t, keep(t, s, "b", base, files).Accepted)
	assert.DeepEqual(t, ids(t, s), []string{"2b", "3c", "1a"})
}

func TestKeep_of_what_was_set_aside_costs_no_accepted_one(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	for i := range limit {
		keep(t, s, fmt.Sprint("accepted ", i), base, files)
	}
	for i := range asideLimit + 5 {
		keepAs(t, s, false, fmt.Sprint("aside ", i), base, files)
	}
	assert.Equal(t, len(ids(t, s)), limit+asideLimit)
	_, found, err := s.ByHash("accepted 0")
	assert.NilError(t, err)
	assert.Assert(t, found)
	_, found, err = s.ByHash("aside 4")
	assert.NilError(t, err)
	assert.Assert(t, !found)
}

func TestKeep_does_not_forget_what_is_pinned(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept"), Pinned: "aside 0"}
	for i := range asideLimit + 5 {
		write(t, base, "haproxy.cfg", fmt.Sprint("content ", i))
		keepAs(t, s, false, fmt.Sprint("aside ", i), base, files)
	}
	entry, found, err := s.ByHash("aside 0")
	assert.NilError(t, err)
	assert.Assert(t, found)
	_, err = s.Restore(entry, base, files)
	assert.NilError(t, err)
	assert.Equal(t, read(t, base, "haproxy.cfg"), "content 0")
}

func TestKeep_is_readable_by_its_owner_only(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg", "key.pem")
	s := Store{Folder: filepath.Join(base, "kept")}
	keep(t, s, "a", base, files)
	err := filepath.WalkDir(s.Folder, func(name string, entry fs.DirEntry, err error) error {
		assert.NilError(t, err)
		info, err := entry.Info()
		assert.NilError(t, err)
		if !entry.IsDir() {
			assert.Equal(t, info.Mode().Perm(), fs.FileMode(0o600), name)
		}
		return nil
	})
	assert.NilError(t, err)
}

func TestRestore_brings_back_the_files_and_takes_away_what_came_later(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy/haproxy.cfg", "haproxy/maps/hosts.map")
	assert.NilError(t, os.Chmod(files[0], 0o640))
	s := Store{Folder: filepath.Join(base, "kept")}
	entry := keep(t, s, "a", base, files)

	write(t, base, "haproxy/haproxy.cfg", "edited")
	assert.NilError(t, os.Chmod(files[0], 0o600))
	assert.NilError(t, os.Remove(files[1]))
	write(t, base, "haproxy/extra.cfg", "added")
	now := []string{files[0], filepath.Join(base, "haproxy", "extra.cfg")}

	undo, err := s.Restore(entry, base, now)
	assert.NilError(t, err)
	assert.Equal(t, read(t, base, "haproxy/haproxy.cfg"), "haproxy/haproxy.cfg")
	assert.Equal(t, read(t, base, "haproxy/maps/hosts.map"), "haproxy/maps/hosts.map")
	_, err = os.Stat(filepath.Join(base, "haproxy", "extra.cfg"))
	assert.Assert(t, errors.Is(err, fs.ErrNotExist))
	info, err := os.Stat(files[0])
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), fs.FileMode(0o640))

	assert.NilError(t, undo())
	assert.Equal(t, read(t, base, "haproxy/haproxy.cfg"), "edited")
	assert.Equal(t, read(t, base, "haproxy/extra.cfg"), "added")
	_, err = os.Stat(files[1])
	assert.Assert(t, errors.Is(err, fs.ErrNotExist))
	info, err = os.Stat(files[0])
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), fs.FileMode(0o600))
	assert.NilError(t, undo(), "once is enough, and twice does no harm")
	mustLeaveNoTemporaries(t, base)
}

func TestRestore_that_fails_in_the_middle_leaves_all_as_it_was(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "a.map", "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	entry := keep(t, s, "a", base, files)
	write(t, base, "a.map", "edited")
	assert.NilError(t, os.Remove(files[1]))
	assert.NilError(t, os.Mkdir(files[1], 0o755)) // no file can take its place
	_, err := s.Restore(entry, base, files)
	assert.Assert(t, err != nil)
	assert.Equal(t, read(t, base, "a.map"), "edited")
	mustLeaveNoTemporaries(t, base)
}

func TestRestore_writes_into_a_file_that_must_stay_the_same(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg", "other.cfg")
	s := Store{Folder: filepath.Join(base, "kept"), InPlace: func(name string) bool { return name == files[0] }}
	entry := keep(t, s, "a", base, files)
	write(t, base, "haproxy.cfg", "edited and longer")
	same := func(name string) func() bool {
		before, err := os.Stat(name)
		assert.NilError(t, err)
		return func() bool {
			after, err := os.Stat(name)
			assert.NilError(t, err)
			return os.SameFile(before, after)
		}
	}
	mounted, other := same(files[0]), same(files[1])
	undo, err := s.Restore(entry, base, files)
	assert.NilError(t, err)
	assert.Equal(t, read(t, base, "haproxy.cfg"), "haproxy.cfg")
	assert.Assert(t, mounted() && !other())
	assert.NilError(t, undo())
	assert.Equal(t, read(t, base, "haproxy.cfg"), "edited and longer")
	assert.Assert(t, mounted())
}

func TestRestore_keeps_a_link_a_link(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "shared/haproxy.cfg")
	link := filepath.Join(base, "haproxy.cfg")
	if err := os.Symlink(files[0], link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	s := Store{Folder: filepath.Join(base, "kept")}
	entry := keep(t, s, "a", base, []string{link})
	write(t, base, "shared/haproxy.cfg", "edited")
	_, err := s.Restore(entry, base, []string{link})
	assert.NilError(t, err)
	assert.Equal(t, read(t, base, "shared/haproxy.cfg"), "shared/haproxy.cfg")
	target, err := os.Readlink(link)
	assert.NilError(t, err)
	assert.Equal(t, target, files[0])
}

func TestRestore_of_what_was_damaged_touches_nothing(t *testing.T) {
	t.Parallel()
	base, files := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	entry := keep(t, s, "a", base, files)
	write(t, base, "haproxy.cfg", "edited")
	for name, damage := range map[string]func(object string) error{
		"changed": func(object string) error { return os.WriteFile(object, []byte("else"), 0o600) },
		"lost":    os.Remove,
	} {
		assert.NilError(t, damage(s.object(entry.Files[0])))
		_, err := s.Restore(entry, base, files)
		assert.Assert(t, err != nil && strings.Contains(err.Error(), "haproxy.cfg"), "%s: %v", name, err)
		assert.Equal(t, read(t, base, "haproxy.cfg"), "edited")
	}
}

func TestList_of_a_damaged_history_says_what_to_do(t *testing.T) {
	t.Parallel()
	s := Store{Folder: t.TempDir()}
	entries, err := s.List()
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 0)
	assert.NilError(t, os.WriteFile(s.list(), []byte("{"), 0o600))
	_, err = s.List()
	assert.ErrorContains(t, err, "remove the folder "+s.Folder)
}

func TestFiles_outside_of_the_base_folder_keep_their_place(t *testing.T) {
	t.Parallel()
	base, _ := folder(t)
	_, outside := folder(t, "haproxy.cfg")
	s := Store{Folder: filepath.Join(base, "kept")}
	entry := keep(t, s, "a", base, outside)
	assert.Equal(t, entry.Files[0].Place(base), outside[0])
}

func mustLeaveNoTemporaries(t *testing.T, base string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(base, "*", ".*"))
	assert.NilError(t, err)
	here, err := filepath.Glob(filepath.Join(base, ".*"))
	assert.NilError(t, err)
	assert.DeepEqual(t, append(left, here...), []string(nil))
}
