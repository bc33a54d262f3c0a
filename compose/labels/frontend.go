package labels

import (
	"slices"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// DefaultHTTPPort is where frontend http listens in HAProxy's container.
const DefaultHTTPPort = 80

// Frontend is what the labels of the load balancer itself say.
type Frontend struct {
	Port     int      // of frontend http, in HAProxy's container
	Snippet  []string // lines for frontend http
	Problems []Problem
	// Closed: one of the problems is of a label that would have kept clients out. No
	// route is served until it is right.
	Closed bool
}

// ParseFrontend reads the labels of the load balancer's own service.
func ParseFrontend(service string, labels map[string]string) Frontend {
	wishes, problems := understand(labels, resolveFrontend)
	problems = slices.Concat(problems, invalid(wishes, nil), guarding(Slips(service, labels)))
	d := draft{Spec: routing.Spec{Port: DefaultHTTPPort}}
	for _, w := range wishes {
		_ = w.apply(&d, nil) // a wrong value changes nothing; it is among the problems
	}
	closed := slices.ContainsFunc(problems, func(p Problem) bool {
		r, _ := read(p.Label, p.Value)
		return r.rule.Key != "enable" && r.guards() // "false" there takes no client away from an app
	})
	return Frontend{Port: d.Port, Snippet: d.Snippet, Problems: ofService(service, problems), Closed: closed}
}

func resolveFrontend(key string) (wish, error) {
	own := frontendRules()
	if found, ok := own.find(key); ok {
		return wish{rule: found}, nil
	}
	if _, err := rules().resolve(key); err == nil {
		return wish{}, wrong("is a label of app services, and this is the load balancer itself", "give it to the service that is to be reached")
	}
	return wish{}, own.unknown("", key)
}
