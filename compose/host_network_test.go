package compose

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
	"github.com/docker-haproxy/docker-haproxy/templates"
)

// hosted is a project whose HAProxy uses the host's network, with a base config.
func hosted(t *testing.T, config string) *Project {
	t.Helper()
	return load(t, `
name: demo
services:
  haproxy:
    image: haproxy:3.2
    network_mode: host
    user: "99:99"
    volumes: [./haproxy:/usr/local/etc/haproxy]
  haproxy-dns: { image: haproxy:3.2, networks: [front] }
networks: { front: , back: }
`, map[string]string{BaseConfigName: config})
}

func TestOnTheHostsNetworkTheAddressesAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	config := strings.ReplaceAll(strings.ReplaceAll(listeners, "bind *:8404", "bind 127.0.0.1:8404"), "bind :80\n", "bind :8080\n")
	assert.DeepEqual(t, hosted(t, config).Addresses(), []Address{
		{Frontend: "web", URL: "http://localhost:8080", HostPort: "localhost:8080"},
		{Frontend: "tls", URL: "https://localhost", HostPort: "localhost:443"},
		{Frontend: "stats", URL: "http://localhost:8404", HostPort: "localhost:8404", Stats: true},
		{Frontend: "admin", URL: "http://localhost:9000/haproxy?stats", HostPort: "localhost:9000", Stats: true},
		{Frontend: "raw", HostPort: "localhost:5432"},
	})
}

func TestOnTheHostsNetworkAPortIsTakenByWhoeverListens(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("listeners are seen on Linux only")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	t.Cleanup(func() { listener.Close() })
	number := port(t, listener)
	config := fmt.Sprintf("frontend web\n  mode http\n  bind 127.0.0.1:%d\n", number)
	own := fakeContainer{ID: "x", Name: "demo-haproxy-1", State: "running", Project: "demo", Service: LoadBalancer, NetworkMode: HostNetwork}
	for name, c := range map[string]struct {
		container fakeContainer
		pids      []int
		want      []string
	}{
		"a process":                {own, nil, []string{fmt.Sprintf("port %d is taken by process ", number), "frontend web", BaseConfigName, "--http-port"}},
		"HAProxy itself":           {own, []int{os.Getpid()}, nil},
		"another host's container": {fakeContainer{ID: "y", Name: "nginx", State: "running", NetworkMode: HostNetwork}, []int{os.Getpid()}, []string{fmt.Sprintf("port %d is taken by container nginx\n", number)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.container.PIDs = c.pids
			engine, _ := (&fakeEngine{containers: []fakeContainer{c.container}}).start(t)
			err := engine.PortsFree(t.Context(), hosted(t, config))
			if c.want == nil {
				assert.NilError(t, err)
				return
			}
			testkit.Contains(t, fmt.Sprint(err), c.want...)
		})
	}
}

// A listener of another user's process is seen, and its process is not.
func TestAProcessThatCannotBeSeenIsTakenForHAProxyWhereThatRuns(t *testing.T) {
	t.Parallel()
	p := hosted(t, "")
	own := fakeContainer{ID: "x", Name: "demo-haproxy-1", State: "running", Project: "demo", Service: LoadBalancer, NetworkMode: HostNetwork}
	for _, c := range []struct {
		container fakeContainer
		ours      bool
	}{{own, true}, {fakeContainer{ID: "y", Name: "nginx", State: "running", NetworkMode: HostNetwork}, false}, {fakeContainer{ID: "z", Name: "demo-haproxy-1", State: "running", Project: "demo", Service: LoadBalancer}, false}} {
		engine, _ := (&fakeEngine{containers: []fakeContainer{c.container}}).start(t)
		listed, err := engine.api().ContainerList(t.Context(), client.ContainerListOptions{})
		assert.NilError(t, err)
		_, ours, err := engine.listeningContainer(t.Context(), p, usingHostNetwork(listed.Items), process{})
		assert.NilError(t, err)
		assert.Equal(t, ours, c.ours, c.container.Name)
	}
}

func TestOnTheHostsNetworkAServiceMayNotPublishWhatHAProxyListensOn(t *testing.T) {
	t.Parallel()
	p := hosted(t, "frontend web\n  mode http\n  bind :8080\n")
	assert.NilError(t, p.publishedOnce())
	web := p.Services[Forwarder]
	web.Name, web.Ports = "web", load(t, "name: x\nservices: {haproxy: {image: a, ports: ['8080:80']}}\n", nil).Services[LoadBalancer].Ports
	p.Services["web"] = web
	testkit.Contains(t, fmt.Sprint(p.publishedOnce()), "haproxy and web both want port 8080 of this machine", `"ports:"`, "frontend web")
}

func TestOnTheHostsNetworkAnIPv4WildcardLeavesIPv6AddressesToOthers(t *testing.T) {
	t.Parallel()
	port := onAllAddresses(8080, 80)
	for text, want := range map[string]bool{"0.0.0.0": true, "127.0.0.1": true, "::": true, "::1": false} {
		assert.Equal(t, port.Overlaps(netip.MustParseAddr(text), 8080), want, text)
	}
}

func TestOnTheHostsNetworkLabelsSayPortsToo(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: demo
services:
  haproxy:
    image: haproxy:3.2
    network_mode: host
    command: [haproxy, -f, /usr/local/etc/haproxy/haproxy.cfg, -f, /usr/local/etc/haproxy/generated]
    volumes: [./haproxy:/usr/local/etc/haproxy]
    labels: { haproxy.http-port: "8081" }
  haproxy-dns: { image: haproxy:3.2 }
  db: { image: db, labels: { haproxy.listen: "15432", haproxy.port: "5432" } }
`, map[string]string{BaseConfigName: "frontend stats\n  mode http\n  bind 127.0.0.1:8404\n  stats enable\n", "haproxy/generated/routes.cfg": ""})
	var found []string
	for _, port := range p.hostListeners() {
		found = append(found, fmt.Sprintf("%s:%d %d", port.Addr, port.Port, port.Target))
	}
	assert.DeepEqual(t, found, []string{"127.0.0.1:8404 8404", "0.0.0.0:8081 80", "0.0.0.0:15432 15432"})
	testkit.Contains(t, p.listensBy(p.hostListeners()[1]), "haproxy.http-port")
	testkit.Contains(t, p.listensBy(p.hostListeners()[2]), "haproxy.listen")
}

func TestNamesAreThoseOfTheNetworksThatTheForwarderIsOn(t *testing.T) {
	t.Parallel()
	p := hosted(t, "")
	service := p.Services[Forwarder]
	service.Name = "web"
	address, err := p.addressOf(service, "")
	assert.NilError(t, err)
	assert.Equal(t, address, "web.demo_front")

	service.Networks = load(t, "name: x\nservices: {haproxy: {image: a, networks: [back]}}\nnetworks: {back: }\n", nil).Services[LoadBalancer].Networks
	_, err = p.addressOf(service, "")
	testkit.Contains(t, fmt.Sprint(err), Forwarder)

	delete(p.Services, Forwarder)
	_, err = p.addressOf(service, "")
	testkit.Contains(t, fmt.Sprint(err), Forwarder+" is needed", "--network-mode host")
}

func TestInBridgeModeTheForwarderIsTakenAway(t *testing.T) {
	t.Parallel()
	had := State{project: "demo", containers: []Container{{ID: "d", Service: Forwarder}, {ID: "w", Service: "web"}}}
	for mode, want := range map[string][]string{HostNetwork: nil, BridgeNetwork: {"container d"}} {
		fake := &fakeEngine{}
		engine, _ := fake.start(t)
		p := hosted(t, "")
		if mode == BridgeNetwork {
			delete(p.Services, Forwarder)
		}
		engine.retireForwarder(t.Context(), p.Project, had)
		assert.DeepEqual(t, fake.gone(), want)
	}
}

func TestAPortThatIsForRootOnlyIsRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	p := hosted(t, "")
	engine, _ := (&fakeEngine{}).start(t)
	ground := engine.groundToBe(t.Context(), p)
	if lowPorts() == 0 {
		t.Skip("every user of this machine may listen on all ports, or it is not Linux")
	}
	found := haproxy.Overlooked([]haproxy.ConfigFile{{Name: "x.cfg", Content: []byte("frontend web\n  bind :80\n  bind :8080\n")}}, ground)
	assert.Equal(t, len(found), 1)
	testkit.Contains(t, found[0].Message, "':80'", "of this machine")
	testkit.Contains(t, found[0].Hint, "8080", "sysctl -w net.ipv4.ip_unprivileged_port_start=80")

	p.balancer.User = "0"
	assert.Equal(t, len(haproxy.Overlooked([]haproxy.ConfigFile{{Content: []byte("frontend web\n  bind :80\n")}}, engine.groundToBe(t.Context(), p))), 0)
	p.balancer.NetworkMode = ""
	assert.Assert(t, engine.groundToBe(t.Context(), p).Network == nil, "in a network of its own every user may")
}

func TestWhatTheHostsNetworkMeans(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		remote string
		info   system.Info
	}{
		"":                                {"", system.Info{OperatingSystem: "Debian GNU/Linux 12", SecurityOptions: []string{"name=seccomp,profile=default"}}},
		"build.example.com":               {"ssh://me@build.example.com", system.Info{}},
		"Enable host networking":          {"", system.Info{OperatingSystem: "Docker Desktop"}},
		"not reached from this machine":   {"", system.Info{SecurityOptions: []string{"name=rootless"}}},
		"refuses network_mode: host":      {"", system.Info{SecurityOptions: []string{"name=userns"}}},
		"ssh -L PORT:127.0.0.1:PORT 10.1": {"tcp://10.1:2376", system.Info{}},
	} {
		got := hostMeaning(c.remote, c.info)
		assert.Assert(t, strings.Contains(got, want) && (got == "") == (want == ""), got)
	}
}

func TestTheForwarderIsFoundByTheNamesThatItsFilesShare(t *testing.T) {
	t.Parallel()
	const socket = "unix@/var/run/haproxy-dns/dns.sock"
	files, err := demo(onHost).Generate(t.Context())
	assert.NilError(t, err)
	testkit.Contains(t, string(files[0].Content), Forwarder+":", "/usr/local/etc/haproxy/dns.cfg", "target: /var/run/haproxy-dns")
	testkit.Contains(t, string(files[1].Content), "nameserver dns stream+"+socket, "bind 127.0.0.1:8404", "bind :8080", "init-addr last,none")
	assert.Assert(t, !strings.Contains(string(files[1].Content), "last,libc"))
	testkit.Contains(t, templates.ForwarderConfig, socket, "server docker 127.0.0.11:53")
}
