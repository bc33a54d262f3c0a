package routing

import (
	"fmt"
	"slices"
	"strings"
)

// frontend is where HTTP requests come in and find their backend. A request
// looks for its route from the most special to the most general, and stops at
// the first that it finds; each question is to a map, whatever its size.
func (w *writer) frontend(r Routing) {
	w.section("frontend http")
	w.in("mode http")
	w.bind(r.Frontend.Port, r.Frontend.IPv6)
	w.in("# Repeat by itself only what is safe to repeat (retry-on): never a POST.")
	w.in("http-request disable-l7-retry unless { method GET HEAD OPTIONS }")
	for _, line := range ClientRules() {
		w.in("%s", line)
	}
	w.in("# A host that the app might read otherwise than HAProxy does must not find another route.")
	w.in("http-request deny deny_status 400 if { req.fhdr(host) -m found } !{ req.fhdr(host) -m reg %s }", quote(wellFormedHost))
	w.in("http-request set-var(txn.host) req.fhdr(host),host_only,lower,rtrim(.)")
	if slices.ContainsFunc(r.Routes, func(route Route) bool { return hostRank(route.Host) == 1 }) {
		w.in("http-request set-var(txn.wild) var(txn.host),regsub(^[^.]*,*)")
	}
	w.canonicalPath(r)
	if slices.ContainsFunc(r.Routes, func(route Route) bool { return route.Path.NoCase }) {
		w.in("http-request set-var(txn.lower) var(txn.path),lower")
	}
	for _, level := range levelsOf(r.withSlashes()) {
		w.level(level)
	}
	for _, line := range r.Frontend.Snippet {
		w.in("%s", line)
	}
	w.in("use_backend %%[var(txn.route)] if { var(txn.route) -m found }")
	w.in("default_backend no-route")
}

// bind listens on a port. IPv6 has a line of its own: on a socket for both, clients of
// IPv4 would come from ::ffff:192.0.2.1.
func (w *writer) bind(port int, ipv6 bool) {
	w.in("bind :%d", port)
	if ipv6 {
		w.in("bind [::]:%d v6only", port)
	}
}

// level is all routes of one priority.
type level struct {
	priority int
	routes   []Route
}

func levelsOf(routes []Route) []level {
	levels := []level{}
	for _, route := range routes { // sorted by priority
		if len(levels) == 0 || levels[len(levels)-1].priority != route.Priority {
			levels = append(levels, level{priority: route.Priority})
		}
		last := &levels[len(levels)-1]
		last.routes = append(last.routes, route)
	}
	return levels
}

// level writes the questions of one priority: for the host itself, for the host
// with a * for its first label, and for any host; and for each first exact
// paths, then regular expressions, then prefixes. What does not look at upper
// and lower case comes first: it may be there to keep clients out.
func (w *writer) level(l level) {
	suffix := ""
	if l.priority != 0 {
		suffix = fmt.Sprintf("%d-", l.priority)
		w.in("# haproxy.priority: %d", l.priority)
	}
	for rank, host := range hostQuestions() {
		for _, question := range []struct {
			name, asked string
			rank        int
			noCase      bool
		}{
			{noCaseName + exactName, host.asked + ",concat(,txn.lower),map_str(%s)", 0, true},
			{exactName, host.asked + ",concat(,txn.path),map_str(%s)", 0, false},
			{regexName, "var(txn.path),concat(" + host.behind + "),map_reg(%s)", 1, false},
			{noCaseName + prefixName, host.asked + ",concat(,txn.lower,/),map_beg(%s)", 2, true},
			{prefixName, host.asked + ",concat(,txn.path,/),map_beg(%s)", 2, false},
		} {
			found := false
			for _, route := range l.routes {
				noCase := route.Path.NoCase && route.Path.Match != Regex
				if hostRank(route.Host) == rank && pathRank(route.Path) == question.rank && noCase == question.noCase {
					w.entry(suffix+question.name, mapKey(route), route.Backend)
					found = true
				}
			}
			if found {
				w.in("http-request set-var(txn.route) "+question.asked+" if !{ var(txn.route) -m found }", w.file(suffix+question.name))
			}
		}
	}
}

// wellFormedHost is a name or an IPv6 address, and perhaps a port (RFC 9110, 7.2),
// without what no name of a machine has: percent-encoding and signs.
const wellFormedHost = `^(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$`

// hostQuestion is the host of a request as the maps know it.
type hostQuestion struct {
	asked  string // what gives it
	behind string // the arguments of concat() that put it behind a path
}

// hostQuestions are by hostRank.
func hostQuestions() []hostQuestion {
	return []hostQuestion{
		{"var(txn.host)", "?,txn.host"},
		{"var(txn.wild)", "?,txn.wild"},
		{"str(*)", "?*"},
	}
}

// mapKey is how a route stands in its map.
func mapKey(r Route) string {
	switch r.Path.Match {
	case Exact:
		return r.Host + r.Path.canonical()
	case Regex:
		return regexKey(r.Path, r.Host)
	default:
		return r.Host + r.Path.below()
	}
}

// noRoute answers what no route takes.
func (w *writer) noRoute() {
	w.section("backend no-route")
	w.in("mode http")
	w.in(`http-request return status 404 content-type text/plain string "No route leads here.\n"`)
}

// tcpFrontends are a port each.
func (w *writer) tcpFrontends(routes []TCPRoute, ipv6 bool) {
	for i := 0; i < len(routes); {
		port := routes[i].Port
		end := i
		for end < len(routes) && routes[end].Port == port {
			end++
		}
		w.tcpFrontend(port, ipv6, routes[i:end])
		i = end
	}
}

func (w *writer) tcpFrontend(port int, ipv6 bool, routes []TCPRoute) {
	w.section("frontend tcp-%d", port)
	w.in("mode tcp")
	w.bind(port, ipv6)
	w.in("option tcplog")
	w.in("no option idle-close-on-response") // of the base config; it is about HTTP
	anybody := slices.IndexFunc(routes, func(r TCPRoute) bool { return r.Name == "" })
	if anybody < 0 || len(routes) > 1 {
		w.names(port, routes)
	}
	if anybody >= 0 {
		w.in("default_backend %s", routes[anybody].Backend)
	}
}

// names lets the name that the client asks for (SNI) choose the backend.
func (w *writer) names(port int, routes []TCPRoute) {
	file := w.file(sniName(port))
	wild, anybody := false, false
	for _, route := range routes {
		if route.Name == "" {
			anybody = true
			continue
		}
		wild = wild || strings.HasPrefix(route.Name, "*.")
		w.entry(sniName(port), route.Name, route.Backend)
	}
	w.in("# The name that the client asks for (SNI) chooses; TLS itself goes through untouched.")
	w.in("tcp-request inspect-delay 5s")
	w.in("tcp-request content set-var(sess.sni) req.ssl_sni,lower if { req.ssl_hello_type 1 }")
	w.in("tcp-request content set-var(sess.route) var(sess.sni),map_str(%s)", file)
	if wild {
		w.in("tcp-request content set-var(sess.route) var(sess.sni),regsub(^[^.]*,*),map_str(%s) if !{ var(sess.route) -m found }", file)
	}
	if !anybody {
		w.in("tcp-request content reject unless { var(sess.route) -m found }")
	}
	w.in("use_backend %%[var(sess.route)] if { var(sess.route) -m found }")
}

func sniName(port int) string { return fmt.Sprintf("sni-%d.map", port) }
