package compose

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"
)

// hostPort is a TCP port of the host; an unspecified address means all.
type hostPort struct {
	addr   netip.Addr
	port   uint16
	target uint32 // the container's side
}

// overlaps tells whether two listeners would get in each other's way.
func (h hostPort) overlaps(addr netip.Addr, port uint16) bool {
	return h.port == port && (h.addr.IsUnspecified() || addr.IsUnspecified() || h.addr == addr)
}

// PortsFree finds out, before anything is created, whether a port that the
// project publishes is taken by somebody else, and by whom.
func (e *Engine) PortsFree(ctx context.Context, p *Project) error {
	wanted := p.publishedPorts()
	published, err := e.api().ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return e.explain(ctx, err)
	}
	ours := map[hostPort]bool{}
	for _, c := range published.Items {
		for _, port := range c.Ports {
			for _, want := range wanted {
				if port.Type != "tcp" || !want.overlaps(orUnspecified(port.IP), port.PublicPort) {
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
	for _, want := range wanted {
		if ours[want] {
			continue
		}
		if process, taken := listener(want); taken {
			return portTaken(want, p, process)
		}
	}
	return nil
}

// publishedPorts are the TCP ports that the project's services ask for on the
// host. Ranges are left to the engine.
func (p *Project) publishedPorts() []hostPort {
	return p.publishedPortsOf(p.ServiceNames()...)
}

func (p *Project) publishedPortsOf(services ...string) []hostPort {
	var ports []hostPort
	for _, name := range services {
		for _, config := range p.Services[name].Ports {
			number, err := strconv.ParseUint(config.Published, 10, 16)
			if err != nil || number == 0 || (config.Protocol != "" && config.Protocol != "tcp") {
				continue
			}
			addr, err := netip.ParseAddr(orDefault(config.HostIP, "0.0.0.0"))
			if err != nil {
				continue
			}
			ports = append(ports, hostPort{addr: addr, port: uint16(number), target: config.Target})
		}
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
func portTaken(want hostPort, p *Project, holder string) error {
	flag := ""
	switch want.target {
	case 80:
		flag = `, or "docker haproxy init --force --http-port PORT"`
	case 8404:
		flag = `, or "docker haproxy init --force --stats-port PORT"`
	}
	return &Problem{
		Summary: fmt.Sprintf("port %d is taken by %s", want.port, holder),
		Advice:  fmt.Sprintf(`Stop that, or use another port: "ports:" in %s%s.`, p.composeFileName(), flag),
	}
}

func (p *Project) composeFileName() string {
	if len(p.ComposeFiles) == 0 {
		return "the Compose file"
	}
	return shorten(p.ComposeFiles[0])
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
		if strconv.Itoa(int(want.port)) == match[2] {
			if err := e.PortsFree(ctx, p); err != nil {
				return err
			}
			return portTaken(want, p, "another process")
		}
	}
	return cause
}
