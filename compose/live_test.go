package compose

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// liveOf looks at a fake HAProxy whose container runs.
func liveOf(t *testing.T, fake *fakeHAProxy) (*Live, *recorder) {
	t.Helper()
	lb := ours(runs.ID, LoadBalancer)
	engine, events := (&fakeEngine{containers: []fakeContainer{lb}, exec: fake.exec}).start(t)
	l, err := engine.Live(t.Context(), configured(t), runs)
	assert.NilError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, events
}

func TestALiveViewLooksAgainAndAgain(t *testing.T) {
	t.Parallel()
	l, _ := liveOf(t, healthy())
	for range 2 {
		status, err := l.Look(t.Context())
		assert.NilError(t, err)
		assert.Equal(t, status.Workers[0].PID, 9)
		assert.Equal(t, status.Frontends[0].Name, "front")
	}
}

func TestASessionThatEndedIsOpenedAgainOnce(t *testing.T) {
	t.Parallel()
	l, _ := liveOf(t, healthy())
	var tries atomic.Int64
	err := l.Do(t.Context(), func(session *haproxy.Session) error {
		if tries.Add(1) == 1 {
			_ = session.Close()
		}
		_, err := session.Info(t.Context())
		return err
	})
	assert.NilError(t, err)
	assert.Equal(t, tries.Load(), int64(2))

	tries.Store(0)
	err = l.Do(t.Context(), func(session *haproxy.Session) error {
		tries.Add(1)
		_ = session.Close()
		_, err := session.Info(t.Context())
		return err
	})
	assert.ErrorIs(t, err, haproxy.ErrSessionClosed)
	assert.Equal(t, tries.Load(), int64(2), "and no more than once")
}

func TestARefusalIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	l, _ := liveOf(t, healthy())
	var tries int
	refused := &haproxy.Refusal{Command: "x", Answer: "No such server."}
	err := l.Do(t.Context(), func(*haproxy.Session) error {
		tries++
		return refused
	})
	assert.Assert(t, errors.Is(err, haproxy.ErrNoSuchServer))
	assert.Equal(t, tries, 1)
}

func TestWhatMayHaveBeenDoneIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	fake := healthy()
	l, _ := liveOf(t, fake)
	cut := func(session *haproxy.Session) error {
		_, err := session.Master(t.Context(), "quit") // which the connection does not survive
		return err
	}
	assert.Assert(t, l.Do(t.Context(), cut) != nil)
	assert.Equal(t, len(fake.sent("quit")), 1)

	var answer string
	assert.NilError(t, l.Do(t.Context(), func(session *haproxy.Session) (err error) {
		answer, err = session.Worker(t.Context(), "show info")
		return err
	}), "the next one finds that the session has ended, and opens another")
	testkit.Contains(t, answer, "Pid: 9")

	tries := 0
	assert.NilError(t, l.ask(t.Context(), func(session *haproxy.Session) error {
		if tries++; tries == 1 {
			return cut(session)
		}
		return nil
	}), "to look twice does no harm")
	assert.Equal(t, tries, 2)
}

func TestAServerIsNotChangedInTheMiddleOfAReload(t *testing.T) {
	t.Parallel()
	fake := healthy()
	l, events := liveOf(t, fake)
	for name, change := range map[string]func() error{
		"set server web/s1 state drain": func() error { return l.SetMode(t.Context(), "web", "s1", haproxy.ModeDrain) },
		"set server web/s1 weight 7":    func() error { return l.SetWeight(t.Context(), "web", "s1", 7) },
	} {
		release, err := l.engine.lock(t.Context(), l.project)
		assert.NilError(t, err)
		waits := strings.Count(events.seen(), "Waiting for another docker haproxy")
		changed := make(chan error)
		go func() { changed <- change() }()
		for deadline := time.Now().Add(10 * time.Second); strings.Count(events.seen(), "Waiting for another docker haproxy") == waits; time.Sleep(time.Millisecond) {
			assert.Assert(t, time.Now().Before(deadline), "it must wait")
		}
		assert.Equal(t, len(fake.sent(name)), 0)
		release()
		assert.NilError(t, <-changed)
		assert.Equal(t, len(fake.sent(name)), 1)
	}
}

func TestADrainEndsWhenNoSessionIsLeft(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.conns = []string{"web/s1 3/1 10.0.0.1 80 - 5000 2 2 2 0 0 -1 0 0\n", "web/s1 3/1 10.0.0.1 80 - 5000 1 2 2 0 0 -1 0 0\n", ""}
	l, events := liveOf(t, fake)
	remaining, err := l.AwaitDrained(t.Context(), []Server{{Backend: "web", Name: "s1"}}, time.Minute)
	assert.NilError(t, err)
	assert.Equal(t, len(remaining), 0)
	testkit.Contains(t, events.seen(), "Server web/s1: Draining, 2 sessions remain", "Server web/s1: Draining, 1 sessions remain", "Server web/s1: Drained")
}

func TestADrainThatTakesTooLongSaysWhatRemains(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.conns = []string{"web/s1 3/1 10.0.0.1 80 - 5000 2 2 2 0 0 -1 0 0\n"}
	l, events := liveOf(t, fake)
	remaining, err := l.AwaitDrained(t.Context(), []Server{{Backend: "web", Name: "s1"}, {Backend: "web", Name: "s2"}}, time.Millisecond)
	assert.NilError(t, err)
	assert.DeepEqual(t, remaining, map[string]int64{"web/s1": 2})
	assert.Equal(t, strings.Count(events.seen(), "2 sessions remain"), 2, "while it waits, and in the end: %s", events.seen())
}
