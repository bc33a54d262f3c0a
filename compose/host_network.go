package compose

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/templates"
)

// HAProxy on the host's network (network_mode: host) opens its ports on the
// engine's machine itself: no NAT, and no "ports:". It reaches the containers of
// a bridge network at their addresses, but not Docker's DNS, which answers inside
// a network's containers only. So a second container, the Forwarder, passes its
// questions on, through a UNIX socket on a volume in memory. All else is as in
// bridge mode: containers that come and go, rollouts, status.
//
// What was tried instead: a fixed ipv4_address for each app container needs a
// subnet that is free on every machine, and leaves no room for a new container
// beside the old one in a rollout; a port of the loopback interface for each
// container, or for the Forwarder, is open to all users of the machine, and may be
// taken by one of them while its owner is restarted.

// Forwarder is the Compose service that answers HAProxy's questions for names.
const Forwarder = "haproxy-dns"

// What network_mode of the load balancer init knows.
const (
	BridgeNetwork = "bridge"
	HostNetwork   = "host"
)

// NetworkModes are what --network-mode takes, the usual one first.
func NetworkModes() []string { return []string{BridgeNetwork, HostNetwork} }

// UsualHTTPPort is the port for requests where none is asked for. Of the host's
// own ports those below 1024 are for root only, which HAProxy is not: it has a
// user of its own, and a capability (cap_add: NET_BIND_SERVICE) is of no use to
// one that is not root.
func UsualHTTPPort(mode string) int {
	if mode == HostNetwork {
		return 8080
	}
	return 80
}

// forwarderSocket is where the Forwarder answers, in HAProxy's container.
const forwarderSocket = "/var/run/haproxy-dns/dns.sock"

// The ports on which the load balancer listens in its container.
const (
	BalancerHTTPPort  = 80
	BalancerStatsPort = 8404
)

// OnHost tells whether HAProxy is to use the host's network.
func (d Demo) OnHost() bool { return d.NetworkMode == HostNetwork }

// Forwarder is the name of the service that answers questions for names.
func (d Demo) Forwarder() string { return Forwarder }

// ForwarderNetworks are those in which it knows the names of.
func (d Demo) ForwarderNetworks() Memberships { return Memberships{{Network: d.Network}} }

// HTTPBind is where HAProxy listens for requests: in a container of its own on
// port 80, which "ports:" maps.
func (d Demo) HTTPBind() string {
	if d.OnHost() {
		return ":" + strconv.Itoa(d.HTTPPort)
	}
	return ":80"
}

// StatsBind is where HAProxy listens for the stats page.
func (d Demo) StatsBind() string {
	if d.OnHost() {
		return d.StatsPublish()
	}
	return "*:8404"
}

// HTTPBind6 is the same for IPv6, in a line of its own: on a socket for both, clients
// of IPv4 would come from ::ffff:192.0.2.1. "" is none.
func (d Demo) HTTPBind6() string {
	if !d.IPv6 {
		return ""
	}
	return "[::]" + d.HTTPBind() + " v6only"
}

// StatsBind6 is where HAProxy listens for the stats page besides, where the host's side
// of it is an address of IPv6: Docker leads it to that of the container. "" is nowhere.
func (d Demo) StatsBind6() string {
	if addr, err := netip.ParseAddr(d.StatsAddress); d.OnHost() || err != nil || addr.Unmap().Is4() {
		return ""
	}
	return "[::]:8404 v6only"
}

// InitAddr is how a server gets its first address.
func (d Demo) InitAddr() string {
	if d.OnHost() {
		return "last,none"
	}
	return "last,libc,none"
}

func forwarderConfig() File {
	return File{Path: DNSConfigName, Content: []byte(templates.ForwarderConfig)}
}

// ProvenOnHost compares what Compose understood of the load balancer and its
// Forwarder with what they must be on the host's network.
func ProvenOnHost(balancer, forwarder types.ServiceConfig) error {
	switch {
	case balancer.NetworkMode != HostNetwork:
		return fmt.Errorf("service %s has network_mode %q", LoadBalancer, balancer.NetworkMode)
	case len(balancer.Ports) > 0 || len(balancer.Networks) > 0:
		return fmt.Errorf("service %s has ports or networks beside network_mode: host", LoadBalancer)
	case len(forwarder.Networks) == 0 || len(forwarder.Ports) > 0:
		return fmt.Errorf("service %s must have networks and no ports", Forwarder)
	}
	return nil
}

// OnHost tells whether HAProxy uses the network of the engine's machine.
func (p *Project) OnHost() bool { return p.balancer.NetworkMode == HostNetwork }

// reach are the networks whose containers HAProxy finds by name: its own, or on
// the host's network those of the Forwarder.
func (p *Project) reach() map[string]*types.ServiceNetworkConfig {
	if p.OnHost() {
		return p.Services[Forwarder].Networks
	}
	return p.balancer.Networks
}

// finder is the service whose networks reach gives.
func (p *Project) finder() string {
	if p.OnHost() {
		return Forwarder
	}
	return LoadBalancer
}

// hostListeners are the ports that HAProxy opens on the host itself: those of the
// base config, and those that labels ask for.
func (p *Project) hostListeners() []HostPort {
	var ports []HostPort
	files, _ := p.baseFiles()
	for _, file := range files {
		for _, listener := range haproxy.Listeners(file.Content) {
			ports = append(ports, onHostItself(listener)...)
		}
	}
	if _, _, loads := p.generatedFolder(); !loads {
		return ports
	}
	ports = append(ports, onAllAddresses(labels.ParseFrontend(LoadBalancer, p.balancer.Labels).Port, BalancerHTTPPort))
	for _, port := range p.listens() {
		ports = append(ports, onAllAddresses(port, port))
	}
	return ports
}

// listens are the ports of plain TCP that labels ask for, each once.
func (p *Project) listens() []int {
	var ports []int
	for _, service := range p.routable() {
		for _, spec := range labels.Parse(service.Name, service.Labels, p.readProjectFile).Specs {
			if spec.Listen != 0 {
				ports = append(ports, spec.Listen)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func onAllAddresses(port, target int) HostPort {
	return HostPort{Addr: netip.IPv4Unspecified(), Port: uint16(port), Target: uint32(target), direct: true}
}

// onHostItself is a listener as the host has it; none where its address is not
// known. target says what it is for, as in a container of its own.
func onHostItself(listener haproxy.Listener) []HostPort {
	port := onAllAddresses(listener.Port, BalancerHTTPPort)
	switch {
	case listener.StatsURI != "":
		port.Target = BalancerStatsPort
	case listener.TCP:
		port.Target = uint32(port.Port)
	}
	if listener.Host != "" {
		addr, err := netip.ParseAddr(listener.Host)
		if err != nil {
			return nil
		}
		port.Addr = addr
	}
	return []HostPort{port}
}

// listensBy says where a port is written that HAProxy listens on.
func (p *Project) listensBy(port HostPort) string {
	files, _ := p.baseFiles()
	for _, file := range files {
		for _, listener := range haproxy.Listeners(file.Content) {
			if listener.Port == int(port.Port) {
				return fmt.Sprintf(`the "bind" of frontend %s in %s`, listener.Proxy, p.DisplayPath(file.Name))
			}
		}
	}
	if port.Target == BalancerHTTPPort {
		return fmt.Sprintf("the label haproxy.http-port of service %s", LoadBalancer)
	}
	return "the label haproxy.listen"
}

// usingHostNetwork are the containers that open their ports on the host itself.
func usingHostNetwork(containers []container.Summary) []container.Summary {
	return slices.DeleteFunc(slices.Clone(containers), func(c container.Summary) bool { return c.HostConfig.NetworkMode != HostNetwork })
}

// listeningContainer finds the container that a listening process belongs to;
// ours tells that it is the project's own load balancer, whose successor gets the
// port. A process that this user may not see is taken for HAProxy's, if that runs.
func (e *Engine) listeningContainer(ctx context.Context, p *Project, onHost []container.Summary, holder process) (name string, ours bool, err error) {
	for _, c := range onHost {
		own := c.Labels[api.ProjectLabel] == p.Name && c.Labels[api.ServiceLabel] == LoadBalancer
		if holder.PID == 0 && own {
			return "", true, nil
		}
		belongs, err := e.runsIn(ctx, c.ID, holder.PID)
		if err != nil {
			return "", false, err
		}
		if belongs {
			return containerHolder(c.Names, c.Labels[api.ProjectLabel]), own, nil
		}
	}
	return "", false, nil
}

// runsIn tells whether a process of the host is one of a container's.
func (e *Engine) runsIn(ctx context.Context, id string, pid int) (bool, error) {
	if pid == 0 {
		return false, nil
	}
	top, err := e.api().ContainerTop(ctx, id, client.ContainerTopOptions{})
	if err != nil {
		return false, ctx.Err() // it ended meanwhile
	}
	column := slices.Index(top.Titles, "PID")
	return column >= 0 && slices.ContainsFunc(top.Processes, func(row []string) bool {
		return column < len(row) && row[column] == strconv.Itoa(pid)
	}), nil
}

// groundToBe is what is known of the container of a load balancer that does not
// run. Of a network of its own nothing can be said before; of the host's, which
// ports are for root only.
func (e *Engine) groundToBe(ctx context.Context, p *Project) haproxy.Container {
	in := haproxy.Container{Resources: func() haproxy.Resources { return e.resourcesToBe(ctx, p) }}
	if p.OnHost() && !isRemote(e.host()) {
		in.Network = func() haproxy.Network {
			return haproxy.Network{Host: true, LowPorts: lowPorts(), MayBind: p.mayBeRoot()}
		}
	}
	return in
}

// mayBeRoot tells whether HAProxy may run as root in its container.
func (p *Project) mayBeRoot() bool {
	user, _, _ := strings.Cut(p.balancer.User, ":")
	return slices.Contains([]string{"", "0", "root"}, user)
}

// lowPorts is the first port of this machine that is not for root only; 0 where
// that is not known.
func lowPorts() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return 0 // not Linux: the engine runs in a virtual machine
	}
	number, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return number
}

// HostNotes are what a person should know about the host's network on this
// engine: what it is, and which of some ports are not to be had.
func (e *Engine) HostNotes(ctx context.Context, ports ...int) []string {
	notes := nonEmpty(e.hostMeaning(ctx))
	if isRemote(e.host()) {
		return notes
	}
	for _, port := range ports {
		if low := lowPorts(); port < low {
			notes = append(notes, lowPortNote(port, low))
		}
	}
	return notes
}

// lowPortNote is what to do about a port that is for root only.
func lowPortNote(port, low int) string {
	return fmt.Sprintf(`HAProxy runs without root, and ports below %d of this machine are for root only: "up" is going to refuse port %d. Use a higher one, such as %d; or let every user of this machine listen on low ones: sudo sysctl -w net.ipv4.ip_unprivileged_port_start=%d (a file in /etc/sysctl.d keeps it).`, low, port, port+8000, port)
}

// hostMeaning says what the host's network is on this engine, where it is not
// simply that of this machine; "" where it is, or nobody can be asked.
func (e *Engine) hostMeaning(ctx context.Context) string {
	host := e.host()
	if isRemote(host) {
		return hostMeaning(host, system.Info{})
	}
	found, err := e.api().Info(ctx, client.InfoOptions{})
	if err != nil {
		return ""
	}
	return hostMeaning("", found.Info)
}

func hostMeaning(remote string, info system.Info) string {
	switch {
	case remote != "":
		name := remote
		if u, err := url.Parse(remote); err == nil && u.Hostname() != "" {
			name = u.Hostname()
		}
		return fmt.Sprintf("The host's network is that of the engine's machine, %s, and not this one's: requests go there, and the stats page is open to that machine only (ssh -L PORT:127.0.0.1:PORT %s).", name, name)
	case info.OperatingSystem == dockerDesktop:
		return `Docker Desktop runs containers in a virtual machine, whose network is the host's here. HAProxy is reached from this machine only with Docker Desktop 4.34 or newer and "Enable host networking" in Settings > Resources > Network, over IPv4; it saves no NAT there. --network-mode bridge works without.`
	case hasSecurity(info, "name=rootless"):
		return "This engine runs without root: its host's network is one of its own, and ports that HAProxy opens there are not reached from this machine. Use --network-mode bridge."
	case hasSecurity(info, "name=userns"):
		return "This engine maps users (userns-remap), and refuses network_mode: host to containers that are mapped. Use --network-mode bridge."
	}
	return ""
}

// dockerDesktop is what its engine says it runs on.
const dockerDesktop = "Docker Desktop"

// hasSecurity tells whether an engine has a security option.
func hasSecurity(info system.Info, option string) bool {
	return slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return o == option || strings.HasPrefix(o, option+",") })
}

// forwarderLeft tells whether a project that is in bridge mode again has still a
// Forwarder.
func forwarderLeft(model *types.Project, had State) bool {
	if model == nil || had.of(Forwarder) == nil {
		return false
	}
	_, needed := model.AllServices()[Forwarder]
	return !needed
}

// retireForwarder removes what is left of the Forwarder in bridge mode. Compose
// would keep it as an orphan.
func (e *Engine) retireForwarder(ctx context.Context, model *types.Project, had State) {
	if !forwarderLeft(model, had) {
		return
	}
	left := State{project: had.project}
	for _, c := range had.containers {
		if c.Service == Forwarder {
			left.containers = append(left.containers, c)
		}
	}
	if len(e.remove(ctx, left)) == 0 {
		e.removeSocket(ctx, had.project)
	}
}

// removeSocket removes the volume of the Forwarder's socket, which holds nothing
// once its containers are gone. It lists what stayed.
func (e *Engine) removeSocket(ctx context.Context, project string) (left []string) {
	found, err := e.api().VolumeList(ctx, client.VolumeListOptions{
		Filters: make(client.Filters).Add("label", api.ProjectLabel+"="+project, api.VolumeLabel+"="+Forwarder),
	})
	if err != nil {
		return []string{"perhaps volume " + Forwarder}
	}
	s := State{project: project}
	for _, v := range found.Items {
		if v.Labels[api.VolumeLabel] == Forwarder {
			s.volumes = append(s.volumes, resource{id: v.Name, name: v.Name})
		}
	}
	return e.remove(ctx, s)
}
