package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// What the scenarios of failures share: the state that stood before must stand
// after, and somebody must have said why and what to do.

// everything is what the engine has of the project, one line each: containers
// with since when they run, so that a restart shows, networks and volumes.
func (p *project) everything() []string {
	p.t.Helper()
	lines := []string{}
	for _, c := range p.containers() {
		lines = append(lines, fmt.Sprintf("container %s %s %s since %s", c.Name, c.ID[:12], c.State, c.Inspect.State.StartedAt))
	}
	for i, kind := range []string{"network", "volume"} {
		for _, id := range strings.Fields(p.mustSucceed(p.docker(p.lists()[i+1]...)).stdout) {
			lines = append(lines, kind+" "+id)
		}
	}
	return lines
}

// mustStandAs stops the test unless the project is as it was.
func (p *project) mustStandAs(before []string) {
	p.t.Helper()
	assert.DeepEqual(p.t, p.everything(), before)
}

// mustStillServe stops the test unless the project is as it was and every one
// of its apps answers.
func (p *project) mustStillServe(before []string) {
	p.t.Helper()
	p.mustStandAs(before)
	assert.DeepEqual(p.t, p.servedBy(9), threeWebs)
}

// refuses runs docker haproxy, which must fail with exit code 1 and say the
// words on standard error: in its message, for progress, which names all sorts
// of things, is not shown. With -v the whole message is.
func (p *project) refuses(args []string, words ...string) result {
	p.t.Helper()
	return p.refusesAs(how{}, args, words...)
}

func (p *project) refusesAs(how how, args []string, words ...string) result {
	p.t.Helper()
	r := p.run(how, append(append([]string{"haproxy"}, args...), "--progress", "quiet")...)
	p.t.Log(r)
	p.mustFail(r, 1, words...)
	mustReadWell(p.t, r)
	return r
}

// mustReadWell stops the test where a message is one for developers.
func mustReadWell(t *testing.T, r result) {
	t.Helper()
	for _, word := range []string{"panic:", "goroutine ", "%!", "<nil>", "context canceled", "context deadline exceeded"} {
		assert.Assert(t, !strings.Contains(r.output(), word), "this must not say %q:\n%s", word, r)
	}
}

// configured is an edit of compose.yaml: a service gets more lines.
func configured(service string, lines ...string) func(string) string {
	head := "  " + service + ":\n"
	return replacing("\n"+head, "\n"+head+"    "+strings.Join(lines, "\n    ")+"\n")
}

// served is an edit of haproxy.cfg: the app is looked for at another port.
func served(server string, port int) func(string) string {
	return func(text string) string {
		number := server[1:]
		old := fmt.Sprintf("server %s web%s:8080", server, number)
		return strings.Replace(text, old, fmt.Sprintf("server %s web%s:%d", server, number, port), 1)
	}
}

// onlyOnLinux skips a test that looks into what other systems do not have.
func onlyOnLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux")
	}
}

// ---------------------------------------------------------------- processes

// group is a docker command in a process group of its own, as a shell with a
// terminal starts it: what is sent to the group reaches docker and its plugin.
type group struct {
	p      *project
	cmd    *exec.Cmd
	stdout safeBuffer
	stderr safeBuffer
	line   string
	ended  chan struct{}
	err    error
}

// startGroup begins "docker haproxy …". A command that the test leaves running
// is killed with its plugin when the test ends.
func (p *project) startGroup(args ...string) *group {
	p.t.Helper()
	args = append([]string{"haproxy"}, args...)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout) // it outlives the test's own context, to be ended in order
	g := &group{p: p, line: "docker " + strings.Join(args, " "), ended: make(chan struct{})}
	g.cmd = exec.CommandContext(ctx, "docker", args...)
	g.cmd.Dir = p.dir
	g.cmd.Env = append(prepared.environment(), "PWD="+p.dir)
	g.cmd.WaitDelay = waitDelay
	g.cmd.Stdout, g.cmd.Stderr = &g.stdout, &g.stderr
	ownGroup(g.cmd)
	if err := g.cmd.Start(); err != nil {
		cancel()
		p.t.Fatalf("%s: %v", g.line, err)
	}
	go func() {
		g.err = g.cmd.Wait()
		close(g.ended)
	}()
	p.t.Cleanup(func() {
		killGroup(g.cmd)
		<-g.ended
		cancel()
	})
	return g
}

// wait waits for the end of the command.
func (g *group) wait() result {
	g.p.t.Helper()
	<-g.ended
	r := result{command: g.line, stdout: g.stdout.String(), stderr: g.stderr.String(), exitCode: g.cmd.ProcessState.ExitCode()}
	if g.err != nil && r.exitCode < 0 {
		r.stderr += fmt.Sprintf("\n(%v)", g.err)
	}
	g.p.t.Log(r)
	g.p.remember(r)
	return r
}

// mustRun stops the test if the command has ended already.
func (g *group) mustRun() {
	g.p.t.Helper()
	select {
	case <-g.ended:
		g.p.t.Fatalf("this must still run:\n%s", g.wait())
	default:
	}
}

// mustSayWithin waits for a text on either stream of the running command.
func (g *group) mustSayWithin(text string) {
	g.p.t.Helper()
	g.p.eventually(g.line+" says "+text, func() error {
		if !strings.Contains(g.stdout.String()+g.stderr.String(), text) {
			return fmt.Errorf("so far: %s%s", g.stdout.String(), g.stderr.String())
		}
		return nil
	})
}

// ---------------------------------------------------------------- engine events

// event is something that the engine did with a container of the project.
type event struct {
	Action  string // create, start, die, exec_start …; an exec has its command behind it
	Service string
	OneOff  bool
	Name    string
	Exec    string // which exec session
}

// events follows what the engine does with the project's containers.
type events struct {
	t    *testing.T
	all  chan event
	seen []event
}

// watch begins to follow; nothing that happens after it returns is missed.
func (p *project) watch() *events {
	p.t.Helper()
	now := time.Now() // what happens until docker has connected is had from the engine's memory
	cmd := prepared.command(p.t.Context(), "events", "--since", fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()),
		"--filter", p.label(), "--filter", "type=container", "--format", "{{ json . }}")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	assert.NilError(p.t, err)
	e := &events{t: p.t, all: make(chan event, 1000)}
	go e.read(out)
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return e
}

func (e *events) read(out io.Reader) {
	defer close(e.all)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var line struct {
			Action string
			Actor  struct{ Attributes map[string]string }
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		attributes := line.Actor.Attributes
		e.all <- event{
			Action:  line.Action,
			Service: attributes["com.docker.compose.service"],
			OneOff:  attributes["com.docker.compose.oneoff"] == "True",
			Name:    attributes["name"],
			Exec:    attributes["execID"],
		}
	}
}

// await waits for an event, and gives it.
func (e *events) await(what string, is func(event) bool) {
	e.t.Helper()
	timeout := time.NewTimer(45 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case got, open := <-e.all:
			if !open {
				e.t.Fatalf("%s: no more events; seen: %v", what, e.seen)
			}
			e.seen = append(e.seen, got)
			if is(got) {
				return
			}
		case <-timeout.C:
			e.t.Fatalf("%s: has not happened; seen: %v", what, e.seen)
		}
	}
}

// did is an event of the project's own containers, one-off ones apart. An exec
// can be told by the first word of its command: "exec_start: haproxy".
func did(action, service string) func(event) bool {
	return func(e event) bool {
		return !e.OneOff && e.Service == service && (e.Action == action || strings.HasPrefix(e.Action, action+":") ||
			strings.Contains(action, ": ") && strings.HasPrefix(e.Action, action+" "))
	}
}

// The life of the container that checks the configuration.
func checkBegan(e event) bool { return e.OneOff && e.Action == "create" }
func checkRuns(e event) bool  { return e.OneOff && e.Action == "start" }
func checkEnded(e event) bool { return e.OneOff && e.Action == "destroy" }

// settle waits until no more containers come into being: the engine finishes
// what a killed command had asked for.
func (p *project) settle() {
	p.t.Helper()
	last, same := "", 0
	p.eventually("the engine is done", func() error {
		now := p.mustSucceed(p.docker("ps", "-a", "--format", "{{ .ID }} {{ .State }}", "--filter", p.label())).stdout
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		if same < 10 { // at least half a second
			return fmt.Errorf("containers: %s", now)
		}
		return nil
	})
}

// ---------------------------------------------------------------- docker settings

// ownSettings is a DOCKER_CONFIG of the test's own, with the plugin: contexts
// that a test makes must not appear among the developer's.
func ownSettings(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	assert.NilError(t, os.Symlink(filepath.Join(prepared.config, "cli-plugins"), filepath.Join(folder, "cli-plugins")))
	return folder
}

// withProgram puts a shell script in front of the PATH, and gives the
// environment with it.
func withProgram(t *testing.T, name, script string) string {
	t.Helper()
	folder := t.TempDir()
	assert.NilError(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script), 0o755))
	return "PATH=" + folder + string(os.PathListSeparator) + os.Getenv("PATH")
}

// runContainer runs a container that belongs to no project, and gives its name.
func runContainer(t *testing.T, args ...string) string {
	t.Helper()
	name := uniqueName(t)
	_, err := prepared.docker(t.Context(), append([]string{"run", "-d", "--name", name}, args...)...)
	t.Cleanup(func() {
		_, _ = prepared.docker(context.Background(), "rm", "-fv", name) //nolint:usetesting // The test's own context has ended.
	})
	assert.NilError(t, err)
	return name
}
