package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestReload_watch_applies_every_save(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	before := p.container("haproxy")
	watching := p.start(how{}, "haproxy", "reload", "--watch", "--progress", "quiet")
	said := func(words string) {
		t.Helper()
		p.eventually("it says "+words, func() error {
			if text := watching.stdout.String() + watching.stderr.String(); !strings.Contains(text, words) {
				return fmt.Errorf("it says:\n%s", text)
			}
			return nil
		})
	}
	said("Watching haproxy/haproxy.cfg")
	load := p.startLoad(1)

	p.editConfig(addingHeader("X-Edit", "1")) // a new file takes the place of the old one
	p.eventually("it is applied", p.serves("X-Edit", "1"))

	// Written in place, as some editors do.
	good := p.read(configFile)
	assert.NilError(t, os.WriteFile(p.path(configFile), []byte(strings.Replace(good, "X-Edit 1", "X-Edit 2", 1)), 0o644))
	p.eventually("it is applied", p.serves("X-Edit", "2"))

	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	said("unknown keyword 'bimd'")
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "2")

	// Saved again as it is, for what it failed of may have been mended elsewhere.
	refusals := func() int { return strings.Count(watching.stderr.String(), "unknown keyword 'bimd'") }
	once := refusals()
	p.write(configFile, p.read(configFile))
	p.eventually("it is tried again", func() error {
		if refusals() == once {
			return errors.New("it is not")
		}
		return nil
	})

	p.write(configFile, strings.Replace(good, "X-Edit 1", "X-Edit 3", 1))
	p.eventually("it is applied", p.serves("X-Edit", "3"))
	load.mustLoseNothing()

	watching.interrupt()
	p.mustSucceed(watching.wait())
	p.mustBeTheSame(before)
}
