package compose

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/pkg/api"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// fakeEngine speaks just enough of the Docker Engine API, over TCP, for what a
// test is about. Its fields are set before the first request.
type fakeEngine struct {
	t *testing.T

	apiVersion string // "" stands for 1.47
	containers []fakeContainer
	images     map[string]string // references and their IDs
	pullError  string            // what the engine says to a pull
	networks   []string
	volumes    []string
	stuck      []string            // what cannot be removed
	events     map[string][]string // what has happened to containers, by their IDs

	// exec is what runs in containers, and oneOff what runs in a new one.
	exec   func(process *fakeProcess) (exitCode int)
	oneOff func(process *fakeProcess) (exitCode int)
	onKill func(signal string)
	onStop func()
	// startError is the engine's answer to the start of a one-off container.
	startError string
	// hangs and cuts are requests ("GET /containers/json") that get no answer, or
	// half of one; no wait ends before the test.
	hangs, cuts string

	mu       sync.Mutex
	argv     map[string][]string // by exec
	ended    map[string]int      // exit codes by exec or one-off container
	created  []createdContainer
	removed  []string
	requests []string
	waits    chan struct{} // closed when the one-off container ended
}

// fakeContainer is a container as the list shows it.
type fakeContainer struct {
	ID, Name, State, Status, ImageID string

	Project, Service, OneOff, ConfigHash string

	StartedAt string
	Restarts  int
	ExitCode  int
	Logs      string
	Ports     []map[string]any

	NetworkMode string
	PIDs        []int // of its processes

	Then string // the state from the second look at it on; "" stays

	MadeFrom bool // the engine says what it was made from
}

func (c fakeContainer) labels() map[string]string {
	labels := map[string]string{}
	if c.Project != "" {
		labels[api.ProjectLabel] = c.Project
		labels[api.ServiceLabel] = c.Service
		labels[api.OneoffLabel] = orDefault(c.OneOff, "False")
		labels[api.ConfigHashLabel] = c.ConfigHash
	}
	return labels
}

// createdContainer is the body of a request to create one.
type createdContainer struct {
	Image           string
	Entrypoint, Cmd []string
	User            string
	Labels          map[string]string
	HostConfig      struct {
		NetworkMode    string
		ReadonlyRootfs bool
		CapDrop        []string
		SecurityOpt    []string
		PortBindings   map[string]any
		Mounts         []struct {
			Type, Source, Target string
			ReadOnly             bool
		}
	}
}

// fakeProcess is the inside of a container: what a test's exec reads and writes.
type fakeProcess struct {
	Argv  []string
	Stdin io.Reader

	conn net.Conn
}

// hangsUp is the exit code of a process that the connection is lost to.
const hangsUp = -1

func (p *fakeProcess) frame(stream byte, text string) []byte {
	header := make([]byte, 8, 8+len(text))
	header[0] = stream
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return append(header, text...)
}

// Out writes to standard output, Err to standard error.
func (p *fakeProcess) Out(text string) { _, _ = p.conn.Write(p.frame(1, text)) }

func (p *fakeProcess) Err(text string) { _, _ = p.conn.Write(p.frame(2, text)) }

// Half writes the first bytes of a frame that never ends.
func (p *fakeProcess) Half(text string) {
	frame := p.frame(1, text)
	_, _ = p.conn.Write(frame[:len(frame)-len(text)/2])
}

// Reset ends the connection with a TCP reset.
func (p *fakeProcess) Reset() {
	if conn, ok := p.conn.(*net.TCPConn); ok {
		_ = conn.SetLinger(0)
	}
	_ = p.conn.Close()
}

var versionPrefix = regexp.MustCompile(`^/v[0-9]+\.[0-9]+/`)

// start serves the engine and gives ours on top of it, with the events that it
// emits.
func (f *fakeEngine) start(t *testing.T) (*Engine, *recorder) {
	t.Helper()
	f.t = t
	f.argv, f.ended, f.waits = map[string][]string{}, map[string]int{}, make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", orDefault(f.apiVersion, "1.47"))
		w.Header().Set("Ostype", "linux")
	})
	mux.HandleFunc("GET /containers/json", f.list)
	mux.HandleFunc("GET /events", f.sendEvents)
	mux.HandleFunc("GET /containers/{id}/json", f.inspect)
	mux.HandleFunc("GET /containers/{id}/logs", f.logs)
	mux.HandleFunc("GET /containers/{id}/top", f.top)
	mux.HandleFunc("POST /containers/create", f.create)
	mux.HandleFunc("POST /containers/{id}/attach", f.attach)
	mux.HandleFunc("POST /containers/{id}/start", f.startContainer)
	mux.HandleFunc("POST /containers/{id}/wait", f.wait)
	mux.HandleFunc("POST /containers/{id}/stop", func(w http.ResponseWriter, _ *http.Request) {
		f.onStop()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /containers/{id}", f.remove("container"))
	mux.HandleFunc("DELETE /networks/{id}", f.remove("network"))
	mux.HandleFunc("DELETE /volumes/{id}", f.remove("volume"))
	mux.HandleFunc("POST /containers/{id}/kill", func(w http.ResponseWriter, r *http.Request) {
		f.onKill(r.URL.Query().Get("signal"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /containers/{id}/rename", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /containers/{id}/exec", f.createExec)
	mux.HandleFunc("POST /exec/{id}/start", f.startExec)
	mux.HandleFunc("GET /exec/{id}/json", f.inspectExec)
	mux.HandleFunc("GET /images/", f.inspectImage)
	mux.HandleFunc("POST /images/create", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusInternalServerError, f.pullError)
	})
	mux.HandleFunc("GET /networks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, named(f.still("network", f.networks), "Id"))
	})
	mux.HandleFunc("GET /volumes", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"Volumes": named(f.still("volume", f.volumes), "Name")})
	})
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"OSType": "linux", "Architecture": "x86_64"})
	})
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/" + versionPrefix.ReplaceAllString(r.URL.Path, "")
		r.URL.Path = strings.Replace(r.URL.Path, "//", "/", 1)
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		f.mu.Unlock()
		switch request := r.Method + " " + r.URL.Path; {
		case f.hangs != "" && strings.HasPrefix(request, f.hangs):
			<-ended
		case f.cuts != "" && strings.HasPrefix(request, f.cuts):
			half(mux, w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	return engineAt(t, "tcp://"+server.Listener.Addr().String())
}

// half sends the first half of an answer and hangs up.
func half(handler http.Handler, w http.ResponseWriter, r *http.Request) {
	whole := httptest.NewRecorder()
	handler.ServeHTTP(whole, r)
	body := append(whole.Body.Bytes(), strings.Repeat(" ", 100)...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// engineAt is an engine of ours whose Docker engine is at an address.
func engineAt(t *testing.T, host string) (*Engine, *recorder) {
	t.Helper()
	cli, err := command.NewDockerCli(command.WithCombinedStreams(io.Discard))
	assert.NilError(t, err)
	options := cliflags.NewClientOptions()
	options.Hosts = []string{host}
	assert.NilError(t, cli.Initialize(options))
	events := &recorder{}
	engine, err := New(cli, events, false)
	assert.NilError(t, err)
	return engine, events
}

// load writes a Compose file and others into a folder of their own and loads
// it, without an engine.
func load(t *testing.T, composeFile string, files map[string]string) *Project {
	t.Helper()
	folder := t.TempDir()
	testkit.Put(t, folder, "compose.yaml", composeFile)
	for name, content := range files {
		testkit.Put(t, folder, name, content)
	}
	engine, _ := engineAt(t, testkit.Nobody)
	project, err := engine.Load(t.Context(), LoadOptions{ConfigPaths: []string{filepath.Join(folder, "compose.yaml")}})
	assert.NilError(t, err)
	return project
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func named(names []string, id string) []map[string]string {
	all := []map[string]string{}
	for _, name := range names {
		all = append(all, map[string]string{id: name, "Name": name})
	}
	return all
}

// still are those of a kind that nobody has removed.
func (f *fakeEngine) still(kind string, names []string) []string {
	gone := f.gone()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(gone, kind+" "+name) })
}

func (f *fakeEngine) list(w http.ResponseWriter, r *http.Request) {
	var filters map[string]map[string]bool
	if text := r.URL.Query().Get("filters"); text != "" {
		if err := json.Unmarshal([]byte(text), &filters); err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	listed := []map[string]any{}
	for _, c := range f.containers {
		if slices.Contains(f.gone(), "container "+c.ID) {
			continue
		}
		if r.URL.Query().Get("all") == "" && c.State != "running" {
			continue
		}
		labels := c.labels()
		matches := true
		for want := range filters["label"] {
			name, value, _ := strings.Cut(want, "=")
			matches = matches && labels[name] == value
		}
		if matches {
			listed = append(listed, map[string]any{
				"Id": c.ID, "Names": []string{"/" + c.Name}, "State": c.State, "Status": c.Status,
				"ImageID": c.ImageID, "Labels": labels, "Ports": c.Ports,
				"HostConfig": map[string]string{"NetworkMode": c.NetworkMode},
			})
		}
	}
	answer(w, listed)
}

func (f *fakeEngine) sendEvents(w http.ResponseWriter, r *http.Request) {
	var filters map[string]map[string]bool
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters)
	for id := range filters["container"] {
		for _, action := range f.events[id] {
			answer(w, map[string]any{"Type": "container", "Action": action, "Actor": map[string]any{"ID": id}})
		}
	}
}

func (f *fakeEngine) find(r *http.Request) *fakeContainer {
	i := slices.IndexFunc(f.containers, func(c fakeContainer) bool {
		return c.ID == r.PathValue("id") || c.Name == r.PathValue("id")
	})
	if i < 0 {
		return nil
	}
	return &f.containers[i]
}

func (f *fakeEngine) inspect(w http.ResponseWriter, r *http.Request) {
	c := f.find(r)
	if c == nil {
		fail(w, http.StatusNotFound, "No such container: "+r.PathValue("id"))
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	said := map[string]any{"Id": c.ID, "Name": "/" + c.Name, "RestartCount": c.Restarts, "State": map[string]any{
		"Status": c.State, "Running": c.State == "running", "StartedAt": c.StartedAt, "ExitCode": c.ExitCode,
	}}
	if c.MadeFrom {
		said["Image"], said["Config"], said["HostConfig"] = "sha256:1", map[string]any{"Image": "app:1", "Env": []string{"PASSWORD=secret"}}, map[string]any{}
		said["NetworkSettings"] = map[string]any{}
	}
	answer(w, said)
	c.State = orDefault(c.Then, c.State)
}

func (f *fakeEngine) top(w http.ResponseWriter, r *http.Request) {
	processes := [][]string{}
	for _, pid := range f.find(r).PIDs {
		processes = append(processes, []string{"root", fmt.Sprint(pid), "haproxy"})
	}
	answer(w, map[string]any{"Titles": []string{"UID", "PID", "CMD"}, "Processes": processes})
}

func (f *fakeEngine) logs(w http.ResponseWriter, r *http.Request) {
	c := f.find(r)
	if c == nil {
		fail(w, http.StatusNotFound, "No such container: "+r.PathValue("id"))
		return
	}
	if c.Logs != "" {
		_, _ = w.Write((&fakeProcess{}).frame(2, c.Logs))
	}
}

func (f *fakeEngine) create(w http.ResponseWriter, r *http.Request) {
	var body createdContainer
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	f.mu.Lock()
	f.created = append(f.created, body)
	f.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]any{"Id": "oneoff", "Warnings": []string{}})
}

// hijack takes the connection over, as the engine does for attach and exec.
func (f *fakeEngine) hijack(w http.ResponseWriter) (net.Conn, io.Reader, bool) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		fail(w, http.StatusInternalServerError, "no hijacking")
		return nil, nil, false
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return nil, nil, false
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	return conn, buffered, true
}

func (f *fakeEngine) play(id string, argv []string, conn net.Conn, stdin io.Reader, program func(*fakeProcess) int) {
	defer conn.Close()
	exitCode := program(&fakeProcess{Argv: argv, Stdin: stdin, conn: conn})
	f.mu.Lock()
	f.ended[id] = exitCode
	f.mu.Unlock()
}

func (f *fakeEngine) attach(w http.ResponseWriter, _ *http.Request) {
	conn, stdin, ok := f.hijack(w)
	if !ok {
		return
	}
	go func() {
		defer close(f.waits)
		f.mu.Lock()
		argv := append(slices.Clone(f.created[0].Entrypoint), f.created[0].Cmd...)
		f.mu.Unlock()
		f.play("oneoff", argv, conn, stdin, f.oneOff)
	}()
}

func (f *fakeEngine) startContainer(w http.ResponseWriter, _ *http.Request) {
	if f.startError != "" {
		fail(w, http.StatusBadRequest, f.startError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeEngine) wait(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	select {
	case <-f.waits:
	case <-r.Context().Done():
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer(w, map[string]any{"StatusCode": f.ended["oneoff"]})
}

func (f *fakeEngine) remove(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if slices.Contains(f.stuck, id) {
			fail(w, http.StatusConflict, id+" is in use")
			return
		}
		f.mu.Lock()
		f.removed = append(f.removed, kind+" "+id)
		f.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}
}

func (f *fakeEngine) createExec(w http.ResponseWriter, r *http.Request) {
	var body struct{ Cmd []string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	f.mu.Lock()
	id := fmt.Sprintf("exec%d", len(f.argv)+1)
	f.argv[id] = body.Cmd
	f.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]string{"Id": id})
}

func (f *fakeEngine) startExec(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	f.mu.Lock()
	argv := f.argv[id]
	f.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	conn, stdin, ok := f.hijack(w)
	if !ok {
		return
	}
	f.play(id, argv, conn, stdin, f.exec)
}

func (f *fakeEngine) inspectExec(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	exitCode, ended := f.ended[r.PathValue("id")]
	f.mu.Unlock()
	if !ended || exitCode == hangsUp { // of a process that runs the engine says: ExitCode null
		answer(w, map[string]any{"ID": r.PathValue("id"), "Running": true, "ExitCode": nil})
		return
	}
	answer(w, map[string]any{"ID": r.PathValue("id"), "Running": false, "ExitCode": exitCode})
}

func (f *fakeEngine) inspectImage(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/images/"), "/json")
	id, ok := f.images[name]
	if !ok {
		fail(w, http.StatusNotFound, "No such image: "+name)
		return
	}
	answer(w, map[string]any{"Id": id, "Config": map[string]any{}})
}

func (f *fakeEngine) gone() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.removed)
}

// recorder notes the events that it is given, one a line.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Start(_ context.Context, operation string) { r.add("start " + operation) }

func (r *recorder) On(events ...api.Resource) {
	for _, event := range events {
		r.add(event.ID + ": " + event.Text)
	}
}

func (r *recorder) Done(operation string, success bool) {
	r.add(fmt.Sprintf("done %s %t", operation, success))
}

func (r *recorder) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

func (r *recorder) seen() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// lines joins what a test expects, one line each.
func lines(text ...string) string { return strings.Join(text, "\n") }
