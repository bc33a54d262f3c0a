package compose

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestAConfigurationThatTheContainersUserMayNotReadIsRefusedWithTheMode(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n"})
	file := filepath.Join(folder, "haproxy.cfg")
	owner, other := strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getuid()+4321)
	for _, c := range []struct {
		user    string
		mode    os.FileMode
		refused bool
	}{
		{other + ":" + other, 0o640, true},
		{other, 0o600, true},
		{other, 0o644, false},
		{other, 0o604, false},
		{"", 0o600, false},
		{"root", 0o600, false},
		{"0:0", 0o600, false},
		{"haproxy", 0o600, false}, // only the image knows its number
	} {
		assert.NilError(t, os.Chmod(file, c.mode))
		p.balancer.User = c.user
		_, err := p.ReadConfig()
		if !c.refused {
			assert.NilError(t, err, "%+v", c)
			continue
		}
		assert.Assert(t, err != nil, "%+v", c)
		testkit.Contains(t, err.Error(), "runs as user "+other, "may not read", "mode 0"+strconv.FormatInt(int64(c.mode), 8), "chmod o+r")
	}

	if os.Getuid() != 0 { // root is not asked for modes
		assert.NilError(t, os.Chmod(file, 0o400))
		p.balancer.User = owner
		_, err := p.ReadConfig()
		assert.NilError(t, err, "the owner may read")
	}
}

func TestTheOwnerOfAConfigurationMayReadIt(t *testing.T) {
	t.Parallel()
	file := testkit.Put(t, t.TempDir(), "haproxy.cfg", "")
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o200: false, 0o040: false} {
		assert.NilError(t, os.Chmod(file, mode))
		info, err := os.Stat(file)
		assert.NilError(t, err)
		assert.Equal(t, isOwner(info, os.Getuid()), want, "%o", mode)
		assert.Equal(t, isOwner(info, os.Getuid()+1), false)
	}
}
