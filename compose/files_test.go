package compose

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// tree lists what is in a folder, with the contents of the files.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == folder {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			found[name+"/"] = ""
			return nil
		}
		content, err := os.ReadFile(file)
		found[name] = string(content)
		return err
	})
	assert.NilError(t, err)
	return found
}

func TestFilesAreWrittenWithTheirFolders(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	assert.NilError(t, WriteFiles(filepath.Join(folder, "new", "demo"), []File{
		{"compose.yaml", []byte("a\n")}, {"haproxy/maps/x.map", []byte("b\n")},
	}))
	assert.DeepEqual(t, tree(t, folder), map[string]string{
		"new/": "", "new/demo/": "", "new/demo/compose.yaml": "a\n",
		"new/demo/haproxy/": "", "new/demo/haproxy/maps/": "", "new/demo/haproxy/maps/x.map": "b\n",
	})
}

func TestAFileThatExistsIsReplacedByAnotherOne(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := testkit.Put(t, folder, "a", "old and longer")
	opened, err := os.Open(file)
	assert.NilError(t, err)
	defer opened.Close()
	assert.NilError(t, WriteFiles(folder, []File{{"a", []byte("new")}}))
	assert.DeepEqual(t, tree(t, folder), map[string]string{"a": "new"})

	content := make([]byte, 64)
	n, err := opened.Read(content)
	assert.NilError(t, err)
	assert.Equal(t, string(content[:n]), "old and longer", "who had it open goes on seeing the old content")
}

func TestWhereOneFileCannotBeWrittenNoneIsLeft(t *testing.T) {
	t.Parallel()
	for name, obstacle := range map[string]string{
		"a file where a folder should be": "demo/haproxy",
		"a folder where a file should be": "demo/haproxy/haproxy.cfg/x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			testkit.Put(t, folder, obstacle, "mine")
			before := tree(t, folder)
			err := WriteFiles(filepath.Join(folder, "demo"), []File{{ComposeFileName, []byte("a")}, {"maps/a.map", nil}, {BaseConfigName, []byte("b")}})
			assert.Assert(t, err != nil)
			assert.DeepEqual(t, tree(t, folder), before)
		})
	}
}

func TestAFileThatWasReplacedIsBackWhereAnotherCannotBeWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	testkit.Put(t, folder, ComposeFileName, "old")
	testkit.Put(t, folder, "haproxy", "a file where a folder should be")
	before := tree(t, folder)
	err := WriteFiles(folder, []File{{ComposeFileName, []byte("new")}, {BaseConfigName, []byte("b")}})
	assert.Assert(t, err != nil)
	assert.DeepEqual(t, tree(t, folder), before)
}

func TestNoTemporaryFileIsLeftWhereAReplacementFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	testkit.Put(t, folder, "target/x", "")
	err := writeFile(filepath.Join(folder, "target"), []byte("a"))
	assert.ErrorContains(t, err, "cannot write "+filepath.Join(folder, "target"))
	for name := range tree(t, folder) {
		assert.Assert(t, !strings.HasPrefix(name, "."), "%s is left", name)
	}
}

func TestAFolderThatExistsIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	assert.NilError(t, os.Mkdir(filepath.Join(folder, "haproxy"), 0o700))
	assert.NilError(t, WriteFiles(folder, []File{{BaseConfigName, []byte("a")}}))
	made, err := MakeFolders(filepath.Join(folder, "haproxy"))
	assert.NilError(t, err)
	assert.Equal(t, len(made), 0)
}
