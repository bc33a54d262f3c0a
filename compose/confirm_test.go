package compose

import (
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestALoadBalancerWithNobodyToSendRequestsToDoesNotServe(t *testing.T) {
	t.Parallel()
	p := demoProject(t)
	frontend := haproxy.Stat{Proxy: "myfrontend", Server: "FRONTEND", Type: haproxy.StatFrontend, Status: "OPEN"}
	server := func(name, status, check string) haproxy.Stat {
		return haproxy.Stat{Proxy: "webservers", Server: name, Type: haproxy.StatServer, Status: status, CheckStatus: check, Weight: 1}
	}
	for name, c := range map[string]struct {
		servers                []haproxy.Stat
		serves, ready, settled bool
	}{
		"all are up":              {[]haproxy.Stat{server("s1", "UP", "L7OK"), server("s2", "UP", "L7OK")}, true, true, true},
		"one is away":             {[]haproxy.Stat{server("s1", "UP", "L7OK"), server("s2", "DOWN", "L4CON")}, true, false, true},
		"one was not yet checked": {[]haproxy.Stat{server("s1", "UP", "L7OK"), server("s2", "UP 1/3", "INI")}, true, false, false},
		"all are away":            {[]haproxy.Stat{server("s1", "DOWN", "L4CON"), server("s2", "DOWN", "L4CON")}, false, false, true},
	} {
		process := Process{Stats: append([]haproxy.Stat{frontend}, c.servers...)}
		err := serves(p, process)
		assert.Equal(t, err == nil, c.serves, "%s: %v", name, err)
		if err != nil {
			testkit.Contains(t, err.Error(), "nobody to send requests to", "webservers", p.ConfigName(), "docker haproxy logs")
		}
		isReady, err := ready(t.Context(), process.Readiness())
		assert.NilError(t, err)
		assert.Equal(t, isReady, c.ready, name)
		assert.Equal(t, settled(process.Readiness()), c.settled, name)
		isKnown, err := known(t.Context(), process.Readiness())
		assert.NilError(t, err)
		assert.Assert(t, isKnown, name)
	}
}
