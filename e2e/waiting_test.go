package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// newHalfEngine is an engine that tells its version; to anything else it says
// nothing, or the first 2,000 bytes of an answer.
func newHalfEngine(t *testing.T, says string) (host string) {
	t.Helper()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.47")
		w.Header().Set("Ostype", "linux")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case says == "":
			<-ended
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", fmt.Sprint(2*len(says)))
			_, _ = w.Write([]byte(says))
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	return "tcp://" + strings.TrimPrefix(server.URL, "http://")
}

// TestWhatIsWaitedForIsSaid: after some seconds of silence; Ctrl-C works, and
// nothing stays locked.
func TestWhatIsWaitedForIsSaid(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newProject(t)
	p.init()
	host := newHalfEngine(t, "")
	for _, command := range []string{"up", "status"} {
		running := p.start(how{env: []string{"DOCKER_HOST=" + host}}, "haproxy", command)
		const word = "waiting for the Docker engine (context default) to list containers"
		p.eventually("it is said what is waited for", func() error {
			if said := running.stderr.String(); !strings.Contains(said, word) {
				return fmt.Errorf("so far: %s", said)
			}
			return nil
		})
		began := time.Now()
		running.interrupt()
		r := running.wait()
		p.mustFail(r, 130)
		assert.Assert(t, time.Since(began) < 10*time.Second, "%s", r)
	}
	p.mustLeaveNothing()
}

// TestAnAnswerThatIsCutOff names whose it was.
func TestAnAnswerThatIsCutOff(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	host := newHalfEngine(t, `[{"Id":"`+strings.Repeat("a", 1992))
	for _, command := range []string{"up", "status"} {
		p.refusesAs(how{env: []string{"DOCKER_HOST=" + host}}, []string{command},
			"the answer of the Docker engine (context default) was cut off in the middle", "it was asked to list containers", "run the command again")
	}
	p.mustLeaveNothing()
}
