//go:build unix

package e2e

import (
	"errors"
	"os/exec"
	"syscall"
)

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends docker and its plugin where they stand.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// signal sends a signal to docker and its plugin, as a terminal does.
func (g *group) signal(signal syscall.Signal) {
	g.p.t.Helper()
	if err := syscall.Kill(-g.cmd.Process.Pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) { // it may have ended
		g.p.t.Fatalf("sending %v to %s: %v", signal, g.line, err)
	}
}
