package routing

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Routing is what HAProxy is to do for a project.
type Routing struct {
	Project  string
	Frontend Frontend
	Routes   []Route    // of HTTP requests, in the order in which they are looked at
	TCP      []TCPRoute // by port, then by name
	Backends []Backend  // by name
	Gate     bool       // a container takes requests only once its check has passed; see [Routing.Render]
	// OnlyDNS keeps HAProxy from asking the resolver of the machine that it runs
	// on, which may know somebody else by the name of a service.
	OnlyDNS bool
	// PeersSocket is the path, in HAProxy's container, of the socket through which
	// counters survive a reload; "" where there is no folder for it.
	PeersSocket string
	// DNS is where a script in HAProxy asks whose address a server has; none: it
	// does not ask, for that takes a HAProxy with Lua.
	DNS DNS
	// OtherLua tells that the base config loads Lua too, and decides on its settings.
	OtherLua bool
}

// DNS is the address of Docker's DNS, as HAProxy's Lua connects to it by TCP.
type DNS struct {
	Address string // "" is nowhere
	Port    int    // 0 where Address is a UNIX socket
}

// Frontend is where HTTP requests come in.
type Frontend struct {
	Port    int      // in HAProxy's container
	IPv6    bool     // clients come by IPv6 as well; of plain TCP too
	Snippet []string // lines of HAProxy's own language
}

// Route leads HTTP requests to a backend.
type Route struct {
	Host     string // "shop.example.com", "*.example.com", or "*"
	Path     Path
	Priority int
	Backend  string
	Service  string
}

// TCPRoute leads connections on a port to a backend.
type TCPRoute struct {
	Port    int
	Name    string // that the client asks for in its TLS hello (SNI); "" takes every connection
	Backend string
	Service string
}

// Backend is what answers the requests of routes: the containers of a service,
// or of a group of services.
type Backend struct {
	Name    string // PROJECT.SERVICE, PROJECT.SERVICE:ROUTE or PROJECT.GROUP
	TCP     bool
	Wishes  Spec   // how: of the whole backend
	Servers []Spec // where to: a service each; none where the backend is quarantined
	// Services are all that have a part in it, for saying whose it is.
	Services []string
}

// Conflict is a wish that cannot be granted beside those of others.
type Conflict struct {
	Service string // whose wish is not granted
	Other   string // the service that is in its way
	What    string // in words
	Hint    string
}

// Error says it in one line.
func (c Conflict) Error() string {
	return fmt.Sprintf("service %s: %s; %s", c.Service, c.What, c.Hint)
}

// Assemble makes one Routing of the wishes of all services. Names are prefixed
// by the project and do not depend on what else there is: they stay as they are
// when services come and go. A wish that is in the way of an earlier one, in the
// order of the services' names, is left out and reported; what is quarantined is in
// nobody's way.
func Assemble(project string, frontend Frontend, specs []Spec) (Routing, []Conflict) {
	a := assembly{project: project, frontend: frontend, backends: map[string]*Backend{}, taken: map[string]string{}}
	sorted := slices.Clone(specs)
	slices.SortStableFunc(sorted, func(x, y Spec) int {
		return cmp.Or(last(x.Quarantined)-last(y.Quarantined), strings.Compare(x.Service, y.Service), strings.Compare(x.Name, y.Name))
	})
	for _, spec := range sorted {
		a.add(spec)
	}
	return a.routing(), a.conflicts
}

func last(quarantined bool) int {
	if quarantined {
		return 1
	}
	return 0
}

type assembly struct {
	project   string
	frontend  Frontend
	backends  map[string]*Backend
	routes    []Route
	tcp       []TCPRoute
	taken     map[string]string // what is asked for, to the service that has it
	conflicts []Conflict
}

// add grants a wish, or reports why not.
func (a *assembly) add(spec Spec) {
	name, joined := a.join(spec)
	if !joined {
		return
	}
	if spec.Listen > 0 {
		a.listen(spec, name)
		return
	}
	for _, host := range hostsOf(spec) {
		for _, path := range pathsOf(spec) {
			route := Route{Host: host, Path: path, Priority: spec.Priority, Backend: name, Service: spec.Service}
			if a.take(spec, name, route.key(), "route "+route.String()) {
				a.routes = append(a.routes, route)
			}
		}
	}
}

// join finds the backend of a wish, or makes it.
func (a *assembly) join(spec Spec) (name string, joined bool) {
	name = a.project + "." + spec.Service
	switch {
	case spec.Group != "":
		name = a.project + "." + spec.Group
	case spec.Name != "":
		name += ":" + spec.Name
	}
	b := a.backends[name]
	if b == nil {
		b = &Backend{Name: name, TCP: spec.Listen > 0, Wishes: spec.wishes()}
		a.backends[name] = b
	} else if conflict := b.differs(spec); conflict != nil {
		a.conflicts = append(a.conflicts, *conflict)
		return name, false
	}
	if reflect.DeepEqual(b.Wishes, Spec{}) {
		b.Wishes = spec.wishes()
	}
	if !slices.Contains(b.Services, spec.Service) {
		b.Services = append(b.Services, spec.Service)
	}
	if !spec.Quarantined && !slices.ContainsFunc(b.Servers, func(s Spec) bool { return s.server() == spec.server() }) {
		b.Servers = append(b.Servers, spec)
	}
	return name, true
}

// differs tells what keeps a wish from joining a backend that is there.
func (b *Backend) differs(spec Spec) *Conflict {
	other := b.Services[0]
	switch {
	case spec.Group == "" && slices.ContainsFunc(b.Servers, func(s Spec) bool { return s.Group != "" }), spec.Group != "" && !slices.ContainsFunc(b.Servers, func(s Spec) bool { return s.Group == spec.Group }) && len(b.Servers) > 0:
		return &Conflict{Service: spec.Service, Other: other, What: fmt.Sprintf("group and service share the name %q", b.Name), Hint: "give the group another name"}
	case b.TCP != (spec.Listen > 0):
		return &Conflict{Service: spec.Service, Other: other, What: fmt.Sprintf("its group %q is both of HTTP and of TCP (service %s)", spec.Group, other), Hint: "give one of them another group"}
	case spec.Quarantined || reflect.DeepEqual(spec.wishes(), b.Wishes) || reflect.DeepEqual(spec.wishes(), Spec{}) || reflect.DeepEqual(b.Wishes, Spec{}):
		return nil
	}
	return &Conflict{Service: spec.Service, Other: other, What: fmt.Sprintf("its group %q has other settings on service %s", spec.Group, other), Hint: "give both the same labels for the backend (balance, check, headers, …), or only one of them any"}
}

// wishes is what of a Spec concerns a backend as a whole.
func (s Spec) wishes() Spec {
	if s.Quarantined {
		return Spec{}
	}
	w := s
	w.Service, w.Name, w.Quarantined, w.Containers = "", "", false, nil
	w.Hosts, w.Priority, w.Listen, w.Passthrough = nil, 0, 0, false
	w.Port, w.Address, w.Group, w.Slots, w.Weight, w.Backup, w.MaxConn = 0, "", "", 0, 0, false, 0
	if !w.Strip {
		w.Paths = nil // they matter to the backend only where they are taken off
	}
	return w
}

// server is what of a Spec makes its servers.
type server struct {
	service, address string
	port             int
}

func (s Spec) server() server { return server{s.Service, s.Address, s.Port} }

// listen grants a port.
func (a *assembly) listen(spec Spec, backend string) {
	if spec.Listen == a.frontend.Port {
		a.conflicts = append(a.conflicts, Conflict{
			Service: spec.Service, Other: spec.Service,
			What: fmt.Sprintf("port %d is the one on which HTTP requests come in", spec.Listen),
			Hint: "choose another one with haproxy.listen",
		})
		return
	}
	names := []string{""}
	if spec.Passthrough {
		names = hostsOf(spec)
	}
	for _, name := range names {
		if name == "*" {
			name = ""
		}
		route := TCPRoute{Port: spec.Listen, Name: name, Backend: backend, Service: spec.Service}
		if a.take(spec, backend, fmt.Sprintf("tcp %d %s", route.Port, route.Name), route.String()) {
			a.tcp = append(a.tcp, route)
		}
	}
}

// take tells whether a route is still to be had.
func (a *assembly) take(spec Spec, backend, key, what string) bool {
	holder, taken := a.taken[key]
	switch {
	case !taken:
		a.taken[key] = backend
		return true
	case holder == backend, spec.Quarantined: // of a group; of nobody
		return false
	}
	other := a.backends[holder].Services[0]
	a.conflicts = append(a.conflicts, Conflict{
		Service: spec.Service, Other: other,
		What: fmt.Sprintf("%s leads to service %s already", what, other),
		Hint: `to balance over both, give both the label haproxy.group with the same name; else change one`,
	})
	return false
}

// hostsOf are the hosts that a wish is about, with or without "www." where one
// is to be sent to the other.
func hostsOf(spec Spec) []string {
	hosts := slices.Clone(spec.Hosts)
	if len(hosts) == 0 {
		return []string{"*"}
	}
	if spec.WWW != KeepWWW {
		for _, host := range spec.Hosts {
			if strings.HasPrefix(host, "*") {
				continue
			}
			other := "www." + host
			if bare, has := strings.CutPrefix(host, "www."); has {
				other = bare
			}
			hosts = append(hosts, other)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func pathsOf(spec Spec) []Path {
	if len(spec.Paths) == 0 {
		return []Path{{Match: Prefix, Value: "/"}}
	}
	return spec.Paths
}

// key is the same for routes that would take the same requests.
func (r Route) key() string {
	value := r.Path.Value
	switch r.Path.Match {
	case Prefix:
		value = r.Path.below()
	case Exact:
		value = r.Path.canonical()
	}
	return fmt.Sprintf("http %d %s %s %s", r.Priority, r.Host, r.Path.Match, value)
}

// String is the route as people write it, such as "shop.example.com/api".
func (r Route) String() string {
	text := r.Host
	switch {
	case r.Path.Match == Regex:
		text += " ~" + r.Path.Value
	case r.Path.Match == Exact:
		text += "=" + r.Path.Value
	case r.Path.Value != "/":
		text += r.Path.Value
	}
	return text
}

// String is the route as people say it.
func (r TCPRoute) String() string {
	if r.Name != "" {
		return fmt.Sprintf("TLS name %s on port %d", r.Name, r.Port)
	}
	return fmt.Sprintf("port %d", r.Port)
}

func (a *assembly) routing() Routing {
	r := Routing{Project: a.project, Frontend: a.frontend, Routes: a.routes, TCP: a.tcp}
	slices.SortFunc(r.Routes, func(x, y Route) int {
		return cmp.Or(
			cmp.Compare(y.Priority, x.Priority),
			cmp.Compare(hostRank(x.Host), hostRank(y.Host)),
			strings.Compare(x.Host, y.Host),
			cmp.Compare(pathRank(x.Path), pathRank(y.Path)),
			cmp.Compare(len(y.Path.Value), len(x.Path.Value)),
			strings.Compare(x.Path.Value, y.Path.Value),
		)
	})
	slices.SortFunc(r.TCP, func(x, y TCPRoute) int {
		return cmp.Or(cmp.Compare(x.Port, y.Port), strings.Compare(x.Name, y.Name))
	})
	for _, name := range slices.Sorted(maps.Keys(a.backends)) {
		r.Backends = append(r.Backends, *a.backends[name])
	}
	return r
}

func hostRank(host string) int {
	switch {
	case host == "*":
		return 2
	case strings.HasPrefix(host, "*."):
		return 1
	}
	return 0
}

func pathRank(path Path) int {
	switch path.Match {
	case Exact:
		return 0
	case Regex:
		return 1
	}
	return 2
}
