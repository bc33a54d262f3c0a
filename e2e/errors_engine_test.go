package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// TestNoEngine: every command must say where it looked for an engine and how
// to get one.
func TestNoEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	closed := fmt.Sprintf("tcp://127.0.0.1:%d", freePorts(t, 1)[0])
	for _, host := range []string{"unix:///nonexistent.sock", closed} {
		for _, command := range []string{"up", "reload", "check", "down", "ps", "stop", "start", "logs"} {
			t.Run(host[:4]+" "+command, func(t *testing.T) {
				p := p.within(t)
				began := time.Now()
				p.refusesAs(how{env: []string{"DOCKER_HOST=" + host}}, []string{command},
					"no Docker engine answers", host, "systemctl start docker", "Docker Desktop", "--context")
				assert.Assert(t, time.Since(began) < 10*time.Second, "it must not wait: %s", time.Since(began))
			})
		}
	}
	p.mustLeaveNothing()
}

// TestContextWithoutEngine: where a context is the cause, its address is named.
func TestContextWithoutEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	settings := how{env: []string{"DOCKER_CONFIG=" + ownSettings(t), "DOCKER_HOST="}}
	p.mustSucceed(p.run(settings, "context", "create", "dead", "--docker", "host=unix:///nonexistent.sock"))
	r := p.run(settings, "--context", "dead", "haproxy", "up")
	t.Log(r)
	p.mustFail(r, 1, "no Docker engine answers", "unix:///nonexistent.sock", "--context")
	r = p.run(settings, "--context", "unheard-of", "haproxy", "up")
	t.Log(r)
	p.mustFail(r, 1, "unheard-of")
	p.mustLeaveNothing()
}

// remoteEngines are three ways to choose an engine of another machine. The ssh
// that is found runs the script.
func (p *project) remoteEngines(script string) []remoteEngine {
	p.t.Helper()
	ssh := withProgram(p.t, "ssh", script)
	settings := how{env: []string{"DOCKER_CONFIG=" + ownSettings(p.t), "DOCKER_HOST=", ssh}}
	p.mustSucceed(p.run(settings, "context", "create", "faraway", "--docker", "host=ssh://nobody@192.0.2.1"))
	return []remoteEngine{
		{"ssh", how{env: []string{ssh, "DOCKER_HOST=ssh://nobody@192.0.2.1"}}, nil, []string{"ssh://nobody@192.0.2.1"}},
		{"tcp", how{env: []string{"DOCKER_HOST=tcp://192.0.2.1:2375"}}, nil, []string{"tcp://192.0.2.1:2375"}},
		{"context", settings, []string{"--context", "faraway"}, []string{"faraway", "ssh://nobody@192.0.2.1", "--context default"}},
	}
}

type remoteEngine struct {
	name  string
	how   how
	args  []string // before haproxy
	words []string
}

// TestRemoteEngine: bind mounts do not reach another machine, which must be
// said before anything is created.
func TestRemoteEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	for _, engine := range p.remoteEngines("exit 255\n") {
		for _, command := range []string{"up", "reload", "check"} {
			t.Run(engine.name+" "+command, func(t *testing.T) {
				p := p.within(t)
				r := p.run(engine.how, append(engine.args, "haproxy", command)...)
				t.Log(r)
				p.mustFail(r, 1, append(engine.words, "another machine", "haproxy", "cannot be mounted", "Nothing was touched")...)
				mustReadWell(t, r)
			})
		}
	}
	p.mustLeaveNothing()
}

// TestRemoteEngineIsNotAsked: to refuse it takes no connection, which may hang.
func TestRemoteEngineIsNotAsked(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	called := filepath.Join(t.TempDir(), "called")
	for _, engine := range p.remoteEngines("echo \"$@\" >> " + called + "\nexec sleep 30\n") {
		began := time.Now()
		p.mustFail(p.run(engine.how, append(engine.args, "haproxy", "up")...), 1, engine.words...)
		took := time.Since(began)
		assert.Assert(t, took < 2*time.Second, "it must be told at once, but took %s", took)
	}
	_, err := os.Stat(called)
	assert.Assert(t, os.IsNotExist(err), "no connection must be tried")
}

// TestRemoteEngineOfAVariable: where DOCKER_HOST says so, context "default" is
// that engine too.
func TestRemoteEngineOfAVariable(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.refusesAs(how{env: []string{"DOCKER_HOST=tcp://192.0.2.1:2375"}}, []string{"up"}, "tcp://192.0.2.1:2375", "DOCKER_HOST")
	p.mustLeaveNothing()
}

// fakeEngine is an engine that says which API it speaks, and nothing else.
type fakeEngine struct {
	host string

	mu    sync.Mutex
	asked []string
}

func newFakeEngine(t *testing.T, apiVersion string) *fakeEngine {
	t.Helper()
	e := &fakeEngine{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.asked = append(e.asked, r.Method+" "+r.URL.Path)
		e.mu.Unlock()
		w.Header().Set("Api-Version", apiVersion)
		w.Header().Set("Ostype", "linux")
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message":"page not found"}`))
	}))
	t.Cleanup(server.Close)
	e.host = "tcp://" + strings.TrimPrefix(server.URL, "http://")
	return e
}

func (e *fakeEngine) requests() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.asked...)
}

// TestOldEngine: an engine before 20.10 must be refused with what is needed,
// and be asked for nothing but its version.
func TestOldEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	engine := newFakeEngine(t, "1.40")
	for _, command := range []string{"up", "reload", "check", "down", "ps", "stop", "start", "logs"} {
		t.Run(command, func(t *testing.T) {
			p := p.within(t)
			p.refusesAs(how{env: []string{"DOCKER_HOST=" + engine.host}}, []string{command},
				engine.host, "too old", "1.40", "1.41", "20.10", "Upgrade")
		})
	}
	for _, request := range engine.requests() {
		assert.Assert(t, strings.HasSuffix(request, "/_ping"), "only the version must be asked for, but there was %s", request)
	}
}

// TestEngineThatIsNoEngine: what answers at the address is another program.
func TestEngineThatIsNoEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	host := "tcp://" + strings.TrimPrefix(server.URL, "http://")
	r := p.run(how{env: []string{"DOCKER_HOST=" + host}}, "haproxy", "up")
	t.Log(r)
	p.mustFail(r, 1, host)
}

// TestSilentEngine: an engine that accepts and says nothing can be given up.
func TestSilentEngine(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newProject(t)
	p.init()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	t.Cleanup(func() { listener.Close() })
	accepted := make(chan struct{}, 100)
	go func() {
		var held []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				for _, c := range held {
					c.Close()
				}
				return
			}
			held = append(held, conn)
			accepted <- struct{}{}
		}
	}()
	running := p.start(how{env: []string{"DOCKER_HOST=tcp://" + listener.Addr().String()}}, "haproxy", "up")
	select {
	case <-accepted:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody has connected")
	}
	began := time.Now()
	running.interrupt()
	r := running.wait()
	t.Log(r)
	p.mustFail(r, 130)
	assert.Assert(t, time.Since(began) < 5*time.Second, "it must end at once, but took %s", time.Since(began))
}
