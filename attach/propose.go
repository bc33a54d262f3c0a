package attach

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Proposal is a route that was not asked for.
type Proposal struct {
	Service string
	Ports   []Port // that may be meant, the likeliest first
	Where   string // the left side of its route, as --route takes it
	By      string // the tool whose settings say it; "" is a guess
	// Shown tells that the service looks like one for clients: it may be proposed to
	// a service that answers clients. What does not show it is for a person to say.
	Shown bool
}

// Route is the proposal with the likeliest port.
func (p Proposal) Route() Route {
	host, path, err := ParseWhere(p.Where)
	if err != nil {
		return Route{Service: p.Service}
	}
	return Route{Host: host, Path: path, Service: p.Service, Port: p.Ports[0].Number}
}

// Proposals are the routes that the project lets guess, the likeliest first: what
// other tools were told of it; then services that speak HTTP, or of which it is not
// known what they speak. No two are for the same requests.
func (s Survey) Proposals() []Proposal {
	all := s.othersProposals()
	told := len(all) > 0
	guessed := s.speaking(SpeaksHTTP)
	if len(guessed) == 0 && !told {
		guessed = s.speaking(SpeaksUnknown)
	}
	for _, proposal := range guessed {
		if slices.ContainsFunc(all, func(p Proposal) bool { return p.Service == proposal.Service }) {
			continue
		}
		proposal.Where = "*"
		if len(all) > 0 {
			proposal.Where = localHost(proposal.Service, all)
		}
		proposal.Shown = proposal.Shown && !told
		all = append(all, proposal)
	}
	return all
}

// othersProposals are those that settings of other tools make.
func (s Survey) othersProposals() []Proposal {
	var all []Proposal
	for _, service := range s.open() {
		said, _ := othersRoutes(s.config(service.Name))
		for _, route := range said {
			ports := service.fitting(route.Route)
			if route.Port != 0 {
				ports = service.at(route.Port)
			}
			taken := func(p Proposal) bool { return p.Where == route.Where() }
			if len(ports) > 0 && !slices.ContainsFunc(all, taken) {
				all = append(all, Proposal{Service: service.Name, Ports: ports, Where: route.Where(), By: route.Tool, Shown: true})
			}
		}
	}
	return all
}

// at is what is known of a port that a service is said to listen on.
func (s Service) at(number int) []Port {
	known := ports{list: slices.Clone(s.Ports)}
	return []Port{*known.add(number, SpeaksUnknown, "said there", rankAsked, false)}
}

// open are the services that a route may be proposed for: HAProxy reaches them, they
// are enabled, and they neither store nor work for others.
func (s Survey) open() []Service {
	return slices.DeleteFunc(slices.Clone(s.Services), func(service Service) bool {
		_, enabled := s.Project.Services[service.Name]
		return service.Closed != "" || service.BackOffice != "" || !enabled || isHelper(s.Project, service.Name)
	})
}

// speaking are the services that may be meant and speak this, the likeliest first.
func (s Survey) speaking(kind Speaks) []Proposal {
	var found []Proposal
	weight := map[string]int{}
	for _, service := range s.open() {
		if _, guarded := othersRoutes(s.config(service.Name)); guarded {
			continue
		}
		service.Ports = slices.DeleteFunc(slices.Clone(service.Ports), func(p Port) bool { return behindTheScenes(p.Number) && !p.told })
		ports := service.fitting(Route{})
		if len(ports) == 0 || ports[0].Speaks != kind {
			continue
		}
		weight[service.Name] = service.likeliness()
		shown := weight[service.Name] > 0 && (kind == SpeaksHTTP || clientWords(service.Name) > 0)
		found = append(found, Proposal{Service: service.Name, Ports: ports, Shown: shown})
	}
	slices.SortStableFunc(found, func(a, b Proposal) int { return cmp.Compare(weight[b.Service], weight[a.Service]) })
	return found
}

// likeliness tells how much a service looks like one that clients use; 0 is not at all.
func (s Service) likeliness() int {
	sum := clientWords(s.Name)
	if s.outside() {
		sum += 4
	}
	if slices.ContainsFunc(s.Ports, func(p Port) bool { return p.told && p.Speaks == SpeaksHTTP }) {
		sum++
	}
	return sum
}

// outside tells whether a port of the service is open to others than this machine.
func (s Service) outside() bool {
	return slices.ContainsFunc(s.Ports, func(p Port) bool { return p.outside && (p.Speaks == SpeaksHTTP || p.Speaks == SpeaksUnknown) })
}

// clientWords tells how much the name of a service is one that people give to what
// clients use.
func clientWords(name string) int {
	most := 0
	for _, word := range nameWords(name) {
		switch word {
		case "web", "www", "site", "website", "front", "frontend", "ui", "webapp", "nginx", "httpd", "apache", "caddy", "gateway", "wordpress":
			most = max(most, 3)
		case "app", "client", "portal", "shop", "blog", "cms", "webserver":
			most = max(most, 2)
		case "api", "server", "backend":
			most = max(most, 1)
		}
	}
	return most
}

// Reason says for people why the route is proposed.
func (p Proposal) Reason() string {
	route := p.Route()
	requests := "All requests"
	if p.Where != "*" {
		requests = "Requests for " + p.Where
	}
	if p.By == "" {
		return fmt.Sprintf("%s go to service %s, port %d: nothing else here looks like an app for clients (--route says otherwise).", requests, p.Service, route.Port)
	}
	return fmt.Sprintf("%s go to service %s, port %d: settings for %s say so; what else they say is not carried over (--route says otherwise).", requests, p.Service, route.Port, p.By)
}

// Propose gives the routes where no person is asked: what other tools were told; else
// there must be one service that shows that it is for clients, on one port. Anything
// else is not guessed.
func (s Survey) Propose() ([]Proposal, error) {
	sure := s.othersProposals()
	if len(sure) == 0 {
		sure = s.onlyOne()
	}
	if len(sure) == 0 || slices.ContainsFunc(sure, func(p Proposal) bool { return len(p.Ports) > 1 }) {
		return nil, s.undecided()
	}
	return sure, nil
}

// onlyOne is the service that leaves no choice: the only one that speaks HTTP, or
// the only one of these whose port is open to the outside. One that does not show
// that it is for clients must be the only one of all.
func (s Survey) onlyOne() []Proposal {
	speaking := s.speaking(SpeaksHTTP)
	outside := slices.DeleteFunc(slices.Clone(speaking), func(p Proposal) bool {
		service, _ := s.service(p.Service)
		return !service.outside()
	})
	if len(outside) == 1 {
		speaking = outside
	}
	if len(speaking) != 1 || !speaking[0].Shown && len(s.open()) > 1 {
		return nil
	}
	speaking[0].Where = "*"
	return speaking
}

// undecided says what there is to choose from, as flags to type.
func (s Survey) undecided() error {
	problem := &compose.Problem{Details: s.lines()}
	proposals := s.Proposals()
	switch {
	case len(s.Services) == 0:
		problem.Summary = fmt.Sprintf("project %q has no services; nothing was changed", s.Project.Name)
		problem.Advice = "Add the app to the Compose file first."
		return problem
	case len(proposals) == 0:
		problem.Summary = "no service shows that it speaks HTTP to clients (by its ports, its health check, or its image where that is here); nothing was changed"
		problem.Advice = "Name the service, and the port that its app listens on:\n  " + s.exampleFlag()
		return problem
	case proposals[0].Ports[0].Speaks == SpeaksUnknown && proposals[0].By == "":
		problem.Summary = "whether a service speaks HTTP does not show; nothing was changed"
		problem.Advice = "Say which one does:"
	default:
		problem.Summary = "which requests are to go where? That is not guessed; nothing was changed"
		problem.Advice = "Say it with one or more of these, with hosts of your own:"
	}
	for _, proposal := range proposals {
		problem.Advice += "\n  " + proposal.Route().Flag()
		if more := proposal.Ports[1:]; len(more) > 0 {
			problem.Advice += "  # or port " + joinPorts(more)
		}
	}
	return problem
}

// exampleFlag is a route to the first service that may be meant.
func (s Survey) exampleFlag() string {
	for _, service := range s.open() {
		return "--route '*=" + service.Name + ":PORT'"
	}
	return "--route '*=SERVICE:PORT'"
}

func joinPorts(ports []Port) string {
	var numbers []string
	for _, port := range ports {
		numbers = append(numbers, strconv.Itoa(port.Number))
	}
	return strings.Join(numbers, ", ")
}

// localHost is a host for a service that every browser finds on this machine, and
// that no other proposal has.
func localHost(service string, taken []Proposal) string {
	name := strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(service))
	host := name + ".localhost"
	for n := 2; slices.ContainsFunc(taken, func(p Proposal) bool { return p.Where == host }); n++ {
		host = fmt.Sprintf("%s-%d.localhost", name, n)
	}
	return host
}
