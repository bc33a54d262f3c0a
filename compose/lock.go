package compose

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/gofrs/flock"
)

// lock makes sure that only one process at a time changes what HAProxy runs, or
// the files that it runs from: two reloads that interleave would each take the
// other's effect for its own. It waits for the other one, and gives what
// releases the lock. The kernel releases it too when a process dies.
//
// Where the project's folder cannot be written to, or its file system knows no
// locks, there is none: whoever may use the engine must be able to reload.
func (e *Engine) lock(ctx context.Context, p *Project) (release func(), err error) {
	return p.locked(func(file *flock.Flock) error {
		waiting := api.Resource{ID: "Project " + p.Name, Status: api.Working, Text: fmt.Sprintf("Waiting for another docker haproxy%s", holderOf(file.Path()))}
		e.events.On(waiting)
		_, err := file.TryLockContext(ctx, lockInterval)
		waiting.Status, waiting.Text = api.Done, "Taking its turn"
		if err != nil {
			waiting.Status, waiting.Text = api.Error, "Interrupted"
		}
		e.events.On(waiting)
		return err
	})
}

// tryLock is lock for what takes long: where another process holds the lock, it
// does not wait, and gives ErrBusy.
func (p *Project) tryLock() (release func(), err error) {
	return p.locked(func(file *flock.Flock) error {
		return &Problem{
			Summary: fmt.Sprintf("another docker haproxy is changing project %q: a rollout, a reload or an up is under way%s", p.Name, holderOf(file.Path())),
			Advice:  "Wait until it has ended, then try again.",
			Cause:   ErrBusy,
		}
	})
}

// locked takes the lock, or does what is to be done where another process holds it.
func (p *Project) locked(busy func(*flock.Flock) error) (release func(), err error) {
	folder, err := p.stateFolder()
	if err != nil {
		return func() {}, nil //nolint:nilerr // see lock
	}
	file := flock.New(filepath.Join(folder, "lock"), flock.SetPermissions(lockMode))
	held, err := file.TryLock()
	if err == nil && !held {
		err = busy(file)
	}
	switch {
	case noLocks(err):
		return func() {}, nil
	case err != nil:
		return nil, err
	}
	_ = os.Chmod(file.Path(), lockMode) // whatever the umask of who created it; nobody else may, nor needs to
	thisProcess().note(file.Path())
	return func() { _ = file.Close() }, nil
}

// noLocks tells whether there can be no lock: no permission, a file system that
// is read-only, or one without locks, as network ones are.
func noLocks(err error) bool {
	return is(err, os.ErrPermission, syscall.EROFS, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOLCK)
}

// lockMode lets another Unix user lock too, if the folder lets them in.
const lockMode = 0o666

// lockInterval is how often a lock that another process holds is tried again.
const lockInterval = 50 * time.Millisecond
