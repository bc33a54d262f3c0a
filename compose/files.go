package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// WriteFiles writes all files below a folder, or none: each appears at once
// under its name, and where one fails, those before it become what they were,
// and the folders made for them go again. A file that exists is replaced.
func WriteFiles(folder string, files []File) (err error) {
	var undo []func() error
	defer func() {
		if err != nil {
			for i := len(undo) - 1; i >= 0; i-- {
				err = errors.Join(err, undo[i]())
			}
		}
	}()
	for _, file := range files {
		target := filepath.Join(folder, filepath.FromSlash(file.Path))
		made, err := MakeFolders(filepath.Dir(target))
		for _, folder := range made {
			undo = append(undo, func() error { return os.Remove(folder) })
		}
		if err != nil {
			return err
		}
		old, readErr := regular.Read(target)
		if err := writeFile(target, file.Content); err != nil {
			return err
		}
		switch {
		case errors.Is(readErr, fs.ErrNotExist):
			undo = append(undo, func() error { return os.Remove(target) })
		case readErr == nil:
			undo = append(undo, func() error { return writeFile(target, old) })
		}
	}
	return nil
}

// MakeFolders is os.MkdirAll that says which folders it made, outermost first.
// Their mode is 0755 whatever the umask says: HAProxy looks in as another user.
func MakeFolders(folder string) (made []string, err error) {
	for missing := folder; ; missing = filepath.Dir(missing) {
		if _, err := os.Stat(missing); err == nil || missing == filepath.Dir(missing) {
			break
		}
		made = append([]string{missing}, made...)
	}
	for i, f := range made {
		if err := os.Mkdir(f, 0o755); err != nil {
			return made[:i], err
		}
		if err := os.Chmod(f, 0o755); err != nil {
			return made[:i+1], err
		}
	}
	return made, nil
}

// writeFile replaces a file in one step: whoever opens it sees the old content
// or the new one, never half of it. The mode is 0644 whatever the umask says,
// because HAProxy reads it as another user.
func writeFile(target string, content []byte) error {
	return WriteFileMode(target, content, 0o644)
}

// WriteFileMode replaces a file in one step, as writeFile does, with a mode of its
// own: some files others must not read.
func WriteFileMode(target string, content []byte, mode fs.FileMode) error {
	return writeFileOf(target, content, mode, keepOwner)
}

// keepOwner leaves a file to whoever writes it.
const keepOwner = -1

// writeFileOf is WriteFileMode with another owner, which takes root.
func writeFileOf(target string, content []byte, mode fs.FileMode, uid int) error {
	temporary, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", target, err)
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err == nil && uid != keepOwner {
		err = os.Chown(temporary.Name(), uid, -1)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), target)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", target, err), os.Remove(temporary.Name()))
	}
	return nil
}
