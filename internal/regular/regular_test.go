package regular

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRegularFilesAreRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "a.cfg")
	if err := os.WriteFile(file, []byte("global\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{file, link} {
		if content, err := Read(name); err != nil || string(content) != "global\n" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
		if err := Check(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := Read(filepath.Join(folder, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Read(folder); err == nil || errors.As(err, new(*Error)) {
		t.Errorf("a folder is what it is to os.ReadFile: %v", err)
	}
}

func TestALargeFileIsNotRead(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 8<<30); err != nil { // sparse
		t.Skip(err)
	}
	for _, err := range []error{Check(name), second(Read(name))} {
		if err == nil || err.Error() != name+" is larger than 128 MB: no such file is read" {
			t.Errorf("got %v", err)
		}
	}
}

func TestAStreamWithoutEndIsGivenUp(t *testing.T) {
	t.Parallel()
	if content, err := ReadAll("x", strings.NewReader("a")); err != nil || string(content) != "a" {
		t.Errorf("%q, %v", content, err)
	}
	if _, err := ReadAll("standard input", endless{}); !errors.As(err, new(*Error)) {
		t.Errorf("got %v", err)
	}
}

// endless is /dev/zero.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func second(_ []byte, err error) error { return err }
