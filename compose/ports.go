package compose

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"
)

// HostPort is a TCP port of the host; an unspecified address means all, for
// Docker publishes on both families.
type HostPort struct {
	Addr   netip.Addr
	Port   uint16
	Target uint32 // the container's side

	direct bool // HAProxy listens there itself, on the host's network
}

// Overlaps tells whether somebody's listener would get in the way. Of others'
// listeners, 0.0.0.0 has the IPv4 addresses only, and :: has both families.
func (h HostPort) Overlaps(addr netip.Addr, port uint16) bool {
	all := h.Addr.IsUnspecified() && (!h.direct || h.Addr.Is6() || addr.Is4())
	return h.Port == port && (h.Addr == addr || all || addr.IsUnspecified() && (addr.Is6() || h.Addr.Is4()))
}

// PortsFree finds out, before anything is created, whether a port that the
// project needs of the host is taken by somebody else, and by whom.
func (e *Engine) PortsFree(ctx context.Context, p *Project) error {
	if err := p.publishedOnce(); err != nil {
		return err
	}
	wanted := p.publishedPorts()
	published, err := e.api().ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return e.explain(ctx, err)
	}
	ours := map[HostPort]bool{}
	for _, c := range published.Items {
		for _, port := range c.Ports {
			for _, want := range wanted {
				if port.Type != "tcp" || !want.Overlaps(orUnspecified(port.IP), port.PublicPort) {
					continue
				}
				if c.Labels[api.ProjectLabel] == p.Name {
					ours[want] = true
					continue
				}
				return portTaken(want, p, containerHolder(c.Names, c.Labels[api.ProjectLabel]))
			}
		}
	}
	if isRemote(e.host()) {
		return nil
	}
	onHost := usingHostNetwork(published.Items)
	for _, want := range wanted {
		if ours[want] {
			continue
		}
		holder, taken := listener(want)
		if !taken || holder.Name == dockerProxy {
			continue
		}
		container, ours, err := e.listeningContainer(ctx, p, onHost, holder)
		if err != nil {
			return err
		}
		if !ours {
			return portTaken(want, p, orDefault(container, holder.String()))
		}
	}
	return nil
}

// process is a process of this machine, as far as this user may see it.
type process struct {
	Name string
	PID  int // 0 where it is not known
}

func (p process) String() string {
	if p.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("process %s (PID %d)", p.Name, p.PID)
}

// dockerProxy is the engine's own listener for a published port. Its container
// is in the engine's list, or is being started or stopped this very moment:
// whether it stands in the way, the engine knows better.
const dockerProxy = "docker-proxy"

// publishedOnce refuses two services that ask for the same port of the host.
func (p *Project) publishedOnce() error {
	names := p.ServiceNames()
	for i, name := range names {
		for _, other := range names[i+1:] {
			for _, port := range p.publishedPortsOf(name) {
				for _, same := range p.publishedPortsOf(other) {
					if port.Overlaps(same.Addr, same.Port) {
						return p.wantedTwice(name, other, port, same)
					}
				}
			}
		}
	}
	return nil
}

func (p *Project) wantedTwice(name, other string, port, same HostPort) error {
	problem := &Problem{
		Summary: fmt.Sprintf("services %s and %s both publish port %d", name, other, port.Port),
		Advice:  fmt.Sprintf(`Take it from one of them: "ports:" in %s.`, p.composeFileName()),
	}
	if port.direct || same.direct {
		problem.Summary = fmt.Sprintf("services %s and %s both want port %d of this machine", name, other, port.Port)
		problem.Advice = fmt.Sprintf(`Take it from one of them: "ports:" in %s, or what HAProxy listens on: %s.`, p.composeFileName(), p.listensBy(port))
	}
	return problem
}

// publishedPorts are the TCP ports that the project's services ask for on the
// host.
func (p *Project) publishedPorts() []HostPort {
	return p.publishedPortsOf(p.ServiceNames()...)
}

func (p *Project) publishedPortsOf(services ...string) []HostPort {
	var ports []HostPort
	for _, name := range services {
		if name == LoadBalancer && p.OnHost() {
			ports = append(ports, p.hostListeners()...)
			continue
		}
		ports = append(ports, Published(p.Services[name])...)
	}
	return ports
}

// Published are the TCP ports that a service asks for on the host under "ports".
// Ranges are left to the engine.
func Published(service types.ServiceConfig) []HostPort {
	var ports []HostPort
	for _, config := range service.Ports {
		number, err := strconv.ParseUint(config.Published, 10, 16)
		if err != nil || number == 0 || (config.Protocol != "" && config.Protocol != "tcp") {
			continue
		}
		addr, err := netip.ParseAddr(orDefault(config.HostIP, "0.0.0.0"))
		if err != nil {
			continue
		}
		ports = append(ports, HostPort{Addr: addr, Port: uint16(number), Target: config.Target})
	}
	return ports
}

func orUnspecified(addr netip.Addr) netip.Addr {
	if !addr.IsValid() {
		return netip.IPv4Unspecified()
	}
	return addr
}

func containerHolder(names []string, project string) string {
	holder := "another container"
	if len(names) > 0 {
		holder = "container " + strings.TrimPrefix(names[0], "/")
	}
	if project != "" {
		holder += fmt.Sprintf(" (project %q)", project)
	}
	return holder
}

// portTaken says who has the port and what moves it.
func portTaken(want HostPort, p *Project, holder string) error {
	flag := ""
	switch want.Target {
	case BalancerHTTPPort:
		flag = ` ("docker haproxy init" takes --http-port)`
	case BalancerStatsPort:
		flag = ` ("docker haproxy init" takes --stats-port)`
	}
	where := `"ports:" in ` + p.composeFileName()
	if want.direct {
		where = p.listensBy(want)
	}
	return &Problem{
		Summary: fmt.Sprintf("port %d is taken by %s", want.Port, holder),
		Advice:  fmt.Sprintf(`Stop that, or use another port: %s%s.`, where, flag),
	}
}

func (p *Project) composeFileName() string {
	if len(p.ComposeFiles) == 0 {
		return "the Compose file"
	}
	return ShortPath(p.ComposeFiles[0])
}

// boundAddress finds the address in the engine's messages, such as
// "Bind for 0.0.0.0:8080 failed" and "listen tcp4 0.0.0.0:8080: bind: …".
var boundAddress = regexp.MustCompile(`((?:\d+\.){3}\d+|\[[0-9a-f:]+\]):(\d+)`)

// explainPort names the holder of a port that was lost to somebody between
// PortsFree and the start.
func (e *Engine) explainPort(ctx context.Context, p *Project, cause error) error {
	match := boundAddress.FindStringSubmatch(cause.Error())
	if match == nil {
		return cause
	}
	for _, want := range p.publishedPorts() {
		if strconv.Itoa(int(want.Port)) == match[2] {
			if err := e.PortsFree(ctx, p); err != nil {
				return err
			}
			return portTaken(want, p, "another process")
		}
	}
	return cause
}

// FreePorts are TCP ports of 127.0.0.1 that nobody has at this moment. They are
// below those that systems give to outgoing connections, one of which might have
// taken it when HAProxy comes to open it.
func FreePorts(ctx context.Context, count int) ([]int, error) {
	const first, last = 20000, 32000
	var ports []int
	for _, offset := range rand.Perm(last - first) {
		if len(ports) == count {
			return ports, nil
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(first+offset))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			ports = append(ports, first+offset)
			_ = listener.Close()
		}
	}
	return nil, fmt.Errorf("no %d ports of 127.0.0.1 are free from %d to %d", count, first, last)
}
