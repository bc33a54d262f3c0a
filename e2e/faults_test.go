package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// TestAKilledWorkerIsReplacedAndToldOf: HAProxy's master ends with its worker,
// the engine starts the container again, and "status" says that it happened.
func TestAKilledWorkerIsReplacedAndToldOf(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	load := p.startLoad(1)
	load.goOn(50)

	p.mustSucceed(p.docker("exec", p.container("haproxy").ID, "sh", "-c", `kill -9 "$0"`, strconv.Itoa(p.worker())))
	p.eventually("the engine has started HAProxy again", func() error {
		if restarts := p.container("haproxy").Inspect.RestartCount; restarts == 0 {
			return fmt.Errorf("%d restarts", restarts)
		}
		return nil
	})
	p.eventually("requests are answered again", p.serves("X-Edit", "1"))
	load.Stop() // what the kernel had accepted for the killed process is lost, whoever kills it

	r := p.mustSucceed(p.haproxy("status"))
	p.mustSay(r, r.stdout, "was restarted 1 times", "loaded as it is on disk")
	p.editConfig(replacing("X-Edit 1", "X-Edit 2"))
	p.mustSucceed(p.haproxy("reload"))
	assert.Equal(t, p.get("/").header.Get("X-Edit"), "2")
}

// TestARestartedContainerTakesWhatIsOnDisk: after a restart by hand HAProxy runs
// another configuration than was loaded last, and the commands know.
func TestARestartedContainerTakesWhatIsOnDisk(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	id := p.container("haproxy").ID
	good := p.read(configFile)

	p.editConfig(addingHeader("X-Edit", "1"))
	r := p.mustSucceed(p.haproxy("status", "--format", "{{.Config.State}}"))
	assert.Equal(t, r.stdout, "edited\n")
	p.age(configFile)
	p.mustSucceed(p.docker("restart", id))
	p.eventually("requests are answered again", p.serves("X-Edit", "1"))
	r = p.mustSucceed(p.haproxy("status", "--format", "{{.Config.State}}"))
	assert.Equal(t, r.stdout, "loaded\n")

	// With a mistake on disk it does not come up, and every command says why.
	p.write(configFile, strings.Replace(good, "    bind :80\n", "    bimd :80\n", 1))
	p.docker("restart", id)
	for _, command := range []string{"reload", "status", "diff"} {
		r := p.haproxy(command)
		if command == "diff" {
			p.mustSay(p.mustSucceed(r), r.stdout, "bimd")
			continue
		}
		p.mustFail(r, 1, "bimd")
	}
	p.mustFail(p.haproxy("up"), 1, p.configLine("bimd"))
	p.mustSucceed(p.haproxy("rollback")) // to what a command of ours loaded last
	assert.Equal(t, p.read(configFile), good)
	p.up()
	p.eventually("requests are answered again", p.serves("X-Edit", ""))
}

// TestAnEngineThatGoesAwayDuringAReloadLeavesAllOrNothing: the connection is cut
// when the command asks HAProxy to reload, before the question has arrived or
// after. Requests go on, and the next command says what it found.
func TestAnEngineThatGoesAwayDuringAReloadLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newRunningProject(t, "--servers", "2")
	before := p.container("haproxy")
	p.editConfig(addingHeader("X-Edit", "0"))
	p.mustSucceed(p.haproxy("reload"))
	load := p.startLoad(1)
	load.goOn(50)
	for i, cut := range cutsOfAReload() {
		t.Run(fmt.Sprintf("%s arrives %t", strings.TrimSpace(cut.at), cut.arrives), func(t *testing.T) {
			p := p.within(t)
			worker := p.worker()
			was := fmt.Sprintf("X-Edit %d\n", i)
			p.editConfig(replacing(was, fmt.Sprintf("X-Edit %d\n", i+1)))
			p.age(configFile)
			p.mustFail(p.run(how{env: []string{"DOCKER_HOST=" + cuttingEngine(t, cut.at, cut.arrives)}}, "haproxy", "reload"), 1)

			if cut.reloaded {
				p.eventually("HAProxy has reloaded", p.serves("X-Edit", fmt.Sprint(i+1)))
			} else {
				assert.Equal(t, p.worker(), worker)
			}
			state := p.mustSucceed(p.haproxy("status", "--format", "{{.Config.State}}")).stdout
			assert.Equal(t, state, map[bool]string{true: "loaded\n", false: "edited\n"}[cut.reloaded])
			p.mustSucceed(p.haproxy("reload"))
			assert.Equal(t, p.get("/").header.Get("X-Edit"), fmt.Sprint(i+1))
		})
	}
	load.goOn(50)
	load.mustLoseNothing()
	p.mustBeTheSame(before)
}

// TestAnEngineThatGoesAwayDuringARollbackLeavesAllOrNothing: wherever the
// connection is cut, the edit is on disk afterwards, requests go on, and a
// rollback can be had once the engine answers again.
func TestAnEngineThatGoesAwayDuringARollbackLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newRunningProject(t, "--servers", "2")
	before, good := p.container("haproxy"), p.read(configFile)
	load := p.startLoad(1)
	load.goOn(50)
	for i, cut := range cutsOfAReload() {
		t.Run(fmt.Sprintf("%s arrives %t", strings.TrimSpace(cut.at), cut.arrives), func(t *testing.T) {
			p := p.within(t)
			value := fmt.Sprint(i)
			p.editConfig(addingHeader("X-Edit", value))
			p.mustSucceed(p.haproxy("reload"))
			edited, worker := p.read(configFile), p.worker()

			p.mustFail(p.run(how{env: []string{"DOCKER_HOST=" + cuttingEngine(t, cut.at, cut.arrives)}}, "haproxy", "rollback", "1"), 1)
			assert.Equal(t, p.read(configFile), edited)
			if cut.reloaded {
				p.eventually("HAProxy has reloaded", func() error {
					r := p.haproxy("status", "--format", "{{range .Workers}}{{if .Current}}{{.PID}}{{end}}{{end}}")
					if r.exitCode != 0 || strings.TrimSpace(r.stdout) == strconv.Itoa(worker) {
						return fmt.Errorf("worker %d was there before: %s", worker, r)
					}
					return nil
				})
			} else {
				assert.Equal(t, p.worker(), worker)
				assert.Equal(t, p.get("/").header.Get("X-Edit"), value)
			}
			state := p.mustSucceed(p.haproxy("status", "--format", "{{.Config.State}}")).stdout
			if !cut.reloaded {
				assert.Equal(t, state, "loaded\n")
			} else if p.get("/").header.Get("X-Edit") == "" { // it read the files before they were put back
				assert.Equal(t, state, "edited\n")
			}

			p.mustSucceed(p.haproxy("rollback", "1"))
			assert.Equal(t, p.read(configFile), good)
			assert.Equal(t, p.get("/").header.Get("X-Edit"), "")
		})
	}
	load.goOn(50)
	load.mustLoseNothing()
	p.mustBeTheSame(before)
}

// age makes a file some seconds older. Where our note of what was loaded does not
// hold, dates must do, and HAProxy tells its own to the second only.
func (p *project) age(name string) {
	p.t.Helper()
	before := time.Now().Add(-3 * time.Second)
	assert.NilError(p.t, os.Chtimes(p.path(name), before, before))
}

// cutOfAReload is a moment at which the connection to the engine is cut.
type cutOfAReload struct {
	at       string // in what the command sends
	arrives  bool   // at the engine
	reloaded bool   // HAProxy has been asked by then
}

func cutsOfAReload() []cutOfAReload {
	return []cutOfAReload{
		{"look\n", true, false},
		{"check\n", true, false},
		{"connect\n", false, false},
		{"reload\n", false, false},
		{"reload\n", true, true},
	}
}

// cuttingEngine is the way to the engine, until somebody sends certain words
// through it: then everything is cut, and nobody answers any more.
func cuttingEngine(t *testing.T, at string, arrives bool) string {
	t.Helper()
	host, err := prepared.docker(t.Context(), "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
	assert.NilError(t, err)
	network, address, _ := strings.Cut(host, "://")
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	assert.NilError(t, err)
	w := &cutter{at: []byte(at), arrives: arrives, listener: listener}
	t.Cleanup(w.cut)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			engine, err := net.Dial(network, address)
			if err != nil {
				conn.Close()
				return
			}
			w.add(conn, engine)
			go w.pass(conn, engine)
			go func() {
				_, _ = io.Copy(conn, engine)
				conn.Close()
			}()
		}
	}()
	return "unix://" + listener.Addr().String()
}

type cutter struct {
	at       []byte
	arrives  bool
	listener net.Listener
	done     atomic.Bool

	mu    sync.Mutex
	conns []net.Conn
}

func (c *cutter) add(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conns...)
}

func (c *cutter) cut() {
	c.done.Store(true)
	c.listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
}

// pass lets a client speak, up to the words.
func (c *cutter) pass(client, engine net.Conn) {
	defer engine.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil || c.done.Load() {
			return
		}
		words := bytes.Contains(buffer[:n], c.at)
		if !words || c.arrives {
			if _, err := engine.Write(buffer[:n]); err != nil {
				return
			}
		}
		if words {
			c.cut()
			return
		}
	}
}
