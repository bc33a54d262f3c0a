package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestPs_lists_the_containers_in_each_format(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	ids := p.ids()

	table := p.mustSucceed(p.haproxy("ps")).stdout
	assert.Equal(t, strings.Count(table, "\n"), 4, table)
	assert.Assert(t, strings.HasPrefix(table, "NAME "), table)
	for _, c := range p.containers() {
		assert.Assert(t, strings.Contains(table, c.Name+" "), table)
	}

	services := map[string]string{}
	for line := range strings.Lines(p.mustSucceed(p.haproxy("ps", "--format", "json", "--no-trunc")).stdout) {
		var row struct{ ID, Service, State, Project string }
		assert.NilError(t, json.Unmarshal([]byte(line), &row), line)
		assert.Equal(t, row.State, "running")
		assert.Equal(t, row.Project, p.name)
		services[row.Service] = row.ID
	}
	assert.DeepEqual(t, services, ids)

	quiet := strings.Fields(p.mustSucceed(p.haproxy("ps", "-q")).stdout)
	assert.DeepEqual(t, quiet, []string{ids["haproxy"], ids["web1"], ids["web2"]})
	assert.Equal(t, p.mustSucceed(p.haproxy("ps", "-q", "web1")).stdout, ids["web1"]+"\n")

	assert.Equal(t, p.mustSucceed(p.haproxy("ps", "--format", "{{ .Service }}:{{ .State }}")).stdout,
		"haproxy:running\nweb1:running\nweb2:running\n")
	p.mustFail(p.haproxy("ps", "web9"), 1, "web9", "web1")
	p.mustFail(p.haproxy("ps", "--format", "{{ .Nothing"), 1)
}

func TestPs_shows_stopped_containers_only_when_asked(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	p.mustSucceed(p.haproxy("stop", "web2"))
	const format = "{{ .Service }} {{ .State }}"
	assert.Equal(t, p.mustSucceed(p.haproxy("ps", "--format", format)).stdout, "haproxy running\nweb1 running\n")
	assert.Equal(t, p.mustSucceed(p.haproxy("ps", "--all", "--format", format)).stdout, "haproxy running\nweb1 running\nweb2 exited\n")
}

func TestLogs_show_what_goes_wrong_or_every_request(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.editConfig(replacing("    default_backend webservers\n", "    default_backend webservers\n    http-request deny if { path /denied }\n"))
	p.up()
	logged := func(path string) {
		t.Helper()
		p.eventually("HAProxy has logged "+path, func() error {
			if logs := p.mustSucceed(p.haproxy("logs")).output(); !strings.Contains(logs, "GET "+path+" ") {
				return errors.New(logs)
			}
			return nil
		})
	}
	p.get("/fine")
	p.get("/denied")
	p.get("/wrong?status=500")
	logged("/denied")
	logged("/wrong?status=500")
	logs := p.mustSucceed(p.haproxy("logs")).output()
	assert.Assert(t, !strings.Contains(logs, "GET /fine "), logs)
	tail := p.mustSucceed(p.haproxy("logs", "--tail", "1", "--no-log-prefix")).output()
	assert.Assert(t, strings.Contains(tail, "GET /wrong") && !strings.Contains(tail, "GET /denied "), tail)
	assert.Assert(t, !strings.Contains(tail, "haproxy-1"), tail)
	since := p.mustSucceed(p.haproxy("logs", "--since", "1h")).output()
	assert.Assert(t, strings.Contains(since, "GET /denied "), since)
	since = p.mustSucceed(p.haproxy("logs", "--since", "2099-01-01T00:00:00Z")).output()
	assert.Equal(t, since, "")

	p.editConfig(replacing("    option dontlog-normal\n", ""))
	p.mustSucceed(p.haproxy("reload"))
	p.get("/fine/as/well")
	logged("/fine/as/well")

	p.mustSucceed(p.haproxy("logs", "web1"))
	p.mustFail(p.haproxy("logs", "web9"), 1, "web9", "web1")
	p.mustFail(p.haproxy("logs", "--nonsense"), 125, "--nonsense")
}

func TestLogs_follow_ends_with_Ctrl_C(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no process can be interrupted from outside there")
	}
	p := newRunningProject(t, "--servers", "1")
	following := p.start(how{}, "haproxy", "logs", "-f", "--tail", "0")
	n := 0
	p.eventually("a request is followed", func() error {
		n++
		p.get(fmt.Sprintf("/followed/%d?status=500", n)) // the first ones may come before it follows
		if !strings.Contains(following.stdout.String(), "GET /followed/") {
			return errors.New("not seen")
		}
		return nil
	})
	following.interrupt()
	r := following.wait()
	// 130 is 128 + SIGINT, as "docker logs -f" ends; older docker commands end with 0.
	assert.Assert(t, r.exitCode == 130 || r.exitCode == 0, "%s", r)
	assert.Equal(t, r.stderr, "", "Ctrl-C is no error")
	assert.Equal(t, p.container("haproxy").State, "running")
}

func TestStop_and_start_of_one_server(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.ids()

	p.mustSucceed(p.haproxy("stop", "web3"))
	assert.Equal(t, p.container("web3").State, "exited")
	assert.Equal(t, p.container("web3").Inspect.State.ExitCode, 0, "it must end by itself, not be killed")
	assert.DeepEqual(t, p.servedBy(6), []string{"web1", "web2"})

	p.mustSucceed(p.haproxy("start", "web3"))
	assert.Equal(t, p.container("web3").State, "running")
	assert.DeepEqual(t, p.ids(), before)
	p.eventually("the server is back", func() error {
		if got := p.servedBy(6); !slices.Equal(got, threeWebs) {
			return fmt.Errorf("only %v answer", got)
		}
		return nil
	})
	p.mustFail(p.haproxy("stop", "web9"), 1, "web9", "web1, web2, web3")
	p.mustFail(p.haproxy("start", "web9"), 1, "web9", "web1, web2, web3")
}

func TestStop_and_start_of_everything(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.ids()

	p.mustSucceed(p.haproxy("stop", "--dry-run"))
	for _, c := range p.containers() {
		assert.Equal(t, c.State, "running", c.Service)
	}
	p.mustSucceed(p.haproxy("stop"))
	for _, c := range p.containers() {
		assert.Equal(t, c.State, "exited", c.Service)
		assert.Equal(t, c.Inspect.State.ExitCode, 0, c.Service)
	}

	p.mustSucceed(p.haproxy("start"))
	assert.DeepEqual(t, p.ids(), before)
	for _, c := range p.containers() {
		assert.Equal(t, c.State, "running", c.Service)
	}
	p.eventually("all servers answer", func() error {
		a, err := tryGet(p.http, "/")
		if err == nil && a.status != 200 {
			err = fmt.Errorf("status %d", a.status)
		}
		return err
	})
}

func TestStart_of_what_was_never_created_says_what_to_do(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	for _, command := range []string{"start", "stop", "logs"} {
		p.mustFail(p.haproxy(command), 1, "no containers", `"docker haproxy up"`)
	}
	p.mustLeaveNothing()
}

func TestOpen_prints_the_address_of_the_stats_page(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	r := p.mustSucceed(p.haproxy("open", "--print"))
	assert.Equal(t, r.stdout, fmt.Sprintf("http://localhost:%d\n", p.stats))
	assert.Equal(t, p.getStats("/").status, 200)

	p.mustSucceed(p.haproxy("down"))
	p.mustFail(p.haproxy("open", "--print"), 1, "not running", `"docker haproxy up"`)
}

func TestDown_by_name_works_from_anywhere(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	elsewhere := how{dir: t.TempDir()}
	assert.Equal(t, strings.Count(p.mustSucceed(p.run(elsewhere, "haproxy", "-p", p.name, "ps", "-q")).stdout, "\n"), 4)
	p.mustSucceed(p.run(elsewhere, "haproxy", "-p", p.name, "down", "--dry-run"))
	assert.Equal(t, len(p.containers()), 4)

	p.mustSucceed(p.run(elsewhere, "haproxy", "-p", p.name, "down"))
	p.mustLeaveNothing()
}

func TestDown_twice_says_that_nothing_is_left(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
	r := p.mustSucceed(p.haproxy("down"))
	p.mustSay(r, r.stderr, "Nothing to remove", p.name)
	assert.Equal(t, r.stdout, "")
	assert.DeepEqual(t, withoutHidden(p.files()), []string{composeFile, configFile})

	p.up() // the files are enough to begin again
	assert.DeepEqual(t, p.servedBy(2), []string{"web1"})
}

// withoutHidden leaves out what docker haproxy keeps for itself.
func withoutHidden(files []string) []string {
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasPrefix(name, ".") })
}

func TestDown_removes_volumes_only_when_asked(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.editCompose(func(text string) string {
		text = strings.Replace(text, "  web1:\n    <<: *web\n", "  web1:\n    <<: *web\n    volumes: [data:/data]\n", 1)
		return text + "\nvolumes:\n  data: {}\n"
	})
	volumes := func() string {
		return strings.TrimSpace(p.mustSucceed(p.docker("volume", "ls", "-q", "--filter", p.label())).stdout)
	}
	p.up()
	assert.Equal(t, volumes(), p.name+"_data")
	p.mustSucceed(p.haproxy("down"))
	assert.Equal(t, volumes(), p.name+"_data")
	assert.Equal(t, len(p.containers()), 0)

	p.up()
	p.mustSucceed(p.haproxy("down", "-v"))
	p.mustLeaveNothing()
}

func TestDown_lets_running_requests_finish(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	needsImage(t, standInEcho) // it can be asked to take its time
	p.init("--servers", "1", "--app-image", standInEcho)
	p.up()
	answered := make(chan error, 1)
	go func() {
		a, err := tryGet(p.http, "/?delay=2s")
		if err == nil && a.status != 200 {
			err = fmt.Errorf("status %d", a.status)
		}
		answered <- err
	}()
	p.eventually("the request runs", func() error {
		if !strings.Contains(p.runtimeAPI("show sess"), "be=webservers") {
			return errors.New("not yet")
		}
		return nil
	})
	p.mustSucceed(p.haproxy("down"))
	assert.NilError(t, <-answered, "a request that runs must be finished first")
	p.mustLeaveNothing()
}
