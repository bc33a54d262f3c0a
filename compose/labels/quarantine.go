package labels

import (
	"slices"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// quarantined gives the routes of a service with wrong labels, as far as it is
// certain which requests they take. A route without a host is left out where a
// label is unknown: that could be its host, misspelt, and the route would
// answer 503 to the requests of others.
func quarantined(service string, wishes []wish, allKnown bool, read func(string) ([]byte, error)) []routing.Spec {
	var specs []routing.Spec
	for _, route := range routeNames(wishes) {
		own := slices.DeleteFunc(ofRoute(wishes, route), func(w wish) bool {
			return w.route != route || !w.choosesRequests() && w.rule.Key != "priority"
		})
		if route != "" && !slices.ContainsFunc(own, wish.choosesRequests) || len(invalid(own, read)) > 0 {
			continue
		}
		d, fitting, _ := build(service, own, read)
		if len(fitting) < len(own) || !allKnown && len(d.pairs) == 0 && d.Listen == 0 {
			continue
		}
		d.Name, d.Quarantined = route, true
		specs = append(specs, d.specs()...)
	}
	return specs
}
