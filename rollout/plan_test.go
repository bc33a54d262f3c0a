package rollout

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// TestPlans: each case says what there is in a few words, and holds the plan.
func TestPlans(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/plan/*.txtar")
	assert.NilError(t, err)
	assert.Assert(t, len(files) > 10)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			assert.NilError(t, err)
			var o Observation
			var policy Policy
			for line := range strings.Lines(string(archive.Files[0].Data)) {
				given(t, strings.Fields(line), &o, &policy)
			}
			plan, err := MakePlan(o, policy)
			got := plan.String()
			if err != nil {
				got = err.Error() + "\n"
			}
			if golden.FlagUpdate() {
				archive.Files[1].Data = []byte(got)
				assert.NilError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
				return
			}
			assert.Equal(t, got, string(archive.Files[1].Data))
		})
	}
}

// given reads a line such as "desired 3", "old running 2", "slots 10".
func given(t *testing.T, words []string, o *Observation, policy *Policy) {
	t.Helper()
	number := func(i int) int {
		var n int
		_, err := fmt.Sscan(words[i], &n)
		assert.NilError(t, err, "%v", words)
		return n
	}
	o.Service = "web"
	switch words[0] {
	case "desired":
		o.Desired = number(1)
	case "old", "new":
		for range number(2) {
			r := Replica{New: words[0] == "new"}
			r.Name, r.State = fmt.Sprintf("demo-web-%d", len(o.Replicas)+1), words[1]
			if words[1] == "unhealthy" {
				r.State, r.Health = "running", "unhealthy"
			}
			o.Replicas = append(o.Replicas, r)
		}
	case "slots": // in all; the first ones belong to the running containers
		for i := range number(1) {
			seat := haproxy.ServerState{Backend: "b", Server: fmt.Sprintf("web%d", i+1), FQDN: "web"}
			if i < len(o.pick(func(r Replica) bool { return r.Running() })) {
				seat.Addr = fmt.Sprintf("10.0.0.%d", i+1)
			}
			o.Seats = append(o.Seats, seat)
		}
	case "line":
		o.Seats = append(o.Seats, haproxy.ServerState{Backend: "b", Server: "s1", FQDN: "web", Addr: "10.0.0.1"})
	case "spare": // how many more fit, and why no more
		o.Limit.Spare, o.Limit.Why = number(1), strings.Join(words[2:], " ")
	case "batch":
		amount, err := ParseAmount(words[1])
		assert.NilError(t, err)
		policy.Batch = amount
	case "stop-first":
		policy.StopFirst = true
	case "flip":
		policy.Flip = true
	default:
		t.Fatalf("unknown: %v", words)
	}
}

// TestBatchesNeverGoBelowWhatIsDesired tries all small numbers.
func TestBatchesNeverGoBelowWhatIsDesired(t *testing.T) {
	t.Parallel()
	for desired := 1; desired < 7; desired++ {
		for n := range 8 {
			for fresh := range 8 {
				for size := 1; size < 5; size++ {
					var old []Replica
					for i := range n {
						old = append(old, Replica{Container: compose.Container{Name: fmt.Sprint(i), State: "running"}})
					}
					running, begun, retired := n+fresh, fresh, 0
					for _, b := range batches(old, fresh, desired, size, false) {
						running, begun = running+b.Start, begun+b.Start
						assert.Assert(t, b.Start <= size && (b.Start > 0 || len(b.Retire) > 0))
						running, retired = running-len(b.Retire), retired+len(b.Retire)
						assert.Assert(t, running >= min(desired, n+fresh), "%d desired, %d old, %d new, batches of %d", desired, n, fresh, size)
					}
					assert.Equal(t, retired, n)
					assert.Equal(t, begun, max(fresh, desired))
				}
			}
		}
	}
}
