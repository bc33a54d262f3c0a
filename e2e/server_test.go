package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"gotest.tools/v3/assert"
)

// serverRow is a line of "server ls --format json".
type serverRow struct{ Name, State, Status, Container, Service, Weight, Sessions string }

func (p *project) serverRows() map[string]serverRow {
	p.t.Helper()
	r := p.mustSucceed(p.haproxy("server", "ls", "--format", "json"))
	rows := map[string]serverRow{}
	for line := range strings.Lines(r.stdout) {
		var row serverRow
		assert.NilError(p.t, json.Unmarshal([]byte(line), &row), "%s", r)
		rows[row.Name] = row
	}
	return rows
}

func TestServer_drain_takes_a_server_out_and_ready_takes_it_back(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	rows := p.serverRows()
	assert.Equal(t, len(rows), 3)
	assert.Equal(t, rows["webservers/s2"].Container, p.container("web2").Name)
	assert.Equal(t, rows["webservers/s2"].State, "up")
	load := p.startLoad(1)
	load.goOn(20)

	// By its name, its container's and its service's.
	for i, name := range []string{"webservers/s2", p.container("web2").Name, "web2", "s2"} {
		verb := []string{"drain", "maint"}[i%2]
		r := p.mustSucceed(p.haproxy("server", verb, name))
		assert.Equal(t, r.stdout, "webservers/s2 "+[]string{"drains", "is in maintenance"}[i%2]+"\n")
		assert.DeepEqual(t, p.servedBy(9), []string{"web1", "web3"})
		p.mustSucceed(p.haproxy("server", "ready", name))
		p.eventually("web2 is back", func() error {
			if served := p.servedBy(9); !slices.Contains(served, "web2") {
				return fmt.Errorf("only %v serve", served)
			}
			return nil
		})
	}
	load.mustLoseNothing()

	// The last one is protected.
	p.mustSucceed(p.haproxy("server", "drain", "s1", "s2"))
	p.mustFail(p.haproxy("server", "maint", "s3"), 1, "webservers", "no server left", "503", "--force")
	assert.Equal(t, p.serverRows()["webservers/s3"].State, "up")
	p.mustSucceed(p.haproxy("server", "maint", "s3", "--force"))
	assert.Equal(t, p.get("/").status, 503)

	p.mustFail(p.haproxy("server", "drain", "webservers/s22"), 1, "there is no server webservers/s22", "Did you mean webservers/s2")
	p.mustFail(p.haproxy("server", "ls", "nobody"), 1, "no backend nobody")
}

func TestServer_settings_survive_a_reload(t *testing.T) {
	onBranches(t, func(p *project) {
		t := p.t
		p.mustSucceed(p.haproxy("server", "drain", "s1"))
		p.mustSucceed(p.haproxy("server", "weight", "s2", "7"))
		p.mustSucceed(p.haproxy("server", "maint", "s3"))
		p.editConfig(addingHeader("X-Edit", "1"))
		r := p.mustSucceed(p.haproxy("reload"))
		p.mustSay(r, r.stderr, "Kept, as set at run time: webservers/s1 drain", "webservers/s2 weight 7", "webservers/s3 maint")
		rows := p.serverRows()
		assert.Equal(t, rows["webservers/s1"].State, "draining")
		assert.Equal(t, rows["webservers/s2"].Weight, "7")
		assert.Equal(t, rows["webservers/s3"].State, "maintenance")
		assert.DeepEqual(t, p.servedBy(6), []string{"web2"})

		// What the edit itself says wins.
		p.editConfig(replacing("server s2 web2:8080 check", "server s2 web2:8080 check weight 9"))
		r = p.mustSucceed(p.haproxy("reload"))
		p.mustSay(r, r.stderr, "Not put back: webservers/s2 weight 7", "the configuration now says weight 9")
		assert.Equal(t, p.serverRows()["webservers/s2"].Weight, "9")
	})
}

func TestServer_weight(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	r := p.mustSucceed(p.haproxy("server", "weight", "webservers/s1", "0"))
	assert.Equal(t, r.stdout, "webservers/s1 has weight 0\n")
	assert.DeepEqual(t, p.servedBy(4), []string{"web2"})
	p.mustSucceed(p.haproxy("server", "weight", "web1", "256"))
	assert.Equal(t, p.serverRows()["webservers/s1"].Weight, "256")
	for _, wrong := range []string{"257", "-1", "half"} {
		r := p.haproxy("server", "weight", "s1", "--", wrong)
		assert.Assert(t, r.exitCode != 0, "%s", r)
	}
	assert.Equal(t, p.serverRows()["webservers/s1"].Weight, "256")
}

// websocketTo opens a websocket and tells which service has it.
func (p *project) websocket() (conn *websocket.Conn, service string) {
	p.t.Helper()
	conn, _, err := websocket.Dial(p.t.Context(), "ws://127.0.0.1:"+strconv.Itoa(p.http)+"/ws", nil)
	assert.NilError(p.t, err)
	p.t.Cleanup(func() { conn.CloseNow() })
	assert.NilError(p.t, conn.Write(p.t.Context(), websocket.MessageText, []byte("whoami")))
	_, who, err := conn.Read(p.t.Context())
	assert.NilError(p.t, err)
	for _, c := range p.containers() {
		if strings.HasPrefix(string(who), c.ID[:12]) {
			return conn, c.Service
		}
	}
	p.t.Fatalf("nobody knows %s", who)
	return nil, ""
}

func TestServer_drain_waits_for_the_sessions_that_remain(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	conn, service := p.websocket()

	r := p.mustFail(p.haproxy("server", "drain", service, "--wait", "--timeout", "1s"), 1, "after 1s sessions remain: 1 at webservers/", "keep draining", "server ready")
	assert.Assert(t, !strings.Contains(r.stderr, "Drained"), "%s", r)

	// Also where the session is on a worker that a reload replaced.
	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	waiting := p.start(how{}, "haproxy", "server", "drain", service, "--wait", "--timeout", "60s", "--progress", "plain")
	p.eventually("it tells what remains", func() error {
		if said := waiting.stderr.String(); !strings.Contains(said, "1 sessions remain") {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
	conn.CloseNow()
	began := time.Now()
	r = p.mustSucceed(waiting.wait())
	p.mustSay(r, r.stderr, "Drained")
	assert.Assert(t, time.Since(began) < 10*time.Second)

	interrupted := p.start(how{}, "haproxy", "server", "ready", service)
	p.mustSucceed(interrupted.wait())
}

func TestServer_names_are_completed_from_the_live_process(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	r := p.mustSucceed(p.docker("__complete", "haproxy", "server", "drain", ""))
	p.mustSay(r, r.stdout, "webservers/s1\tup "+p.container("web1").Name+"\n", "webservers/s2")
	r = p.mustSucceed(p.docker("__complete", "haproxy", "server", "drain", "webservers/s1", ""))
	assert.Assert(t, !strings.Contains(r.stdout, "webservers/s1"), "%s", r)
}
