package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// commandTimeout bounds every docker command, also on a busy machine.
const commandTimeout = 2 * time.Minute

// waitDelay is how long a killed command may keep its pipes open.
const waitDelay = 5 * time.Second

// result is what a finished command left.
type result struct {
	command  string // as typed, for messages
	stdout   string
	stderr   string
	exitCode int // -1 when it was killed at its deadline
}

// String shows all that is to be seen of a command.
func (r result) String() string {
	return fmt.Sprintf("$ %s\nexit code %d\n%s%s", r.command, r.exitCode, titled("stdout", r.stdout), titled("stderr", r.stderr))
}

func titled(title, text string) string {
	if text == "" {
		return ""
	}
	return "---- " + title + " ----\n" + strings.TrimSuffix(text, "\n") + "\n"
}

// output is both streams, where it does not matter which one says it.
func (r result) output() string { return r.stdout + r.stderr }

// how a command is run where the defaults do not do.
type how struct {
	dir   string   // default: the project's folder
	stdin string   // default: none
	env   []string // added to the environment, NAME=value
}

// docker runs a docker command in the project's folder.
func (p *project) docker(args ...string) result {
	p.t.Helper()
	return p.run(how{}, args...)
}

// haproxy runs "docker haproxy …" in the project's folder.
func (p *project) haproxy(args ...string) result {
	p.t.Helper()
	return p.run(how{}, append([]string{"haproxy"}, args...)...)
}

// compose runs plain "docker compose …" in the project's folder.
func (p *project) compose(args ...string) result {
	p.t.Helper()
	p.needsCompose()
	return p.run(how{}, append([]string{"compose"}, args...)...)
}

// run runs a docker command to its end.
func (p *project) run(how how, args ...string) result {
	p.t.Helper()
	started := p.start(how, args...)
	return started.wait()
}

// running is a docker command that has not ended yet.
type running struct {
	p      *project
	cmd    *exec.Cmd
	cancel context.CancelFunc
	line   string
	stdout safeBuffer
	stderr safeBuffer
	ended  func() result // waits; more than once gives the same
}

// start begins a docker command and does not wait for it. One that the test
// leaves running is killed when the test ends.
func (p *project) start(how how, args ...string) *running {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout) // t.Context() has ended when Cleanup functions run commands
	r := &running{p: p, cancel: cancel, line: "docker " + strings.Join(args, " ")}
	r.cmd = exec.CommandContext(ctx, "docker", args...)
	r.cmd.Dir = p.dir
	if how.dir != "" {
		r.cmd.Dir = how.dir
	}
	r.cmd.Env = append(append(prepared.environment(), "PWD="+r.cmd.Dir), how.env...)
	r.cmd.WaitDelay = waitDelay
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if how.stdin != "" {
		r.cmd.Stdin = strings.NewReader(how.stdin)
	}
	if err := r.cmd.Start(); err != nil {
		cancel()
		p.t.Fatalf("%s: %v", r.line, err)
	}
	r.ended = sync.OnceValue(func() result {
		err := r.cmd.Wait()
		defer cancel()
		res := result{command: r.line, stdout: r.stdout.String(), stderr: r.stderr.String(), exitCode: r.cmd.ProcessState.ExitCode()}
		if ctx.Err() != nil {
			res.exitCode = -1
			res.stderr += fmt.Sprintf("\n(killed after %s)", commandTimeout)
		}
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
			res.stderr += fmt.Sprintf("\n(%v)", err)
		}
		p.remember(res)
		return res
	})
	p.t.Cleanup(func() {
		cancel()
		r.ended()
	})
	return r
}

// wait waits for the end of the command.
func (r *running) wait() result {
	r.p.t.Helper()
	return r.ended()
}

// done is closed when the command has ended.
func (r *running) done() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		r.ended()
		close(done)
	}()
	return done
}

// interrupt sends what Ctrl-C sends. docker passes it on to its plugin, as the
// terminal would.
func (r *running) interrupt() {
	r.p.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.p.t.Fatalf("interrupting %s: %v", r.line, err)
	}
}

// safeBuffer can be read while a command still writes to it.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

var _ io.Writer = (*safeBuffer)(nil)

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(text)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// mustSucceed stops the test unless the command's exit code is 0. It gives the
// result back, to be looked into.
func (p *project) mustSucceed(r result) result {
	p.t.Helper()
	if r.exitCode != 0 {
		p.t.Fatalf("this must succeed:\n%s", r)
	}
	return r
}

// mustFail stops the test unless the command has this exit code and its
// standard error holds all the words.
func (p *project) mustFail(r result, exitCode int, words ...string) result {
	p.t.Helper()
	if r.exitCode != exitCode {
		p.t.Fatalf("this must fail with exit code %d:\n%s", exitCode, r)
	}
	return p.mustSay(r, r.stderr, words...)
}

// mustSay stops the test unless the text, a part of the result, holds all the words.
func (p *project) mustSay(r result, text string, words ...string) result {
	p.t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			p.t.Fatalf("this must say %q:\n%s", word, r)
		}
	}
	return r
}

// remember keeps a result for the report of a failed test.
func (p *project) remember(r result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history = append(p.history, r)
}

// eventually waits until a condition holds, for as long as a busy machine may
// take, and stops the test with its last error otherwise.
func (p *project) eventually(what string, condition func() error) {
	p.t.Helper()
	eventually(p.t, what, condition)
}

func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(45 * time.Second)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not so: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
