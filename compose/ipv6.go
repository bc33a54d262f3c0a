package compose

import (
	"context"
	"os"
	"runtime"

	"github.com/moby/moby/client"
)

// Docker sends what comes to a published port over IPv6 to the IPv6 address of the
// container, where it has one: HAProxy must listen there too. A container without
// IPv6 may listen on [::] as well (measured with net.ipv6.conf.all.disable_ipv6=1);
// under a kernel without it (ipv6.disable=1) HAProxy would not start.

// MayListenOnIPv6 tells whether the kernel that containers run on has IPv6, as far as
// is known: of this machine it is, and of others it is taken for granted.
func (e *Engine) MayListenOnIPv6() bool {
	if runtime.GOOS != "linux" || isRemote(e.host()) {
		return true
	}
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}

// onIPv6 tells whether clients reach HAProxy by IPv6: on the host's network, or on a
// network that has it, by the Compose file or by what the engine says of it.
func (e *Engine) onIPv6(ctx context.Context, p *Project) bool {
	if p.OnHost() {
		return e.MayListenOnIPv6()
	}
	for key := range p.balancer.Networks {
		network := p.Networks[key]
		if network.EnableIPv6 != nil {
			if *network.EnableIPv6 {
				return true
			}
			continue
		}
		if inspected, err := e.api().NetworkInspect(ctx, network.Name, client.NetworkInspectOptions{}); err == nil && inspected.Network.EnableIPv6 {
			return true
		}
	}
	return false
}
