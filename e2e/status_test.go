package e2e

import (
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// status is what "status --format json" says, as far as scenarios look.
type status struct {
	Project, Container, Version string
	Workers                     []struct {
		PID      int
		Current  bool
		Sessions int
	}
	Frontends []struct{ Name, Status, Address string }
	Backends  []struct {
		Name, Status string
		Servers      []struct{ Name, State, Status, Container, Service, Check string }
	}
	Config  struct{ Name, State string }
	Verdict struct {
		Loaded        bool
		What, Summary string
		Diagnostics   []struct {
			Line            int
			Message, Source string
		}
	}
	Warnings []string
}

func (p *project) status() status {
	p.t.Helper()
	var s status
	p.decode(p.mustSucceed(p.haproxy("status", "--format", "json")), &s)
	return s
}

func TestStatus_shows_what_is_served_and_what_is_wrong(t *testing.T) {
	onBranches(t, func(p *project) {
		t := p.t
		s := p.status()
		assert.Equal(t, s.Project, p.name)
		assert.Equal(t, s.Container, p.container("haproxy").Name)
		assert.Equal(t, len(s.Workers), 1)
		assert.Equal(t, s.Workers[0].PID, p.worker())
		assert.Equal(t, s.Frontends[1].Address, fmt.Sprintf("http://localhost:%d", p.http))
		assert.Equal(t, len(s.Backends[0].Servers), 3)
		assert.Equal(t, s.Backends[0].Servers[0].Container, p.container("web1").Name)
		assert.Equal(t, s.Backends[0].Servers[0].State, "up")
		assert.Equal(t, s.Config.State, "loaded")
		assert.Assert(t, s.Verdict.Loaded)
		assert.Equal(t, len(s.Warnings), 0, "%v", s.Warnings)

		r := p.mustSucceed(p.haproxy("status"))
		p.mustSay(r, r.stdout, "HAProxy "+s.Version, "FRONTEND", "myfrontend", "SERVER", "webservers", "s1", "L7OK", "loaded as it is on disk", "Last verdict: ")
		assert.Assert(t, !strings.Contains(r.stdout, "\x1b"), "colours are for terminals:\n%s", r)
		r = p.mustSucceed(p.haproxy("status", "--format", "{{range .Backends}}{{.Name}} {{.Status}}{{end}}"))
		assert.Equal(t, r.stdout, "webservers UP\n")
		p.mustFail(p.haproxy("status", "--format", "{{.Nothing}}"), 1, "--format json")
		p.mustFail(p.haproxy("status", "--format", "{{"), 1, "no template")

		// An edit, and a refused one.
		p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
		p.mustFail(p.haproxy("reload"), 1)
		s = p.status()
		assert.Equal(t, s.Config.State, "edited")
		assert.Assert(t, !s.Verdict.Loaded)
		assert.Equal(t, s.Verdict.What, "reload")
		assert.Equal(t, s.Verdict.Diagnostics[0].Source, "", "lines of the file may hold a password")
		r = p.mustSucceed(p.haproxy("status"))
		p.mustSay(r, r.stdout, "edited since it was loaded", "HAProxy refused", "unknown keyword 'bimd'", `"docker haproxy diff"`)

		// A server that is away.
		p.mustSucceed(p.docker("stop", "--time", "0", p.container("web2").ID))
		p.eventually("HAProxy has noticed", func() error {
			if state := p.status().Backends[0].Servers[1].State; state != "down" && state != "no address" {
				return fmt.Errorf("it is %s", state)
			}
			return nil
		})
		r = p.mustSucceed(p.haproxy("status"))
		p.mustSay(r, r.stdout, "! backend webservers: server s2 ")
	})
}

func TestStatus_shows_workers_that_finish_their_sessions(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	conn, _ := p.websocket()
	old := p.worker()
	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	s := p.status()
	assert.Equal(t, len(s.Workers), 2)
	assert.Equal(t, s.Workers[1].PID, old)
	assert.Assert(t, !s.Workers[1].Current)
	assert.Equal(t, s.Workers[1].Sessions, 1)
	r := p.mustSucceed(p.haproxy("status"))
	p.mustSay(r, r.stdout, "OLD WORKER", fmt.Sprint(old))

	conn.CloseNow()
	p.eventually("the old worker has ended", func() error {
		if workers := p.status().Workers; len(workers) > 1 {
			return fmt.Errorf("%+v", workers)
		}
		return nil
	})
}

func TestStatus_watch_goes_on_until_it_is_interrupted(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	watching := p.start(how{}, "haproxy", "status", "--watch", "--interval", "200ms", "--format", "worker {{(index .Workers 0).PID}}")
	says := func(words string, least int) {
		t.Helper()
		p.eventually("it says "+words, func() error {
			if n := strings.Count(watching.stdout.String(), words); n < least {
				return fmt.Errorf("%d times:\n%s%s", n, watching.stdout.String(), watching.stderr.String())
			}
			return nil
		})
	}
	says(fmt.Sprintf("worker %d\n", p.worker()), 3)
	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	says(fmt.Sprintf("worker %d\n", p.worker()), 2)
	watching.interrupt()
	p.mustSucceed(watching.wait())
}

func TestStatus_of_what_does_not_run_says_what_is_known(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	r := p.mustFail(p.haproxy("status"), 1, "is not running", `"docker haproxy up"`)
	p.mustSay(r, r.stdout, p.name, "not running")

	p.up()
	p.mustSucceed(p.haproxy("stop"))
	r = p.mustFail(p.haproxy("status"), 1, "is not running", "exited")
	p.mustSay(r, r.stdout, "exited", "Last verdict: ")
}
