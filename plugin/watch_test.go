package plugin

import (
	"context"
	"errors"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// disk is what a watch reads and applies.
type disk struct {
	config  compose.Config
	err     error  // of applying it
	during  func() // happens while it is applied
	applied int
	told    int
}

func (d *disk) watch() *watching {
	return &watching{
		read: func() compose.Config { return d.config },
		apply: func(context.Context) error {
			d.applied++
			if d.during != nil {
				d.during()
			}
			return d.err
		},
		tell: func(error) { d.told++ },
	}
}

func saved(hash string, second int) compose.Config {
	return compose.Config{Hash: hash, Changed: time.Date(2026, 1, 2, 12, 0, second, 0, time.UTC)}
}

func TestWhatFailedIsTriedAgainWhenItIsSavedAgain(t *testing.T) {
	t.Parallel()
	d := &disk{config: saved("a", 1), err: errors.New("the load balancer is not running")}
	w := d.watch()
	w.look(t.Context())
	w.look(t.Context())
	assert.Equal(t, d.applied, 1, "an event without a save is none")
	d.config, d.err = saved("a", 2), nil
	w.look(t.Context())
	assert.Equal(t, d.applied, 2)
	d.config = saved("a", 3)
	w.look(t.Context())
	assert.Equal(t, d.applied, 2, "now it is loaded")
	assert.Equal(t, d.told, 1)
}

func TestWhatAFailedReloadWritesItselfIsNoSave(t *testing.T) {
	t.Parallel()
	d := &disk{config: saved("a", 1), err: errors.New("HAProxy serves less than before")}
	d.during = func() { d.config = saved("a", 5) } // the one before was there for a moment
	w := d.watch()
	for range 3 {
		w.look(t.Context())
	}
	assert.Equal(t, d.applied, 1)
}

func TestWhatIsSavedWhileAnotherIsAppliedComesNext(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"loaded": nil, "refused": errors.New("refused")} {
		d := &disk{config: saved("a", 1), err: err}
		d.during = func() { d.config = saved("b", 2) }
		w := d.watch()
		w.look(t.Context())
		w.look(t.Context())
		assert.Equal(t, d.applied, 2, name)
	}
}

func TestWhatHAProxyHasIsNotAppliedAndWhatCannotBeReadIs(t *testing.T) {
	t.Parallel()
	d := &disk{config: saved("a", 1)}
	w := d.watch()
	w.tried = saved("a", 1)
	w.look(t.Context())
	assert.Equal(t, d.applied, 0)
	d.config = compose.Config{}
	w.look(t.Context())
	w.look(t.Context())
	assert.Equal(t, d.applied, 2, "each time, for the reason")
}

func TestAWatchEndsWithItsContextOrItsFolder(t *testing.T) {
	t.Parallel()
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NilError(t, (&disk{}).watch().run(interrupted, make(chan error)))
	gone := make(chan error)
	close(gone)
	assert.ErrorContains(t, (&disk{}).watch().run(t.Context(), gone), "cannot be watched any more")
}
