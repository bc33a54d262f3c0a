package compose

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Address is where a person reaches a frontend of the load balancer from this
// machine.
type Address struct {
	Frontend string
	URL      string // "" for plain TCP
	HostPort string // localhost:80
	Stats    bool   // the frontend shows the stats page
}

// Addresses joins the ports that the configuration listens on with those that
// the Compose file publishes; on the host's network they are the same.
func (p *Project) Addresses() []Address {
	var addresses []Address
	for _, listener := range p.listeners() {
		for _, port := range p.hostSide(listener) {
			addresses = append(addresses, addressOf(listener, port))
		}
	}
	return addresses
}

// hostSide are the ports of the host that lead to a listener.
func (p *Project) hostSide(listener haproxy.Listener) []HostPort {
	if p.OnHost() {
		return onHostItself(listener)
	}
	return slices.DeleteFunc(p.publishedPortsOf(LoadBalancer), func(port HostPort) bool { return int(port.Target) != listener.Port })
}

func (p *Project) listeners() []haproxy.Listener {
	var listeners []haproxy.Listener
	files, _ := p.configFiles()
	for _, file := range files {
		listeners = append(listeners, haproxy.Listeners(file.Content)...)
	}
	return listeners
}

func addressOf(listener haproxy.Listener, port HostPort) Address {
	scheme, usual := "http", uint16(80)
	if listener.TLS {
		scheme, usual = "https", 443
	}
	address := Address{
		Frontend: listener.Proxy,
		HostPort: net.JoinHostPort(browsable(port.Addr), strconv.Itoa(int(port.Port))),
		Stats:    listener.StatsURI != "",
	}
	if listener.TCP {
		return address
	}
	host := address.HostPort
	if port.Port == usual {
		host = strings.TrimSuffix(host, ":"+strconv.Itoa(int(usual)))
	}
	address.URL = scheme + "://" + host
	if address.Stats && listener.StatsURI != "/" {
		address.URL += listener.StatsURI
	}
	return address
}

// browsable is the name for an address of this machine that people know.
func browsable(addr netip.Addr) string {
	if !addr.IsValid() || addr.IsUnspecified() || addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return "localhost"
	}
	return addr.String()
}
