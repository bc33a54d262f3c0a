package compose

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

var (
	midday = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	runs   = Balancer{Container: Container{ID: "c1", Name: "demo-haproxy-1"}, StartedAt: midday}
)

func TestDriftIsToldByTheNoteOfTheSameWorkerAndByDatesOtherwise(t *testing.T) {
	t.Parallel()
	const worker = 9
	loadedConfig := Config{Hash: "aaa", Changed: midday.Add(-time.Hour)}
	otherContainer, restarted := runs, runs
	otherContainer.ID = "c2"
	restarted.StartedAt = midday.Add(time.Second)
	sameInstant := runs
	sameInstant.StartedAt = midday.In(time.FixedZone("elsewhere", 3600))

	for name, c := range map[string]struct {
		balancer Balancer
		worker   int
		started  time.Time // of the worker
		config   Config
		drift    bool
	}{
		"the same worker has it":                         {runs, worker, midday, loadedConfig, false},
		"the same worker, written again as it was":       {runs, worker, midday, Config{Hash: "aaa", Changed: midday.Add(time.Hour)}, false},
		"the same worker, edited":                        {runs, worker, midday, Config{Hash: "bbb", Changed: midday.Add(time.Hour)}, true},
		"the same worker, edited with an old date":       {runs, worker, midday, Config{Hash: "bbb", Changed: midday.Add(-time.Hour)}, true},
		"the same start in another time zone":            {sameInstant, worker, midday, Config{Hash: "aaa", Changed: midday.Add(time.Hour)}, false},
		"another worker, files older than it":            {runs, worker + 1, midday, Config{Hash: "bbb", Changed: midday.Add(-time.Second)}, false},
		"another worker, files newer than it":            {runs, worker + 1, midday, Config{Hash: "aaa", Changed: midday.Add(time.Second)}, true},
		"another worker, in the same second":             {runs, worker + 1, midday, Config{Hash: "aaa", Changed: midday}, true},
		"another container, files older":                 {otherContainer, worker, midday, Config{Hash: "bbb", Changed: midday.Add(-time.Second)}, false},
		"another container, files newer":                 {otherContainer, worker, midday, Config{Hash: "aaa", Changed: midday.Add(time.Second)}, true},
		"another start of the container, files older":    {restarted, worker, midday.Add(time.Second), loadedConfig, false},
		"another start of the container, files newer":    {restarted, worker, midday.Add(time.Second), Config{Hash: "aaa", Changed: midday.Add(time.Hour)}, true},
		"a configuration that is not on this machine":    {runs, worker, midday, Config{}, false},
		"… whatever the worker":                          {otherContainer, 1, midday.Add(-time.Hour), Config{}, false},
		"the date of the worker is that of the note too": {runs, worker, midday.Add(-time.Hour), loadedConfig, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := with()
			p.WorkingDir = t.TempDir()
			assert.NilError(t, p.Remember(runs, worker, loadedConfig))
			assert.Equal(t, p.Drift(c.balancer, c.worker, c.started, c.config), c.drift)
		})
	}
}

func TestWithoutANoteTheDatesTell(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"none": "", "broken": "{", "of something else": `[1]`, "empty": "{}"} {
		p := with()
		p.WorkingDir = t.TempDir()
		if text != "" {
			testkit.Put(t, p.WorkingDir, ".docker-haproxy/loaded.json", text)
		}
		assert.Assert(t, p.Drift(runs, 9, midday, Config{Hash: "aaa", Changed: midday.Add(time.Second)}), name)
		assert.Assert(t, !p.Drift(runs, 9, midday, Config{Hash: "aaa", Changed: midday.Add(-time.Second)}), name)
		assert.Assert(t, !p.notedAs(runs, Config{Hash: "aaa"}), name)
	}
}

func TestANotedConfigurationIsNotCheckedAgain(t *testing.T) {
	t.Parallel()
	p := with()
	p.WorkingDir = t.TempDir()
	assert.NilError(t, p.Remember(runs, 9, Config{Hash: "aaa"}))
	assert.Assert(t, p.notedAs(runs, Config{Hash: "aaa"}))
	assert.Assert(t, !p.notedAs(runs, Config{Hash: "bbb"}))
	other := runs
	other.ID = "c2"
	assert.Assert(t, !p.notedAs(other, Config{Hash: "aaa"}))
	other = runs
	other.StartedAt = midday.Add(1)
	assert.Assert(t, !p.notedAs(other, Config{Hash: "aaa"}))
}

// A new container without a name yet and a project without a note must not be
// taken for each other.
func TestTheZeroNoteIsOfNoContainer(t *testing.T) {
	t.Parallel()
	p := with()
	p.WorkingDir = t.TempDir()
	assert.Assert(t, !p.notedAs(runs, Config{}))
}

func TestTheNoteStaysOutOfVersionControl(t *testing.T) {
	t.Parallel()
	p := with()
	p.WorkingDir = t.TempDir()
	assert.NilError(t, p.Remember(runs, 9, Config{Hash: "aaa"}))
	ignore, err := os.ReadFile(filepath.Join(p.WorkingDir, ".docker-haproxy", ".gitignore"))
	assert.NilError(t, err)
	assert.Equal(t, string(ignore), "*\n")
	assert.NilError(t, p.Remember(runs, 10, Config{Hash: "bbb"}), "a second note replaces the first")
	assert.Equal(t, p.note(), loaded{Container: "c1", StartedAt: midday, Worker: 10, Hash: "bbb"})
}

func TestWhatIsNotOnThisMachineIsNotNoted(t *testing.T) {
	t.Parallel()
	p := with()
	p.WorkingDir = t.TempDir()
	assert.NilError(t, p.Remember(runs, 9, Config{}))
	entries, err := os.ReadDir(p.WorkingDir)
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 0)
}

func TestAFolderThatCannotBeWrittenToIsAnErrorAndNoNote(t *testing.T) {
	t.Parallel()
	p := with()
	p.WorkingDir = t.TempDir()
	testkit.Put(t, p.WorkingDir, ".docker-haproxy", "a file where the folder should be")
	assert.Assert(t, p.Remember(runs, 9, Config{Hash: "aaa"}) != nil)
	assert.Assert(t, !p.notedAs(runs, Config{Hash: "aaa"}))
	assert.Assert(t, p.Drift(runs, 9, midday, Config{Hash: "aaa", Changed: midday.Add(time.Second)}))
}
