package compose

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	composesdk "github.com/docker/compose/v5/pkg/compose"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// lack is what keeps HAProxy from finding a container that runs: it is not on a
// network of its service, or bears another name or address there.
type lack struct {
	container Container
	network   string // the engine's name
	what      string // in words
	config    *types.ServiceNetworkConfig
	gone      bool // it is not on the network at all, which Compose itself sees
}

// String says it for people.
func (l lack) String() string {
	return fmt.Sprintf("container %s %s: HAProxy does not find it", l.container.Name, l.what)
}

// lacks compares how containers are connected with what the Compose file says:
// a person may have taken one off its network and put it back by hand, and Compose
// connects containers to a network that it makes anew without their names.
func (p *Project) lacks(containers []Balancer) []lack {
	var found []lack
	for _, c := range containers {
		service, known := p.Services[c.Service]
		if !known || !c.Running() || c.Service == LoadBalancer || c.Service == Forwarder { // nothing looks for these
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(service.Networks)) {
			l := lack{container: c.Container, network: p.Networks[key].Name, config: service.Networks[key]}
			if l.what, l.gone = lacking(c, service, l.network, l.config); l.what != "" {
				found = append(found, l)
			}
		}
	}
	return found
}

// lacking says what a container lacks on a network; "" where it is nothing.
func lacking(c Balancer, service types.ServiceConfig, name string, config *types.ServiceNetworkConfig) (what string, gone bool) {
	aliases, connected := c.aliases[name]
	if !connected {
		return "is not on network " + name, true
	}
	for _, alias := range aliasesOf(service, config) {
		if !slices.Contains(aliases, alias) {
			return fmt.Sprintf("has not the name %s on network %s", alias, name), false
		}
	}
	if config != nil && config.Ipv4Address != "" && !c.HasAddress(config.Ipv4Address) {
		return fmt.Sprintf("has not the address %s on network %s", config.Ipv4Address, name), false
	}
	return "", false
}

// aliasesOf are the names that Compose gives the containers of a service on a
// network, beside their own.
func aliasesOf(service types.ServiceConfig, config *types.ServiceNetworkConfig) []string {
	aliases := []string{service.Name}
	if config != nil {
		aliases = append(aliases, config.Aliases...)
	}
	return aliases
}

// connectAnew connects containers that lack a name or address as Compose would
// have. HAProxy sends them no requests meanwhile, for it does not find them.
func (e *Engine) connectAnew(ctx context.Context, p *Project) (changed bool, err error) {
	containers, err := e.inspected(ctx, p)
	if err != nil {
		return false, err
	}
	for _, l := range p.lacks(containers) {
		if l.gone {
			continue // Compose has replaced it
		}
		err := e.events.step("Container "+l.container.Name, "Connecting to "+l.network, "Connected to "+l.network, func() error { return e.connectAs(ctx, p, l) })
		if err != nil {
			return changed, e.explain(ctx, err)
		}
		changed = true
	}
	return changed, nil
}

func (e *Engine) connectAs(ctx context.Context, p *Project, l lack) error {
	settings := &network.EndpointSettings{Aliases: append([]string{l.container.Name}, aliasesOf(p.Services[l.container.Service], l.config)...)}
	if l.config != nil {
		v4, _ := netip.ParseAddr(l.config.Ipv4Address) // "" is no address
		v6, _ := netip.ParseAddr(l.config.Ipv6Address)
		if v4.IsValid() || v6.IsValid() {
			settings.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: v4, IPv6Address: v6}
		}
		settings.DriverOpts = l.config.DriverOpts
	}
	if _, err := e.api().NetworkDisconnect(ctx, l.network, client.NetworkDisconnectOptions{Container: l.container.ID}); err != nil {
		return err
	}
	_, err := e.api().NetworkConnect(ctx, l.network, client.NetworkConnectOptions{Container: l.container.ID, EndpointConfig: settings})
	return err
}

// planAttachments are the steps by which containers that HAProxy does not find
// are found again. Those that are replaced anyhow need none.
func planAttachments(lacks []lack, steps []Step) []Step {
	var more []Step
	for _, l := range lacks {
		if slices.ContainsFunc(steps, func(s Step) bool { return s.What == "service "+l.container.Service }) {
			continue
		}
		how := "it is connected anew"
		if l.gone {
			how = "it is replaced"
		}
		more = append(more, Step{What: "container " + l.container.Name, How: ByCompose, Cause: l.what + ", where HAProxy looks for it: " + how})
	}
	return more
}

// planNetworks are the networks that Compose makes anew, because their
// definitions changed. All containers on them stop for that.
func (p *Project) planNetworks(state State) ([]Step, error) {
	var steps []Step
	for _, key := range slices.Sorted(maps.Keys(p.Networks)) {
		desired := p.Networks[key]
		i := slices.IndexFunc(state.networks, func(n resource) bool { return n.key == key })
		if desired.External || i < 0 || state.networks[i].hash == "" {
			continue
		}
		hash, err := composesdk.NetworkHash(&desired)
		if err != nil {
			return nil, err
		}
		if hash == state.networks[i].hash {
			continue
		}
		steps = append(steps, Step{
			What: "network " + state.networks[i].name, How: ByCompose,
			Cause: "made anew, for its definition changed: stops " + strings.Join(p.servicesOn(key), ", ") + " meanwhile, and requests fail",
		})
	}
	return steps, nil
}

// servicesOn are the services on a network.
func (p *Project) servicesOn(key string) []string {
	var names []string
	for _, name := range p.ServiceNames() {
		if _, on := p.Services[name].Networks[key]; on {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// announceNetworks says, before it happens, which networks are made anew.
func (e *Engine) announceNetworks(p *Project, before State) error {
	steps, err := p.planNetworks(before)
	for _, step := range steps {
		e.events.On(api.Resource{ID: "Network " + strings.TrimPrefix(step.What, "network "), Status: api.Working, Text: step.Cause})
	}
	return err
}
