package e2e

import (
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestTop_shows_servers_and_drains_them_with_a_confirmation(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "2")
	p.mustFail(p.haproxy("top"), 1, "needs a terminal", "status --watch")

	term := p.newTerminal(t)
	term.keys("docker haproxy top; echo code $?", "Enter")
	term.shows("webservers/s1", "webservers/s2", "UP")

	// Asked, and not confirmed.
	term.keys("d")
	term.shows("Drain webservers/s1?", "y/n")
	term.keys("n")
	term.shows("Nothing was changed.")
	assert.Equal(t, p.serverRows()["webservers/s1"].State, "up")

	term.keys("Down")
	term.keys("d")
	term.shows("Drain webservers/s2?")
	term.keys("y")
	term.shows("webservers/s2: drain", "DRAIN")
	assert.Equal(t, p.serverRows()["webservers/s2"].State, "draining")

	// The last one says so; the way back.
	term.keys("Up")
	term.keys("d")
	term.shows("LAST one up")
	term.keys("n", "Down", "e")
	term.shows("Enable webservers/s2?")
	term.keys("y")
	p.eventually("s2 is up", func() error {
		if state := p.serverRows()["webservers/s2"].State; state != "up" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})

	// By another column, and the other way round.
	term.keys("Up", "r")
	term.shows("SERVER^")
	p.eventually("s2 is the first", func() error {
		if screen := term.screen(); strings.Index(screen, "webservers/s2") > strings.Index(screen, "webservers/s1") {
			return fmt.Errorf("it is not:\n%s", screen)
		}
		return nil
	})
	term.keys("s")
	term.shows("STATE^")
	term.keys("S", "r")
	term.shows("SERVERv")

	// A reload in between is nothing to it.
	p.editConfig(addingHeader("X-Edit", "1"))
	p.mustSucceed(p.haproxy("reload"))
	term.shows("webservers/s1", fmt.Sprint("worker ", p.worker()))

	term.keys("?")
	term.shows("sort")
	term.keys("x", "q")
	term.shows("code 0")
	assert.Assert(t, !strings.Contains(term.screen(), "webservers/s1"), "the screen must be as it was:\n%s", term.screen())
}
