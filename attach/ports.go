package attach

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Bypass is a published port by which clients reach a routed service without
// HAProxy.
type Bypass struct {
	Service string
	Host    string // the host's side: 8080, 127.0.0.1:8080
	Port    int    // the container's side
}

// bypass describes a published port of a service.
func bypass(service string, port types.ServicePortConfig) Bypass {
	found := Bypass{Service: service, Host: publishedAs(port), Port: int(port.Target)}
	if port.Published == "" {
		found.Host = "a port that Docker chooses"
	}
	if !isTCP(port) {
		found.Host += "/" + port.Protocol
	}
	return found
}

// takenOver tells whether traffic to a published port of a service comes through
// HAProxy once the routes are there.
func (s Survey) takenOver(name string, port types.ServicePortConfig, routes []Route) bool {
	return isTCP(port) && slices.Contains(s.routedPorts(name, routes), int(port.Target))
}

// routedPorts are the ports of a service that routes lead to, by flag or by label.
func (s Survey) routedPorts(name string, routes []Route) []int {
	var numbers []int
	for _, route := range append(s.labelledRoutes(), routes...) {
		if route.Service != name {
			continue
		}
		if service, _ := s.service(name); route.Port == 0 { // a label that leaves it to the Compose file
			if fitting := service.fitting(route); len(fitting) == 1 {
				route.Port = fitting[0].Number
			}
		}
		numbers = append(numbers, route.Port)
	}
	return numbers
}

// split are the published ports of a service: those that HAProxy takes over, and
// those that stay because no route leads there.
func (s Survey) split(name string, routes []Route) (over, stay []types.ServicePortConfig) {
	for _, port := range s.config(name).Ports {
		if s.takenOver(name, port, routes) {
			over = append(over, port)
		} else {
			stay = append(stay, port)
		}
	}
	return over, stay
}

// portEntry writes a published port as an entry of "ports".
func portEntry(port types.ServicePortConfig) string {
	protocol := cmp.Or(port.Protocol, "tcp")
	if port.Name == "" && port.AppProtocol == "" && cmp.Or(port.Mode, "ingress") == "ingress" {
		text := strconv.Itoa(int(port.Target))
		if host := publishedAs(port); host != "" {
			text = host + ":" + text
		}
		if protocol != "tcp" {
			text += "/" + protocol
		}
		return strconv.Quote(text)
	}
	text := fmt.Sprintf("{ target: %d", port.Target)
	for _, setting := range []struct{ key, value string }{
		{"published", port.Published}, {"host_ip", port.HostIP}, {"protocol", protocol}, {"mode", port.Mode}, {"name", port.Name}, {"app_protocol", port.AppProtocol},
	} {
		if setting.value != "" {
			text += fmt.Sprintf(", %s: %s", setting.key, strconv.Quote(strings.ReplaceAll(setting.value, "$", "$$")))
		}
	}
	return text + " }"
}

// claim is a port of the host that the load balancer wants.
type claim struct {
	compose.HostPort

	what string
	move func(free int) string // the flag that moves it
}

// conflict refuses a port of the host that both the load balancer and a service
// want, unless it is going to be closed.
func (s Survey) conflict(claims []claim, opts Options) error {
	for _, name := range s.Project.ServiceNames() {
		service := s.Project.Services[name]
		over, stay := s.split(name, opts.Routes)
		if !opts.ClosePorts {
			stay = service.Ports
		}
		service.Ports = stay
		for _, taken := range compose.Published(service) {
			for _, want := range claims {
				if want.Overlaps(taken.Addr, taken.Port) {
					closable := slices.ContainsFunc(over, func(p types.ServicePortConfig) bool { return p.Target == taken.Target })
					return portWanted(s.Project, name, taken, want, closable)
				}
			}
		}
	}
	return nil
}

func portWanted(project *types.Project, service string, taken compose.HostPort, want claim, closable bool) error {
	ways := []string{fmt.Sprintf("Give HAProxy another one: %s", want.move(freeHostPort(project, int(want.Port))))}
	if closable {
		ways = append([]string{"Let HAProxy take its place, so that requests no longer go past it: --close-ports"}, ways...)
	}
	return &compose.Problem{
		Summary: fmt.Sprintf("service %s publishes port %d of this machine, which HAProxy needs for %s; nothing was changed", service, taken.Port, want.what),
		Advice:  strings.Join(ways, "\n"),
	}
}

// freeHostPort is a port that no service of the project publishes.
func freeHostPort(project *types.Project, wanted int) int {
	taken := map[int]bool{}
	for _, service := range project.Services {
		for _, port := range compose.Published(service) {
			taken[int(port.Port)] = true
		}
	}
	candidate := wanted + 8000
	if wanted > 1024 {
		candidate = wanted + 1
	}
	for candidate < 65535 && taken[candidate] {
		candidate++
	}
	return candidate
}

// claimed is a claim on a TCP port at an address of the host.
func claimed(address string, port, target int, what string, move func(int) string) claim {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		addr = netip.IPv4Unspecified()
	}
	return claim{HostPort: compose.HostPort{Addr: addr, Port: uint16(port), Target: uint32(target)}, what: what, move: move}
}
