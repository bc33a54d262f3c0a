package compose

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Measurable is where a load balancer, and the app behind it, can be reached for
// a measurement: the project's own addresses and no others, as the engine has
// them at this moment. An address that there is none of is "".
type Measurable struct {
	Frontend    string
	Backend     string
	HostNetwork bool // HAProxy is in the machine's own network
	// Relayed: the engine's docker-proxy passes on what comes through loopback.
	Relayed bool

	Machine Entrance // HAProxy, through loopback
	Network string   // that HAProxy and the app share; "" where there is none
	Inside  Entrance // HAProxy, in that network

	AppMachine []string // the app's containers, through loopback
	AppInside  []string // in Network

	// Host is HAProxy once more, on the host's network.
	Host Entrance

	listeners []haproxy.Listener // those that Machine leads to
}

// Entrance are the addresses, HOST:PORT, that HTTP comes in by.
type Entrance struct{ Plain, TLS string }

// Any is the first that there is.
func (e Entrance) Any() string { return orDefault(e.Plain, e.TLS) }

// Measurable finds out what can be measured of a frontend; "" is the first one
// that can be reached and serves HTTP.
func (e *Engine) Measurable(ctx context.Context, p *Project, running Balancer, frontend string) (Measurable, error) {
	if isRemote(e.host()) {
		return Measurable{}, &Problem{
			Summary: fmt.Sprintf("the engine of context %q runs on another machine (%s): its loopback interface is not this one's", e.cli.CurrentContext(), e.host()),
			Advice:  "Run docker haproxy on that machine, or " + e.useLocal() + ".",
		}
	}
	reached, err := e.reached(ctx, p.Name)
	if err != nil {
		return Measurable{}, err
	}
	balancer := reached[running.ID]
	m := Measurable{HostNetwork: p.OnHost()}
	for _, listener := range p.webListeners(frontend) {
		address := balancer.onLoopback(listener.Port)
		if m.HostNetwork {
			address = loopback(listener.Port)
		}
		if address == "" || m.Frontend != "" && m.Frontend != listener.Proxy {
			continue
		}
		m.Frontend = listener.Proxy
		if m.Machine.add(listener, address) {
			m.listeners = append(m.listeners, listener)
		}
	}
	if m.Frontend == "" {
		return m, p.noEntrance(frontend)
	}
	m.Relayed = !m.HostNetwork && throughDockerProxy(m.Machine.Any())
	return m, nil
}

// webListeners are the ports of frontends that serve HTTP, and not the stats page.
func (p *Project) webListeners(frontend string) []haproxy.Listener {
	return slices.DeleteFunc(p.listeners(), func(l haproxy.Listener) bool {
		return l.TCP || l.StatsURI != "" || frontend != "" && l.Proxy != frontend
	})
}

func (p *Project) noEntrance(frontend string) error {
	what := "no HTTP frontend"
	if frontend != "" {
		what = fmt.Sprintf("no HTTP frontend named %s", frontend)
	}
	return &Problem{
		Summary: fmt.Sprintf("%s of the load balancer is published on this machine's loopback interface", what),
		Advice: fmt.Sprintf(`Load enters through a published port, such as "127.0.0.1:8080:80" below "ports:" of service %s in %s, for which %s needs a "bind :80"; then "docker haproxy up".`,
			LoadBalancer, p.composeFileName(), p.ConfigName()),
	}
}

// add adds an address, if there is none of its kind yet.
func (e *Entrance) add(listener haproxy.Listener, address string) (added bool) {
	place := &e.Plain
	if listener.TLS {
		place = &e.TLS
	}
	if *place != "" {
		return false
	}
	*place = address
	return true
}

// WithApp completes it with the app: the servers of a backend that take requests
// and are containers of the project.
func (e *Engine) WithApp(ctx context.Context, p *Project, running Balancer, m Measurable, backend Backend) (Measurable, error) {
	reached, err := e.reached(ctx, p.Name)
	if err != nil {
		return m, err
	}
	m.Backend = backend.Name
	for _, server := range backend.Servers {
		address, err := netip.ParseAddrPort(server.Address)
		if err != nil || server.State != ServerUp {
			continue
		}
		m.addServer(reached, address)
	}
	balancer := reached[running.ID]
	if ip := balancer.in(m.Network); ip != "" {
		for _, listener := range p.webListeners(m.Frontend) {
			m.Inside.add(listener, net.JoinHostPort(ip, strconv.Itoa(listener.Port)))
		}
	}
	return m, nil
}

// addServer adds the container that has an address, or that is published there.
func (m *Measurable) addServer(reached map[string]reachable, address netip.AddrPort) {
	for _, c := range reached {
		port := c.portOf(address)
		if port == 0 {
			continue
		}
		if onLoopback := c.onLoopback(port); onLoopback != "" {
			m.AppMachine = append(m.AppMachine, onLoopback)
		}
		if m.Network == "" {
			m.Network = c.networkOf(address.Addr().String())
		}
		if ip := c.in(m.Network); ip != "" {
			m.AppInside = append(m.AppInside, net.JoinHostPort(ip, strconv.Itoa(port)))
		}
		return
	}
}

// reachable is how a container can be reached.
type reachable struct {
	Container

	ports []container.PortSummary
}

// reached looks at the running containers of a project.
func (e *Engine) reached(ctx context.Context, projectName string) (map[string]reachable, error) {
	filters := make(client.Filters).Add("label", api.ProjectLabel+"="+projectName, api.OneoffLabel+"=False")
	listed, err := e.api().ContainerList(ctx, client.ContainerListOptions{Filters: filters})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	found := map[string]reachable{}
	for _, summary := range listed.Items {
		found[summary.ID] = reachable{Container: containerOf(summary), ports: summary.Ports}
	}
	return found, nil
}

// onLoopback is where a port of the container is published on this machine's
// loopback interface.
func (r reachable) onLoopback(port int) string {
	for _, published := range r.ports {
		if published.Type != "tcp" || int(published.PrivatePort) != port || published.PublicPort == 0 {
			continue
		}
		switch ip := orUnspecified(published.IP); {
		case ip == netip.IPv4Unspecified():
			return loopback(int(published.PublicPort))
		case ip.IsLoopback():
			return netip.AddrPortFrom(ip, published.PublicPort).String()
		}
	}
	return ""
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// portOf is the container's own port behind an address of HAProxy's; 0 where the
// address is not the container's.
func (r reachable) portOf(address netip.AddrPort) int {
	if r.HasAddress(address.Addr().String()) {
		return int(address.Port())
	}
	for _, published := range r.ports {
		if address.Addr().IsLoopback() && published.Type == "tcp" && published.PublicPort == address.Port() {
			return int(published.PrivatePort)
		}
	}
	return 0
}

// in is the container's address in a network; "" where it has none.
func (r reachable) in(network string) string {
	for pair := range strings.FieldsSeq(r.networks) {
		if name, address, _ := strings.Cut(pair, "/"); name == network {
			return address
		}
	}
	return ""
}

// networkOf is the network in which the container has an address, or else, for one
// that is reached otherwise, its first network.
func (r reachable) networkOf(ip string) string {
	first := ""
	for pair := range strings.FieldsSeq(r.networks) {
		name, address, _ := strings.Cut(pair, "/")
		if address == ip {
			return name
		}
		first = orDefault(first, name)
	}
	return first
}

// Machine is what a measurement was made on.
type Machine struct {
	Engine string // version
	OS     string // of the engine: linux
	Arch   string // amd64, arm64 ...
	Kernel string
	CPUs   int
	Memory int64 // bytes
}

// Machine asks the engine where it runs.
func (e *Engine) Machine(ctx context.Context) (Machine, error) {
	version, err := e.api().ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return Machine{}, e.explain(ctx, err)
	}
	info, err := e.api().Info(ctx, client.InfoOptions{})
	if err != nil {
		return Machine{}, e.explain(ctx, err)
	}
	return Machine{
		Engine: version.Version, OS: version.Os, Arch: version.Arch,
		Kernel: info.Info.KernelVersion, CPUs: info.Info.NCPU, Memory: info.Info.MemTotal,
	}, nil
}
