package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// terminal is a terminal of 80 by 24, as over a slow line, with a shell in the project's folder.
type terminal struct {
	p      *project
	socket string
}

// newTerminal opens one; where there is no tmux, the test is skipped.
func (p *project) newTerminal(t *testing.T) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("needs tmux")
	}
	term := &terminal{p: p, socket: p.name}
	start := exec.Command("tmux", "-L", term.socket, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "env", "PS1=$ ", "sh")
	start.Dir = p.dir
	start.Env = append(prepared.environment(), "PWD="+p.dir, "TERM=xterm-256color", "LANG=C.UTF-8")
	out, err := start.CombinedOutput()
	assert.NilError(t, err, "%s", out)
	t.Cleanup(func() { _ = term.tmux("kill-server").Run() })
	return term
}

func (term *terminal) tmux(args ...string) *exec.Cmd {
	return exec.Command("tmux", append([]string{"-L", term.socket}, args...)...)
}

// keys presses keys, by tmux's names.
func (term *terminal) keys(keys ...string) {
	term.p.t.Helper()
	out, err := term.tmux(append([]string{"send-keys"}, keys...)...).CombinedOutput()
	assert.NilError(term.p.t, err, "%s", out)
}

// screen is what is to be seen.
func (term *terminal) screen() string {
	term.p.t.Helper()
	out, err := term.tmux("capture-pane", "-p").Output()
	assert.NilError(term.p.t, err)
	return string(out)
}

// shows waits until all the words are on the screen.
func (term *terminal) shows(words ...string) {
	term.p.t.Helper()
	term.p.eventually(fmt.Sprintf("the screen shows %q", words), func() error {
		screen := term.screen()
		for _, word := range words {
			if !strings.Contains(screen, word) {
				return fmt.Errorf("%q is missing:\n%s", word, screen)
			}
		}
		return nil
	})
}
