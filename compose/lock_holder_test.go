package compose

import (
	"fmt"
	"os"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestLockHolder_IsNamedToWhoWaits(t *testing.T) {
	t.Parallel()
	p := configured(t)
	release, err := p.tryLock()
	assert.NilError(t, err)
	_, err = p.tryLock()
	testkit.Contains(t, fmt.Sprint(err), fmt.Sprintf("process %d, since ", os.Getpid()), "is changing project")
	release()
	release, err = p.tryLock()
	assert.NilError(t, err)
	release()
}

func TestLockHolder_String(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 28, 21, 4, 5, 0, time.Local)
	assert.Equal(t, lockHolder{PID: 7, Command: "rollout", Since: since}.String(), " (rollout, process 7, since 21:04:05)")
	assert.Equal(t, lockHolder{PID: 7, Since: since}.String(), " (process 7, since 21:04:05)")
	assert.Equal(t, lockHolder{}.String(), "")
	assert.Equal(t, holderOf("/nonexistent"), lockHolder{})
}
