package compose

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestTheSecondWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	p := configured(t)
	first, _ := (&fakeEngine{}).start(t)
	second, events := (&fakeEngine{}).start(t)
	release, err := first.lock(t.Context(), p)
	assert.NilError(t, err)

	held := make(chan func(), 1)
	go func() {
		release, err := second.lock(t.Context(), p)
		if err != nil {
			t.Error(err)
		}
		held <- release
	}()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(events.seen(), "Waiting for another docker haproxy"); time.Sleep(time.Millisecond) {
		assert.Assert(t, time.Now().Before(deadline), "it must say that it waits: %s", events.seen())
	}
	assert.Equal(t, len(held), 0)
	release()
	(<-held)()
	testkit.Contains(t, events.seen(), "Taking its turn")
}

func TestWaitingForTheLockCanBeInterrupted(t *testing.T) {
	t.Parallel()
	p := configured(t)
	engine, events := (&fakeEngine{}).start(t)
	release, err := engine.lock(t.Context(), p)
	assert.NilError(t, err)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = engine.lock(ctx, p)
	assert.Assert(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
	testkit.Contains(t, events.seen(), "Interrupted")
}

func TestAnotherUserMayLockToo(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("has no modes")
	}
	p := configured(t)
	testkit.Put(t, p.WorkingDir, ".docker-haproxy/lock", "")
	file := p.StateFile("lock")
	assert.NilError(t, os.Chmod(file, 0o600))
	engine, _ := (&fakeEngine{}).start(t)
	release, err := engine.lock(t.Context(), p)
	assert.NilError(t, err)
	defer release()
	info, err := os.Stat(file)
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o666))
}

func TestWhereThereCanBeNoLocks(t *testing.T) {
	t.Parallel()
	for _, none := range []error{syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOLCK} {
		assert.Assert(t, noLocks(&os.PathError{Op: "open", Path: "lock", Err: none}), "%v", none)
	}
	for _, other := range []error{nil, context.Canceled, syscall.EIO, syscall.ENOSPC} {
		assert.Assert(t, !noLocks(other), "%v", other)
	}
}

func TestWithoutAFolderToWriteToThereIsNoLock(t *testing.T) {
	t.Parallel()
	p := configured(t)
	testkit.Put(t, p.WorkingDir, ".docker-haproxy", "a file is in the way")
	engine, _ := (&fakeEngine{}).start(t)
	release, err := engine.lock(t.Context(), p)
	assert.NilError(t, err)
	release()
}
