package compose

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestASaveIsToldHoweverItIsMade(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	saves, err := p.Watch(ctx)
	assert.NilError(t, err)
	file := filepath.Join(folder, "haproxy.cfg")
	for name, save := range map[string]func() error{
		"in place": func() error { return os.WriteFile(file, []byte("global # in place\n"), 0o644) },
		"by a rename": func() error {
			testkit.Put(t, folder, "haproxy.cfg~", "global # renamed\n")
			return os.Rename(file+"~", file)
		},
		"removed":       func() error { return os.Remove(file) },
		"created again": func() error { return os.WriteFile(file, []byte("global\n"), 0o644) },
		"in a new folder": func() error {
			testkit.Put(t, folder, "maps/hosts.map", "a b\n")
			return nil
		},
		"in that folder": func() error {
			testkit.Put(t, folder, "maps/hosts.map", "a c\n")
			return nil
		},
	} {
		assert.NilError(t, save(), name)
		select {
		case err, open := <-saves:
			assert.Assert(t, open && err == nil, "%s: %v", name, err)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nobody was told", name)
		}
	}

	// What is no part of the configuration is not told.
	testkit.Put(t, folder, ".haproxy.cfg.swp", "x")
	testkit.Put(t, filepath.Dir(folder), "compose.yaml", "x")
	select {
	case <-saves:
		t.Fatal("an editor's own file is no save")
	case <-time.After(3 * quietTime):
	}

	cancel()
	select {
	case _, open := <-saves:
		assert.Assert(t, !open)
	case <-time.After(10 * time.Second):
		t.Fatal("the channel must be closed")
	}
}

func TestWhatIsNotOnThisMachineCannotBeWatched(t *testing.T) {
	t.Parallel()
	_, err := with().Watch(t.Context())
	assert.Assert(t, err != nil)
	testkit.Contains(t, err.Error(), "not on this machine's disk")
}
