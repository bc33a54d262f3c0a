package attach

import (
	"io"
	"testing"

	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// nowhere is an engine of ours whose Docker engine does not answer: its port is
// not given out, as a free one soon is to another test. Nothing runs on it, so that
// there are no events either.
func nowhere(t *testing.T) *compose.Engine {
	t.Helper()
	cli, err := command.NewDockerCli(command.WithCombinedStreams(io.Discard))
	assert.NilError(t, err)
	options := cliflags.NewClientOptions()
	options.Hosts = []string{testkit.Nobody}
	assert.NilError(t, cli.Initialize(options))
	engine, err := compose.New(cli, nil, false)
	assert.NilError(t, err)
	return engine
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
