package compose

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/client"
)

// Membership is a network that a container joins. Addresses that are not given are
// Docker's choice.
type Membership struct{ Network, IPv4, IPv6 string }

// Addresses are the settings of a membership in a Compose file; "" is none.
func (m Membership) Addresses() string {
	switch {
	case m.IPv4 != "" && m.IPv6 != "":
		return `ipv4_address: "` + m.IPv4 + `", ipv6_address: "` + m.IPv6 + `"`
	case m.IPv4 != "":
		return `ipv4_address: "` + m.IPv4 + `"`
	case m.IPv6 != "":
		return `ipv6_address: "` + m.IPv6 + `"`
	}
	return ""
}

// Memberships are those of one container.
type Memberships []Membership

// Pinned tells whether an address is given.
func (m Memberships) Pinned() bool {
	return slices.ContainsFunc(m, func(one Membership) bool { return one.Addresses() != "" })
}

// MembershipsOf are those of a service, in the order of the networks' names.
func MembershipsOf(service types.ServiceConfig) Memberships {
	var all Memberships
	for _, name := range slices.Sorted(maps.Keys(service.Networks)) {
		one := Membership{Network: name}
		if config := service.Networks[name]; config != nil {
			one.IPv4, one.IPv6 = config.Ipv4Address, config.Ipv6Address
		}
		all = append(all, one)
	}
	return all
}

// NetworkFacts are what the engine tells of a network.
type NetworkFacts struct {
	Pools []*types.IPAMPool
	Taken []netip.Addr // by containers that run
}

// ExternalNetworks looks up the networks of a project that are not its own, by their
// keys. One that the engine does not tell of is left out.
func (e *Engine) ExternalNetworks(ctx context.Context, project *types.Project) map[string]NetworkFacts {
	found := map[string]NetworkFacts{}
	for key, network := range project.Networks {
		if !network.External {
			continue
		}
		inspected, err := e.api().NetworkInspect(ctx, network.Name, client.NetworkInspectOptions{})
		if err != nil {
			continue
		}
		var facts NetworkFacts
		for _, pool := range inspected.Network.IPAM.Config {
			config := &types.IPAMPool{Subnet: pool.Subnet.String()}
			if pool.IPRange.IsValid() {
				config.IPRange = pool.IPRange.String()
			}
			if pool.Gateway.IsValid() {
				config.Gateway = pool.Gateway.String()
			}
			facts.Pools = append(facts.Pools, config)
		}
		for _, container := range inspected.Network.Containers {
			if strings.HasPrefix(container.Name, project.Name+"-"+LoadBalancer) {
				continue // from an earlier time: it is the one that an address is looked for
			}
			facts.Taken = append(facts.Taken, container.IPv4Address.Addr(), container.IPv6Address.Addr())
		}
		found[key] = facts
	}
	return found
}
