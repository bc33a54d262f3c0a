package plugin

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/cmd/display"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

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
	options := cliflags.NewClientOptions()
	options.Hosts = []string{testkit.Nobody}
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

// load loads a Compose file, beside which stands a base config.
func load(t *testing.T, composeFile, baseConfig string) *compose.Project {
	t.Helper()
	folder := t.TempDir()
	file := testkit.Put(t, folder, "compose.yaml", composeFile)
	testkit.Put(t, folder, compose.BaseConfigName, baseConfig)
	engine, err := compose.New(newTerminal(t), display.Quiet(), false)
	assert.NilError(t, err)
	project, err := engine.Load(t.Context(), compose.LoadOptions{ConfigPaths: []string{file}})
	assert.NilError(t, err)
	return project
}
