package compose

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Limit is how many more containers of a service fit beside those that there are.
type Limit struct {
	Spare int
	Why   string // what of the machine they cannot share; "" where any number fits
}

// Limit reads what the definition asks for that only one container, or a few, can
// have: a name, a port of the host, an address.
func (e *Engine) Limit(ctx context.Context, d Definition, there []Container) (Limit, error) {
	if why := d.single(); why != "" {
		return Limit{Spare: max(0, 1-len(there)), Why: why}, nil
	}
	var limit Limit
	for _, config := range d.Service.Ports {
		ports, ok := publishedRange(config)
		if !ok {
			continue
		}
		free, err := e.freePorts(ctx, ports)
		if err != nil {
			return Limit{}, err
		}
		if limit.Why == "" || free < limit.Spare {
			limit = Limit{Spare: free, Why: "port range " + config.Published}
		}
	}
	return limit, nil
}

// single is what a second container of the service cannot have; "" where it can run
// beside the first.
func (d Definition) single() string {
	if d.Service.ContainerName != "" {
		return "container_name: " + d.Service.ContainerName
	}
	for _, port := range d.Service.Ports {
		if number, err := strconv.Atoi(port.Published); err == nil && number > 0 {
			return "published port " + port.Published
		}
	}
	if d.Service.NetworkMode == "host" {
		return "network_mode: host"
	}
	for _, network := range d.Service.Networks {
		if network != nil && network.Ipv4Address+network.Ipv6Address != "" {
			return "fixed address " + cmp.Or(network.Ipv4Address, network.Ipv6Address)
		}
	}
	return ""
}

// portRange are ports of the host of which the engine gives each container one.
type portRange struct {
	addr        netip.Addr
	protocol    string
	first, last uint16
}

// publishedRange reads "21170-21173".
func publishedRange(config types.ServicePortConfig) (portRange, bool) {
	first, last, found := strings.Cut(config.Published, "-")
	from, err := strconv.ParseUint(first, 10, 16)
	to, toErr := strconv.ParseUint(last, 10, 16)
	addr, addrErr := netip.ParseAddr(cmp.Or(config.HostIP, "0.0.0.0"))
	if !found || err != nil || toErr != nil || addrErr != nil || from > to {
		return portRange{}, false
	}
	return portRange{addr, cmp.Or(config.Protocol, "tcp"), uint16(from), uint16(to)}, true
}

// freePorts counts the ports of a range that no container has, nor, as far as this
// machine can see it, any other process.
func (e *Engine) freePorts(ctx context.Context, ports portRange) (int, error) {
	running, err := e.api().ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return 0, e.explain(ctx, err)
	}
	local, free := !isRemote(e.host()), 0
	for number := int(ports.first); number <= int(ports.last); number++ {
		want := HostPort{Addr: ports.addr, Port: uint16(number)} //nolint:gosec // bounded by ports.last
		published := slices.ContainsFunc(running.Items, func(c container.Summary) bool {
			return slices.ContainsFunc(c.Ports, func(port container.PortSummary) bool {
				return port.Type == ports.protocol && want.Overlaps(orUnspecified(port.IP), port.PublicPort)
			})
		})
		if published {
			continue
		}
		if local && ports.protocol == "tcp" {
			if holder, taken := listener(want); taken && holder.Name != dockerProxy {
				continue
			}
		}
		if free++; free == enoughPorts {
			break
		}
	}
	return free, nil
}

// enoughPorts is more than a service starts containers at a time.
const enoughPorts = 100
