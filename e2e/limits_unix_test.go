//go:build unix

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// TestAWorkerThatDoesNotComeUpIsEnded: one that waits for ever keeps HAProxy from
// every other reload. The old one serves meanwhile, and afterwards.
func TestAWorkerThatDoesNotComeUpIsEnded(t *testing.T) {
	onBranches(t, func(p *project) {
		t := p.t
		before, good, worker := p.container("haproxy"), p.read(configFile), p.worker()
		load := p.startLoad(1)
		// What the base config names anyway becomes a FIFO: the check finds
		// a writer, the new worker does not.
		state := regexp.MustCompile(`server-state-file (\S+)`).FindStringSubmatch(good)[1]
		p.mustSucceed(p.docker("exec", before.ID, "mkfifo", state))
		p.mustSucceed(p.docker("exec", "-d", before.ID, "sh", "-c", "echo 1 > "+state))
		p.editConfig(addingHeader("X-Stuck", "1"))

		r := p.mustFail(p.haproxy("reload"), 1, "new worker did not come up within", "was ended", "keeps running", "FIFO", "docker haproxy logs")
		mustReadWell(t, r)
		p.mustBeTheSame(before)
		assert.Equal(t, p.worker(), worker)
		p.mustSucceed(p.haproxy("status"))

		p.mustSucceed(p.docker("kill", "--signal", "HUP", before.ID))
		p.eventually("the worker of the signal is stuck", func() error {
			if answer := p.masterCLI("show proc"); strings.Count(answer, " worker ") != 2 {
				return fmt.Errorf("it is not there yet: %s", answer)
			}
			return nil
		})
		p.mustSucceed(p.docker("exec", before.ID, "rm", state))
		p.write(configFile, good)
		p.editConfig(addingHeader("X-Corrected", "1"))
		began := time.Now()
		p.mustSucceed(p.haproxy("reload"))
		t.Logf("the reload that found a stuck worker took %s", time.Since(began))
		assert.Equal(t, p.get("/").header.Get("X-Corrected"), "1")
		load.mustLoseNothing()
		p.mustBeTheSame(before)
	})
}
