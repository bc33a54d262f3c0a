package compose

import (
	"context"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"gotest.tools/v3/assert"
)

// meeting counts who is there at one time. Whoever comes waits a moment for a second one.
type meeting struct {
	mu           sync.Mutex
	there, most  int
	two          chan struct{}
	onceTwoThere sync.Once
}

func (m *meeting) attend() {
	m.mu.Lock()
	m.there++
	m.most = max(m.most, m.there)
	if m.there == 2 {
		m.onceTwoThere.Do(func() { close(m.two) })
	}
	m.mu.Unlock()
	select {
	case <-m.two:
	case <-time.After(100 * time.Millisecond):
	}
	m.mu.Lock()
	m.there--
	m.mu.Unlock()
}

func TestAnEngineThatCanLockItselfUpHasItsContainersEndOneAfterAnother(t *testing.T) {
	t.Parallel()
	containers := []fakeContainer{ours("1", "web1"), ours("2", "web2")}
	for version, want := range map[string]int{"1.41": 1, "1.42": 2} {
		for verb, end := range map[string]func(*Engine) error{
			"down": func(e *Engine) error {
				_, err := e.Down(t.Context(), Target{Name: "demo"}, DownOptions{})
				return err
			},
			"stop": func(e *Engine) error { return e.Stop(t.Context(), Target{Name: "demo"}, nil) },
			"rollout": func(e *Engine) error {
				var stops errgroup.Group
				for _, c := range containers {
					stops.Go(func() error { return e.StopReplica(t.Context(), Container{ID: c.ID}) })
				}
				return stops.Wait()
			},
		} {
			met := meeting{two: make(chan struct{})}
			engine, _ := (&fakeEngine{apiVersion: version, containers: containers, onStop: met.attend}).start(t)
			assert.NilError(t, engine.Ready(t.Context()))
			assert.NilError(t, end(engine), "%s at %s", verb, version)
			assert.Equal(t, met.most, want, "%s at %s", verb, version)
		}
	}
}

func TestWhoWaitsForAContainerToEndCanBeInterrupted(t *testing.T) {
	t.Parallel()
	ends := make(chan struct{})
	begun := make(chan struct{})
	engine, _ := (&fakeEngine{apiVersion: "1.41", onStop: func() { close(begun); <-ends }}).start(t)
	assert.NilError(t, engine.Ready(t.Context()))
	first := make(chan error, 1)
	go func() { first <- engine.StopReplica(t.Context(), Container{ID: "1"}) }()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, engine.StopReplica(ctx, Container{ID: "2"}), context.Canceled)
	close(ends)
	assert.NilError(t, <-first)
}
