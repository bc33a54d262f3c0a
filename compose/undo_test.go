package compose

import (
	"context"
	"errors"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func state(containers ...Container) State { return State{project: "demo", containers: containers} }

func TestStatesAreTheSameWithTheSameContainersInTheSameStates(t *testing.T) {
	t.Parallel()
	a, b := Container{ID: "1", State: "running"}, Container{ID: "2", State: "running"}
	stopped := Container{ID: "1", State: "exited"}
	healthy := Container{ID: "1", State: "running", Health: "healthy"}
	assert.Assert(t, state(a, b).Same(state(a, b)))
	assert.Assert(t, state().Same(state()))
	assert.Assert(t, state(a).Same(state(healthy)), "health comes and goes by itself")
	assert.Assert(t, !state(a).Same(state(a, b)))
	assert.Assert(t, !state(a).Same(state(b)))
	assert.Assert(t, !state(a).Same(state(stopped)))
}

func TestWhatWasMadeLeavesOutTheContainersOfServicesThatHadSome(t *testing.T) {
	t.Parallel()
	before := State{
		project:    "demo",
		containers: []Container{{ID: "1", Name: "demo-web1-1", Service: "web1"}},
		networks:   []resource{{id: "n1", name: "demo_front"}},
		volumes:    []resource{{id: "v1", name: "v1"}},
	}
	later := State{
		containers: []Container{
			{ID: "10", Name: "demo-web1-1", Service: "web1"}, // replaced: removing it would leave less than there was
			{ID: "2", Name: "demo-haproxy-1", Service: "haproxy"},
		},
		networks: []resource{{id: "n1", name: "demo_front"}, {id: "n2", name: "demo_back"}},
		volumes:  []resource{{id: "v1", name: "v1"}, {id: "v2", name: "v2"}},
	}
	made := before.made(later)
	assert.Equal(t, made.project, "demo")
	assert.DeepEqual(t, made.names(), []string{"container demo-haproxy-1", "network demo_back", "volume v2"})
	assert.Equal(t, len(later.made(later).names()), 0)
	assert.DeepEqual(t, State{}.made(before).names(), []string{"container demo-web1-1", "network demo_front", "volume v1"})
}

// A network that was made anew under its old name is another one.
func TestANetworkIsTheSameByItsIDAndName(t *testing.T) {
	t.Parallel()
	before := State{networks: []resource{{id: "n1", name: "demo_front"}}}
	later := State{networks: []resource{{id: "n2", name: "demo_front"}}}
	assert.DeepEqual(t, before.made(later).names(), []string{"network demo_front"})
}

func ours(id, service string) fakeContainer {
	return fakeContainer{ID: id, Name: "demo-" + service + "-1", Project: "demo", Service: service, State: "running"}
}

func TestObserveSeesTheProjectAndNothingElse(t *testing.T) {
	t.Parallel()
	oneOff := ours("3", LoadBalancer)
	oneOff.Name, oneOff.OneOff = "one-off", "True"
	stopped := ours("2", "web1")
	stopped.State = "exited"
	engine, _ := (&fakeEngine{
		containers: []fakeContainer{stopped, ours("1", LoadBalancer), oneOff, {ID: "4", Name: "other", State: "running", Project: "shop"}},
		networks:   []string{"demo_mynetwork"}, volumes: []string{"demo_data"},
	}).start(t)
	seen, err := engine.Observe(t.Context(), "demo")
	assert.NilError(t, err)
	assert.DeepEqual(t, seen.names(), []string{"container demo-haproxy-1", "container demo-web1-1", "network demo_mynetwork", "volume demo_data"})
	assert.Equal(t, seen.of("web1").State, "exited")
	assert.Assert(t, seen.of("web2") == nil)

	oneOffs, err := engine.oneOffs(t.Context(), "demo")
	assert.NilError(t, err)
	assert.DeepEqual(t, oneOffs.names(), []string{"container one-off"})
}

func TestAFailedRunRemovesWhatItMadeAndNothingElse(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{
		containers: []fakeContainer{ours("1", "web1"), ours("2", LoadBalancer)},
		networks:   []string{"demo_mynetwork"}, volumes: []string{"demo_data"},
	}
	engine, events := fake.start(t)
	before := State{project: "demo", containers: []Container{{ID: "1", Service: "web1"}}, volumes: []resource{{id: "demo_data", name: "demo_data"}}}
	cause := errors.New("it failed")
	err := engine.undone(t.Context(), before, cause)
	assert.Equal(t, err, cause)
	assert.DeepEqual(t, fake.gone(), []string{"container 2", "network demo_mynetwork"})
	testkit.Contains(t, events.seen(), "Project demo: Removing what was made", "Project demo: Removed what was made")
}

func TestWhereNothingWasMadeNothingIsSaidToBeRemoved(t *testing.T) {
	t.Parallel()
	engine, events := (&fakeEngine{containers: []fakeContainer{ours("1", "web1")}}).start(t)
	found, left := engine.Undo(t.Context(), state(Container{ID: "1", Service: "web1"}))
	assert.Assert(t, !found && len(left) == 0)
	assert.Equal(t, events.seen(), "")
}

func TestAnInterruptedRunRemovesWhatItMadeAllTheSame(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fake := &fakeEngine{containers: []fakeContainer{ours("2", LoadBalancer)}}
	engine, _ := fake.start(t)
	err := engine.undone(ctx, State{project: "demo"}, context.Canceled)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, err.Error(), "interrupted; what this run had created was removed again")
	assert.DeepEqual(t, fake.gone(), []string{"container 2"})

	err = engine.undone(ctx, state(Container{ID: "2", Service: LoadBalancer}), context.Canceled)
	testkit.Contains(t, err.Error(), "what ran before was left as it is")
}

func TestWhatCannotBeRemovedIsNamed(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{
		containers: []fakeContainer{ours("1", "web1"), ours("2", LoadBalancer)},
		networks:   []string{"demo_mynetwork"}, stuck: []string{"2", "demo_mynetwork"},
	}
	engine, _ := fake.start(t)
	cause := errors.New("it failed")
	err := engine.undone(t.Context(), State{project: "demo"}, cause)
	assert.ErrorIs(t, err, cause)
	testkit.Contains(t, err.Error(), "Could not be removed again: container demo-haproxy-1, network demo_mynetwork")
	assert.DeepEqual(t, fake.gone(), []string{"container 1"})

	err = engine.undone(t.Context(), State{project: "demo"}, context.Canceled)
	testkit.Contains(t, err.Error(), "left behind: container demo-haproxy-1, network demo_mynetwork", "docker haproxy down")
}

func TestAnEngineThatDiedLeavesAnUnknownRest(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	_, left := engine.Undo(t.Context(), State{project: "demo"})
	assert.Equal(t, len(left), 1)
	testkit.Contains(t, left[0], "perhaps more than before")
}
