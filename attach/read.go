package attach

import (
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// means tells whether what labels say holds a route that init was asked for.
func means(spec routing.Spec, route Route) bool {
	if spec.Port != 0 && route.Port != 0 && spec.Port != route.Port || spec.Listen != route.Listen {
		return false
	}
	if route.TCP() {
		return true
	}
	anyHost := len(spec.Hosts) == 0 || slices.Contains(spec.Hosts, "*")
	if route.Host == "" && !anyHost || route.Host != "" && !slices.Contains(spec.Hosts, route.Host) {
		return false
	}
	if route.Path == "" {
		return len(spec.Paths) == 0
	}
	return slices.ContainsFunc(spec.Paths, func(p routing.Path) bool {
		return p.Match == routing.Prefix && strings.TrimSuffix(p.Value, "/") == strings.TrimSuffix(route.Path, "/")
	})
}
