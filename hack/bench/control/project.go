package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

// project is a folder, and whatever bears its name on the engine.
type project struct {
	*lab.Lab

	name   string // also the Compose project's
	folder string
	http   int // port of this machine for requests
	stats  int // for the stats page
}

// newProject makes an empty folder for a project. What is made under its name goes
// when the lab closes; what a run that was killed left goes now.
func (m *measurement) newProject(ctx context.Context, name string) (project, error) {
	folder, err := m.Folder("control-" + name)
	if err != nil {
		return project{}, err
	}
	ports, err := compose.FreePorts(ctx, 2)
	if err != nil {
		return project{}, err
	}
	p := project{Lab: m.Lab, name: filepath.Base(folder), folder: folder, http: ports[0], stats: ports[1]}
	return p, m.Own(ctx, p.name)
}

// docker is a command in the project's folder.
func (p project) docker(args ...string) func(context.Context) (lab.Command, error) {
	return func(ctx context.Context) (lab.Command, error) { return p.Docker(ctx, p.folder, args...) }
}

// haproxy is a command of ours.
func (p project) haproxy(args ...string) func(context.Context) (lab.Command, error) {
	return p.docker(append([]string{"haproxy"}, args...)...)
}

// compose is a command of Compose.
func (p project) compose(args ...string) func(context.Context) (lab.Command, error) {
	return p.docker(append([]string{"compose"}, args...)...)
}

// script is several commands in one shell.
func (p project) script(lines ...string) func(context.Context) (lab.Command, error) {
	return func(ctx context.Context) (lab.Command, error) {
		return p.Run(ctx, p.folder, "sh", "-ec", strings.Join(lines, "\n"))
	}
}

// init has docker haproxy write the project, or put HAProxy in front of the one in
// the folder.
func (p project) init(ctx context.Context, flags ...string) error {
	_, err := p.haproxy(append([]string{
		"init", "--image", p.Images.HAProxy,
		"--http-port", strconv.Itoa(p.http), "--stats-port", strconv.Itoa(p.stats),
	}, flags...)...)(ctx)
	return err
}

const configFile = "haproxy/haproxy.cfg"

// write writes a file of the project as most editors do: a new one takes the place
// of the old one.
func (p project) write(name, text string) error {
	target := filepath.Join(p.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target+"~", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(target+"~", target)
}

// editions are edits of the configuration that can be told apart from outside:
// each gives the answers another header.
type editions struct {
	project project
	base    string // the configuration without the header
	number  int
}

const (
	editionHeader = "X-Edition"
	lastLine      = "    default_backend webservers\n"
)

func (p project) editions() (*editions, error) {
	base, err := os.ReadFile(filepath.Join(p.folder, filepath.FromSlash(configFile)))
	if err == nil && !strings.Contains(string(base), lastLine) {
		err = fmt.Errorf("%s of %s has no line %q", configFile, p.folder, lastLine)
	}
	return &editions{project: p, base: string(base)}, err
}

// edit writes the next edition.
func (e *editions) edit(context.Context) error {
	e.number++
	header := fmt.Sprintf("    http-response set-header %s %d\n", editionHeader, e.number)
	return e.project.write(configFile, strings.Replace(e.base, lastLine, header+lastLine, 1))
}

// served waits until answers are of the edition that was written last.
func (e *editions) served(ctx context.Context) error {
	want := strconv.Itoa(e.number)
	return e.project.await(ctx, func(a answer) bool { return a.edition == want })
}

// answer is what came back for a request.
type answer struct {
	by      string // the name of the container's host
	edition string
}

// ask sends a request on a new connection; what is no success is an error.
func (p project) ask(ctx context.Context) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", p.http), http.NoBody)
	if err != nil {
		return answer{}, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	first, _, _ := strings.Cut(string(body), "\n")
	return answer{by: strings.TrimPrefix(first, "Request served by "), edition: response.Header.Get(editionHeader)}, err
}

// served waits until requests are answered.
func (p project) served(ctx context.Context) error {
	return p.await(ctx, func(answer) bool { return true })
}

// await asks until an answer is as wanted.
func (p project) await(ctx context.Context, wanted func(answer) bool) error {
	var got answer
	var err error
	told := until(ctx, func() bool {
		got, err = p.ask(ctx)
		return err == nil && wanted(got)
	})
	switch {
	case told == nil:
		return nil
	case err != nil:
		return fmt.Errorf("port %d: %w: %w", p.http, told, err)
	default:
		return fmt.Errorf("port %d: %w: the last answer is %+v", p.http, told, got)
	}
}

// until looks again and again whether something is so.
func until(ctx context.Context, so func() bool) error {
	const (
		pause  = 2 * time.Millisecond
		enough = time.Minute
	)
	ctx, cancel := context.WithTimeoutCause(ctx, enough, fmt.Errorf("not so within %s", enough))
	defer cancel()
	for !so() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return nil
}
