package compose

import (
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/client/pkg/versions"
)

// feature is something in a Compose file that older engines do not have. Some
// say so when it is used; most leave it out without a word, and a volume's
// subpath left out mounts the whole volume (seen on 20.10).
type feature struct {
	name   string
	api    string // the first API version that has it
	engine string // and the engine that brought it
	used   func(types.ServiceConfig) bool
}

func features() []feature {
	return []feature{
		{"annotations", "1.43", "24", func(s types.ServiceConfig) bool { return len(s.Annotations) > 0 }},
		{"healthcheck.start_interval", "1.44", "25", func(s types.ServiceConfig) bool {
			return s.HealthCheck != nil && s.HealthCheck.StartInterval != nil
		}},
		{"networks.mac_address", "1.44", "25", onNetwork(func(n *types.ServiceNetworkConfig) bool { return n.MacAddress != "" })},
		{"volumes.volume.subpath", "1.45", "26", onVolume(func(v types.ServiceVolumeConfig) bool { return v.Volume != nil && v.Volume.Subpath != "" })},
		{"volumes of type=image", "1.48", "28", onVolume(func(v types.ServiceVolumeConfig) bool { return v.Type == types.VolumeTypeImage })},
		{"networks.gw_priority", "1.48", "28", onNetwork(func(n *types.ServiceNetworkConfig) bool { return n.GatewayPriority != 0 })},
		{"networks.interface_name", "1.49", "28.1", onNetwork(func(n *types.ServiceNetworkConfig) bool { return n.InterfaceName != "" })},
	}
}

func onNetwork(used func(*types.ServiceNetworkConfig) bool) func(types.ServiceConfig) bool {
	return func(s types.ServiceConfig) bool {
		for _, network := range s.Networks {
			if network != nil && used(network) {
				return true
			}
		}
		return false
	}
}

func onVolume(used func(types.ServiceVolumeConfig) bool) func(types.ServiceConfig) bool {
	return func(s types.ServiceConfig) bool {
		for _, volume := range s.Volumes {
			if used(volume) {
				return true
			}
		}
		return false
	}
}

// Supports refuses a project that uses what the engine is too old for.
func (e *Engine) Supports(p *Project) error {
	for _, f := range features() {
		if !versions.LessThan(e.api().ClientVersion(), f.api) {
			continue
		}
		for _, name := range p.ServiceNames() {
			if f.used(p.Services[name]) {
				return &Problem{
					Summary: fmt.Sprintf("service %s uses %s, which requires Docker v%s (API %s); the engine at %s speaks API %s", name, f.name, f.engine, f.api, e.host(), e.api().ClientVersion()),
					Advice:  "Upgrade the engine, or take it out of " + p.composeFileName() + ".",
				}
			}
		}
	}
	return nil
}
