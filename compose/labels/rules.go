package labels

import (
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// table holds the labels in the order in which a person should read them, which
// is also the order in which they are applied.
type table []rule

// rule is one label: what a person reads about it, and what it does.
type rule struct {
	Label
	place   int // in the table
	scope   scope
	chooses bool     // which requests a route takes: such a label makes a route
	web     bool     // says nothing to plain TCP
	secret  bool     // a wrong value may be a secret
	aliases []string // what other tools call it

	set  func(d *draft, a argument) error // on a draft that may be empty: looks at the value only
	fits func(d *draft) error             // looks at the whole route
}

// scope is for whom a label counts that names no route.
type scope int

const (
	ofAnyRoute     scope = iota // the route without a name; for the others a default
	ofOneRoute                  // the route without a name only
	ofWholeService              // all routes, and none can say it for itself
)

// argument is what a label says.
type argument struct {
	value string
	name  string // of the header
	read  func(path string) ([]byte, error)
}

// namePlace stands for the name of a header in a key.
const namePlace = ".NAME"

// named tells the keys that a name follows.
func (r rule) named() bool { return strings.HasSuffix(r.Key, namePlace) }

// find gives the rule of a key that is written without a name.
func (t table) find(key string) (rule, bool) {
	i := slices.IndexFunc(t, func(r rule) bool { return strings.TrimSuffix(r.Key, namePlace) == key })
	if i < 0 {
		return rule{}, false
	}
	return t[i], true
}

// lookup gives the rule of a whole key, and the name in it.
func (t table) lookup(key string) (found rule, name string, ok bool) {
	head, name, dotted := strings.Cut(key, ".")
	found, ok = t.find(head)
	return found, name, ok && found.named() == dotted && (name != "") == dotted
}

func numbered(t table) table {
	for i := range t {
		t[i].place = i
	}
	return t
}

// The groups of the reference, in its order.
const (
	groupRouting  = "Which requests"
	groupServers  = "Which containers"
	groupHealth   = "Health"
	groupTCP      = "TCP and TLS"
	groupTimeouts = "Timeouts"
	groupRequests = "Requests and answers"
	groupAccess   = "Who may"
	groupDown     = "When nothing answers"
	groupWayOut   = "The way out"
	groupFrontend = "On the service haproxy itself"
)

// Values that many labels take.
const (
	valuesBool     = "true or false"
	valuesDuration = "a number and ms, s, m, h or d, such as 500ms or 2s"
	valuesPort     = "a whole number from 1 to 65535"
)

// rules is every label of an app service. A new label is a new row.
func rules() table {
	return numbered(slices.Concat(
		routingRules(), serverRules(), healthRules(), tcpRules(), timeoutRules(),
		requestRules(), accessRules(), downRules(), snippetRules(),
	))
}

func routingRules() table {
	return table{
		{
			Label: Label{
				Group: groupRouting, Key: "host", Default: "any host", Example: "shop.example.com",
				Values: "host names; *.example.com is any one name before it, * any host; example.com/shop has a path prefix as well",
				Doc:    "The hosts that are meant. Ports count for nothing here.",
			},
			scope: ofOneRoute, chooses: true, set: setHosts, fits: fitsHost,
			aliases: []string{"domain", "domains", "hostname", "vhost", "virtual-host", "rule", "sni", "url"},
		},
		{
			Label: Label{
				Group: groupRouting, Key: "path", Default: "every path", Example: "/api",
				Values: "paths that begin with /",
				Doc:    "Path prefixes: `/api` takes `/api` and `/api/x`, not `/apix`. All spellings of a path count as one: `/%61pi`, `//api`, `/./api`, `/api;x=1`, `\\api`. Upper and lower case differ: see `path-nocase`.",
			},
			scope: ofOneRoute, chooses: true, web: true, fits: fitsPath,
			set:     func(d *draft, a argument) error { return setPaths(d, routing.Prefix, a.value) },
			aliases: []string{"prefix", "path-prefix", "pathprefix", "location"},
		},
		{
			Label: Label{
				Group: groupRouting, Key: "path-exact", Example: "/robots.txt",
				Values: "paths that begin with /",
				Doc:    "Paths that are taken alone, without what is below them. With a guard (`allow`, `deny`, `auth`, `rate-limit`, `conn-limit`) the path with a slash at its end is taken as well.",
			},
			scope: ofOneRoute, chooses: true, web: true, fits: fitsPath,
			set: func(d *draft, a argument) error { return setPaths(d, routing.Exact, a.value) },
		},
		{
			Label: Label{
				Group: groupRouting, Key: "path-regex", Example: `^/v[0-9]+/`,
				Values: "one regular expression (PCRE)",
				Doc:    "A regular expression for the path; it may match anywhere in it unless it says `^` or `$`. It looks at the decoded path; a blank there is `%20`.",
			},
			scope: ofOneRoute, chooses: true, web: true, set: setPathRegex, fits: fitsPath,
			aliases: []string{"regex", "path-regexp", "regexp"},
		},
		{
			Label: Label{
				Group: groupRouting, Key: "path-nocase", Default: "false", Example: "true",
				Values: valuesBool,
				Doc:    "Upper and lower case count for nothing in the paths of the route: `/admin` takes `/Admin`. For apps that answer both alike, as on Windows: a guard for `/admin` does not cover `/Admin` otherwise. Such a route is looked for before those that look at case.",
			},
			web: true, fits: fitsNoCase,
			set:     setBool(func(d *draft, on bool) { d.noCase = on }),
			aliases: []string{"nocase", "ignore-case", "case-insensitive", "path-ignore-case"},
		},
		{
			Label: Label{
				Group: groupRouting, Key: "priority", Default: "0", Example: "10",
				Values: "a whole number from -1000 to 1000",
				Doc:    "Routes with a higher one are looked at first, before hosts and paths decide.",
			},
			scope: ofOneRoute,
			set:   setNumber(-1000, 1000, func(d *draft, n int) { d.Priority = n }),
		},
		{
			Label: Label{
				Group: groupRouting, Key: "enable", Default: "true", Example: "false",
				Values: valuesBool,
				Doc:    "`false`: the service is not routed, its other labels count for nothing.",
			},
			scope:   ofWholeService,
			set:     setBool(func(d *draft, on bool) { d.disabled = !on }),
			aliases: []string{"enabled", "disable", "exclude"},
		},
	}
}

func serverRules() table {
	return table{
		{
			Label: Label{
				Group: groupServers, Key: "port", Default: "the only port that the service exposes", Example: "8080",
				Values: valuesPort,
				Doc:    "The port on which the app listens in its container.",
			},
			set:     setNumber(1, 65535, func(d *draft, n int) { d.Port = n }),
			aliases: []string{"virtual-port", "server-port", "localport", "expose", "upstreams"},
		},
		{
			Label: Label{
				Group: groupServers, Key: "network", Default: "the network that they share", Example: "backend",
				Values: "the key of a network in the Compose file",
				Doc:    "The network on which HAProxy reaches the service, where there are several. For the whole service.",
			},
			scope: ofWholeService, set: setNetwork,
		},
		{
			Label: Label{
				Group: groupServers, Key: "slots", Default: "10, or more where the service has more containers", Example: "50",
				Values: "a whole number from 1 to 10000",
				Doc:    "How many containers there may be at most without a reload.",
			},
			set:     setNumber(1, 10000, func(d *draft, n int) { d.Slots = n }),
			aliases: []string{"replicas", "scale", "servers", "instances"},
		},
		{
			Label: Label{
				Group: groupServers, Key: "balance", Default: "HAProxy's: roundrobin", Example: "leastconn",
				Values: "roundrobin, leastconn, random, random(2), first, source, uri, hdr(NAME) or url_param NAME",
				Doc:    "How a container is chosen.",
			},
			set: setBalance, fits: fitsBalance,
			aliases: []string{"algorithm", "lb", "lb-policy", "loadbalancer", "strategy"},
		},
		{
			Label: Label{
				Group: groupServers, Key: "sticky", Default: "false", Example: "true",
				Values: "true, false, or the name of a cookie: letters, digits, _, - and .",
				Doc:    "Keep a client at its container by a cookie; `true` calls it SRV.",
			},
			web: true, set: setSticky,
			aliases: []string{"cookie", "session", "sticky-session", "affinity"},
		},
		{
			Label: Label{
				Group: groupServers, Key: "maxconn", Default: "no limit", Example: "100",
				Values: "a whole number from 1 to 1000000",
				Doc:    "Connections to one container at one time; further requests wait in HAProxy.",
			},
			set: setNumber(1, 1000000, func(d *draft, n int) { d.MaxConn = n }),
		},
		{
			Label: Label{
				Group: groupServers, Key: "group", Default: "the service alone", Example: "web",
				Values: "lower-case letters, digits and hyphens",
				Doc:    "Services of the same group share one backend: old and new, first and backup.",
			},
			set: setGroup, aliases: []string{"backend", "pool"},
		},
		{
			Label: Label{
				Group: groupServers, Key: "weight", Default: "1", Example: "10",
				Values: "a whole number from 1 to 256",
				Doc:    "Share of the requests that each container of this service gets, among the services of its group.",
			},
			set:  setNumber(1, 256, func(d *draft, n int) { d.Weight = n }),
			fits: fitsGroup,
		},
		{
			Label: Label{
				Group: groupServers, Key: "backup", Default: "false", Example: "true",
				Values: valuesBool,
				Doc:    "Used only while the other services of its group are down.",
			},
			set:  setBool(func(d *draft, on bool) { d.Backup = on }),
			fits: fitsGroup,
		},
		{
			Label: Label{
				Group: groupServers, Key: "protocol", Default: "http", Example: "grpc",
				Values: "http, h2 (HTTP/2 in clear text) or grpc",
				Doc:    "What the app speaks. `grpc` is `h2` with the check `tcp`, unless another check is named.",
			},
			web: true, set: setProtocol,
			aliases: []string{"proto", "scheme"},
		},
	}
}

func healthRules() table {
	return table{
		{
			Label: Label{
				Group: groupHealth, Key: "check", Default: "GET /; for TCP a connection", Example: "/healthz",
				Values: "a path such as /healthz, tcp, or off",
				Doc:    "What HAProxy asks a container to learn whether it is well: a path by HTTP, a mere connection (`tcp`), or nothing (`off`).",
			},
			set: setCheck, fits: fitsCheckKind, aliases: []string{"healthcheck", "health", "health-check", "health-path", "check-path", "httpchk"},
		},
		{
			Label: Label{
				Group: groupHealth, Key: "check-status", Default: "200-499", Example: "200,204",
				Values: "statuses and ranges of them: 200, 200-399, 200,204",
				Doc:    "The answers that count as well.",
			},
			set: setCheckStatus, fits: fitsHTTPCheck,
		},
		{
			Label: Label{
				Group: groupHealth, Key: "check-host", Default: "localhost", Example: "shop.example.com",
				Values: "a host name, with a port if need be",
				Doc:    "The Host header of the check.",
			},
			set: setCheckHost, fits: fitsHTTPCheck,
		},
		{
			Label: Label{
				Group: groupHealth, Key: "check-interval", Default: "the base config's: 2s", Example: "5s",
				Values: valuesDuration,
				Doc:    "Time between two checks of a container.",
			},
			set: setDuration(func(d *draft, t span) { d.Check.Interval = t }), fits: fitsCheck,
			aliases: []string{"check-inter", "inter"},
		},
	}
}

func tcpRules() table {
	return table{
		{
			Label: Label{
				Group: groupTCP, Key: "listen", Default: "HTTP; 443 with `tls`", Example: "5432",
				Values: valuesPort,
				Doc:    "Plain TCP: the port of HAProxy on which the service is reached. Publish it under `ports` of the service haproxy.",
			},
			scope: ofOneRoute, chooses: true,
			set:     setNumber(1, 65535, func(d *draft, n int) { d.Listen = n }),
			aliases: []string{"tcp", "tcp-port", "bind", "mode", "entrypoint", "entrypoints", "publish"},
		},
		{
			Label: Label{
				Group: groupTCP, Key: "tls", Example: "passthrough",
				Values: "passthrough",
				Doc:    "TLS goes to the app as it comes; `host` is looked for in what the client says first (SNI).",
			},
			scope: ofOneRoute, chooses: true, set: setTLS, fits: fitsTLS,
			aliases: []string{"ssl", "passthrough", "tls-passthrough"},
		},
	}
}

func timeoutRules() table {
	row := func(key, def, example, doc string, set func(*draft, span)) rule {
		return rule{
			Label: Label{Group: groupTimeouts, Key: key, Default: def, Example: example, Values: valuesDuration, Doc: doc},
			set:   setDuration(set),
		}
	}
	web := func(r rule) rule { r.web = true; return r }
	return table{
		row("timeout-connect", "the base config's: 2s", "500ms", "Until a container takes the connection.",
			func(d *draft, t span) { d.Timeouts.Connect = t }),
		row("timeout-server", "the base config's: 60s", "5m", "While the app is silent.",
			func(d *draft, t span) { d.Timeouts.Server = t }),
		row("timeout-queue", "the base config's: 10s", "30s", "While a request waits for a container with `maxconn` to be free.",
			func(d *draft, t span) { d.Timeouts.Queue = t }),
		web(row("timeout-body", "10s", "1m", "Until the first kilobyte of a request's body has come (all of a shorter one); then the answer is 408.",
			func(d *draft, t span) { d.Timeouts.Body = t })),
		row("timeout-tunnel", "the base config's: 1h", "8h", "While a websocket, or a connection of plain TCP, is silent in both directions.",
			func(d *draft, t span) { d.Timeouts.Tunnel = t }),
	}
}

func requestRules() table {
	return table{
		{
			Label: Label{
				Group: groupRequests, Key: "strip", Default: "false", Example: "true",
				Values: valuesBool,
				Doc:    "Take the route's path prefix off before the app sees it: `/api/x` becomes `/x`.",
			},
			web: true, fits: fitsStrip,
			set:     setBool(func(d *draft, on bool) { d.Strip = on }),
			aliases: []string{"strip-prefix", "stripprefix", "strip-path"},
		},
		{
			Label: Label{
				Group: groupRequests, Key: "rewrite", Example: `^/old/(.*) /new/\1`,
				Values: `a regular expression, a blank, and what takes the place of what it finds; \1 is the first group`,
				Doc:    "Change the path before the app sees it.",
			},
			web: true, set: setRewrite,
			aliases: []string{"replace-path", "replacepath"},
		},
		{
			Label: Label{
				Group: groupRequests, Key: "redirect", Example: "https",
				Values: "https, or a URL such as https://new.example.com; without a path in it, the request's path is kept",
				Doc:    "Send clients elsewhere: to https, or to another address.",
			},
			scope: ofOneRoute, web: true, set: setRedirect,
			aliases: []string{"https", "force-ssl", "redirect-to", "ssl-redirect", "force-https", "redirectscheme"},
		},
		{
			Label: Label{
				Group: groupRequests, Key: "redirect-code", Default: "308", Example: "302",
				Values: "301, 302, 303, 307 or 308",
				Doc:    "The status of `redirect` and `www`.",
			},
			scope: ofOneRoute, web: true, set: setRedirectCode, fits: fitsRedirect,
		},
		{
			Label: Label{
				Group: groupRequests, Key: "www", Example: "remove",
				Values: "add or remove",
				Doc:    "Send clients from `example.com` to `www.example.com`, or the other way.",
			},
			web: true, set: setWWW, fits: fitsWWW,
		},
		{
			Label: Label{
				Group: groupRequests, Key: "request-header" + namePlace, Example: "X-Tenant: shop",
				Values: "text; nothing takes the header away",
				Doc:    "A header that the app sees. The name is part of the label: `haproxy.request-header.X-Tenant: shop`.",
			},
			web: true, set: func(d *draft, a argument) error { return setHeader(d, a, false) },
			aliases: []string{"headers", "header", "header-up", "customrequestheaders"},
		},
		{
			Label: Label{
				Group: groupRequests, Key: "response-header" + namePlace, Example: "X-Frame-Options: DENY",
				Values: "text; nothing takes the header away",
				Doc:    "A header that the client sees: `haproxy.response-header.Server: \"\"` takes one away.",
			},
			web: true, set: func(d *draft, a argument) error { return setHeader(d, a, true) },
			aliases: []string{"header-down", "customresponseheaders"},
		},
		{
			Label: Label{
				Group: groupRequests, Key: "compress", Default: "false", Example: "true",
				Values: valuesBool,
				Doc:    "Compress answers that are text, for clients that take it.",
			},
			web: true, set: setBool(func(d *draft, on bool) { d.Compress = on }),
			aliases: []string{"compression", "gzip", "encode"},
		},
	}
}

func accessRules() table {
	return table{
		{
			Label: Label{
				Group: groupAccess, Key: "auth", Example: "secrets/shop.htpasswd",
				Values: "the path of a file with lines user:hash",
				Doc:    "Ask for a user and a password. The file is relative to the project's folder; each line is a user, a colon, and what `openssl passwd -6` prints.",
			},
			web: true, secret: true, set: setAuth,
			aliases: []string{"basic-auth", "basicauth", "users", "htpasswd"},
		},
		{
			Label: Label{
				Group: groupAccess, Key: "auth-realm", Default: "the service's name", Example: "Shop",
				Values: `text without " and \`,
				Doc:    "What the browser shows when it asks for the password.",
			},
			web: true, set: setRealm, fits: fitsAuth,
			aliases: []string{"realm"},
		},
		{
			Label: Label{
				Group: groupAccess, Key: "auth-forward", Default: "false", Example: "true",
				Values: valuesBool,
				Doc:    "Let the app see the user and the password in `Authorization`; otherwise HAProxy takes the header away once it has checked it.",
			},
			web: true, fits: fitsAuth,
			set:     setBool(func(d *draft, on bool) { d.authForward = on }),
			aliases: []string{"auth-keep", "keep-authorization", "removeheader"},
		},
		{
			Label: Label{
				Group: groupAccess, Key: "allow", Default: "all", Example: "10.0.0.0/8",
				Values: "IP addresses and networks such as 10.0.0.0/8",
				Doc:    "Only clients with these addresses.",
			},
			set:     setPrefixes(func(d *draft, p prefixes) { d.Allow = p }),
			aliases: []string{"allowlist", "whitelist", "ip-allow", "ipallowlist", "ipwhitelist"},
		},
		{
			Label: Label{
				Group: groupAccess, Key: "deny", Default: "none", Example: "192.0.2.7",
				Values: "IP addresses and networks such as 10.0.0.0/8",
				Doc:    "No clients with these addresses.",
			},
			set:     setPrefixes(func(d *draft, p prefixes) { d.Deny = p }),
			aliases: []string{"denylist", "blacklist", "ip-deny", "block"},
		},
		{
			Label: Label{
				Group: groupAccess, Key: "rate-limit", Default: "no limit", Example: "100/10s",
				Values: "requests/time, such as 100/10s, 20/s or 600/m",
				Doc:    "How many requests a client address may make in a time; more get the status 429. For TCP: connections.",
			},
			set:     setRateLimit,
			aliases: []string{"limit", "throttle"},
		},
		{
			Label: Label{
				Group: groupAccess, Key: "conn-limit", Default: "no limit", Example: "50",
				Values: "a whole number from 1 to 1000000",
				Doc:    "How many requests a client address may have open at one time; more get the status 429. For TCP: connections. Where all clients come from one address (a proxy in front, Docker Desktop, rootless Docker) it counts them together.",
			},
			set:     setNumber(1, 1000000, func(d *draft, n int) { d.ConnLimit = n }),
			aliases: []string{"inflight", "inflightreq", "in-flight", "max-connections", "limit-conn", "connection-limit"},
		},
	}
}

func downRules() table {
	return table{
		{
			Label: Label{
				Group: groupDown, Key: "page-503", Default: "HAProxy's own", Example: "haproxy/pages/503.html",
				Values: "the path of a file below haproxy/, the folder that HAProxy sees",
				Doc:    "An HTML page for the time in which no container is there.",
			},
			web: true, set: setPage503,
			aliases: []string{"error-page", "errorpage", "errorfile", "errorpages", "503"},
		},
		{
			Label: Label{
				Group: groupDown, Key: "retry-in", Default: "5s", Example: "30s",
				Values: "whole seconds, such as 5s or 1m",
				Doc:    "What the answer 503 tells clients to wait (Retry-After).",
			},
			web: true, set: setRetryIn,
			aliases: []string{"retry-after", "retry"},
		},
		{
			Label: Label{
				Group: groupDown, Key: "hold", Default: "not at all", Example: "20s",
				Values: "a time from 100ms to 60s, such as 500ms or 20s",
				Doc:    "How long a request waits for a container when none of the service is up; then, or at once without the label, it is answered 503 with Retry-After.",
			},
			web: true, set: setHold,
			aliases: []string{"wait", "try-duration", "lb-try-duration"},
		},
	}
}

func snippetRules() table {
	return table{{
		Label: Label{
			Group: groupWayOut, Key: "snippet", Example: "http-request set-var(txn.a) path",
			Values: "lines of HAProxy's language; none that begins a section, and none with a dot before its first word",
			Doc:    "Lines for the end of the backend, as HAProxy's manual has them. A `$` is written `$$` in a Compose file.",
		},
		set:     setSnippet,
		aliases: []string{"config", "extra", "raw", "custom", "backend-snippet"},
	}}
}

// frontendRules is every label of the load balancer's own service.
func frontendRules() table {
	return numbered(table{
		{
			Label: Label{
				Group: groupFrontend, Key: "http-port", Default: "80", Example: "8080",
				Values: valuesPort,
				Doc:    "The port in HAProxy's container on which the routes of HTTP are reached.",
			},
			set:     setNumber(1, 65535, func(d *draft, n int) { d.Port = n }),
			aliases: []string{"port", "bind"},
		},
		{
			Label: Label{
				Group: groupFrontend, Key: "snippet", Example: "http-request deny if { path_beg /private }",
				Values: "lines of HAProxy's language; none that begins a section, and none with a dot before its first word",
				Doc:    "Lines for the frontend http, before its routes.",
			},
			set: setSnippet,
		},
	})
}
