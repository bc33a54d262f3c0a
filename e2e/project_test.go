package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// project is a Compose project of one test: a folder, a name that no other test
// has, ports that are free, and the promise that nothing of it stays behind.
type project struct {
	t     *testing.T
	name  string
	dir   string
	http  int // host port of the app
	stats int // host port of the stats page

	mu      sync.Mutex
	history []result
}

// newProject makes an empty folder for a project. Whatever the test then
// creates under the project's name is removed when it ends.
func newProject(t *testing.T) *project {
	t.Helper()
	skipIfShort(t)
	parent, err := filepath.EvalSymlinks(t.TempDir()) // as docker reports it: /tmp is a link on macOS
	if err != nil {
		t.Fatal(err)
	}
	name, ports := uniqueName(t), freePorts(t, 2)
	p := &project{t: t, name: name, dir: filepath.Join(parent, name), http: ports[0], stats: ports[1]}
	if err := os.Mkdir(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.report())
		}
		p.removeAll()
	})
	return p
}

// within is the same project, whose failures are those of a subtest.
func (p *project) within(t *testing.T) *project {
	t.Helper()
	sub := &project{t: t, name: p.name, dir: p.dir, http: p.http, stats: p.stats}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(sub.report())
		}
	})
	return sub
}

func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Docker engine")
	}
}

// needsCompose skips the test where there is no plain "docker compose".
func (p *project) needsCompose() {
	p.t.Helper()
	if prepared.noCompose != "" {
		p.t.Skip(prepared.noCompose)
	}
}

// needsImage skips the test where an image is not on the engine: the stand-ins
// cannot be built everywhere.
func needsImage(t *testing.T, image string) {
	t.Helper()
	if !prepared.allHere(t.Context(), image) {
		t.Skipf("needs %s: see hack/images.sh", image)
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// uniqueName is dh-e2e-, a part of the test's name, and some random letters.
func uniqueName(t *testing.T) string {
	t.Helper()
	name := strings.TrimPrefix(strings.ToLower(t.Name()), "test")
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-")
	name = strings.TrimRight(name[:min(len(name), 24)], "-") // container names become host names
	return "dh-e2e-" + name + "-" + strings.ToLower(rand.Text()[:5])
}

// Ports are taken from below what Linux and macOS give out by themselves.
const (
	firstPort = 20000
	portCount = 10000
)

// nextPort is shared by the tests of this process, and begins somewhere, so that
// two processes at the same time do not meet.
var nextPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(int64(os.Getpid()) * 97 % portCount)
	return &n
}()

// freePorts finds ports that nobody listens on. No two calls give the same one.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range portCount {
		if len(ports) == n {
			return ports
		}
		port := firstPort + int(nextPort.Add(1)%portCount)
		if listener, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			listener.Close()
			ports = append(ports, port)
		}
	}
	t.Fatal("this machine has no free ports")
	return nil
}

// ---------------------------------------------------------------- the folder

// init runs "docker haproxy init" with the project's name, ports and the images
// of the suite; flags come last and win. The project's ports follow them.
func (p *project) init(flags ...string) result {
	p.t.Helper()
	return p.mustSucceed(p.haproxy(append([]string{
		"init", "--name", p.name,
		"--image", prepared.haproxyImage, "--app-image", prepared.echoImage,
		"--http-port", strconv.Itoa(p.http), "--stats-port", strconv.Itoa(p.stats),
	}, flags...)...))
}

// up runs "docker haproxy up", which must succeed.
func (p *project) up(flags ...string) result {
	p.t.Helper()
	return p.mustSucceed(p.haproxy(append([]string{"up"}, flags...)...))
}

// newRunningProject is a project that init made and up started.
func newRunningProject(t *testing.T, initFlags ...string) *project {
	t.Helper()
	p := newProject(t)
	p.init(initFlags...)
	p.up()
	return p
}

const (
	composeFile = "compose.yaml"
	configFile  = "haproxy/haproxy.cfg"
)

// path is a file of the project, by its name with slashes.
func (p *project) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

// read reads a file of the project.
func (p *project) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// write writes a file of the project as most editors do: a new file takes the
// place of the old one.
func (p *project) write(name, text string) {
	p.t.Helper()
	target := p.path(name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		p.t.Fatal(err)
	}
	temporary := target + "~"
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(temporary, target); err != nil {
		p.t.Fatal(err)
	}
}

// edit changes a file of the project, and makes sure that it did change.
func (p *project) edit(name string, change func(string) string) {
	p.t.Helper()
	before := p.read(name)
	after := change(before)
	if after == before {
		p.t.Fatalf("the edit changes nothing in %s:\n%s", name, before)
	}
	p.write(name, after)
}

// editConfig changes haproxy.cfg.
func (p *project) editConfig(change func(string) string) {
	p.t.Helper()
	p.edit(configFile, change)
}

// editCompose changes compose.yaml.
func (p *project) editCompose(change func(string) string) {
	p.t.Helper()
	p.edit(composeFile, change)
}

// replacing is an edit that puts a text in the place of another.
func replacing(old, replacement string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, replacement, 1) }
}

// addingHeader is an edit of haproxy.cfg: every answer of the app gets a header.
func addingHeader(name, value string) func(string) string {
	return replacing("    default_backend webservers\n",
		fmt.Sprintf("    http-response set-header %s %s\n    default_backend webservers\n", name, value))
}

// files lists the project's files, with slashes, in order.
func (p *project) files() []string {
	p.t.Helper()
	var names []string
	err := filepath.WalkDir(p.dir, func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(p.dir, file)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// ---------------------------------------------------------------- the engine

// container is what the engine says of a container.
type container struct {
	ID      string
	Name    string // dh-e2e-…-web1-1
	Service string // web1
	State   string // running, exited, created …
	PID     int    // on the engine's machine; another one after a restart
	Ports   []string
	Network []string
	Labels  map[string]string
	Inspect inspected
}

// inspected is the part of "docker inspect" that scenarios look at.
type inspected struct {
	ID    string `json:"Id"`
	Name  string
	Image string
	State struct {
		Status    string
		Pid       int
		ExitCode  int
		StartedAt time.Time
	}
	RestartCount int
	Config       struct {
		Image  string
		User   string
		Env    []string
		Labels map[string]string
	}
	HostConfig struct {
		ReadonlyRootfs bool
		CapAdd         []string
		CapDrop        []string
		SecurityOpt    []string
		Privileged     bool
		NetworkMode    string
		PidMode        string
		Tmpfs          map[string]string
	}
	Mounts []struct {
		Type        string
		Name        string // of a volume
		Source      string
		Destination string
		RW          bool
	}
	NetworkSettings struct {
		Ports    map[string][]struct{ HostIP, HostPort string }
		Networks map[string]struct{ Aliases []string }
	}
}

// containers are the project's containers, stopped and one-off ones too, in the
// order of their names.
func (p *project) containers() []container {
	p.t.Helper()
	ids := strings.Fields(p.mustSucceed(p.docker("ps", "-aq", "--no-trunc", "--filter", p.label())).stdout)
	if len(ids) == 0 {
		return nil
	}
	var all []inspected
	p.decode(p.mustSucceed(p.docker(append([]string{"inspect", "--type", "container"}, ids...)...)), &all)
	var found []container
	for _, i := range all {
		found = append(found, containerOf(i))
	}
	slices.SortFunc(found, func(a, b container) int { return strings.Compare(a.Name, b.Name) })
	return found
}

func containerOf(i inspected) container {
	c := container{
		ID:      i.ID,
		Name:    strings.TrimPrefix(i.Name, "/"),
		Service: i.Config.Labels["com.docker.compose.service"],
		State:   i.State.Status,
		PID:     i.State.Pid,
		Network: slices.Sorted(maps.Keys(i.NetworkSettings.Networks)),
		Labels:  i.Config.Labels,
		Inspect: i,
	}
	for port, hosts := range i.NetworkSettings.Ports {
		for _, host := range hosts {
			c.Ports = append(c.Ports, net.JoinHostPort(host.HostIP, host.HostPort)+"->"+port)
		}
	}
	slices.Sort(c.Ports)
	return c
}

// container is the only container of a service.
func (p *project) container(service string) container {
	p.t.Helper()
	var found []container
	for _, c := range p.containers() {
		if c.Service == service {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		p.t.Fatalf("service %s must have one container, but has %d", service, len(found))
	}
	return found[0]
}

// ids are the container IDs by service.
func (p *project) ids() map[string]string {
	p.t.Helper()
	ids := map[string]string{}
	for _, c := range p.containers() {
		ids[c.Service] = c.ID
	}
	return ids
}

// mustLeaveNothing stops the test while anything with the project's label is on
// the engine.
func (p *project) mustLeaveNothing() {
	p.t.Helper()
	for _, list := range p.lists() {
		if left := p.mustSucceed(p.docker(list...)).stdout; left != "" {
			p.t.Fatalf("nothing of the project must stay, but docker %s shows\n%s", strings.Join(list, " "), left)
		}
	}
}

func (p *project) label() string { return "label=com.docker.compose.project=" + p.name }

func (p *project) lists() [][]string {
	return [][]string{
		{"ps", "-aq", "--filter", p.label()},
		{"network", "ls", "-q", "--filter", p.label()},
		{"volume", "ls", "-q", "--filter", p.label()},
	}
}

// removeAll removes everything with the project's label, with docker's own
// commands: the plugin may be what is broken. One after another: an engine before
// 23.0 can lock itself up when two containers of a network end at one moment
// (moby/moby#46661).
func (p *project) removeAll() {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	for i, remove := range [][]string{{"rm", "-fv"}, {"network", "rm"}, {"volume", "rm", "-f"}} {
		left, err := prepared.docker(ctx, p.lists()[i]...)
		for _, id := range strings.Fields(left) {
			_, removeErr := prepared.docker(ctx, append(remove, id)...)
			err = errors.Join(err, removeErr)
		}
		if err != nil {
			p.t.Errorf("cleaning up: %v", err)
		}
	}
}

// report is what a person needs to see of a failed test.
func (p *project) report() string {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var b strings.Builder
	fmt.Fprintf(&b, "project %s in %s\n", p.name, p.dir)
	p.mu.Lock()
	for _, r := range p.history {
		if strings.HasPrefix(r.command, "docker haproxy") || strings.HasPrefix(r.command, "docker compose") {
			fmt.Fprintf(&b, "\n%s", r)
		}
	}
	p.mu.Unlock()
	ps, err := prepared.docker(ctx, "ps", "-a", "--filter", p.label())
	fmt.Fprintf(&b, "\n$ docker ps -a\n%s%s\n", ps, orEmpty(err))
	balancer, err := prepared.docker(ctx, "ps", "-aq", "--filter", p.label(), "--filter", "label=com.docker.compose.service=haproxy")
	for _, id := range strings.Fields(balancer) {
		// HAProxy writes to both streams, and docker keeps them apart.
		logs := prepared.command(ctx, "logs", "--tail", "20", id)
		text, err := logs.CombinedOutput()
		fmt.Fprintf(&b, "\n$ docker logs (haproxy %s)\n%s%s\n", id, text, orEmpty(err))
	}
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	return b.String()
}

func orEmpty(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// decode reads the JSON that a command printed on standard output.
func (p *project) decode(r result, into any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), into); err != nil {
		p.t.Fatalf("this must print JSON: %v\n%s", err, r)
	}
}

// ---------------------------------------------------------------- HAProxy

// masterCLI asks HAProxy's master process, as an administrator would: from
// inside the container, with what its image has.
func (p *project) masterCLI(command string) string {
	p.t.Helper()
	const ask = `s=/var/run/haproxy/master.sock
if command -v socat >/dev/null; then printf '%s; quit\n' "$1" | socat -t 10 - "UNIX-CONNECT:$s"
else printf '%s; quit\n' "$1" | nc "local:$s"; fi`
	r := p.docker("exec", p.container("haproxy").ID, "sh", "-c", ask, "sh", command)
	return p.mustSucceed(r).stdout
}

// runtimeAPI asks the worker process.
func (p *project) runtimeAPI(command string) string {
	p.t.Helper()
	return p.masterCLI("@1 " + command)
}

// worker is the PID, in the container, of the process that takes requests: the
// current worker, or after a reload that failed the one that was to be replaced.
func (p *project) worker() int {
	p.t.Helper()
	answer := p.masterCLI("show proc")
	_, workers, _ := strings.Cut(answer, "# workers\n")
	for line := range strings.Lines(workers) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == "worker" {
			if pid, err := strconv.Atoi(fields[0]); err == nil {
				return pid
			}
		}
	}
	p.t.Fatalf("no worker in the answer to \"show proc\":\n%s", answer)
	return 0
}
