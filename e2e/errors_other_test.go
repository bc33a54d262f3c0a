//go:build !unix

package e2e

import "os/exec"

// There are no process groups to be signalled; what needs them is built for
// UNIX systems only.
func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
