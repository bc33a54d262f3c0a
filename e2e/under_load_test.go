package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// soak makes the scenarios under load last.
var soak = flag.Duration("soak", 0, "how long to go on reloading under load, such as 30m; 0: twenty reloads")

// branches are the HAProxys of the scenarios under load.
var branches = map[string]string{"3.2": standIn, "3.4": standIn34}

// onBranches runs a scenario with a project of each of them.
func onBranches(t *testing.T, scenario func(p *project)) {
	t.Helper()
	t.Parallel()
	skipIfShort(t)
	for branch, image := range branches {
		t.Run(branch, func(t *testing.T) {
			t.Parallel()
			needsImage(t, image)
			scenario(newRunningProject(t, "--image", image))
		})
	}
}

// TestTwentyReloadsUnderLoadLoseNothing: every reload takes effect, and nothing
// else happens: no request of any kind is lost, no websocket is closed, only
// the worker is another one, and only after a reload.
func TestTwentyReloadsUnderLoadLoseNothing(t *testing.T) {
	onBranches(t, func(p *project) {
		t := p.t
		before := p.container("haproxy")
		p.editConfig(addingHeader("X-Reload", "0"))
		if *soak > 0 { // websockets end at this time, and only there
			p.editConfig(replacing("hard-stop-after 15m", "hard-stop-after 24h"))
		}
		load := p.startLoad(2)
		load.goOn(200)
		worker := p.worker()
		reloads := 0
		for began := time.Now(); reloads < 20 || time.Since(began) < *soak; reloads++ {
			if reloads > 0 {
				p.editConfig(replacing(fmt.Sprintf("X-Reload %d\n", reloads-1), fmt.Sprintf("X-Reload %d\n", reloads)))
			}
			assert.Equal(t, p.worker(), worker, "nobody has asked for a reload")
			r := p.mustSucceed(p.haproxy("reload"))
			assert.Assert(t, p.worker() != worker, "the worker must be another one:\n%s", r)
			worker = p.worker()
			assert.Equal(t, p.get("/").header.Get("X-Reload"), fmt.Sprint(reloads))
			load.goOn(50)
		}
		load.mustLoseNothing()
		p.mustBeTheSame(before)
	})
}

// mustBeTheSame makes sure that a container has run on.
func (p *project) mustBeTheSame(before container) {
	p.t.Helper()
	after := p.container(before.Service)
	assert.Equal(p.t, after.ID, before.ID)
	assert.Equal(p.t, after.PID, before.PID, "the container's process must be the same")
	assert.Equal(p.t, after.Inspect.RestartCount, before.Inspect.RestartCount)
}

// mistakenConfig is a file of testdata/broken: its first line says what must be
// said of it.
type mistakenConfig struct {
	name  string
	text  string
	line  string // "" where there is none
	words string
}

func mistakenConfigs(t *testing.T) []mistakenConfig {
	t.Helper()
	files, err := filepath.Glob("testdata/broken/*.cfg")
	assert.NilError(t, err)
	var found []mistakenConfig
	for _, file := range files {
		text, err := os.ReadFile(file)
		assert.NilError(t, err)
		first, _, _ := strings.Cut(string(text), "\n")
		line, words, ok := strings.Cut(strings.TrimPrefix(first, "# line "), ": ")
		assert.Assert(t, ok, "%s must begin with \"# line N: words\"", file)
		found = append(found, mistakenConfig{filepath.Base(file), string(text), strings.TrimSuffix(line, "-"), words})
	}
	return found
}

// TestRefusedReloadsUnderLoadLoseNothing: whatever is wrong with a configuration,
// "reload" says so with the line, exits with 1, and what ran runs on.
func TestRefusedReloadsUnderLoadLoseNothing(t *testing.T) {
	onBranches(t, func(p *project) {
		t := p.t
		p.editConfig(addingHeader("X-Good", "1"))
		p.mustSucceed(p.haproxy("reload"))
		good := p.read(configFile)
		before, worker := p.container("haproxy"), p.worker()
		load := p.startLoad(1)
		broken := mistakenConfigs(t)
		if p.image() != standIn && *soak == 0 {
			broken = everyOther(broken) // all of them pass through one branch; each branch sees more than 25
		}
		assert.Assert(t, len(broken) >= 25)
		for _, b := range broken {
			p.write(configFile, b.text)
			p.mustRefuseToReload(b)
			assert.Equal(t, p.worker(), worker, b.name)
			assert.Equal(t, p.get("/").header.Get("X-Good"), "1", b.name)
		}
		for name, damage := range damages() {
			p.write(configFile, good)
			mend := damage(p)
			p.mustRefuseToReload(mistakenConfig{name: name})
			mend()
			assert.Equal(t, p.worker(), worker, name)
		}
		load.goOn(50)
		load.mustLoseNothing()
		p.mustBeTheSame(before)

		// And the way back is open.
		p.write(configFile, good)
		p.mustSucceed(p.haproxy("reload"))
		p.mustBeTheSame(before)
	})
}

func everyOther[T any](all []T) []T {
	var some []T
	for i := 0; i < len(all); i += 2 {
		some = append(some, all[i])
	}
	return some
}

// image is the load balancer's image.
func (p *project) image() string {
	p.t.Helper()
	return p.container("haproxy").Inspect.Config.Image
}

func (p *project) mustRefuseToReload(b mistakenConfig) {
	p.t.Helper()
	r := p.haproxy("reload", "--progress", "quiet")
	where := configFile
	if b.line != "" {
		where += ":" + b.line + ": error: "
	}
	if r.exitCode != 1 || r.stdout != "" || !strings.Contains(r.stderr, where) || !strings.Contains(r.stderr, b.words) {
		p.t.Fatalf("%s must be refused with exit code 1, %q and %q:\n%s", b.name, where, b.words, r)
	}
}

// damages are what can be wrong with a configuration besides what it says.
func damages() map[string]func(*project) (mend func()) {
	return map[string]func(*project) func(){
		"missing": func(p *project) func() {
			text := p.read(configFile)
			assert.NilError(p.t, os.Remove(p.path(configFile)))
			return func() { p.write(configFile, text) }
		},
		"a folder": func(p *project) func() {
			text := p.read(configFile)
			assert.NilError(p.t, os.Remove(p.path(configFile)))
			assert.NilError(p.t, os.Mkdir(p.path(configFile), 0o755))
			return func() {
				assert.NilError(p.t, os.Remove(p.path(configFile)))
				p.write(configFile, text)
			}
		},
		"unreadable for HAProxy's user": func(p *project) func() {
			assert.NilError(p.t, os.Chmod(p.path(configFile), 0o600))
			return func() { assert.NilError(p.t, os.Chmod(p.path(configFile), 0o644)) }
		},
	}
}
