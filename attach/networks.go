package attach

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// reach is by which networks, as the Compose file calls them, HAProxy gets to
// the routed services.
type reach struct {
	of  map[string]string // network by service
	all []string          // that the load balancer joins
}

// defaultNetwork is the network that services get which name none.
const defaultNetwork = "default"

// reachServices chooses a network for each of the services. A service on one
// network leaves no choice. For one on several: what is asked for, by flag or
// by label; else a network that HAProxy joins anyway, for another service; else
// the project's default; else the only one that is neither internal nor shared
// with other projects. Anything else would be a guess.
func reachServices(project *types.Project, services []string, wanted func(service string) string) (reach, error) {
	chosen := reach{of: map[string]string{}}
	var open []string
	for _, name := range services {
		own, want := networksOf(project, name), wanted(name)
		switch {
		case len(own) == 1:
			chosen.join(name, own[0])
		case slices.Contains(own, want):
			chosen.join(name, want)
		default:
			open = append(open, name)
		}
	}
	anyway := slices.Clone(chosen.all)
	for _, name := range open {
		network, ok := among(project, networksOf(project, name), anyway)
		if !ok {
			return reach{}, severalNetworks(project, name)
		}
		chosen.join(name, network)
	}
	return chosen, nil
}

// enterable makes sure that requests get to HAProxy, and from there to the
// services.
func (r *reach) enterable(project *types.Project, balancer compose.Demo) error {
	if balancer.OnHost() {
		return r.fromHost(project)
	}
	return r.publishable(project)
}

// fromHost refuses networks whose containers the host itself does not reach.
func (r *reach) fromHost(project *types.Project) error {
	for _, network := range r.all {
		switch driver := project.Networks[network].Driver; driver {
		case "", "bridge", "default":
		default:
			return &compose.Problem{
				Summary: fmt.Sprintf("network %s has driver %s, whose containers HAProxy on the host's network does not reach; nothing was changed", network, driver),
				Advice:  "Leave out --network-mode host, or put the services on a bridge network as well and choose it with --network.",
			}
		}
	}
	return nil
}

func (r *reach) join(service, network string) {
	r.of[service] = network
	if !slices.Contains(r.all, network) {
		r.all = append(r.all, network)
		slices.Sort(r.all)
	}
}

// among chooses one of a service's networks by rule.
func among(project *types.Project, own, anyway []string) (string, bool) {
	shared := slices.DeleteFunc(slices.Clone(own), func(n string) bool { return !slices.Contains(anyway, n) })
	open := slices.DeleteFunc(slices.Clone(own), func(n string) bool {
		return project.Networks[n].Internal || bool(project.Networks[n].External)
	})
	switch {
	case len(shared) > 0:
		return shared[0], true
	case slices.Contains(own, defaultNetwork):
		return defaultNetwork, true
	case len(open) == 1:
		return open[0], true
	}
	return "", false
}

// networksOf are the keys of a service's networks.
func networksOf(project *types.Project, service string) []string {
	networks := slices.Sorted(maps.Keys(project.AllServices()[service].Networks))
	if len(networks) == 0 {
		return []string{defaultNetwork}
	}
	return networks
}

func severalNetworks(project *types.Project, service string) error {
	own := networksOf(project, service)
	var lines []string
	for _, network := range own {
		var marks []string
		if project.Networks[network].Internal {
			marks = append(marks, "internal")
		}
		if project.Networks[network].External {
			marks = append(marks, "external")
		}
		lines = append(lines, strings.TrimSpace(network+" "+strings.Join(marks, ", ")))
	}
	return &compose.Problem{
		Summary: fmt.Sprintf("service %s is on several networks, and by which of them HAProxy is to reach it is not clear; nothing was changed", service),
		Details: lines,
		Advice:  fmt.Sprintf("Say it with --network %s, or with the label haproxy.network: %s of the service.", own[0], own[0]),
	}
}

// publishable makes sure that the load balancer is on a network that lets
// requests in: Docker publishes no port of a container whose networks are all
// internal.
func (r *reach) publishable(project *types.Project) error {
	inward := func(network string) bool { return project.Networks[network].Internal }
	if slices.ContainsFunc(r.all, func(n string) bool { return !inward(n) }) {
		return nil
	}
	if inward(defaultNetwork) {
		return &compose.Problem{
			Summary: "every network that HAProxy would join is internal: Docker publishes no ports there, so that no request would come in; nothing was changed",
			Advice:  fmt.Sprintf("Add a network without \"internal: true\" to service %s, and choose it with --network.", slices.Sorted(maps.Keys(r.of))[0]),
		}
	}
	r.all = append(r.all, defaultNetwork)
	slices.Sort(r.all)
	return nil
}

// ambiguous tells whether a service shares more than one network with the load
// balancer, so that a label must say which one is meant.
func (r reach) ambiguous(project *types.Project, service string) bool {
	shared := 0
	for _, network := range networksOf(project, service) {
		if slices.Contains(r.all, network) {
			shared++
		}
	}
	return shared > 1
}
