package plugin

import (
	"testing"
	"time"

	"github.com/spf13/cobra"
	"gotest.tools/v3/assert"
)

// call is a command as its flags and arguments describe it, not run.
type call struct {
	*cobra.Command

	args []string
}

func (c call) flag(name string) string { return c.Flags().Lookup(name).Value.String() }

// parsed parses a command line as the Docker CLI does, and runs nothing.
func parsed(t *testing.T, args ...string) (call, error) {
	t.Helper()
	root := NewRootCommand(t.Context(), newTerminal(t))
	root.SilenceErrors, root.SilenceUsage = true, true
	var got call
	var replaceRuns func(*cobra.Command)
	replaceRuns = func(cmd *cobra.Command) {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			got = call{cmd, args}
			return nil
		}
		for _, child := range cmd.Commands() {
			replaceRuns(child)
		}
	}
	replaceRuns(root)
	root.SetArgs(args)
	err := root.Execute()
	return got, err
}

func TestTheProjectsFlagsStandBeforeTheCommandOrBehindIt(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-f", "a.yaml", "-f", "b.yaml", "-p", "shop", "--profile", "x", "--project-directory", "/srv", "--env-file", "e", "--ansi", "never", "--progress", "plain", "up"},
		{"up", "-f", "a.yaml", "-f", "b.yaml", "-p", "shop", "--profile", "x", "--project-directory", "/srv", "--env-file", "e", "--ansi", "never", "--progress", "plain"},
		{"-p", "shop", "--profile=x", "up", "-f", "a.yaml", "--file", "b.yaml", "--project-directory=/srv", "--env-file=e", "--ansi=never", "--progress=plain"},
	} {
		got, err := parsed(t, args...)
		assert.NilError(t, err)
		assert.Equal(t, got.Name(), "up")
		for flag, want := range map[string]string{
			"file": "[a.yaml,b.yaml]", "project-name": "shop", "profile": "[x]", "project-directory": "/srv",
			"env-file": "[e]", "ansi": "never", "progress": "plain",
		} {
			assert.Equal(t, got.flag(flag), want, "%s in %v", flag, args)
		}
	}
}

func TestFilesBeforeAndBehindTheCommandAddUp(t *testing.T) {
	t.Parallel()
	got, err := parsed(t, "-f", "a.yaml", "up", "-f", "b.yaml")
	assert.NilError(t, err)
	assert.Equal(t, got.flag("file"), "[a.yaml,b.yaml]")
}

func TestEveryCommandOfAProjectTakesItsFlags(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"up", "reload", "check", "down", "stop", "start", "ps", "logs", "open"} {
		got, err := parsed(t, name, "--file", "a.yaml", "-p", "shop")
		assert.NilError(t, err, name)
		assert.Equal(t, got.flag("file"), "[a.yaml]", name)
		got, err = parsed(t, "-f", "a.yaml", name)
		assert.NilError(t, err, name)
		assert.Equal(t, got.flag("file"), "[a.yaml]", name)
	}
}

func TestTheShorthandFOfLogsIsFollow(t *testing.T) {
	t.Parallel()
	got, err := parsed(t, "-f", "a.yaml", "logs", "-f", "-n", "20", "web1")
	assert.NilError(t, err)
	assert.Equal(t, got.flag("follow"), "true")
	assert.Equal(t, got.flag("file"), "[a.yaml]")
	assert.Equal(t, got.flag("tail"), "20")
	assert.DeepEqual(t, got.args, []string{"web1"})
}

func TestTheEnvironmentOfComposeSetsTheDefaults(t *testing.T) {
	t.Setenv("COMPOSE_PROGRESS", "plain")
	t.Setenv("COMPOSE_ANSI", "never")
	t.Setenv("COMPOSE_ENV_FILES", "a.env,b.env")
	got, err := parsed(t, "up")
	assert.NilError(t, err)
	assert.Equal(t, got.flag("progress"), "plain")
	assert.Equal(t, got.flag("ansi"), "never")
	assert.Equal(t, got.flag("env-file"), "[a.env,b.env]")
	got, err = parsed(t, "up", "--progress", "json", "--env-file", "c.env")
	assert.NilError(t, err)
	assert.Equal(t, got.flag("progress"), "json")
	assert.Equal(t, got.flag("env-file"), "[c.env]")
}

func TestFlagsAndArgumentsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"unknown flag: --no-such":        {"up", "--no-such"},
		"unknown shorthand flag":         {"up", "-Z"},
		"invalid argument \"soon\"":      {"up", "--wait-timeout", "soon"},
		"invalid argument \"many\"":      {"init", "--servers", "many"},
		"flag needs an argument: --name": {"init", "--name"},
		"accepts no arguments":           {"up", "web1"},
		"accepts no argument":            {"down", "x"},
		"at most 1 argument":             {"check", "a", "b"},
		"requires at most 1 argument":    {"init", "a", "b"},
		"unknown flag: --servers":        {"up", "--servers", "3"},
		"unknown flag: --project-name":   {"version", "--project-name", "x"},
		"unknown shorthand flag: 'p' in": {"init", "-p", "x"},
		"no-such-command":                {"no-such-command"},
	} {
		_, err := parsed(t, args...)
		assert.ErrorContains(t, err, want)
	}
}

func TestDefaultsAreThoseOfTheWalkthrough(t *testing.T) {
	t.Parallel()
	got, err := parsed(t, "init")
	assert.NilError(t, err)
	for flag, want := range map[string]string{
		"servers": "3", "app-image": "jmalloc/echo-server:latest", "app-port": "8080", "http-port": "80", "stats-port": "8404",
		"stats-address": "127.0.0.1", "network": "mynetwork", "flavor": "alpine", "haproxy-version": "3.2",
		"name": "", "image": "", "force": "false", "dry-run": "false",
	} {
		assert.Equal(t, got.flag(flag), want, flag)
	}
	got, err = parsed(t, "up")
	assert.NilError(t, err)
	assert.Equal(t, got.flag("wait-timeout"), "1m0s")
}

func TestATimeoutInSecondsIsNoneUntilItIsGiven(t *testing.T) {
	t.Parallel()
	assert.Assert(t, seconds(false, 0) == nil)
	assert.Assert(t, seconds(false, 7) == nil)
	assert.Equal(t, *seconds(true, 0), time.Duration(0), "0 kills at once")
	assert.Equal(t, *seconds(true, 90), 90*time.Second)
}
