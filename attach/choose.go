package attach

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/compose/labels"
)

// Survey is a project that HAProxy is not in front of yet, with what its
// services look like.
type Survey struct {
	Place    Place
	Project  *types.Project
	Services []Service
	// Unseen is why the images were not looked at; nil where they were.
	Unseen error

	outside map[string]compose.NetworkFacts // of networks that are not the project's own, by key
}

// MakeSurvey loads the user's own files and looks at the services. No engine needs
// to answer: without one, there is less to tell of images.
func MakeSurvey(ctx context.Context, engine *compose.Engine, place Place, load compose.LoadOptions) (Survey, error) {
	project, err := engine.LoadModel(ctx, place.loadOptions(load, place.Files))
	if err != nil {
		return Survey{}, err
	}
	if place.way() == wayEnvFile {
		place.envUser = envUser(ctx, engine, place, load, project)
	}
	images, unseen := engine.ImageFacts(ctx, project)
	if ctx.Err() != nil {
		return Survey{}, ctx.Err()
	}
	return Survey{
		Place: place, Project: project, Services: findServices(project, images), Unseen: unseen,
		outside: engine.ExternalNetworks(ctx, project),
	}, nil
}

func (s Survey) service(name string) (Service, bool) {
	i := slices.IndexFunc(s.Services, func(a Service) bool { return a.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return s.Services[i], true
}

func (s Survey) names() []string {
	var names []string
	for _, service := range s.Services {
		names = append(names, service.Name)
	}
	return names
}

// config is the definition of a service, enabled or not.
func (s Survey) config(name string) types.ServiceConfig { return s.Project.AllServices()[name] }

// labelled are the services that bring labels for HAProxy along, so that they
// need no --route.
func (s Survey) labelled() []string {
	var names []string
	for _, name := range s.names() {
		own := s.config(name).Labels
		if labels.Uses(own) && !labels.Parse(name, own, s.readFile).Disabled {
			names = append(names, name)
		}
	}
	return names
}

// HasLabels tells whether services bring labels for HAProxy along.
func (s Survey) HasLabels() bool { return len(s.labelled()) > 0 }

// lines shows the services and what is known of them, one a line.
func (s Survey) lines() []string {
	width := 0
	for _, service := range s.Services {
		width = max(width, len(service.Name))
	}
	var lines []string
	for _, service := range s.Services {
		what := "no port is known"
		switch {
		case service.Closed != "":
			what = service.Closed
		case len(service.Ports) > 0:
			what = strings.Join(portTexts(service.Ports), "; ")
		}
		if service.BackOffice != "" {
			what = "not for clients: " + service.BackOffice
		}
		lines = append(lines, fmt.Sprintf("%-*s  %s", width, service.Name, what))
	}
	return lines
}

func portTexts(ports []Port) []string {
	var texts []string
	for _, port := range ports {
		texts = append(texts, port.String())
	}
	return texts
}

// Resolve finds out what routes leave open: the port of the app. It refuses
// what cannot be meant, with the flag that can.
func (s Survey) Resolve(routes []Route) ([]Route, error) {
	var resolved []Route
	for _, route := range routes {
		service, err := s.routable(route)
		if err != nil {
			return nil, err
		}
		if route.Port == 0 {
			if route.Port, err = s.portOf(service, route); err != nil {
				return nil, err
			}
		}
		for _, other := range resolved {
			if other.Where() == route.Where() {
				return nil, &compose.Problem{
					Summary: fmt.Sprintf("%s and %s are for the same requests; nothing was changed", other.Flag(), route.Flag()),
					Advice:  "Give one of them another host, another path, or leave it out.",
				}
			}
		}
		resolved = append(resolved, route)
	}
	return resolved, nil
}

// routable finds the service of a route.
func (s Survey) routable(route Route) (Service, error) {
	service, ok := s.service(route.Service)
	if !ok {
		advice := "Its services: " + cmp.Or(strings.Join(s.names(), ", "), "none") + "."
		if near := compose.Nearest(route.Service, s.names()); near != "" {
			advice = fmt.Sprintf("Did you mean %s? %s", near, advice)
		}
		return Service{}, &compose.Problem{
			Summary: fmt.Sprintf("%s: project %q has no service named %s; nothing was changed", route.Flag(), s.Project.Name, route.Service),
			Advice:  advice,
		}
	}
	if service.Closed != "" {
		return Service{}, &compose.Problem{
			Summary: fmt.Sprintf("HAProxy cannot reach service %s; nothing was changed", service.Name),
			Advice:  "Why: " + service.Closed + ".",
		}
	}
	if route.Listen == compose.BalancerHTTPPort || route.Listen == compose.BalancerStatsPort {
		return Service{}, &compose.Problem{
			Summary: fmt.Sprintf("%s: HAProxy listens on port %d already, for HTTP; nothing was changed", route.Flag(), route.Listen),
			Advice:  "Choose another port to listen on.",
		}
	}
	return service, nil
}

// portOf is the port of a service for a route that names none: the one of its
// label, else the only one that may be meant.
func (s Survey) portOf(service Service, route Route) (int, error) {
	if number, err := strconv.Atoi(s.config(service.Name).Labels["haproxy.port"]); err == nil {
		return number, nil
	}
	fitting := service.fitting(route)
	switch {
	case len(fitting) == 1:
		return fitting[0].Number, nil
	case len(fitting) > 1:
		return 0, &compose.Problem{
			Summary: fmt.Sprintf("service %s listens on several ports that %s may mean; nothing was changed", service.Name, route.Flag()),
			Details: portTexts(fitting),
			Advice:  "Say which:\n" + strings.Join(flagsFor(route, fitting), "\n"),
		}
	case len(service.Ports) == 0:
		route.Port = 8080
		return 0, &compose.Problem{
			Summary: fmt.Sprintf("on which port the app of service %s listens is not known: it publishes and exposes none, and its image tells of none; nothing was changed", service.Name),
			Advice:  fmt.Sprintf("Add it, such as %s.", route.Flag()),
		}
	default:
		return 0, s.speaksOtherwise(service, route)
	}
}

// fitting are the ports of a service that a route may mean. A port that is
// published is the one that clients know, whatever else the image exposes.
func (s Service) fitting(route Route) []Port {
	wanted := []Speaks{SpeaksHTTP}
	if route.TCP() {
		wanted = []Speaks{SpeaksTCP, SpeaksTLS}
	}
	published := s
	published.Ports = slices.DeleteFunc(slices.Clone(s.Ports), func(p Port) bool { return !p.published || behindTheScenes(p.Number) && !p.told })
	for _, fitting := range [][]Port{
		published.Speaking(wanted...), published.Speaking(SpeaksUnknown), s.Speaking(wanted...), s.Speaking(SpeaksUnknown),
	} {
		if len(fitting) > 0 {
			return fitting
		}
	}
	return nil
}

// speaksOtherwise refuses HTTP to a service that shows only ports of other protocols.
func (s Survey) speaksOtherwise(service Service, route Route) error {
	problem := &compose.Problem{
		Summary: fmt.Sprintf("service %s shows no port that speaks HTTP; nothing was changed", service.Name),
		Details: portTexts(service.Ports),
		Advice:  "If one of them does, say which:\n" + strings.Join(flagsFor(route, service.Ports), "\n"),
	}
	if route.TCP() {
		problem.Summary = fmt.Sprintf("service %s shows no port for plain TCP; nothing was changed", service.Name)
		problem.Advice = "If one of them is meant, say which:\n" + strings.Join(flagsFor(route, service.Ports), "\n")
		return problem
	}
	if tls := service.Speaking(SpeaksTLS); len(tls) > 0 {
		problem.Advice += fmt.Sprintf("\nAn app that ends TLS itself gets it as it comes by labels of the service: haproxy.tls: passthrough, haproxy.host, haproxy.port: \"%d\".", tls[0].Number)
	}
	if tcp := service.Speaking(SpeaksTCP); len(tcp) > 0 {
		problem.Advice += "\nTo pass its connections on as they are:\n  " +
			Route{Service: service.Name, Listen: tcp[0].Number, Port: tcp[0].Number}.Flag()
	}
	return problem
}

func flagsFor(route Route, ports []Port) []string {
	var flags []string
	for _, port := range ports {
		route.Port = port.Number
		flags = append(flags, "  "+route.Flag())
	}
	return flags
}
