package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// TestGoneServer_requests_end_with_its_check: a container that is taken off its
// network leaves requests behind that nothing answers. With the label that
// docs/troubleshooting.md names they end when its check fails, long before
// "timeout server".
func TestGoneServer_requests_end_with_its_check(t *testing.T) {
	t.Parallel()
	p := newRoutedProject(t, app{name: "web", labels: []string{
		`haproxy.host: "*"`, "haproxy.snippet: default-server on-marked-down shutdown-sessions",
	}})
	door := newDoor(t, p.http)
	ended := make(chan doorAnswer, 1)
	go func() { ended <- door.ask("GET /?delay=1m HTTP/1.1\r\nHost: a.test\r\n\r\n") }()
	p.eventually("the app has the request", func() error {
		for line := range strings.Lines(p.runtimeAPI("show stat")) {
			if fields := strings.Split(line, ","); len(fields) > 4 && fields[1] == "web1" && fields[4] == "1" { // scur
				return nil
			}
		}
		return errors.New("web1 has no session")
	})
	p.mustSucceed(p.docker("network", "disconnect", p.name+"_default", p.container("web").ID))
	select {
	case got := <-ended:
		assert.Check(t, !got.fromApp, "the app cannot have answered")
	case <-time.After(14 * time.Second):
		t.Error("the request hangs until \"timeout server\"")
	}
}
