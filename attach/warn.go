package attach

import (
	"fmt"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
)

// warnings tell of routes that are written as asked, and may not be meant: to a
// database, or plain HTTP to a port for TLS.
func (s Survey) warnings(routes []Route, routed []string) []string {
	var lines []string
	for _, name := range routed {
		if service, _ := s.service(name); service.BackOffice != "" && !s.keepsOut(name) {
			lines = append(lines, fmt.Sprintf("Service %s is %s: whoever reaches HAProxy reaches it now. Keep others out with the label haproxy.allow.", name, service.BackOffice))
		}
	}
	for _, route := range append(s.labelledRoutes(), routes...) {
		if !route.TCP() && s.speaks(route) == SpeaksTLS {
			lines = append(lines, fmt.Sprintf("Port %d of service %s is for TLS, and HAProxy speaks plain HTTP there: the app will refuse it.\n"+
				"  Route to a port that speaks HTTP; or give the service the label haproxy.snippet: default-server ssl verify none (HAProxy speaks TLS to it),\n"+
				"  or haproxy.tls: passthrough with haproxy.host and haproxy.port: \"%d\" (TLS goes through untouched, on port 443).", route.Port, route.Service, route.Port))
		}
	}
	return lines
}

// keepsOut tells whether labels that a service brings along say who may come.
func (s Survey) keepsOut(name string) bool {
	for key := range s.config(name).Labels {
		if strings.HasPrefix(key, "haproxy.") && (strings.HasSuffix(key, ".allow") || strings.HasSuffix(key, ".auth")) {
			return true
		}
	}
	return false
}

// labelledRoutes are the ports that HTTP goes to by labels that services bring along.
func (s Survey) labelledRoutes() (routes []Route) {
	for _, name := range s.labelled() {
		for _, spec := range labels.Parse(name, s.config(name).Labels, s.readFile).Specs {
			routes = append(routes, Route{Service: name, Port: spec.Port, Listen: spec.Listen})
		}
	}
	return routes
}

// speaks is what the app speaks on the port of a route, as far as can be told.
func (s Survey) speaks(route Route) Speaks {
	service, _ := s.service(route.Service)
	for _, port := range service.Ports {
		if port.Number == route.Port {
			return port.Speaks
		}
	}
	return usualProtocol(route.Port, s.config(route.Service).Image)
}
