package attach

import (
	"fmt"
	"net/netip"
	"slices"
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

// bypasses are the published ports of services, in their order.
func bypasses(project *types.Project, services []string) []Bypass {
	var found []Bypass
	for _, name := range services {
		for _, port := range project.AllServices()[name].Ports {
			bypass := Bypass{Service: name, Host: publishedAs(port), Port: int(port.Target)}
			if port.Published == "" {
				bypass.Host = "a port that Docker chooses"
			}
			found = append(found, bypass)
		}
	}
	return found
}

// claim is a port of the host that the load balancer wants.
type claim struct {
	compose.HostPort

	what string
	move func(free int) string // the flag that moves it
}

// conflict refuses a port of the host that both the load balancer and a service
// want; closing are the services whose ports are going to be closed.
func conflict(project *types.Project, claims []claim, routed, closing []string) error {
	for _, name := range project.ServiceNames() {
		if slices.Contains(closing, name) {
			continue
		}
		for _, taken := range compose.Published(project.Services[name]) {
			for _, want := range claims {
				if want.Overlaps(taken.Addr, taken.Port) {
					return portWanted(project, name, taken, want, slices.Contains(routed, name))
				}
			}
		}
	}
	return nil
}

func portWanted(project *types.Project, service string, taken compose.HostPort, want claim, routed bool) error {
	ways := []string{fmt.Sprintf("Give HAProxy another one: %s", want.move(freeHostPort(project, int(want.Port))))}
	if routed {
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
