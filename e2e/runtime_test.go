package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestRuntime_sends_commands_and_prints_answers(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	worker := p.worker()

	r := p.mustSucceed(p.haproxy("runtime", "show", "info"))
	p.mustSay(r, r.stdout, "Name: HAProxy\n", "Maxconn: ")
	r = p.mustSucceed(p.haproxy("runtime", "get weight webservers/s1; set weight webservers/s1 5; get weight webservers/s1"))
	assert.Equal(t, r.stdout, "1 (initial 1)\n5 (initial 1)\n")
	r = p.mustSucceed(p.haproxy("runtime", "--master", "show", "proc"))
	p.mustSay(r, r.stdout, "# workers", "master")
	r = p.mustSucceed(p.run(how{stdin: "get weight webservers/s1\n\nget weight webservers/s2\n"}, "haproxy", "runtime"))
	assert.Equal(t, r.stdout, "5 (initial 1)\n1 (initial 1)\n")

	p.mustFail(p.haproxy("runtime", "shw", "info"), 1, "Unknown command", "runtime help")
	for _, reload := range []string{"reload", `\reload`, "reload\tx", `hard-rel\oad`} {
		p.mustFail(p.haproxy("runtime", "--master", reload), 1, "docker haproxy reload")
	}
	p.mustFail(p.haproxy("runtime", "--master", "prompt", "i"), 1, "prompt is not sent")
	p.mustFail(p.haproxy("runtime", "set ssl cert /x.pem <<"), 1, "payload")
	r = p.mustFail(p.run(how{stdin: "shw info\nset weight webservers/s2 9\n"}, "haproxy", "runtime"), 1, "Unknown command")
	assert.Equal(t, p.mustSucceed(p.haproxy("runtime", "get weight webservers/s2")).stdout, "1 (initial 1)\n", "after a refusal the rest is not run:\n%s", r)
	assert.Equal(t, p.worker(), worker)
}

func TestRuntime_commands_on_an_open_session_take_milliseconds(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	took := func(commands int) time.Duration {
		began := time.Now()
		r := p.mustSucceed(p.run(how{stdin: strings.Repeat("show info\n", commands)}, "haproxy", "runtime"))
		took := time.Since(began)
		assert.Equal(t, strings.Count(r.stdout, "Name: HAProxy\n"), commands)
		return took
	}
	one := took(1)
	if more := took(51) - one; more > time.Second {
		t.Errorf("50 commands more took %s more", more)
	}
}

func TestRuntime_prompt_has_a_history_without_secrets(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	term := p.newTerminal(t)
	term.keys("docker haproxy runtime; echo code $?", "Enter")
	term.shows("haproxy>")
	// What is typed before the next prompt is there, the terminal itself reads: it swallows a Ctrl-D.
	term.keys("get weight webservers/s1", "Enter")
	term.shows("1 (initial 1)\nhaproxy>")
	term.keys("nonsense", "Enter")
	term.shows("Unknown command", "lists the commands.\nhaproxy>")
	term.keys("show ssl cert", "Enter")
	term.shows("show ssl cert\nhaproxy>")
	term.keys("C-d")
	term.shows("code 0")

	history, err := os.ReadFile(p.path(".docker-haproxy/runtime_history"))
	assert.NilError(t, err)
	assert.Equal(t, string(history), "get weight webservers/s1\nnonsense\n")
	info, err := os.Stat(p.path(".docker-haproxy/runtime_history"))
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))

	term.keys("clear; docker haproxy runtime; echo again $?", "Enter")
	term.shows("haproxy>")
	term.keys("Up", "Up")
	term.shows("haproxy> get weight webservers/s1")
	term.keys("Enter")
	term.shows("1 (initial 1)\nhaproxy>")
	term.keys("quit", "Enter")
	term.shows("again 0")
	assert.Assert(t, !strings.Contains(term.screen(), "code 0"))
}
