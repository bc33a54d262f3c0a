package compose

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

const configInContainer = "/usr/local/etc/haproxy/haproxy.cfg"

func sumLine(content, name string) string {
	return fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(content)), name)
}

func TestAConfigurationThatTheContainerDoesNotSeeIsNotReloaded(t *testing.T) {
	t.Parallel()
	for name, fake := range map[string]*fakeHAProxy{
		"another content": {sums: sumLine("frontend old\n", configInContainer)},
		"it is not there": {missing: []string{configInContainer}},
		"another map":     {sums: sumLine("old\n", "/usr/local/etc/haproxy/a.map")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake.verdict, fake.workers = loadedWell, healthy().workers
			engine, events := (&fakeEngine{exec: fake.exec}).start(t)
			p := configured(t)
			testkit.Put(t, filepath.Join(p.WorkingDir, "haproxy"), "a.map", "new\n")
			_, err := engine.Reload(t.Context(), p, runs, promptly)
			assert.ErrorIs(t, err, ErrStaleMount)
			testkit.Contains(t, err.Error(), "does not see ", "as it is on disk; nothing was applied", "up --force-recreate", "docker restart demo-haproxy-1")
			testkit.Contains(t, fake.summed, configInContainer+"\n", "/usr/local/etc/haproxy/a.map\n")
			assert.Assert(t, !strings.Contains(events.seen(), "Reloading"))
			assert.Equal(t, len(fake.sent("")), 0)
			assert.Equal(t, p.note(), loaded{})
		})
	}
}

func TestAConfigurationThatTheContainerSeesIsReloaded(t *testing.T) {
	t.Parallel()
	p := configured(t)
	fake := healthy()
	fake.sums = sumLine(onDisk(t, p), configInContainer)
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
}

func TestWhereTheContainerHasTheFilesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n", "a b.map": "", "certs/x.pem": "", "run/y": "", "back\\slash": ""})
	outside := t.TempDir()
	testkit.Put(t, outside, "linked.cfg", "global\n")
	alone := testkit.Put(t, outside, "alone.cfg", "global\n")
	assert.NilError(t, os.Symlink(filepath.Join(outside, "linked.cfg"), filepath.Join(folder, "linked.cfg")))
	assert.NilError(t, os.Symlink("certs", filepath.Join(folder, "same")))
	p.balancer.Volumes = append(p.balancer.Volumes, bind(alone, "/usr/local/etc/haproxy/over.cfg"), types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Source: "state", Target: "/usr/local/etc/haproxy/run"})
	testkit.Put(t, folder, "over.cfg", "hidden\n")
	config, err := snapshot([]string{alone, folder})
	assert.NilError(t, err)
	var got []string
	for _, place := range p.inContainer(config) {
		got = append(got, fmt.Sprintf("%s %t", strings.TrimPrefix(place.inContainer, "/usr/local/etc/haproxy/"), place.config))
	}
	assert.DeepEqual(t, got, []string{"over.cfg false", "a b.map false", "certs/x.pem false", "haproxy.cfg true", "same/x.pem false"})
}

// TestTheShellGivesSums runs the relay's own script.
func TestTheShellGivesSums(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the script is for a container")
	}
	folder := t.TempDir()
	first, second := testkit.Put(t, folder, "a b.cfg", "one\n"), testkit.Put(t, folder, "it's", "two\n")
	names := first + "\n" + filepath.Join(folder, "nowhere") + "\n" + second + "\n"
	for _, shell := range [][]string{{"sh"}, {"dash"}, {"busybox", "ash"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			continue
		}
		cmd := exec.Command(shell[0], append(shell[1:], "-c", relayScript, "MARK", "/no.sock", "true")...)
		cmd.Stdin = strings.NewReader("sums " + strconv.Itoa(len(names)) + "\n" + names + "exists " + first + "\nexists " + folder + "/nowhere\n")
		output, err := cmd.Output()
		assert.NilError(t, err)
		parts := strings.Split(string(output), "\x01MARK ")
		assert.Equal(t, parts[0], sumLine("one\n", first)+sumLine("two\n", second), "%v", shell)
		assert.DeepEqual(t, parts[2:], []string{"0\n", "1\n"})
	}
}
