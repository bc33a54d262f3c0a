package compose

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Stranger is a server of HAProxy whose address is that of a container which is
// not one of its service.
type Stranger struct {
	Server    string // BACKEND/SERVER
	Address   string // IP:PORT
	Service   string // that the server is of
	Container string // that has the address
	Project   string // of that container; "" where it has none
	OneOff    bool   // it is one of "docker compose run"
	// Served: HAProxy may send it requests. Servers of the generated configuration
	// find out by themselves; those of a configuration written by hand do not.
	Served bool
	// Expelled: it was served until now. The server has the address Moved of a
	// container of its service instead, or is in maintenance where that is "".
	Expelled bool   `json:",omitempty"`
	Moved    string `json:",omitempty"`

	server haproxy.ServerState
}

// String says it for people.
func (s Stranger) String() string {
	whose := "which belongs to no project"
	switch {
	case s.OneOff:
		whose = `a one-off of "docker compose run" in project ` + s.Project
	case s.Project != "":
		whose = "of project " + s.Project
	}
	served := "it gets no requests"
	switch {
	case s.Served:
		served = "it gets requests"
	case s.Moved != "":
		served = fmt.Sprintf("it got requests until now; the server has the address %s of service %s instead", s.Moved, s.Service)
	case s.Expelled:
		served = fmt.Sprintf(`it got requests until now; the server is in maintenance ("docker haproxy server ready %s" ends that)`, s.Server)
	}
	return fmt.Sprintf("server %s is to be service %s, but its address %s is that of container %s, %s: %s", s.Server, s.Service, s.Address, s.Container, whose, served)
}

// occupant is a container of whatever project, as an address is looked up in.
type occupant struct {
	Container

	project string
	oneOff  bool
}

// occupants are all containers that run on the engine.
func (e *Engine) occupants(ctx context.Context) ([]occupant, error) {
	listed, err := e.api().ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	var all []occupant
	for _, summary := range listed.Items {
		all = append(all, occupant{
			Container: containerOf(summary),
			project:   summary.Labels[api.ProjectLabel], oneOff: summary.Labels[api.OneoffLabel] == "True",
		})
	}
	return all, nil
}

// is tells whether a container is a regular one of a service of the project.
func (o occupant) is(project, service string) bool {
	return o.project == project && o.Service == service && !o.oneOff
}

// strangers compares the addresses that HAProxy uses with the containers that
// have them. An address that no container has is no stranger's, and a server
// whose name is none of a service's may be what it likes.
func (p *Project) strangers(servers []haproxy.ServerState, all []occupant) []Stranger {
	at := map[string]occupant{}
	for _, o := range p.inReach(all) {
		for address := range strings.FieldsSeq(o.addresses) {
			at[address] = o
		}
	}
	var found []Stranger
	for _, s := range servers {
		meant := p.servicesNamed(s.FQDN)
		has, occupied := at[s.Addr]
		if len(meant) == 0 || !occupied || slices.ContainsFunc(meant, func(service string) bool { return has.is(p.Name, service) }) {
			continue
		}
		found = append(found, Stranger{
			Server: s.Backend + "/" + s.Server, Address: net.JoinHostPort(s.Addr, strconv.Itoa(s.Port)), Service: meant[0],
			Container: has.Name, Project: has.project, OneOff: has.oneOff,
			Served: s.OpState != haproxy.OpStopped && s.AdminState&haproxy.Maintenance == 0,
			server: s,
		})
	}
	return found
}

// inReach are the containers on the networks on which HAProxy finds containers:
// addresses of others may be the same.
func (p *Project) inReach(all []occupant) []occupant {
	var reached []string
	for _, o := range all {
		if o.is(p.Name, p.finder()) {
			reached = append(reached, o.networkNames()...)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(o occupant) bool {
		return !slices.ContainsFunc(o.networkNames(), func(network string) bool { return slices.Contains(reached, network) })
	})
}

// networkNames are the networks in which a container has an address.
func (c Container) networkNames() []string {
	var names []string
	for pair := range strings.FieldsSeq(c.networks) {
		name, _, _ := strings.Cut(pair, "/")
		names = append(names, name)
	}
	return names
}

// servicesNamed are the services that bear a host name on a network of theirs.
func (p *Project) servicesNamed(host string) []string {
	var found []string
	for _, service := range p.routable() {
		if host != "" && slices.ContainsFunc(namesOf(service), func(name string) bool { return names(host, name) }) {
			found = append(found, service.Name)
		}
	}
	return found
}

// isContainers tells whether a host name is that of containers of the project.
func (p *Project) isContainers(host string) bool { return len(p.servicesNamed(host)) > 0 }

// keptAddresses are the servers on disk that keep the address which a container
// had when HAProxy started.
func (p *Project) keptAddresses() []haproxy.Diagnostic {
	files, _ := p.configFiles()
	return p.located(haproxy.Report{Diagnostics: haproxy.KeptAddresses(files, p.isContainers)}, nil).Diagnostics
}

// namesOf are the names that Docker's DNS knows the containers of a service by.
func namesOf(service types.ServiceConfig) []string {
	all := []string{service.Name}
	if service.ContainerName != "" {
		all = append(all, service.ContainerName)
	}
	for _, network := range service.Networks {
		if network != nil {
			all = append(all, network.Aliases...)
		}
	}
	return all
}

// own are the regular containers of the project.
func (p *Project) own(all []occupant) []Container {
	var containers []Container
	for _, o := range all {
		if o.project == p.Name && !o.oneOff {
			containers = append(containers, o.Container)
		}
	}
	return containers
}

// Troubles are what a person should look at of HAProxy's servers, in words:
// strangers, and what keeps the others from taking requests.
func Troubles(process Process, strangers []Stranger) []string {
	var words []string
	for _, s := range strangers {
		words = append(words, s.String())
	}
	others := slices.DeleteFunc(slices.Clone(process.Stats), func(stat haproxy.Stat) bool {
		return slices.ContainsFunc(strangers, func(s Stranger) bool { return stat.IsStranger() && s.Server == stat.Proxy+"/"+stat.Server })
	})
	return append(words, haproxy.Serving(others).Problems()...)
}

// expel takes strangers that are served out of service: the server gets the
// address of a container of its service that has no server yet, and where there is
// none it is put into maintenance. It gives all strangers, with what was done.
func (e *Engine) expel(ctx context.Context, p *Project, running Balancer, servers []haproxy.ServerState) ([]Stranger, error) {
	all, err := e.occupants(ctx)
	if err != nil {
		return nil, err
	}
	found := p.strangers(servers, all)
	if !slices.ContainsFunc(found, func(s Stranger) bool { return s.Served }) {
		return found, nil
	}
	live, err := e.Live(ctx, p, running)
	if err != nil {
		return found, err
	}
	defer func() { _ = live.Close() }()
	for i, s := range found {
		if !s.Served {
			continue
		}
		address := p.vacant(s, servers, all)
		err := live.Do(ctx, func(session *haproxy.Session) error {
			if address == "" {
				return session.SetServerModeEverywhere(ctx, s.server.Backend, s.server.Server, haproxy.ModeMaintenance)
			}
			return session.SetServerAddress(ctx, s.server.Backend, s.server.Server, address)
		})
		if err != nil {
			return found, err
		}
		found[i].Served, found[i].Moved = false, address
		found[i].Expelled = true
	}
	return found, nil
}

// vacant is the address, on the network where a stranger is, of a container of
// the service that no server of the backend has; "" where there is none.
func (p *Project) vacant(s Stranger, servers []haproxy.ServerState, all []occupant) string {
	i := slices.IndexFunc(all, func(o occupant) bool { return o.Name == s.Container })
	if i < 0 {
		return ""
	}
	for _, o := range all {
		address := o.AddressBeside(all[i].Container, s.server.Addr)
		if address == "" || !o.is(p.Name, s.Service) {
			continue
		}
		if !slices.ContainsFunc(servers, func(other haproxy.ServerState) bool {
			return other.Backend == s.server.Backend && other.Addr == address
		}) {
			return address
		}
	}
	return ""
}
