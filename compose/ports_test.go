package compose

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestTwoListenersGetInEachOthersWayOnOnePortOfOneAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wanted, taken string
		overlap       bool
	}{
		{"0.0.0.0:80", "0.0.0.0:80", true},
		{"0.0.0.0:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "0.0.0.0:80", true},
		{"127.0.0.1:80", "[::]:80", true},
		{"0.0.0.0:80", "[::]:80", true},
		{"0.0.0.0:80", "[::1]:80", true}, // Docker publishes on both families
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"[::1]:80", "[::]:80", true},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", "[::1]:80", false},
		{"0.0.0.0:80", "0.0.0.0:81", false},
	} {
		wanted, taken := netip.MustParseAddrPort(c.wanted), netip.MustParseAddrPort(c.taken)
		got := HostPort{Addr: wanted.Addr(), Port: wanted.Port()}.Overlaps(taken.Addr(), taken.Port())
		assert.Equal(t, got, c.overlap, "%s and %s", c.wanted, c.taken)
	}
}

func TestAnIPv6AddressIsFreeWhereOnlyIPv4Listens(t *testing.T) {
	t.Parallel()
	wanted := HostPort{Addr: netip.MustParseAddr("::1"), Port: 8404}
	assert.Assert(t, !wanted.Overlaps(netip.MustParseAddr("0.0.0.0"), 8404))
}

func TestThePublishedPortsAreTheTCPOnesWithANumber(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: demo
services:
  haproxy:
    image: haproxy
    ports: ["80:80", "127.0.0.1:8404:8404", "[::1]:9000:9000", "443:443/udp", "1234", "7000-7001:7000-7001"]
  web:
    image: web
    ports: [{target: 3000, published: "3000", protocol: tcp}, {target: 4000, published: "4000-4010"}]
`, nil)
	ip := netip.MustParseAddr
	assert.DeepEqual(t, text(p.publishedPortsOf(LoadBalancer)), text([]HostPort{
		{Addr: ip("0.0.0.0"), Port: 80, Target: 80}, {Addr: ip("127.0.0.1"), Port: 8404, Target: 8404}, {Addr: ip("::1"), Port: 9000, Target: 9000}, {Addr: ip("0.0.0.0"), Port: 7000, Target: 7000}, {Addr: ip("0.0.0.0"), Port: 7001, Target: 7001},
	}))
	assert.DeepEqual(t, text(p.publishedPortsOf("web")), text([]HostPort{{Addr: ip("0.0.0.0"), Port: 3000, Target: 3000}}))
	assert.Equal(t, len(p.publishedPorts()), 6)
}

func text(ports []HostPort) []string {
	var all []string
	for _, port := range ports {
		all = append(all, fmt.Sprint(port))
	}
	return all
}

// freePort is one that nobody listens on at this moment.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer listener.Close()
	return port(t, listener)
}

func port(t *testing.T, listener net.Listener) int {
	t.Helper()
	address, ok := listener.Addr().(*net.TCPAddr)
	assert.Assert(t, ok)
	return address.Port
}

func publishing(t *testing.T, ports string) *Project {
	t.Helper()
	return load(t, "name: demo\nservices:\n  haproxy:\n    image: haproxy\n    ports: "+ports+"\n", nil)
}

func TestAPortOfAForeignContainerIsNamedWithTheContainer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ports  string
		holder fakeContainer
		want   []string
	}{
		"of another project": {
			ports:  `["8080:80"]`,
			holder: fakeContainer{Name: "shop-web-1", Project: "shop", Service: "web"},
			want:   []string{`port 8080 is taken by container shop-web-1 (project "shop")`, "--http-port", "compose.yaml"},
		},
		"of no project": {
			ports:  `["8080:8404"]`,
			holder: fakeContainer{Name: "nginx"},
			want:   []string{"port 8080 is taken by container nginx\n", "--stats-port"},
		},
		"another service's port": {
			ports:  `["8080:9000"]`,
			holder: fakeContainer{Name: "nginx"},
			want:   []string{"port 8080 is taken by container nginx\n", `"ports:"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.holder.ID, c.holder.State = "x", "running"
			c.holder.Ports = []map[string]any{{"IP": "0.0.0.0", "PrivatePort": 1, "PublicPort": 8080, "Type": "tcp"}}
			engine, _ := (&fakeEngine{containers: []fakeContainer{c.holder}}).start(t)
			err := engine.PortsFree(t.Context(), publishing(t, c.ports))
			testkit.Contains(t, fmt.Sprint(err), c.want...)
		})
	}
}

func TestAPortThatTheProjectItselfPublishesIsNotTaken(t *testing.T) {
	t.Parallel()
	// The test stands for the engine's proxy process, which has the port open.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer listener.Close()
	number := port(t, listener)
	engine, _ := (&fakeEngine{containers: []fakeContainer{{
		ID: "x", Name: "demo-haproxy-1", State: "running", Project: "demo", Service: LoadBalancer,
		Ports: []map[string]any{{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": number, "Type": "tcp"}},
	}}}).start(t)
	assert.NilError(t, engine.PortsFree(t.Context(), publishing(t, fmt.Sprintf(`["127.0.0.1:%d:80"]`, number))))
}

func TestPortsOfOtherKindsAndAddressesAreNotTaken(t *testing.T) {
	t.Parallel()
	number := freePort(t)
	engine, _ := (&fakeEngine{containers: []fakeContainer{{
		ID: "x", Name: "other", State: "running",
		Ports: []map[string]any{
			{"IP": "0.0.0.0", "PrivatePort": 53, "PublicPort": number, "Type": "udp"},
			{"IP": "127.0.0.9", "PrivatePort": 80, "PublicPort": number, "Type": "tcp"},
			{"PrivatePort": number, "Type": "tcp"}, // exposed and not published
		},
	}}}).start(t)
	assert.NilError(t, engine.PortsFree(t.Context(), publishing(t, fmt.Sprintf(`["127.0.0.1:%d:80"]`, number))))
}

func TestAPortLostInTheLastMomentIsExplainedFromTheEnginesWords(t *testing.T) {
	t.Parallel()
	number := freePort(t)
	engine, _ := (&fakeEngine{}).start(t)
	p := publishing(t, fmt.Sprintf(`["%d:80"]`, number))
	for _, message := range []string{
		fmt.Sprintf("Error response from daemon: driver failed programming external connectivity on endpoint demo-haproxy-1: Bind for 0.0.0.0:%d failed: port is already allocated", number),
		fmt.Sprintf("Error response from daemon: failed to listen tcp4 0.0.0.0:%d: bind: address already in use", number),
		fmt.Sprintf("listen tcp6 [::]:%d: bind: address already in use", number),
	} {
		err := engine.explainUp(t.Context(), p, errors.New(message))
		testkit.Contains(t, err.Error(), fmt.Sprintf("port %d is taken by another process", number), "--http-port")
	}

	for _, message := range []string{"port is already allocated", "Bind for 0.0.0.0:1 failed: port is already allocated", "Bind for 0.0.0.0:99999 failed: port is already allocated"} {
		cause := errors.New(message)
		assert.Equal(t, engine.explainUp(t.Context(), p, cause), cause, "what is not ours keeps the engine's words")
	}
}

func TestFreePortsAreDifferentOnes(t *testing.T) {
	t.Parallel()
	ports, err := FreePorts(t.Context(), 3)
	assert.NilError(t, err)
	slices.Sort(ports)
	assert.Equal(t, len(slices.Compact(ports)), 3)
}
