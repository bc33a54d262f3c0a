package attach

import (
	"fmt"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// mayBeOnHost refuses what --network-mode host cannot have beside it.
func (s Survey) mayBeOnHost(opts Options) error {
	if opts.NetworkMode != compose.HostNetwork {
		return nil
	}
	_, service := s.Project.AllServices()[compose.Forwarder]
	_, volume := s.Project.Volumes[compose.Forwarder]
	if service || volume {
		return &compose.Problem{
			Summary: fmt.Sprintf("project %q has a service or volume named %s of its own, which --network-mode host needs; nothing was changed", s.Project.Name, compose.Forwarder),
			Advice:  "Give it another name, or leave out --network-mode host.",
		}
	}
	for _, l := range s.listens(opts.Routes) {
		if l.Port == opts.HTTPPort || l.Port == opts.StatsPort {
			return &compose.Problem{
				Summary: fmt.Sprintf("port %d is to be for TCP to %s, and HAProxy needs it for HTTP as well; nothing was changed", l.Port, l.Service),
				Advice:  "Choose another port for one of them: --route, --http-port, --stats-port.",
			}
		}
	}
	return nil
}
