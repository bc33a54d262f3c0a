package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestADiffShowsLinesAndHidesSecrets(t *testing.T) {
	t.Parallel()
	p := configured(t)
	for name, content := range map[string]string{
		"haproxy.cfg": "frontend f\n  bind :80\n",
		"gone.map":    "a b\n",
		"same.map":    "a b\n",
		"site.pem":    "-----BEGIN PRIVATE KEY-----\nsecret1\n",
		"error.http":  "HTTP/1.1 503\x00",
	} {
		testkit.Put(t, filepath.Join(p.WorkingDir, "haproxy"), name, content)
	}
	config := read(t, p)
	assert.NilError(t, p.keep("up", config, true))
	assert.NilError(t, p.Remember(runs, 9, config))
	testkit.Put(t, filepath.Join(p.WorkingDir, "haproxy"), "haproxy.cfg", "frontend f\n  bind :81\n")
	testkit.Put(t, filepath.Join(p.WorkingDir, "haproxy"), "new.map", "c d\n")
	testkit.Put(t, filepath.Join(p.WorkingDir, "haproxy"), "site.pem", "-----BEGIN PRIVATE KEY-----\nsecret2\n")
	testkit.Put(t, filepath.Join(p.WorkingDir, "haproxy"), "error.http", "HTTP/1.1 503\x00\x00")
	assert.NilError(t, os.Remove(filepath.Join(p.WorkingDir, "haproxy", "gone.map")))

	engine, _ := (&fakeEngine{containers: []fakeContainer{}, exec: healthy().exec}).start(t)
	diff, err := engine.Diff(t.Context(), p)
	assert.NilError(t, err)
	assert.Equal(t, diff.Against, "1")
	assert.Assert(t, !diff.Running, "no container runs: it is the last that was accepted")
	got := map[string]FileDiff{}
	for _, file := range diff.Files {
		got[filepath.Base(file.Name)] = file
	}
	assert.Equal(t, len(got), 5)
	testkit.Contains(t, got["haproxy.cfg"].Unified, "-  bind :80\n+  bind :81\n", "(HAProxy)", "(disk)")
	assert.Equal(t, got["haproxy.cfg"].Change, "changed")
	assert.Equal(t, got["gone.map"].Change, "removed")
	assert.Equal(t, got["new.map"].Change, "added")
	assert.Equal(t, got["site.pem"].Hidden, "it holds a private key")
	assert.Equal(t, got["error.http"].Hidden, "it is no text")
	for _, file := range diff.Files {
		assert.Assert(t, !strings.Contains(file.Unified, "secret"))
	}
}

func TestADiffWithoutAHistorySaysWhy(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{}).start(t)
	_, err := engine.Diff(t.Context(), configured(t))
	assert.ErrorIs(t, err, ErrNotRunning)
}
