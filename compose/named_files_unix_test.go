//go:build unix

package compose

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/regular"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// irregular makes something in a folder that must not be read.
func irregular(t *testing.T, folder, name, kind string) {
	t.Helper()
	name = filepath.Join(folder, name)
	_ = os.Remove(name)
	var err error
	switch kind {
	case "a FIFO":
		err = syscall.Mkfifo(name, 0o644)
	case "a device":
		err = os.Symlink("/dev/zero", name)
	case "larger than 128 MB":
		err = errors.Join(os.WriteFile(name, nil, 0o644), os.Truncate(name, 1<<40))
	}
	assert.NilError(t, err)
}

func TestOnlyRegularFilesOfASizeThatFitsAreRead(t *testing.T) {
	t.Parallel()
	const services = "name: demo\nservices:\n  haproxy:\n    image: haproxy:3.2\n    volumes: [./haproxy:/usr/local/etc/haproxy:ro]\n"
	for _, kind := range []string{"a FIFO", "a device", "larger than 128 MB"} {
		for name, composeFile := range map[string]string{
			"compose.yaml":          services,
			"compose.override.yaml": services,
			".env":                  services,
			"my.env":                services + "    env_file: my.env\n",
			"more.env":              services + "    env_file: [{path: ./more.env, required: false}]\n",
			"my.labels":             services + "    label_file: [my.labels]\n",
		} {
			folder := t.TempDir()
			testkit.Put(t, folder, "compose.yaml", composeFile)
			irregular(t, folder, name, kind)
			engine, _ := engineAt(t, testkit.Nobody)
			_, err := engine.Load(t.Context(), LoadOptions{ProjectDir: folder})
			assert.Assert(t, errors.As(err, new(*regular.Error)), "%s as %s: %v", name, kind, err)
			testkit.Contains(t, err.Error(), filepath.Join(folder, name)+" is "+kind)
		}
		for name, config := range map[string]string{
			"haproxy.cfg": "",
			"hosts.map":   "frontend a\n  bind :80\n  use_backend %[req.hdr(host),map(/usr/local/etc/haproxy/hosts.map)]\n",
		} {
			p := configured(t)
			if config != "" {
				testkit.Put(t, p.WorkingDir, BaseConfigName, config)
			}
			irregular(t, filepath.Join(p.WorkingDir, "haproxy"), name, kind)
			fake := healthy()
			engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
			_, err := engine.Reload(t.Context(), p, runs, promptly)
			assert.Assert(t, errors.As(err, new(*regular.Error)), "%s as %s: %v", name, kind, err)
			testkit.Contains(t, err.Error(), name+" is "+kind, "Put a file in its place")
			_, err = engine.BringUp(t.Context(), p, UpOptions{})
			assert.Assert(t, err != nil, "%s as %s", name, kind)
			assert.Equal(t, len(fake.sent("reload")), 0)
			release, err := p.tryLock()
			assert.NilError(t, err, "the lock is released")
			release()
		}
	}
}

func TestWhatLiesBesideTheConfigurationUnnamedIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := configured(t)
	irregular(t, filepath.Join(p.WorkingDir, "haproxy"), "control", "a FIFO")
	_, err := p.ReadConfig()
	assert.NilError(t, err)
}
