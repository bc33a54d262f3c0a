package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestAnEngineIsRemoteWhenItsAddressIsOfAnotherMachine(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"":                                false,
		"unix:///var/run/docker.sock":     false,
		"npipe:////./pipe/docker_engine":  false,
		"fd://":                           false,
		"tcp://127.0.0.1:2375":            false,
		"tcp://127.1.2.3:2375":            false,
		"tcp://[::1]:2375":                false,
		"tcp://localhost:2375":            false,
		"tcp://192.0.2.7:2376":            true,
		"tcp://[2001:db8::7]:2376":        true,
		"tcp://docker.example:2376":       true,
		"ssh://me@build.example":          true,
		"ssh://me@localhost":              true, // the other end of a tunnel, or another user's machine
		"https://docker.example:2376":     true,
		"http://localhost:2375":           false,
		"tcp://localhost.example.com:111": true,
	} {
		assert.Equal(t, isRemote(host), want, "isRemote(%q)", host)
	}
}

func TestAnEngineBefore20_10IsRefusedWithItsVersionAndTheWayOut(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{apiVersion: "1.40"}).start(t)
	err := engine.Ready(t.Context())
	assert.ErrorContains(t, err, "too old")
	testkit.Contains(t, err.Error(), "API 1.40", "1.41", "Docker 20.10", "Upgrade the engine", engine.host())
}

func TestAnEngineThatTheClientItselfRefusesIsTooOldAsWell(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{apiVersion: "1.38"}).start(t)
	err := engine.Ready(t.Context())
	assert.Assert(t, err != nil)
	testkit.Contains(t, err.Error(), "too old", "1.38", "Upgrade the engine")
}

func TestAnEngineOfTheOldestSupportedVersionAndALaterOneAreReady(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.41", "1.47", "1.99"} {
		engine, _ := (&fakeEngine{apiVersion: version}).start(t)
		assert.NilError(t, engine.Ready(t.Context()), version)
	}
}

func TestADaemonThatIsDownIsNamedWithItsAddressAndTheWayOut(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	for name, host := range map[string]string{"a port": testkit.Nobody, "a socket that is missing": "unix://" + socket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine, _ := engineAt(t, host)
			err := engine.Ready(t.Context())
			var problem *Problem
			assert.Assert(t, errors.As(err, &problem), "%v", err)
			testkit.Contains(t, err.Error(), "no Docker engine answers at "+host, "systemctl start docker", "--context")
		})
	}
}

func TestASocketThatNobodyListensOnIsADaemonThatIsDown(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "sock") //nolint:usetesting // t.TempDir is too long for a socket's address on some systems
	assert.NilError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "docker.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	assert.NilError(t, err)
	listener.SetUnlinkOnClose(false)
	assert.NilError(t, listener.Close())
	engine, _ := engineAt(t, "unix://"+socket)
	assert.ErrorContains(t, engine.Ready(t.Context()), "no Docker engine answers at unix://"+socket)
}

func TestWhatTheEngineSaysIsExplainedOnlyWhereThereIsMoreToSay(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	ctx := t.Context()
	assert.NilError(t, engine.explain(ctx, nil))

	other := errors.New("Conflict. The container name is already in use")
	assert.Equal(t, engine.explain(ctx, other), other)

	for _, denied := range []error{
		errors.New("permission denied while trying to connect to the docker API at unix:///var/run/docker.sock"),
		fmt.Errorf("wrapped: %w", &net.OpError{Op: "dial", Net: "unix", Err: syscall.EACCES}),
	} {
		err := engine.explain(ctx, denied)
		assert.Assert(t, errors.Is(err, denied))
		testkit.Contains(t, err.Error(), "this user may not use the Docker engine at "+engine.host(), `group "docker"`)
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	assert.Equal(t, engine.explain(cancelled, other), context.Canceled)
}

func TestAnInterruptedQuestionIsAnInterruptAndNoDaemonThatIsDown(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, engine.Ready(ctx), context.Canceled)
}

func TestAProjectWithFilesOfThisMachineIsRefusedOnAnEngineOfAnother(t *testing.T) {
	t.Parallel()
	withFiles := load(t, "name: demo\nservices:\n  haproxy:\n    image: haproxy\n    volumes: [./haproxy:/usr/local/etc/haproxy:ro]\n", nil)
	without := load(t, "name: demo\nservices:\n  haproxy:\n    image: mine\n", nil)

	remote, _ := engineAt(t, "tcp://192.0.2.1:2376")
	err := remote.Reachable(withFiles)
	testkit.Contains(t, fmt.Sprint(err), "another machine", "tcp://192.0.2.1:2376", "cannot be mounted", "Nothing was touched")
	assert.NilError(t, remote.Reachable(without))

	local, _ := engineAt(t, testkit.Nobody)
	assert.NilError(t, local.Reachable(withFiles))
}

func TestAnOperationIsBracketedOnce(t *testing.T) {
	t.Parallel()
	engine, events := engineAt(t, testkit.Nobody)
	failure := errors.New("no")
	err := engine.Operation(t.Context(), "up", func(context.Context) error {
		_ = engine.events.step("Config x", "Checking", "Valid", func() error { return nil })
		return failure
	})
	assert.ErrorIs(t, err, failure)
	testkit.Contains(t, events.seen(), "start up\nConfig x: Checking\nConfig x: Valid\ndone up")
}
