package attach

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// TestMain keeps what the developer's machine is set up for out of the tests:
// its contexts, its engine, its Compose defaults.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "DOCKER_") || strings.HasPrefix(name, "COMPOSE_") {
			_ = os.Unsetenv(name)
		}
	}
	config, err := os.MkdirTemp("", "docker-config-*")
	if err != nil {
		panic(err)
	}
	_ = os.Setenv("DOCKER_CONFIG", config)
	code := m.Run()
	_ = os.RemoveAll(config)
	os.Exit(code)
}

// nowhere is an engine of ours whose Docker engine does not answer: its port is
// not given out, as a free one soon is to another test. Nothing runs on it, so that
// there are no events either.
func nowhere(t *testing.T) *compose.Engine {
	t.Helper()
	cli, err := command.NewDockerCli(command.WithCombinedStreams(io.Discard))
	assert.NilError(t, err)
	options := cliflags.NewClientOptions()
	options.Hosts = []string{"tcp://127.0.0.1:1"}
	assert.NilError(t, cli.Initialize(options))
	engine, err := compose.New(cli, nil, false)
	assert.NilError(t, err)
	return engine
}

func put(t *testing.T, folder, name, content string) string {
	t.Helper()
	file := filepath.Join(folder, filepath.FromSlash(name))
	assert.NilError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	assert.NilError(t, os.WriteFile(file, []byte(content), 0o644))
	return file
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// demo is what "docker haproxy init" in an empty folder named demo describes.
func demo(changes ...func(*compose.Demo)) compose.Demo {
	d := compose.Demo{
		Project:      "demo",
		ServerCount:  3,
		AppImage:     compose.DefaultAppImage,
		AppPort:      compose.DefaultAppPort,
		Image:        compose.ImageOf("haproxytech/haproxy-alpine:3.2"),
		HTTPPort:     80,
		StatsPort:    8404,
		StatsAddress: "127.0.0.1",
		Network:      "mynetwork",
		NetworkMode:  compose.BridgeNetwork,
	}
	for _, change := range changes {
		change(&d)
	}
	return d
}
