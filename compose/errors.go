package compose

import (
	"strings"

	"github.com/containerd/errdefs"
)

// The engine's errors cross the API as text with an HTTP status; what the
// status does not tell is told by words that the engine has used since 1.13.

// engineWords are what the engine said, without the client's introduction.
func engineWords(text string) string { return strings.TrimPrefix(text, "Error response from daemon: ") }

func isNotFound(err error) bool { return err != nil && errdefs.IsNotFound(err) }

// isNotRunning recognizes the engine's words for an exec in a container that has
// ended, or is about to be started again.
func isNotRunning(err error) bool { return err != nil && errdefs.IsConflict(err) }

// isMissingExecutable recognizes runc's refusal to start what is not there.
func isMissingExecutable(err error) bool {
	return strings.Contains(err.Error(), "executable file not found") || strings.Contains(err.Error(), "no such file or directory: unknown")
}

// isPortTaken recognizes the engine's two ways to say that a port is in use,
// by a container and by another process.
func isPortTaken(err error) bool {
	return strings.Contains(err.Error(), "port is already allocated") || strings.Contains(err.Error(), "address already in use")
}
