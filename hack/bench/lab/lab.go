// Package lab is where the project's own benchmarks are made: a Docker
// configuration of its own with the plugin in it, folders and projects that go
// when it closes, and commands that are timed.
package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Images are what containers are made of.
type Images struct {
	HAProxy string
	Echo    string // hack/echo-server
	Peers   string // nginx and Caddy
}

// Lab is the place. Whoever makes it closes it.
type Lab struct {
	Images Images

	folder   string
	config   string // DOCKER_CONFIG
	mu       sync.Mutex
	cleanups []func() error
}

// New makes a lab with the plugins docker-haproxy and docker-compose.
func New(images Images, plugin, composePlugin string) (*Lab, error) {
	folder, err := os.MkdirTemp("", "haproxy-bench-")
	if err != nil {
		return nil, err
	}
	l := &Lab{Images: images, folder: folder, config: filepath.Join(folder, "docker")}
	if err := errors.Join(l.install("docker-haproxy", plugin), l.install("docker-compose", composePlugin)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return l, nil
}

func (l *Lab) install(name, from string) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	if info, err := os.Stat(from); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not the plugin %s (%w)", from, name, err)
	}
	plugins := filepath.Join(l.config, "cli-plugins")
	if err := os.MkdirAll(plugins, 0o700); err != nil {
		return err
	}
	return os.Symlink(from, filepath.Join(plugins, name))
}

// Plugin is the file of a plugin: docker-haproxy, docker-compose.
func (l *Lab) Plugin(name string) string { return filepath.Join(l.config, "cli-plugins", name) }

// Folder makes a folder for a project, whose name is then the project's.
func (l *Lab) Folder(name string) (string, error) {
	folder := filepath.Join(l.folder, "haproxy-bench-"+name)
	return folder, os.Mkdir(folder, 0o755)
}

// Own makes a project the lab's: what an earlier run left of it goes now, and what
// this one makes of it when the lab closes; the last project first.
func (l *Lab) Own(ctx context.Context, project string) error {
	if err := l.remove(ctx, project); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cleanups = append(l.cleanups, func() error {
		const enough = 2 * time.Minute
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enough) // after Ctrl-C too
		defer cancel()
		return l.remove(ctx, project)
	})
	return nil
}

// ProjectLabel is how docker knows what is of a project.
const ProjectLabel = "com.docker.compose.project="

// remove removes what has the project's label, with docker's own commands: one
// after another, for an engine before 23.0 can lock itself up when two containers
// of a network end at one moment (moby/moby#46661).
func (l *Lab) remove(ctx context.Context, project string) error {
	var errs []error
	for _, kind := range []struct{ list, remove []string }{
		{[]string{"ps", "-aq"}, []string{"rm", "-fv"}},
		{[]string{"network", "ls", "-q"}, []string{"network", "rm"}},
		{[]string{"volume", "ls", "-q"}, []string{"volume", "rm", "-f"}},
	} {
		found, err := l.Docker(ctx, l.folder, append(kind.list, "--filter", "label="+ProjectLabel+project)...)
		errs = append(errs, err)
		for _, name := range strings.Fields(found.Stdout) {
			_, err := l.Docker(ctx, l.folder, append(kind.remove, name)...)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Close removes everything that was made.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for len(l.cleanups) > 0 {
		last := len(l.cleanups) - 1
		errs = append(errs, l.cleanups[last]())
		l.cleanups = l.cleanups[:last]
	}
	return errors.Join(append(errs, os.RemoveAll(l.folder))...)
}

// Command is a command that was run.
type Command struct {
	Stdout string
	Stderr string
	Took   time.Duration // from start to exit
	CPU    time.Duration // user and system, of the process and those that it waited for
	Memory int64         // greatest resident set in bytes, where the system tells it; see peak
}

// stopping is how long a command that is interrupted may take to put right what
// it has begun.
const stopping = 20 * time.Second

// Docker runs docker in a folder; a failure tells what it said.
func (l *Lab) Docker(ctx context.Context, folder string, args ...string) (Command, error) {
	return l.Run(ctx, folder, "docker", args...)
}

// Run runs a program in a folder, with the lab's Docker configuration.
func (l *Lab) Run(ctx context.Context, folder, program string, args ...string) (Command, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+l.config)
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, stopping
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if ctx.Err() != nil {
		return Command{}, ctx.Err()
	}
	if err != nil {
		return Command{}, fmt.Errorf("%s %s: %w\n%s%s", program, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	used := cmd.ProcessState
	return Command{Stdout: stdout.String(), Stderr: stderr.String(), Took: took, CPU: used.UserTime() + used.SystemTime(), Memory: peak(used)}, nil
}
