package compose

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/history"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestWhatARollbackGoesBackTo(t *testing.T) {
	t.Parallel()
	entries := []history.Entry{
		{ID: "4", Hash: "d", Accepted: false},
		{ID: "3", Hash: "c", Accepted: true},
		{ID: "2", Hash: "b", Accepted: true},
		{ID: "1", Hash: "c", Accepted: true},
	}
	for name, test := range map[string]struct {
		entries    []history.Entry
		onDisk, id string
		want       string // an ID, or words of the error
	}{
		"the last accepted":             {entries, "x", "", "3"},
		"the last that is not on disk":  {entries, "c", "", "2"},
		"one by its number":             {entries, "c", "2", "2"},
		"one that was never loaded":     {entries, "c", "4", "4"},
		"one that is on disk":           {entries, "b", "2", "configuration 2 is what is on disk already"},
		"an equal one by another name":  {entries, "c", "1", "configuration 1 is what is on disk already"},
		"an unknown one":                {entries, "c", "9", "there is no configuration 9"},
		"nothing":                       {nil, "c", "", "nothing to go back to"},
		"nothing but what is on disk":   {entries[1:2], "c", "", "nothing to go back to"},
		"nothing but what never loaded": {entries[:1], "c", "", "nothing to go back to"},
	} {
		entry, err := rollbackTarget(test.entries, test.onDisk, test.id)
		if err != nil {
			assert.Assert(t, strings.Contains(err.Error(), test.want), "%s: %v", name, err)
			continue
		}
		assert.Equal(t, entry.ID, test.want, name)
	}
}

func TestTheHistoryTellsWhereEachConfigurationIs(t *testing.T) {
	t.Parallel()
	p := configured(t)
	states := func() string {
		kept, err := p.Kept()
		assert.NilError(t, err)
		var all []string
		for _, k := range kept {
			all = append(all, k.ID+" "+k.State())
		}
		return strings.Join(all, ", ")
	}
	first := read(t, p)
	assert.NilError(t, p.keep("up", first, true))
	assert.NilError(t, p.Remember(runs, 9, first))
	assert.Equal(t, states(), "1 loaded")

	testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend edited\n  bind :80\n")
	second := read(t, p)
	assert.NilError(t, p.keep("rollback", second, false))
	assert.Equal(t, states(), "2 on disk, not loaded, 1 loaded, not on disk")
	assert.NilError(t, p.Remember(runs, 10, second))
	assert.Equal(t, states(), "2 loaded, 1 accepted")

	// What is not on disk any more is kept as it was read.
	assert.NilError(t, p.keep("reload", first, true))
	assert.Equal(t, states(), "1 accepted, 2 loaded")
	kept, found := p.lastLoaded(first.Hash)
	assert.Assert(t, found)
	text, err := p.History().Read(kept.Files[0])
	assert.NilError(t, err)
	assert.Equal(t, string(text), string(first.files[0].Content))
}

// withHistory is a project whose disk holds another configuration than the one
// that HAProxy accepted.
func withHistory(t *testing.T) (p *Project, accepted string) {
	t.Helper()
	p = configured(t)
	accepted = "frontend accepted\n  bind :80\n"
	testkit.Put(t, p.WorkingDir, BaseConfigName, accepted)
	config := read(t, p)
	assert.NilError(t, p.keep("up", config, true))
	assert.NilError(t, p.Remember(runs, 9, config))
	testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend edited\n  bind :80\n")
	return p, accepted
}

func onDisk(t *testing.T, p *Project) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.WorkingDir, filepath.FromSlash(BaseConfigName)))
	assert.NilError(t, err)
	return string(text)
}

func TestARollbackOfWhatRunsAlreadyReloadsNothing(t *testing.T) {
	t.Parallel()
	p, accepted := withHistory(t)
	fake := healthy()
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	done, err := engine.Rollback(t.Context(), p, &runs, "", promptly)
	assert.NilError(t, err)
	assert.Equal(t, onDisk(t, p), accepted)
	assert.Equal(t, fmt.Sprintf("%s %s %t", done.To.ID, done.SetAside.ID, done.Loaded), "1 2 false")
	assert.Equal(t, len(fake.sent("reload")), 0)
}

func TestARollbackIsLoadedAndCanBeRolledBack(t *testing.T) {
	t.Parallel()
	p, accepted := withHistory(t)
	fake := healthy()
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly) // the edit
	assert.NilError(t, err)
	edited := onDisk(t, p)

	for _, want := range []string{accepted, edited} {
		done, err := engine.Rollback(t.Context(), p, &runs, "", promptly)
		assert.NilError(t, err)
		assert.Assert(t, done.Loaded && done.SetAside.ID == "")
		assert.Equal(t, onDisk(t, p), want)
	}
	assert.Equal(t, len(fake.sent("reload")), 3)
}

func TestARollbackThatHAProxyRefusesLeavesTheFiles(t *testing.T) {
	t.Parallel()
	p, _ := withHistory(t)
	edited := onDisk(t, p)
	fake := healthy()
	fake.checkExit, fake.checkSays = 1, "[ALERT]    (8) : config : parsing [/usr/local/etc/haproxy/haproxy.cfg:2] : unknown keyword 'x'\n"
	assert.NilError(t, p.Remember(runs, 8, read(t, p))) // it runs something else
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Rollback(t.Context(), p, &runs, "", promptly)
	assert.ErrorContains(t, err, "HAProxy refuses ")
	assert.Equal(t, onDisk(t, p), edited)
}

func TestARollbackToTheOldestConfigurationKeepsIt(t *testing.T) {
	t.Parallel()
	p := configured(t)
	const kept = 40 // of each kind: more than the history takes
	for i := range kept {
		for _, accepted := range []bool{true, false} {
			testkit.Put(t, p.WorkingDir, BaseConfigName, fmt.Sprintf("frontend f%d%t\n  bind :80\n", i, accepted))
			assert.NilError(t, p.keep("reload", read(t, p), accepted))
		}
	}
	for _, accepted := range []bool{true, false} {
		entries, err := p.History().List()
		assert.NilError(t, err)
		var target history.Entry // the oldest of its kind
		for _, entry := range entries {
			if entry.Accepted == accepted {
				target = entry
			}
		}
		testkit.Put(t, p.WorkingDir, BaseConfigName, fmt.Sprintf("frontend edited%t\n  bind :80\n", target.Accepted))
		aside, err := p.setAside(read(t, p), target)
		assert.NilError(t, err)
		assert.Assert(t, aside.ID != "")
		_, err = p.restore(target)
		assert.NilError(t, err)
		assert.Equal(t, read(t, p).Hash, target.Hash)
		_, found := p.lastLoaded(target.Hash)
		assert.Assert(t, found, "accepted %t", target.Accepted)
		again, err := p.RollbackTarget(aside.ID)
		assert.NilError(t, err)
		assert.Equal(t, again.Hash, aside.Hash)
	}
}

func TestARollbackWritesIntoAFileThatIsMountedAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := testkit.Put(t, folder, "main.cfg", "frontend first\n  bind :80\n")
	p := with(bind(file, "/usr/local/etc/haproxy/haproxy.cfg"))
	p.WorkingDir = folder
	first := read(t, p)
	assert.NilError(t, p.keep("up", first, true))
	before, err := os.Stat(file)
	assert.NilError(t, err)
	assert.NilError(t, os.WriteFile(file, []byte("frontend second\n  bind :80\n"), 0o644))
	target, err := p.RollbackTarget("")
	assert.NilError(t, err)
	_, err = p.restore(target)
	assert.NilError(t, err)
	assert.Equal(t, read(t, p).Hash, first.Hash)
	after, err := os.Stat(file)
	assert.NilError(t, err)
	assert.Assert(t, os.SameFile(before, after), "the container would go on seeing the file of before")
}
