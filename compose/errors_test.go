package compose

import (
	"errors"
	"testing"

	"github.com/containerd/errdefs"
	"gotest.tools/v3/assert"
)

// The messages are those that engines were heard to say.
func TestTheEnginesErrorsAreRecognizedByItsWords(t *testing.T) {
	t.Parallel()
	const (
		byContainer = "Error response from daemon: driver failed programming external connectivity on endpoint demo-haproxy-1 (0a1b): Bind for 0.0.0.0:18080 failed: port is already allocated"
		byProcess   = "Error response from daemon: driver failed programming external connectivity on endpoint demo-haproxy-1 (0a1b): Error starting userland proxy: listen tcp4 0.0.0.0:18999: bind: address already in use"
		noBinary    = `Error response from daemon: failed to create task for container: OCI runtime create failed: runc create failed: unable to start container process: exec: "haproxy": executable file not found in $PATH: unknown`
		noFile      = `Error response from daemon: OCI runtime create failed: exec: "/usr/sbin/haproxy": stat /usr/sbin/haproxy: no such file or directory: unknown`
		noSource    = "Error response from daemon: invalid mount config for type \"bind\": bind source path does not exist: /srv/haproxy"
		unhealthy   = "container demo-web1-1 is unhealthy"
		noHost      = `Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host`
		conflict    = "Error response from daemon: Conflict. The container name \"/demo-haproxy-1\" is already in use by container \"0a1b\""
	)
	for message, want := range map[string]struct{ port, executable bool }{
		byContainer: {port: true},
		byProcess:   {port: true},
		noBinary:    {executable: true},
		noFile:      {executable: true},
		noSource:    {},
		unhealthy:   {},
		noHost:      {},
		conflict:    {},
	} {
		err := errors.New(message)
		assert.Equal(t, isPortTaken(err), want.port, message)
		assert.Equal(t, isMissingExecutable(err), want.executable, message)
		assert.Assert(t, !isNotFound(err), "%s: words alone do not tell that", message)
		assert.Assert(t, !isPermissionDenied(err), message)
	}
	assert.Assert(t, isNotFound(errdefs.ErrNotFound.WithMessage("No such image: haproxy:9")))
	assert.Assert(t, !isNotFound(nil))

	for message, want := range map[string]string{
		byContainer: "0.0.0.0 18080", byProcess: "0.0.0.0 18999",
		"listen tcp6 [::1]:80: bind: address already in use": "[::1] 80",
	} {
		match := boundAddress.FindStringSubmatch(message)
		assert.Equal(t, len(match), 3, message)
		assert.Equal(t, match[1]+" "+match[2], want)
	}
}
