package rollout

import (
	"maps"
	"slices"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func lineAt(server, fqdn, addr string) haproxy.ServerState {
	return haproxy.ServerState{Backend: "b", Server: server, FQDN: fqdn, Addr: addr, Port: 80, OpState: haproxy.OpRunning}
}

func TestServersThatTheDNSDoesNotMove(t *testing.T) {
	t.Parallel()
	states := []haproxy.ServerState{
		lineAt("plain", "web", "10.0.0.1"), lineAt("asks", "web", "10.0.0.1"), lineAt("asks-in-vain", "web", "10.0.0.1"),
		lineAt("address", "", "10.0.0.1"), lineAt("unknown", "web", "10.0.0.1"),
	}
	resolvers := func(_, server string) (string, bool) {
		section, found := map[string]string{"plain": "", "asks": "docker", "asks-in-vain": "dead", "address": ""}[server]
		return section, found
	}
	fixed := fixedServers(states, resolvers, map[string]bool{"dead": true})
	assert.DeepEqual(t, slices.Sorted(maps.Keys(fixed)), []string{"b/asks-in-vain", "b/plain"})
}

// TestSlotsThatTheDNSDoesNotMove: servers that share a name are slots only if the DNS
// fills them.
func TestSlotsThatTheDNSDoesNotMove(t *testing.T) {
	t.Parallel()
	one, two := lineAt("t1", "web", "10.0.0.1"), lineAt("t2", "web", "10.0.0.1")
	o := Observation{Service: "web", Seats: []haproxy.ServerState{one, two}}
	assert.Assert(t, o.isSlot(one))
	assert.Equal(t, len(o.lines()), 0)
	o.Fixed = map[string]bool{"b/t1": true, "b/t2": true}
	assert.Assert(t, !o.isSlot(one))
	assert.Equal(t, len(o.lines()), 2)
	assert.Equal(t, o.lineNumber(two), 1)
	_, limited := o.room()
	assert.Assert(t, !limited, "they need no vacant slots")
}

// running is one with an address, as the engine lists it.
func running(name, ip string, number int) Replica {
	c := compose.Container{ID: name, Name: name, State: "running", Number: number}
	return Replica{Container: c.At("shop_default", ip)}
}

func TestLinesThatAreLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line      haproxy.ServerState
		keeps     []string
		stopFirst bool
		going     []string
		why       string
	}{
		"the service's name":                {lineAt("s1", "web", "10.0.0.1"), nil, false, []string{"shop-web-1"}, ""},
		"an address":                        {lineAt("s1", "", "10.0.0.1"), nil, false, []string{"shop-web-1"}, "the address 10.0.0.1"},
		"an address, stopped first":         {lineAt("s1", "", "10.0.0.1"), nil, true, []string{"shop-web-1"}, "the address 10.0.0.1"},
		"an address that the file fixes":    {lineAt("s1", "", "10.0.0.1"), []string{"10.0.0.1"}, true, []string{"shop-web-1"}, ""},
		"the address of one that stays":     {lineAt("s1", "", "10.0.0.1"), nil, false, []string{"shop-web-2"}, ""},
		"a container":                       {lineAt("s1", "shop-web-1", "10.0.0.1"), nil, false, []string{"shop-web-1"}, "the container shop-web-1"},
		"a container, with the network":     {lineAt("s1", "shop-web-1.shop_default", "10.0.0.1"), nil, false, []string{"shop-web-1"}, "the container shop-web-1"},
		"a container_name":                  {lineAt("s1", "shop-web-1", "10.0.0.1"), []string{"shop-web-1"}, true, []string{"shop-web-1"}, ""},
		"a container whose name comes back": {lineAt("s1", "shop-web-1", "10.0.0.1"), nil, true, []string{"shop-web-1"}, ""},
		"one that stands in":                {lineAt("s1-rollout", "", "10.0.0.1"), nil, false, []string{"shop-web-1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Observation{Service: "web", Desired: 1, Keeps: test.keeps, Seats: []haproxy.ServerState{test.line}, Replicas: []Replica{running("shop-web-1", "10.0.0.1", 1)}}
			_, why := o.lost(test.going, test.stopFirst)
			assert.Equal(t, why, test.why)
			err := o.keepsLines(Plan{StopFirst: test.stopFirst, Batches: []Batch{{Retire: test.going}}})
			if test.why == "" {
				assert.NilError(t, err)
				return
			}
			assert.ErrorContains(t, err, "server b/s1 names "+test.why)
			assert.ErrorContains(t, err, "server s1 web:80 check resolvers docker")
		})
	}
}

func TestWhereLinesLead(t *testing.T) {
	t.Parallel()
	one, two := lineAt("t1", "web", "10.0.0.1"), lineAt("t2", "web", "10.0.0.9")
	lost := lineAt("t3", "web", "10.0.0.1")
	lost.AdminState = haproxy.NoAddress
	old, fresh := running("old", "10.0.0.1", 1), running("fresh", "10.0.0.2", 2)
	third := running("third", "10.0.0.3", 3)
	fresh.New, third.New = true, true
	o := Observation{
		Service: "web", Seats: []haproxy.ServerState{one, two, lost}, Replicas: []Replica{old, fresh, third},
		Fixed: map[string]bool{"b/t1": true, "b/t2": true, "b/t3": true},
	}
	assert.DeepEqual(t, o.astray(), []haproxy.ServerState{two, lost})
	var balancer compose.Container
	balancer = balancer.At("shop_default", "10.0.0.100")
	for _, test := range []struct {
		line haproxy.ServerState
		gone map[string]bool
		want string
	}{
		{one, nil, "10.0.0.2"}, // new ones first, each line another one
		{two, nil, "10.0.0.3"},
		{lost, nil, "10.0.0.2"},
		{two, map[string]bool{"fresh": true}, "10.0.0.3"},
		{two, map[string]bool{"fresh": true, "third": true}, "10.0.0.1"},
		{two, map[string]bool{"fresh": true, "third": true, "old": true}, ""},
	} {
		assert.Equal(t, o.successor(test.line, test.gone, balancer), test.want)
	}
	var elsewhere compose.Container
	assert.Equal(t, o.successor(one, nil, elsewhere.At("other", "10.1.0.1")), "", "HAProxy is on none of its networks")
	assert.Equal(t, o.successor(one, nil, compose.Container{}), "10.0.0.2", "HAProxy is on the host's network")
	o.Replicas = nil
	assert.Equal(t, len(o.astray()), 0, "no container could be behind them")
}
