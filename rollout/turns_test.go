package rollout

import (
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// TestWhatAPlanTakesAway: what hangs on other containers than these is left alone.
func TestWhatAPlanTakesAway(t *testing.T) {
	t.Parallel()
	old, fresh, other := replica("old"), replica("fresh"), replica("other")
	fresh.New = true
	before := Observation{Replicas: []Replica{old, fresh, other}}
	for name, test := range map[string]struct {
		plan Plan
		want []string
	}{
		"nothing":            {Plan{}, nil},
		"one of two":         {Plan{Batches: []Batch{{Start: 2}, {Retire: []string{"other"}}}}, []string{"other"}},
		"all, by Compose":    {Plan{Plain: true}, []string{"old", "other"}},
		"none: is restarted": {Plan{Plain: true, Restart: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Prepared{Plan: test.plan, run: &run{before: before}}
			assert.DeepEqual(t, p.goes(), test.want)
		})
	}
}

func TestRolesInACommand(t *testing.T) {
	t.Parallel()
	all := turns{asked: []string{"web"}, needs: []string{"web", "seed"}}
	assert.Equal(t, all.role("web"), asked)
	assert.Equal(t, all.role("seed"), needed)
	assert.Equal(t, all.role("side"), hanging)
}

// TestAJobThatIsDoneIsNotMissing: nor is one that has failed taken for done.
func TestAJobThatIsDoneIsNotMissing(t *testing.T) {
	t.Parallel()
	ended := Replica{Container: compose.Container{ID: "seed-1", Name: "seed-1", State: "exited"}, New: true}
	done := ended
	done.Done = true
	plan, err := MakePlan(Observation{Service: "seed", Desired: 1, Replicas: []Replica{done}}, Policy{})
	assert.NilError(t, err)
	assert.Assert(t, plan.Nothing(), plan.String())
	plan, err = MakePlan(Observation{Service: "seed", Desired: 1, Replicas: []Replica{ended}}, Policy{})
	assert.NilError(t, err)
	assert.Equal(t, plan.String(), "service seed: replaced by Compose, since HAProxy sends it nothing: 1 of 1 containers do not run\n")
	ended.New = false
	plan, err = MakePlan(Observation{Service: "seed", Desired: 1, Replicas: []Replica{ended}}, Policy{})
	assert.NilError(t, err)
	plan.After = []string{"db is healthy", "x runs"}
	assert.Equal(t, plan.String(), "service seed: replaced by Compose, since HAProxy sends it nothing: 1 of 1 containers are to be replaced\n  wait until db is healthy and x runs\n")
	plan.Restart = true
	assert.Equal(t, plan.String()[:36], "service seed: restarted by Compose, ")
}
