package plugin

import (
	"io/fs"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestACandidateIsAFileOrStandardInputOrNone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := testkit.Put(t, folder, "new.cfg", "global\n")

	none, err := checkOptions{}.candidate(strings.NewReader("unread"))
	assert.NilError(t, err)
	assert.Assert(t, none == nil)

	candidate, err := checkOptions{file: file}.candidate(nil)
	assert.NilError(t, err)
	assert.Equal(t, candidate.Name, file)
	assert.Equal(t, string(candidate.Content), "global\n")

	candidate, err = checkOptions{file: "-"}.candidate(strings.NewReader("defaults\n"))
	assert.NilError(t, err)
	assert.Equal(t, candidate.Name, "standard input")
	assert.Equal(t, string(candidate.Content), "defaults\n")

	_, err = checkOptions{file: folder}.candidate(nil)
	testkit.Contains(t, err.Error(), folder+" is a folder")
	_, err = checkOptions{file: file + ".bak"}.candidate(nil)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
