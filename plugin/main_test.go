package plugin

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/cmd/display"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// TestMain keeps what the developer's machine is set up for out of the tests.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "DOCKER_") || strings.HasPrefix(name, "COMPOSE_") || name == "NO_COLOR" {
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

// terminal is a Docker CLI whose streams a test reads, and whose engine is
// nowhere.
type terminal struct {
	*command.DockerCli

	out, err bytes.Buffer
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	term := &terminal{}
	cli, err := command.NewDockerCli(
		command.WithInputStream(io.NopCloser(strings.NewReader(""))),
		command.WithOutputStream(&term.out),
		command.WithErrorStream(&term.err),
	)
	assert.NilError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	assert.NilError(t, listener.Close())
	options := cliflags.NewClientOptions()
	options.Hosts = []string{"tcp://" + listener.Addr().String()}
	assert.NilError(t, cli.Initialize(options))
	term.DockerCli = cli
	return term
}

// run runs a command line, without the "docker haproxy" before it.
func (term *terminal) run(t *testing.T, args ...string) error {
	t.Helper()
	root := NewRootCommand(t.Context(), term)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	return root.Execute()
}

func put(t *testing.T, folder, name, content string) string {
	t.Helper()
	file := filepath.Join(folder, filepath.FromSlash(name))
	assert.NilError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	assert.NilError(t, os.WriteFile(file, []byte(content), 0o644))
	return file
}

// load loads a Compose file, beside which stands a base config.
func load(t *testing.T, composeFile, baseConfig string) *compose.Project {
	t.Helper()
	folder := t.TempDir()
	file := put(t, folder, "compose.yaml", composeFile)
	put(t, folder, compose.BaseConfigName, baseConfig)
	engine, err := compose.New(newTerminal(t), display.Quiet(), false)
	assert.NilError(t, err)
	project, err := engine.Load(t.Context(), compose.LoadOptions{ConfigPaths: []string{file}})
	assert.NilError(t, err)
	return project
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}
