package routing

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// frontend is where HTTP requests come in and find their backend. A request
// looks for its route from the most special to the most general, and stops at
// the first that it finds; each question is to a map, whatever its size.
func (w *writer) frontend(r Routing) {
	w.section("frontend http")
	w.in("mode http")
	w.in("bind :%d", r.Frontend.Port)
	w.in("# Repeat by itself only what is safe to repeat (retry-on): never a POST.")
	w.in("http-request disable-l7-retry unless { method GET HEAD OPTIONS }")
	w.in("# What the app may believe about the client comes from here, not from the client.")
	w.in("http-request set-header X-Forwarded-For %%[src]")
	w.in("http-request del-header X-Forwarded-Prefix")
	w.in("http-request set-header X-Forwarded-Proto %%[ssl_fc,iif(https,http)]")
	w.in("http-request set-header X-Forwarded-Host %%[req.hdr(host)]")
	w.in("http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.)")
	w.path(r)
	if slices.ContainsFunc(r.Routes, func(route Route) bool { return hostRank(route.Host) == 1 }) {
		w.in("http-request set-var(txn.wild) var(txn.host),regsub(^[^.]*,*)")
	}
	for _, level := range levelsOf(r.Routes) {
		w.level(level, r.guarded())
	}
	for _, line := range r.Frontend.Snippet {
		w.in("%s", line)
	}
	w.in("use_backend %%[var(txn.route)] if { var(txn.route) -m found }")
	w.in("default_backend no-route")
}

// path gives the path that routes are looked up by. Where a route with a path of
// its own keeps people out, that is the one which all its spellings have in
// common: decoded, without parameters (;x), with single slashes, and encoded
// again; what has none (a broken encoding) or leads upwards is refused. The app
// gets the path as it came.
func (w *writer) path(r Routing) {
	if !r.guarded() {
		w.in("http-request set-var(txn.path) path")
		return
	}
	w.in("# A route that keeps people out must not be passed by another spelling of its path.")
	w.in("http-request set-var(txn.plain) path,url_dec,regsub(;[^/]*,,g),regsub([?],%%3F,g),regsub(/+,/,g)")
	w.in(`http-request set-var(txn.path) 'var(txn.plain),url_enc,regsub("%%2F",/,g)'`)
	w.in("http-request deny deny_status 400 unless { var(txn.path) -m found }")
	w.in(`http-request deny deny_status 400 if { var(txn.path) -m reg (^|/)\.\.?(/|$) }`)
}

// guarded tells whether a route with a path of its own keeps people out.
func (r Routing) guarded() bool {
	guarded := map[string]bool{}
	for _, b := range r.Backends {
		guarded[b.Name] = b.Wishes.Auth != nil || len(b.Wishes.Allow) > 0 || len(b.Wishes.Deny) > 0
	}
	return slices.ContainsFunc(r.Routes, func(route Route) bool { return guarded[route.Backend] && route.Path != Path{Prefix, "/"} })
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
// paths, then regular expressions, then prefixes.
func (w *writer) level(l level, guarded bool) {
	suffix := ""
	if l.priority != 0 {
		suffix = fmt.Sprintf("%d-", l.priority)
		w.in("# haproxy.priority: %d", l.priority)
	}
	plain := "txn.path"
	if guarded {
		plain = "txn.plain" // expressions are about the decoded path
	}
	for rank, host := range hostQuestions() {
		for match, question := range []struct{ name, asked string }{
			{exactName, host.asked + ",concat(,txn.path),map_str(%s)"},
			{regexName, "var(" + plain + "),concat(" + host.behind + "),map_reg(%s)"},
			{prefixName, host.asked + ",concat(,txn.path,/),map_beg(%s)"},
		} {
			found := false
			for _, route := range l.routes {
				if hostRank(route.Host) == rank && pathRank(route.Path) == match {
					w.entry(suffix+question.name, mapKey(route, guarded), route.Backend)
					found = true
				}
			}
			if found {
				w.in("http-request set-var(txn.route) "+question.asked+" if !{ var(txn.route) -m found }", w.file(suffix+question.name))
			}
		}
	}
}

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

// mapKey is how a route stands in its map. A prefix ends with a slash, and so
// does what is looked up: /api must not take /apix.
func mapKey(r Route, guarded bool) string {
	value := r.Path.Value
	if guarded && r.Path.Match != Regex {
		value = canonical(value)
	}
	switch r.Path.Match {
	case Exact:
		return r.Host + value
	case Regex:
		return regexKey(value, r.Host)
	default:
		return r.Host + strings.TrimSuffix(value, "/") + "/"
	}
}

// canonical is a path in the spelling that path gives, as HAProxy's url_dec and
// url_enc make it: of all but letters, digits, - . _ ~ and slashes.
func canonical(value string) string {
	decoded, err := url.PathUnescape(value)
	if err != nil {
		decoded = value
	}
	segments := strings.Split(decoded, "/")
	for i, segment := range segments {
		segment, _, _ = strings.Cut(segment, ";")
		segments[i] = strings.ReplaceAll(url.QueryEscape(strings.ReplaceAll(segment, "?", "%3F")), "+", "%20")
	}
	return strings.Join(segments, "/")
}

// regexKey is a regular expression on PATH?HOST (no path has a question mark)
// that looks for another one in the path, and may not reach into the host.
func regexKey(regex, host string) string {
	literal := strings.NewReplacer(".", `\.`, "*", `\*`).Replace(host)
	return `(?=[^?]*\?` + literal + `$)(?:` + endAtQuestionMark(regex) + `)(?=[^?]*\?)`
}

// endAtQuestionMark lets the $ of a regular expression mean the end of the path.
func endAtQuestionMark(regex string) string {
	var out strings.Builder
	class, escaped := 0, false // class counts the characters of a class, from its [
	for _, r := range regex {
		switch {
		case escaped:
			escaped = false
			class += min(class, 1)
		case r == '\\':
			escaped = true
		case class == 1 && r == '^': // [^
		case class > 1 && r == ']':
			class = 0
		case class > 0: // a ] that comes first is one of the class
			class++
		case r == '[':
			class = 1
		case r == '$':
			out.WriteString(`(?=\?)`)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// noRoute answers what no route takes.
func (w *writer) noRoute() {
	w.section("backend no-route")
	w.in("mode http")
	w.in(`http-request return status 404 content-type text/plain string "No route leads here.\n"`)
}

// tcpFrontends are a port each.
func (w *writer) tcpFrontends(routes []TCPRoute) {
	for i := 0; i < len(routes); {
		port := routes[i].Port
		end := i
		for end < len(routes) && routes[end].Port == port {
			end++
		}
		w.tcpFrontend(port, routes[i:end])
		i = end
	}
}

func (w *writer) tcpFrontend(port int, routes []TCPRoute) {
	w.section("frontend tcp-%d", port)
	w.in("mode tcp")
	w.in("bind :%d", port)
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
