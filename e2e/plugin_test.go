package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// commands are those of docker haproxy, as its help lists them.
func (p *project) commands() []string {
	p.t.Helper()
	help := p.mustSucceed(p.haproxy("--help")).stdout
	_, list, found := strings.Cut(help, "\nCommands:\n")
	assert.Assert(p.t, found, help)
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for line := range strings.Lines(list) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

func TestPlugin_is_listed_without_an_error(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	var plugins []struct{ Name, Path, Vendor, Version, ShortDescription, SchemaVersion, Err string }
	p.decode(p.mustSucceed(p.docker("info", "--format", "{{ json .ClientInfo.Plugins }}")), &plugins)
	for _, plugin := range plugins {
		if plugin.Name != "haproxy" {
			continue
		}
		assert.Equal(t, plugin.Err, "")
		assert.Equal(t, plugin.Path, prepared.plugin)
		assert.Equal(t, plugin.SchemaVersion, "0.1.0")
		assert.Assert(t, plugin.Vendor != "" && plugin.Version != "" && plugin.ShortDescription != "", "%+v", plugin)
		return
	}
	t.Fatalf("haproxy must be among %+v", plugins)
}

func TestPlugin_commands_have_help_with_examples(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	commands := p.commands()
	for _, want := range []string{"check", "down", "init", "logs", "open", "ps", "reload", "start", "stop", "up", "version"} {
		assert.Assert(t, slices.Contains(commands, want), "%q must be among %v", want, commands)
	}
	for _, command := range append(commands, "") {
		t.Run("help of "+command, func(t *testing.T) {
			p := p.within(t)
			args := strings.Fields("haproxy " + command + " --help")
			r := p.mustSucceed(p.docker(args...))
			p.mustSay(r, r.stdout, "Usage:  "+strings.TrimSpace("docker haproxy "+command), "Examples:\n  docker haproxy")
			assert.Equal(t, r.stderr, "")
		})
	}
}

func TestPlugin_refuses_what_it_does_not_know(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.mustFail(p.haproxy("nonsense"), 1, "nonsense", "docker haproxy --help")
	p.mustFail(p.haproxy("--nonsense"), 125, "--nonsense")
	for _, command := range p.commands() {
		p.mustFail(p.haproxy(command, "--nonsense"), 125, "unknown flag: --nonsense", "docker haproxy "+command)
	}
	for _, command := range []string{"up", "down", "reload", "open", "version"} {
		p.mustFail(p.haproxy(command, "superfluous"), 1, "docker haproxy "+command)
	}
}

func TestPlugin_without_a_command_shows_its_help(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	r := p.haproxy()
	p.mustSay(r, r.output(), "Usage:  docker haproxy [OPTIONS] COMMAND", "reload")
}

// complete is what the shell offers after some words.
func (p *project) complete(words ...string) []string {
	p.t.Helper()
	r := p.mustSucceed(p.docker(append([]string{"__complete", "haproxy"}, words...)...))
	var offered []string
	for line := range strings.Lines(r.stdout) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if name != "" && !strings.HasPrefix(name, ":") {
			offered = append(offered, name)
		}
	}
	return offered
}

func TestPlugin_completes_live_names(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	assert.DeepEqual(t, p.complete("up", "--progress", ""), []string{"auto", "tty", "plain", "json", "quiet"})
	assert.DeepEqual(t, p.complete("logs", ""), []string{"haproxy", "web1", "web2"})
	assert.DeepEqual(t, p.complete("stop", "web1", ""), []string{"haproxy", "web2"})
	assert.DeepEqual(t, p.complete("ps", "--format", ""), []string{"table", "json"})
	assert.DeepEqual(t, p.complete("init", "--flavor", ""), []string{"alpine", "debian", "ubuntu"})
	assert.DeepEqual(t, p.complete("down", "--rmi", ""), []string{"local", "all"})
	assert.Assert(t, slices.Contains(p.complete("down", "-p", ""), p.name), "projects are offered by name")
	for _, command := range p.commands() {
		assert.Assert(t, slices.Contains(p.complete(""), command), command)
	}

	// Where there is no project, nothing is offered and nothing breaks.
	r := p.mustSucceed(p.run(how{dir: t.TempDir()}, "__complete", "haproxy", "logs", ""))
	assert.Equal(t, strings.TrimSpace(r.stdout), ":4", "%s", r)
}

func TestPlugin_tells_its_version(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	short := p.mustSucceed(p.haproxy("version", "--short")).stdout
	assert.Equal(t, len(strings.Fields(short)), 1, short)

	var info struct{ Version, HAProxyDefault, ComposeSDK, Go, OS, Arch string }
	p.decode(p.mustSucceed(p.haproxy("version", "--format", "json")), &info)
	assert.Equal(t, info.Version, strings.TrimSpace(short))
	assert.Equal(t, info.HAProxyDefault, "3.2")
	assert.Assert(t, strings.HasPrefix(info.ComposeSDK, "v5."), info.ComposeSDK)
	assert.Equal(t, p.mustSucceed(p.haproxy("version", "--format", "{{ .Version }} {{ .OS }}/{{ .Arch }}")).stdout,
		info.Version+" "+info.OS+"/"+info.Arch+"\n")

	table := p.mustSucceed(p.haproxy("version"))
	p.mustSay(table, table.stdout, "docker haproxy "+info.Version, info.ComposeSDK, info.Go)
	p.mustFail(p.haproxy("version", "--format", "{{ .Nothing }}"), 1, "--format", "Nothing")

	// The engine is not asked.
	offline := how{env: []string{"DOCKER_HOST=tcp://127.0.0.1:1"}}
	assert.Equal(t, p.mustSucceed(p.run(offline, "haproxy", "version", "--short")).stdout, short)
}

func TestPlugin_works_when_it_is_run_by_its_own_name(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	direct := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, prepared.plugin, args...)
		cmd.Env, cmd.Dir = prepared.environment(), p.dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	version, err := direct("version", "--format", "json")
	assert.NilError(t, err, version)
	assert.Assert(t, json.Valid([]byte(version)), version)

	help, err := direct("--help")
	assert.NilError(t, err, help)
	assert.Assert(t, strings.Contains(help, "Usage:  docker haproxy [OPTIONS] COMMAND"), help)

	out, err := direct("nonsense")
	var exit *exec.ExitError
	assert.Assert(t, err != nil, out)
	assert.Assert(t, errors.As(err, &exit) && exit.ExitCode() == 1, "%v: %s", err, out)
}
