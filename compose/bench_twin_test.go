package compose

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	mounttypes "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// servingContainer is a load balancer's container as the engine describes it.
func servingContainer() container.InspectResponse {
	privileged := &container.HostConfig{
		NetworkMode: "shop_mynetwork",
		Privileged:  true,
		CapAdd:      []string{"NET_ADMIN"},
		SecurityOpt: []string{"seccomp=unconfined"},
		Tmpfs:       map[string]string{"/var/run/haproxy": "uid=99"},
		Mounts:      []mounttypes.Mount{{Type: mounttypes.TypeTmpfs, Target: "/scratch"}},
		Resources: container.Resources{
			NanoCPUs: 500_000_000, Memory: 64 << 20,
			Devices: []container.DeviceMapping{{PathOnHost: "/dev/kmsg"}},
		},
	}
	privileged.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
	return container.InspectResponse{
		Image: "sha256:1234", Path: "/docker-entrypoint.sh",
		Args:       []string{"haproxy", "-S", "/var/run/haproxy/master.sock,mode,600", "-f", "/usr/local/etc/haproxy/haproxy.cfg", "-f", "/usr/local/etc/haproxy/generated"},
		HostConfig: privileged,
		Config:     &container.Config{User: "99:99", Env: []string{"PORT=80"}, WorkingDir: "/var/lib/haproxy"},
		Mounts: []container.MountPoint{
			{Type: mounttypes.TypeBind, Source: "/shop/haproxy", Destination: "/usr/local/etc/haproxy", RW: true},
			{Type: mounttypes.TypeVolume, Name: "shop_state", Destination: "/state", RW: true},
			{Type: mounttypes.TypeTmpfs, Destination: "/var/run/haproxy"},
		},
	}
}

func TestATwinIsTheOtherOnTheHostsNetworkWithLessPower(t *testing.T) {
	t.Parallel()
	p := &Project{Project: &types.Project{Name: "shop"}}
	plan := TwinPlan{files: []haproxy.ConfigFile{{Name: "/usr/local/etc/haproxy/haproxy.cfg"}, {Name: "/usr/local/etc/haproxy/generated/routes.cfg"}}}
	assert.NilError(t, plan.settle(p, servingContainer()))

	config, host := plan.config, plan.host
	assert.Equal(t, strings.Join(config.Cmd, " "), "/docker-entrypoint.sh haproxy -S /var/run/haproxy/master.sock,mode,600 -f /run/docker-haproxy/0.cfg -f /run/docker-haproxy/1.cfg")
	assert.Equal(t, plan.files[1].Name, "/run/docker-haproxy/1.cfg")
	assert.Equal(t, config.Image+" "+config.User+" "+config.Env[0]+" "+config.WorkingDir, "sha256:1234 99:99 PORT=80 /var/lib/haproxy")
	assert.Assert(t, config.OpenStdin && config.StdinOnce && config.AttachStdin && !config.AttachStdout)
	assert.Equal(t, config.Labels["com.docker.compose.oneoff"], "True")

	assert.Equal(t, string(host.NetworkMode), "host")
	assert.Assert(t, host.AutoRemove && host.ReadonlyRootfs && !host.Privileged && host.RestartPolicy.Name == "")
	assert.DeepEqual(t, host.CapDrop, []string{"ALL"})
	assert.Equal(t, len(host.CapAdd)+len(host.Devices)+len(host.PortBindings)+len(host.Binds), 0)
	assert.DeepEqual(t, host.SecurityOpt, []string{"seccomp=unconfined", "no-new-privileges:true"})
	assert.Assert(t, host.NanoCPUs == 500_000_000 && host.Memory == 64<<20, "the same limits")
	assert.Equal(t, host.Tmpfs["/var/run/haproxy"], "uid=99")
	var mounted []string
	for _, m := range host.Mounts {
		assert.Assert(t, m.Type == mounttypes.TypeTmpfs || m.ReadOnly, "%v", m)
		mounted = append(mounted, m.Source+":"+m.Target)
	}
	slices.Sort(mounted)
	assert.DeepEqual(t, mounted, []string{"/shop/haproxy:/usr/local/etc/haproxy", ":/scratch", "shop_state:/state"})
	assert.Equal(t, len(servingContainer().HostConfig.Devices), 1)

	own := servingContainer()
	own.Path, own.Args = "/start.sh", nil
	assert.ErrorContains(t, new(TwinPlan).settle(p, own), "names no configuration with -f")
}

func TestATwinIsThereOnlyWhereTheHostIsThisMachine(t *testing.T) {
	t.Parallel()
	assert.NilError(t, sharesNetwork(system.Info{OperatingSystem: "Debian GNU/Linux 12", SecurityOptions: []string{"name=seccomp,profile=default"}}))
	for want, info := range map[string]system.Info{
		"virtual machine": {OperatingSystem: "Docker Desktop"},
		"without root":    {SecurityOptions: []string{"name=seccomp", "name=rootless"}},
		"userns-remap":    {SecurityOptions: []string{"name=userns"}},
	} {
		assert.ErrorContains(t, sharesNetwork(info), want)
	}
}

func TestATwinServesOnceItsServersDo(t *testing.T) {
	t.Parallel()
	up := haproxy.Stat{Server: "s", Status: "UP"}
	backend := func(name string, servers ...haproxy.Stat) haproxy.BackendReadiness {
		return haproxy.BackendReadiness{Name: name, Up: servers}
	}
	goal := haproxy.Readiness{Backends: []haproxy.BackendReadiness{backend("web", up, up), backend("idle")}}
	assert.NilError(t, missing(goal, haproxy.Readiness{Backends: []haproxy.BackendReadiness{backend("web", up, up, up)}}))
	assert.ErrorContains(t, missing(goal, haproxy.Readiness{Backends: []haproxy.BackendReadiness{backend("web", up)}}), "1 of 2 servers of backend web")
	assert.ErrorContains(t, missing(goal, haproxy.Readiness{}), "0 of 2")
}

func TestATwinThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	close(ended)
	words := &lastWords{ended: ended}
	_, _ = words.Write([]byte("[NOTICE]   (8) : haproxy version is 3.2.26\n[ALERT]    (8) : Binding [/run/docker-haproxy/0.cfg:54] for frontend web: cannot bind socket\n"))
	err := errors.New("the session broke")
	assert.ErrorContains(t, words.explain(err), "cannot bind socket")
	_, _ = words.Write(make([]byte, 2*heard))
	assert.Equal(t, words.text.Len(), heard)
	assert.Equal(t, (&lastWords{ended: ended}).explain(err), err)
}

// The script takes files, starts the command, and ends with either of the command
// and its input.
func TestATwinsScriptEndsWithItsInputAndWithItsCommand(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the script is for the shell of a Linux container")
	}
	start := func(command ...string) (*exec.Cmd, io.WriteCloser) {
		shell := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", twinScript, "sh"}, command...)...)
		input, err := shell.StdinPipe()
		assert.NilError(t, err)
		assert.NilError(t, shell.Start())
		return shell, input
	}
	file := filepath.Join(t.TempDir(), "x y.cfg")
	content := "global\n\n  # no newline at the end"
	send := func(input io.Writer) {
		_, err := fmt.Fprintf(input, "%d %s\n%s\n", len(content), file, content)
		assert.NilError(t, err)
	}

	shell, input := start("grep", "-q", "no newline", file)
	send(input)
	assert.NilError(t, shell.Wait(), "the command's own end")

	shell, input = start("sleep", "60")
	send(input)
	assert.NilError(t, input.Close())
	err := shell.Wait()
	exit, is := errors.AsType[*exec.ExitError](err)
	assert.Assert(t, is && exit.ExitCode() == 128+9, "killed with the input: %v", err)
	text, err := os.ReadFile(file)
	assert.NilError(t, err)
	assert.Equal(t, string(text), content)
	info, err := os.Stat(file)
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600), "it may hold hashes of passwords")
}
