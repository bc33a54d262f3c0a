package compose

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"gotest.tools/v3/assert"
)

func portSummary(ip string, public, private uint16) container.PortSummary {
	port := container.PortSummary{PrivatePort: private, PublicPort: public, Type: "tcp"}
	if ip != "" {
		port.IP = netip.MustParseAddr(ip)
	}
	return port
}

func TestLoadEntersThroughLoopbackOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ports []container.PortSummary
		want  string
	}{
		"everywhere":            {[]container.PortSummary{portSummary("0.0.0.0", 8080, 80)}, "127.0.0.1:8080"},
		"everywhere, two lines": {[]container.PortSummary{portSummary("::", 8080, 80), portSummary("0.0.0.0", 8080, 80)}, "127.0.0.1:8080"},
		"no address is said":    {[]container.PortSummary{portSummary("", 8080, 80)}, "127.0.0.1:8080"},
		"loopback":              {[]container.PortSummary{portSummary("127.0.0.2", 8080, 80)}, "127.0.0.2:8080"},
		"loopback, IPv6":        {[]container.PortSummary{portSummary("::1", 8080, 80)}, "[::1]:8080"},
		"another address":       {[]container.PortSummary{portSummary("192.0.2.7", 8080, 80)}, ""},
		"another port":          {[]container.PortSummary{portSummary("0.0.0.0", 8404, 8404)}, ""},
		"exposed only":          {[]container.PortSummary{portSummary("", 0, 80)}, ""},
		"none":                  {nil, ""},
	} {
		assert.Equal(t, reachable{ports: c.ports}.onLoopback(80), c.want, name)
	}
}

func TestTheAppIsMeasuredWhereHAProxyFindsIt(t *testing.T) {
	t.Parallel()
	web := reachable{Container: Container{addresses: "10.0.0.3 10.9.0.3", networks: "shop_back/10.9.0.3 shop_front/10.0.0.3"}}
	open := reachable{Container: web.Container, ports: []container.PortSummary{portSummary("127.0.0.1", 9000, 8080)}}
	stranger := reachable{Container: Container{addresses: "10.0.0.9", networks: "shop_front/10.0.0.9"}}
	for name, c := range map[string]struct {
		container       reachable
		server          string
		network         string
		inside, machine []string
	}{
		"in a network":                {web, "10.0.0.3:8080", "shop_front", []string{"10.0.0.3:8080"}, nil},
		"in another network":          {web, "10.9.0.3:8080", "shop_back", []string{"10.9.0.3:8080"}, nil},
		"published as well":           {open, "10.0.0.3:8080", "shop_front", []string{"10.0.0.3:8080"}, []string{"127.0.0.1:9000"}},
		"through its published port":  {open, "127.0.0.1:9000", "shop_back", []string{"10.9.0.3:8080"}, []string{"127.0.0.1:9000"}},
		"not a container of ours":     {stranger, "10.0.0.3:8080", "", nil, nil},
		"a port of loopback's, whose": {web, "127.0.0.1:9000", "", nil, nil},
	} {
		var m Measurable
		m.addServer(map[string]reachable{"id": c.container}, netip.MustParseAddrPort(c.server))
		assert.Equal(t, m.Network, c.network, name)
		assert.DeepEqual(t, m.AppInside, c.inside)
		assert.DeepEqual(t, m.AppMachine, c.machine)
	}
}

func TestAMeterReadsWhatTheShellSays(t *testing.T) {
	t.Parallel()
	cpu, memory, err := parseUsage("2499336909 32636928 1048576\n")
	assert.NilError(t, err)
	assert.Equal(t, cpu, 2499336909*time.Nanosecond)
	assert.Equal(t, memory, int64(31588352))
	for _, line := range []string{"", "\n", "sh: 7: cannot open /sys/fs/cgroup/cpuacct/cpuacct.usage\n", "1 2\n"} {
		_, _, err := parseUsage(line)
		assert.ErrorContains(t, err, "does not tell")
	}
}

func TestAClientInsideHasNothingButItsProgram(t *testing.T) {
	t.Parallel()
	host := insideHost("shop_mynetwork")
	assert.Assert(t, host.ReadonlyRootfs && host.AutoRemove && !host.Privileged && len(host.PortBindings) == 0 && len(host.Binds) == 0)
	assert.DeepEqual(t, host.CapDrop, []string{"ALL"})
	assert.Equal(t, len(host.Mounts), 1)
	assert.Equal(t, host.Mounts[0].Source, "", "an anonymous volume, which goes with the container")
}
