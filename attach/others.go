package attach

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Settings of other tools say which requests are meant for a service: labels of
// Traefik, of caddy-docker-proxy and of EasyHAProxy, variables of nginx-proxy. What
// is written there is proposed. What is not understood as a whole is passed over,
// and so is what keeps people out: without that, it is not the same route.

// othersRoute is a route that another tool was told of.
type othersRoute struct {
	Route

	Tool string
}

// othersRoutes are the routes that settings of other tools say, each once. guarded
// tells that some keep people out.
func othersRoutes(service types.ServiceConfig) (routes []othersRoute, guarded bool) {
	all := othersLabels(service)
	for _, tool := range []struct {
		name string
		read func() ([]Route, bool)
	}{
		{"Traefik", func() ([]Route, bool) { return traefikRoutes(all) }},
		{"Caddy", func() ([]Route, bool) { return caddyRoutes(all) }},
		{"EasyHAProxy", func() ([]Route, bool) { return easyRoutes(all) }},
		{"nginx-proxy", func() ([]Route, bool) { return nginxRoutes(service.Environment) }},
	} {
		found, closed := tool.read()
		guarded = guarded || closed
		for _, route := range found {
			route.Service = service.Name
			taken := func(other othersRoute) bool { return other.Where() == route.Where() }
			if !slices.ContainsFunc(routes, taken) {
				routes = append(routes, othersRoute{route, tool.name})
			}
		}
	}
	return routes, guarded
}

// othersLabels are the labels of a service, those for a swarm too; keys in lower
// case, for Traefik takes them so.
func othersLabels(service types.ServiceConfig) map[string]string {
	all := map[string]string{}
	if service.Deploy != nil {
		for key, value := range service.Deploy.Labels {
			all[strings.ToLower(key)] = value
		}
	}
	for key, value := range service.Labels {
		all[strings.ToLower(key)] = value
	}
	return all
}

// understood is a route of a host and a path as other tools write them, if --route
// could name it.
func understood(host, path string, port int) (Route, bool) {
	host, path = strings.TrimSpace(host), strings.TrimSpace(path)
	if path != "" && !strings.HasPrefix(path, "/") || strings.Contains(host, "/") {
		return Route{}, false
	}
	route := Route{Port: port}
	var err error
	if route.Host, route.Path, err = ParseWhere(host + path); err != nil || host == "" && path == "" {
		return Route{}, false
	}
	return route, true
}

// othersPort is a port as other tools write it; 0 is none.
func othersPort(text string) int {
	port, err := portNumber(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return port
}

// traefikRoutes reads traefik.http.routers.NAME.rule, and traefik.frontend.rule of
// Traefik 1.
func traefikRoutes(all map[string]string) (routes []Route, guarded bool) {
	if off, err := strconv.ParseBool(all["traefik.enable"]); err == nil && !off {
		return nil, false
	}
	routes = traefikFirst(all)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		router, isRule := strings.CutSuffix(key, ".rule")
		if !strings.HasPrefix(router, "traefik.http.routers.") || !isRule || strings.Contains(all[router+".service"], "@internal") {
			continue
		}
		if traefikGuards(all, all[router+".middlewares"]) {
			guarded = true
			continue
		}
		port := traefikPort(all, all[router+".service"])
		for _, where := range parseTraefikRule(all[key]) {
			if route, ok := understood(where.host, where.path, port); ok {
				routes = append(routes, route)
			}
		}
	}
	return routes, guarded
}

// traefikPort is the port of a service of Traefik's; of the only one where none is
// named.
func traefikPort(all map[string]string, service string) int {
	const prefix, suffix = "traefik.http.services.", ".loadbalancer.server.port"
	if service, _, _ = strings.Cut(strings.ToLower(service), "@"); service != "" {
		return othersPort(all[prefix+service+suffix])
	}
	port := 0
	for key, value := range all {
		if strings.HasPrefix(key, prefix) && strings.HasSuffix(key, suffix) {
			if port != 0 && port != othersPort(value) {
				return 0
			}
			port = othersPort(value)
		}
	}
	return port
}

// traefikGuards tells whether one of some middlewares may keep people out: all but
// those that are known not to.
func traefikGuards(all map[string]string, middlewares string) bool {
	harmless := strings.Fields(`addprefix buffering chain circuitbreaker compress contenttype errors grpcweb headers inflightreq
		passtlsclientcert replacepath replacepathregex redirectregex redirectscheme retry stripprefix stripprefixregex ratelimit`)
	for name := range strings.SplitSeq(strings.ToLower(middlewares), ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		name, _, _ = strings.Cut(name, "@")
		kinds := 0
		for key, value := range all {
			rest, ok := strings.CutPrefix(key, "traefik.http.middlewares."+name+".")
			if !ok {
				continue
			}
			kind, setting, _ := strings.Cut(rest, ".")
			kinds++
			if !slices.Contains(harmless, kind) || kind == "chain" && setting == "middlewares" && value != middlewares && traefikGuards(without(all, key), value) {
				return true
			}
		}
		if kinds == 0 {
			return true // it is defined elsewhere
		}
	}
	return false
}

// without is a map less one of its keys.
func without(all map[string]string, key string) map[string]string {
	rest := maps.Clone(all)
	delete(rest, key)
	return rest
}

// traefikFirst reads the rule of Traefik 1: Host:a.example,b.example;PathPrefix:/x.
func traefikFirst(all map[string]string) (routes []Route) {
	rule := all["traefik.frontend.rule"]
	if rule == "" || all["traefik.frontend.auth.basic.users"] != "" || all["traefik.frontend.auth.basic"] != "" || all["traefik.frontend.auth.forward.address"] != "" ||
		all["traefik.frontend.whitelist.sourcerange"] != "" {
		return nil
	}
	hosts, paths := []string{""}, []string{""}
	for part := range strings.SplitSeq(rule, ";") {
		name, list, _ := strings.Cut(part, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "host":
			hosts = strings.Split(list, ",")
		case "pathprefix", "pathprefixstrip":
			paths = strings.Split(list, ",")
		default:
			return nil
		}
	}
	for _, host := range hosts {
		for _, path := range paths {
			if route, ok := understood(host, path, othersPort(all["traefik.port"])); ok {
				routes = append(routes, route)
			}
		}
	}
	return routes
}

// caddySite is the label that begins a site: caddy, caddy_1.
var caddySite = regexp.MustCompile(`^caddy(?:_\d+)?$`)

// caddyRoutes reads the labels of caddy-docker-proxy: sites with reverse_proxy, of
// all requests or of those below a path.
func caddyRoutes(all map[string]string) (routes []Route, guarded bool) {
	for _, site := range slices.Sorted(maps.Keys(all)) {
		if !caddySite.MatchString(site) || strings.HasPrefix(all[site], "(") {
			continue
		}
		var proxies []Route // without hosts
		closed := false
		for _, key := range slices.Sorted(maps.Keys(all)) {
			directive, ok := strings.CutPrefix(key, site+".")
			if !ok {
				continue
			}
			closed = closed || caddyGuard.MatchString(directive)
			if proxy, ok := caddyProxy(all, site, directive); ok {
				proxies = append(proxies, proxy)
			}
		}
		if closed {
			guarded = true
			continue
		}
		for _, host := range strings.FieldsFunc(all[site], func(r rune) bool { return r == ',' || r == ' ' }) {
			for _, proxy := range proxies {
				if route, ok := understood(caddyHost(host), proxy.Path, proxy.Port); ok {
					routes = append(routes, route)
				}
			}
		}
	}
	return routes, guarded
}

var (
	// caddyGuard is a directive that keeps people out, or lets through only some.
	caddyGuard = regexp.MustCompile(`(?:^|[._])(?:basic_?auth|forward_auth|authorize|authenticate|abort|remote_ip|client_ip|respond|import)(?:$|[._])|^@`)
	// caddyDirective is reverse_proxy, by itself or in a block for a path.
	caddyDirective = regexp.MustCompile(`^(?:((?:\d+_)?(?:handle|handle_path|route)(?:_\d+)?)\.)?(?:\d+_)?reverse_proxy(?:_\d+)?$`)
	// caddyUpstreams is the template for the containers of the service.
	caddyUpstreams = regexp.MustCompile(`^\{\{\s*upstreams(?:\s+(?:https?|h2c))?(?:\s+(\d+))?\s*\}\}$`)
)

// caddyProxy reads reverse_proxy: the path that it is for, and the port.
func caddyProxy(all map[string]string, site, directive string) (Route, bool) {
	match := caddyDirective.FindStringSubmatch(directive)
	if match == nil {
		return Route{}, false
	}
	matcher, to := "", strings.TrimSpace(all[site+"."+directive])
	if first, rest, two := strings.Cut(to, " "); two && (strings.HasPrefix(first, "/") || first == "*") {
		matcher, to = first, strings.TrimSpace(rest)
	}
	if match[1] != "" {
		matcher = cmp.Or(matcher, strings.TrimSpace(all[site+"."+match[1]]))
	}
	upstreams := caddyUpstreams.FindStringSubmatch(to)
	if upstreams == nil {
		return Route{}, false // another place than the containers of this service
	}
	path := strings.TrimSuffix(strings.TrimSuffix(matcher, "*"), "/")
	if path != "" && !strings.HasSuffix(matcher, "*") || strings.ContainsAny(path, "*@ ") {
		return Route{}, false // one path only, which is no prefix; or a matcher with a name
	}
	return Route{Path: path, Port: othersPort(upstreams[1])}, true
}

// caddyHost is the host of a site's address.
func caddyHost(address string) string {
	address = strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(address, "/"), ":80"), ":443")
}

// easyRoutes reads the labels of EasyHAProxy: easyhaproxy.NAME.host and localport.
func easyRoutes(all map[string]string) (routes []Route, guarded bool) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		of, isHost := strings.CutSuffix(key, ".host")
		if !isHost || !strings.HasPrefix(of, "easyhaproxy.") || all[of+".mode"] != "" && all[of+".mode"] != "http" {
			continue
		}
		if all[of+".plugins"] != "" {
			guarded = true // a list of addresses, a token
			continue
		}
		if port := all[of+".port"]; port != "" && port != "80" && port != "443" {
			continue
		}
		for host := range strings.SplitSeq(all[key], ",") {
			if route, ok := understood(host, "", othersPort(all[of+".localport"])); ok {
				routes = append(routes, route)
			}
		}
	}
	return routes, guarded
}

// nginxRoutes reads the variables of nginx-proxy: VIRTUAL_HOST, VIRTUAL_PATH and
// VIRTUAL_PORT.
func nginxRoutes(environment types.MappingWithEquals) (routes []Route, guarded bool) {
	value := func(name string) string {
		if text := environment[name]; text != nil {
			return strings.TrimSpace(*text)
		}
		return ""
	}
	if protocol := value("VIRTUAL_PROTO"); protocol != "" && protocol != "http" && protocol != "https" {
		return nil, false // uwsgi, fastcgi
	}
	for host := range strings.SplitSeq(value("VIRTUAL_HOST"), ",") {
		if route, ok := understood(host, value("VIRTUAL_PATH"), othersPort(value("VIRTUAL_PORT"))); ok && strings.TrimSpace(host) != "" {
			routes = append(routes, route)
		}
	}
	if access := value("NETWORK_ACCESS"); len(routes) > 0 && access != "" && access != "external" {
		return nil, true
	}
	return routes, false
}
