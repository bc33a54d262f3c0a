package compose

import (
	"errors"
	"sync"
	"testing"

	"github.com/docker/compose/v5/pkg/api"
	"gotest.tools/v3/assert"
)

func TestOnlyTheOutermostOperationIsShown(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	p := newProgress(events)
	p.Start(t.Context(), "up")
	p.Start(t.Context(), "pull")
	p.On(api.Resource{ID: "Image a", Text: "Pulling"})
	p.Start(t.Context(), "inner")
	p.Done("inner", true)
	p.Done("pull", false)
	p.On(api.Resource{ID: "Container b", Text: "Starting"}, api.Resource{ID: "Container b", Text: "Started"})
	p.Done("up", true)
	p.Start(t.Context(), "down")
	p.Done("down", false)
	assert.Equal(t, events.seen(), lines(
		"start up",
		"Image a: Pulling",
		"Container b: Starting",
		"Container b: Started",
		"done up true",
		"start down",
		"done down false",
	))
}

func TestWhatIsNoNewsIsNotSaidAgain(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	p := newProgress(events)
	creating := api.Resource{ID: "Network n", Status: api.Working, Text: "Creating"}
	created := api.Resource{ID: "Network n", Status: api.Done, Text: "Created"}
	other := api.Resource{ID: "Network m", Status: api.Working, Text: "Creating"}
	p.On(creating)
	p.On(creating)
	p.On(other, creating, created)
	p.On(created)
	p.On(creating) // it is made anew: that is news
	progressing := creating
	progressing.Percent = 50
	p.On(progressing)
	assert.Equal(t, events.seen(), lines(
		"Network n: Creating",
		"Network m: Creating",
		"Network n: Created",
		"Network n: Creating",
		"Network n: Creating",
	))
}

func TestOperationsThatRunAtTheSameTimeEndOnce(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	p := newProgress(events)
	p.Start(t.Context(), "up")
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			p.Start(t.Context(), "pull")
			p.On(api.Resource{ID: "Image a", Text: "Pulling"})
			p.Done("pull", true)
		})
	}
	group.Wait()
	p.Done("up", true)
	assert.Equal(t, events.seen(), lines("start up", "Image a: Pulling", "done up true"))
}

func TestAStepOfOurOwnEndsAsDoneOrAsAnError(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	p := newProgress(events)
	assert.NilError(t, p.step("Config a", "Checking", "Valid", func() error { return nil }))
	failure := errors.New("no")
	assert.ErrorIs(t, p.step("Config b", "Checking", "Valid", func() error { return failure }), failure)
	assert.Equal(t, events.seen(), lines("Config a: Checking", "Config a: Valid", "Config b: Checking", "Config b: Error"))
}
