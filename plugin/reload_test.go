package plugin

import (
	"errors"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func TestWhatAPersonIsToldOfAReload(t *testing.T) {
	t.Parallel()
	assert.Equal(t, len(reloadNotes(compose.Reloaded{})), 0, "nothing to tell is not told")
	done := compose.Reloaded{
		Unasked:  true,
		NotKept:  errors.New("no space left on device"),
		Restored: []haproxy.Setting{{Backend: "web", Server: "s1", Mode: haproxy.ModeDrain, Weight: 7}},
		Failed:   []string{"web/s2 weight 3: HAProxy refused"},
		Forgotten: haproxy.Forgotten{
			Dropped: []haproxy.Setting{{Backend: "web", Server: "s3", Weight: 2, Why: "the configuration now says weight 9"}},
			New:     []haproxy.ServerState{{Backend: "web", Server: "s4"}},
			Gone:    []haproxy.ServerState{{Backend: "web", Server: "s5", Addr: "10.0.0.5", Port: 80}},
		},
	}
	assert.Equal(t, strings.Join(reloadNotes(done), "\n"), `Warning: HAProxy could not be asked before the reload: drains, maintenance and weights set at run time are lost.
Warning: not kept for rollback: no space left on device
Put back, as set at run time: web/s1 drain, weight 7
Warning: not put back: web/s2 weight 3: HAProxy refused
Not put back: web/s3 weight 2, for the configuration now says weight 9
New server: web/s4
Server gone: web/s5 (10.0.0.5:80); if it was added at run time, add it to the configuration`)
}

func TestTheEffectOfARollback(t *testing.T) {
	t.Parallel()
	loaded := compose.RolledBack{Loaded: true, Running: true}
	loaded.Reloaded.Verdict.Worker = 12
	assert.Equal(t, effect(loaded), "; HAProxy loaded it (worker 12)")
	assert.Equal(t, effect(compose.RolledBack{Running: true}), "; HAProxy runs it already")
	assert.Equal(t, effect(compose.RolledBack{}), `; HAProxy does not run: "docker haproxy up" starts it`)
}

func TestSessionsThatRemainInWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, inWords(map[string]int64{"web/s2": 3, "web/s1": 1}), "1 at web/s1, 3 at web/s2")
	assert.Equal(t, readyAgain([]compose.Server{{Backend: "web", Name: "s1"}, {Backend: "web", Name: "s2"}}), `"docker haproxy server ready web/s1 web/s2" takes it back.`)
}
