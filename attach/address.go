package attach

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Docker gives a container the lowest address that is free, and a service may have
// claimed that one for itself (ipv4_address): whichever starts first wins, and the
// service cannot start. So HAProxy gets an address of its own on such a network, from
// the end of the subnet where Docker's own choice comes last.

// memberships are the networks that HAProxy joins, with an address of its own where
// services claim theirs. unknown says of which networks it is not known which
// addresses there are.
func (s Survey) memberships(networks []string) (joined compose.Memberships, unknown []string, err error) {
	for _, network := range networks {
		one := compose.Membership{Network: network}
		for _, version := range []struct {
			name string
			six  bool
			is   *string
		}{{"IPv4", false, &one.IPv4}, {"IPv6", true, &one.IPv6}} {
			claimed, by := s.claimed(network, version.six)
			if by == "" {
				continue
			}
			pools, taken := s.pools(network, version.six)
			if len(pools) == 0 {
				unknown = append(unknown, fmt.Sprintf("Service %s claims an address of network %s, whose subnet is not known here: give service haproxy one as well (%s_address), so that it does not take that one.", by, network, map[bool]string{false: "ipv4", true: "ipv6"}[version.six]))
				continue
			}
			address, found := ownAddress(pools, append(claimed, taken...))
			if !found {
				return nil, nil, &compose.Problem{
					Summary: fmt.Sprintf("network %s has no %s address left for HAProxy beside those that services claim; nothing was changed", network, version.name),
					Advice:  "Give the network a larger subnet, or choose another one with --network.",
				}
			}
			*version.is = address.String()
		}
		joined = append(joined, one)
	}
	return joined, unknown, nil
}

// claimed are the addresses that services want to have in a network, and one of these
// services.
func (s Survey) claimed(network string, six bool) (addresses []netip.Addr, by string) {
	for _, service := range s.Services {
		config := s.config(service.Name).Networks[network]
		if config == nil {
			continue
		}
		text := config.Ipv4Address
		if six {
			text = config.Ipv6Address
		}
		if address, err := netip.ParseAddr(text); err == nil {
			addresses, by = append(addresses, address), service.Name
		}
	}
	return addresses, by
}

// pool is a subnet that containers of a network get their addresses from.
type pool struct {
	subnet  netip.Prefix
	dynamic netip.Prefix // that Docker chooses from; invalid is all of it
	not     []netip.Addr // for others than containers
}

// pools are those of a network, of one version of IP, and the addresses that
// containers have there now.
func (s Survey) pools(network string, six bool) (pools []pool, taken []netip.Addr) {
	configs := s.Project.Networks[network].Ipam.Config
	if facts, ok := s.outside[network]; ok {
		configs, taken = facts.Pools, facts.Taken
	}
	for _, config := range configs {
		if p, ok := parsePool(config); ok && p.subnet.Addr().Is6() == six {
			pools = append(pools, p)
		}
	}
	return pools, taken
}

func parsePool(config *types.IPAMPool) (p pool, ok bool) {
	if config == nil {
		return pool{}, false
	}
	subnet, err := netip.ParsePrefix(config.Subnet)
	if err != nil {
		return pool{}, false
	}
	p.subnet = subnet.Masked()
	if dynamic, err := netip.ParsePrefix(config.IPRange); err == nil {
		p.dynamic = dynamic.Masked()
	}
	p.not = []netip.Addr{p.subnet.Addr(), p.subnet.Addr().Next()} // the network's own, and the usual gateway
	for _, text := range config.AuxiliaryAddresses {
		if address, err := netip.ParseAddr(text); err == nil {
			p.not = append(p.not, address)
		}
	}
	if gateway, err := netip.ParseAddr(config.Gateway); err == nil {
		p.not = append(p.not, gateway)
	}
	return p, true
}

// farthest bounds how many addresses are looked at.
const farthest = 1 << 16

// ownAddress is the last address that no container has: outside of what Docker chooses from,
// if there is one.
func ownAddress(pools []pool, taken []netip.Addr) (netip.Addr, bool) {
	for _, outside := range []bool{true, false} {
		for _, p := range pools {
			address := p.last()
			for range farthest {
				address = address.Prev() // the very last one of IPv4 is for broadcasts
				if !p.subnet.Contains(address) {
					break
				}
				free := !slices.Contains(p.not, address) && !slices.Contains(taken, address)
				if free && (!outside || !p.dynamic.IsValid() || !p.dynamic.Contains(address)) {
					return address, true
				}
			}
		}
	}
	return netip.Addr{}, false
}

// last is the last address of the subnet, and of a large one of IPv6 that of its first
// 65536: it is easier to read.
func (p pool) last() netip.Addr {
	bytes := p.subnet.Addr().AsSlice()
	bits := max(p.subnet.Bits(), len(bytes)*8-16)
	if p.subnet.Addr().Is4() {
		bits = p.subnet.Bits()
	}
	for i := range bytes {
		for bit := range 8 {
			if i*8+bit >= bits {
				bytes[i] |= 1 << (7 - bit)
			}
		}
	}
	address, _ := netip.AddrFromSlice(bytes)
	return address
}
