// Package history keeps configurations that HAProxy accepted, so that they can
// be brought back. It knows files and nothing of Docker or HAProxy.
package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// Store keeps configurations below a folder: the contents of files, each once,
// under objects, and the list of configurations in history.json. All of it is
// readable by its owner only: configurations may hold private keys. Callers
// make sure that only one of them writes at a time.
type Store struct {
	Folder string
	// Pinned is the hash of a configuration that Keep does not forget, however old.
	Pinned string
	// InPlace tells of files that Restore must write into, and not replace by
	// others of their names; nil tells of none. That is so for a file that is
	// mounted alone: its container would never see the other one.
	InPlace func(name string) bool
}

// Entry is a configuration as it once was.
type Entry struct {
	ID       string // a number, as a person types it
	At       time.Time
	Hash     string // of the whole configuration, as the caller computes it
	Accepted bool   // false: set aside without ever having been loaded
	How      string // the command that kept it: up, reload, rollback
	Files    []File
}

// File is one file of a configuration.
type File struct {
	Path  string // relative to the base folder, with slashes; absolute where that cannot be
	Sum   string // SHA-256 of the content, in hexadecimal
	Mode  fs.FileMode
	Owner *Owner `json:",omitempty"` // nil where files have none
}

// Owner is whom a file belongs to.
type Owner struct{ UID, GID int }

// Source is a file that is to be kept, as it was read at some moment.
type Source struct {
	Name    string // its path on disk
	Content []byte
	Mode    fs.FileMode
	Owner   *Owner // nil where files have none
}

// ErrUnknown means that the history has no such configuration.
var ErrUnknown = errors.New("no such configuration in the history")

// limit is how many accepted configurations are kept, and asideLimit how many
// of those that were never loaded.
const (
	limit      = 20
	asideLimit = 10
)

// Keep adds a configuration with its files. One that is there already comes to
// the front under the ID that it has, once it is accepted (again).
func (s Store) Keep(entry Entry, base string, files []Source) (Entry, error) {
	entries, err := s.List()
	if err != nil {
		return Entry{}, err
	}
	same := func(other Entry) bool { return other.Hash == entry.Hash }
	entry.ID = nextID(entries)
	if i := slices.IndexFunc(entries, same); i >= 0 {
		if !entry.Accepted || i == 0 && entries[0].Accepted {
			return entries[i], nil
		}
		entry.ID = entries[i].ID
	}
	for _, source := range files {
		file, err := s.keepFile(base, source)
		if err != nil {
			return Entry{}, err
		}
		entry.Files = append(entry.Files, file)
	}
	entries = s.within(append([]Entry{entry}, slices.DeleteFunc(entries, same)...))
	if err := s.writeList(entries); err != nil {
		return Entry{}, err
	}
	return entry, s.prune(entries)
}

// within leaves out the oldest configurations of each kind.
func (s Store) within(entries []Entry) []Entry {
	room := map[bool]int{true: limit, false: asideLimit}
	return slices.DeleteFunc(entries, func(entry Entry) bool {
		room[entry.Accepted]--
		return room[entry.Accepted] < 0 && (entry.Hash != s.Pinned || s.Pinned == "")
	})
}

func nextID(entries []Entry) string {
	highest := 0
	for _, entry := range entries {
		n, _ := strconv.Atoi(entry.ID)
		highest = max(highest, n)
	}
	return strconv.Itoa(highest + 1)
}

func (s Store) keepFile(base string, source Source) (File, error) {
	sum := sha256.Sum256(source.Content)
	file := File{Path: source.Name, Sum: hex.EncodeToString(sum[:]), Mode: source.Mode.Perm(), Owner: source.Owner}
	if relative, err := filepath.Rel(base, source.Name); err == nil {
		file.Path = filepath.ToSlash(relative)
	}
	object := s.object(file)
	if _, err := os.Stat(object); err == nil {
		return file, nil
	}
	if err := os.MkdirAll(filepath.Dir(object), 0o700); err != nil {
		return File{}, err
	}
	return file, replace(object, source.Content, 0o600, ownership{})
}

func (s Store) object(f File) string { return filepath.Join(s.Folder, "objects", f.Sum) }
func (s Store) list() string         { return filepath.Join(s.Folder, "history.json") }

func (s Store) writeList(entries []Entry) error {
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	return replace(s.list(), append(text, '\n'), 0o600, ownership{})
}

// prune removes contents that no configuration has any more.
func (s Store) prune(entries []Entry) error {
	used := map[string]bool{}
	for _, entry := range entries {
		for _, file := range entry.Files {
			used[file.Sum] = true
		}
	}
	objects, err := os.ReadDir(filepath.Join(s.Folder, "objects"))
	if err != nil {
		return err
	}
	for _, object := range objects {
		if !used[object.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(s.Folder, "objects", object.Name())))
		}
	}
	return err
}

// List gives the configurations, the newest first.
func (s Store) List() ([]Entry, error) {
	text, err := regular.Read(s.list())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the history of configurations cannot be read: %w", err)
	}
	var entries []Entry
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("the history of configurations is damaged (%s: %w); remove the folder %s to begin a new one", s.list(), err, s.Folder)
	}
	return entries, nil
}

// ByHash finds the newest configuration with a hash.
func (s Store) ByHash(hash string) (entry Entry, found bool, err error) {
	entries, err := s.List()
	i := slices.IndexFunc(entries, func(entry Entry) bool { return entry.Hash == hash })
	if err != nil || i < 0 {
		return Entry{}, false, err
	}
	return entries[i], true, nil
}

// Read gives the content of a file, and makes sure that it is the one that was kept.
func (s Store) Read(f File) ([]byte, error) {
	content, err := regular.Read(s.object(f))
	if err != nil {
		return nil, fmt.Errorf("the history has lost the content of %s: %w", f.Path, err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != f.Sum {
		return nil, fmt.Errorf("the history's content of %s is damaged: remove %s", f.Path, s.object(f))
	}
	return content, nil
}

// Place is where a file of a configuration belongs.
func (f File) Place(base string) string {
	if filepath.IsAbs(filepath.FromSlash(f.Path)) {
		return filepath.FromSlash(f.Path)
	}
	return filepath.Join(base, filepath.FromSlash(f.Path))
}

// Restore puts the files of a configuration in their places, each by a rename,
// and takes away those of now that it does not have. A file that takes the place
// of another keeps that one's owner; one that takes an empty place gets the one
// that it had, if whoever restores it may give files away. Where something fails, all is as it was.
// undo makes it so later on.
func (s Store) Restore(entry Entry, base string, now []string) (undo func() error, err error) {
	wanted := map[string][]byte{}
	var files []File
	for _, file := range entry.Files {
		content, err := s.Read(file)
		if err != nil {
			return nil, err
		}
		wanted[file.Place(base)] = content
		files = append(files, file)
	}
	slices.SortStableFunc(files, func(a, b File) int { return rank(a.Path) - rank(b.Path) })

	var steps []func() error
	takeBack := func() error {
		var err error
		for i := len(steps) - 1; i >= 0; i-- {
			err = errors.Join(err, steps[i]())
		}
		steps = nil
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, takeBack())
		}
	}()
	for _, file := range files {
		step, err := s.put(file.Place(base), wanted[file.Place(base)], file)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	for _, name := range now {
		if _, keeps := wanted[name]; keeps {
			continue
		}
		step, err := s.remove(name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return takeBack, nil
}

// rank lets what a configuration names come before the configuration.
func rank(name string) int {
	if strings.HasSuffix(name, ".cfg") {
		return 1
	}
	return 0
}

// put writes a file and gives what makes it as it was.
func (s Store) put(name string, content []byte, file File) (undo func() error, err error) {
	old, err := regular.Read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		return func() error { return os.Remove(name) }, replace(name, content, file.Mode, ownedBy(file.Owner))
	case err != nil:
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	return func() error { return s.write(name, old, info.Mode().Perm()) }, s.write(name, content, file.Mode)
}

// remove removes a file and gives what brings it back.
func (s Store) remove(name string) (undo func() error, err error) {
	old, err := regular.Read(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	owner := ownerOf(name)
	return func() error { return replace(name, old, info.Mode().Perm(), owner) }, os.Remove(name)
}

// write gives a file that is there another content.
func (s Store) write(name string, content []byte, mode fs.FileMode) error {
	if s.InPlace == nil || !s.InPlace(name) {
		return replace(name, content, mode, ownership{})
	}
	return errors.Join(os.WriteFile(name, content, mode), os.Chmod(name, mode))
}

// replace writes a file in one step: whoever opens it sees the old content or
// the new one. It follows a link, so that the link stays one. The file belongs
// to whom the one before belonged to, or else to the owner.
func replace(name string, content []byte, mode fs.FileMode, owner ownership) error {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name, owner = target, ownerOf(target)
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err == nil {
		owner.give(temporary.Name())
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", name, err), os.Remove(temporary.Name()))
	}
	return nil
}
