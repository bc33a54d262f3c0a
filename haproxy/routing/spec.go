// Package routing is what HAProxy is to do for the services of a project: from
// the wishes of each service (Spec) to frontends, backends and routes (Routing),
// to the files that HAProxy reads. It decides and writes text; it knows neither
// Docker nor labels, and touches no disk.
package routing

import (
	"net/netip"
	"time"
)

// Spec is what one service wishes for one of its routes. A service has as many
// as it has routes. What is zero is left to the base config or to the defaults
// that [Assemble] knows.
type Spec struct {
	Service string // Compose's name
	Name    string // of the route, "" where the service has only one and gives it none

	// Quarantined: a label is wrong, or HAProxy refuses what it makes. The route
	// stands and answers 503.
	Quarantined bool

	// Who is meant.
	Hosts    []string // lower case; "*.example.com" is any one label before it, "*" any host; none: any host
	Paths    []Path   // none: every path
	Priority int      // routes with a higher one are looked at first; 0 is usual

	// Where to.
	Port    int    // that the app listens on, in its container; filled in by the caller where no label says it
	Address string // the DNS name that its containers have; filled in by the caller
	// Containers are the names that its containers may have, "*" at their end
	// standing for a number; filled in by the caller. None: any.
	Containers []string
	Group      string   // services of the same group share one backend; "" is the service alone
	Slots      int      // how many containers there may be at most
	Weight     int      // share of the requests among the services of a group, 1 to 256; 0: HAProxy's 1
	Backup     bool     // only while all others are down
	MaxConn    int      // connections to a container at one time; 0: no limit
	Protocol   Protocol // that the app speaks

	// TCP instead of HTTP.
	Listen      int  // port on which HAProxy listens for this service; 0 is HTTP
	Passthrough bool // TLS goes through as it is; Hosts are looked for in the client's hello (SNI)

	// How.
	Balance   string // HAProxy's balance algorithm, with its argument
	Sticky    string // name of the cookie that keeps a client at its container; "" is none
	Check     Check
	Timeouts  Timeouts
	Compress  bool
	Headers   []Header
	Strip     bool      // take the prefix of Paths off before the app sees it
	Rewrite   *Rewrite  // of the path
	Redirect  *Redirect // instead of an answer of the app
	HTTPS     bool      // send plain requests to https
	WWW       WWW
	Auth      *Auth
	Allow     []netip.Prefix // clients; none: all
	Deny      []netip.Prefix
	RateLimit *RateLimit    // per client address
	ConnLimit int           // requests, or connections of TCP, that a client address may have open at one time; 0: no limit
	Page503   string        // path in HAProxy's container of the page for 503
	RetryIn   time.Duration // Retry-After of a 503; 0 is the usual
	Hold      time.Duration // how long a request waits while no server is usable; 0: not at all
	Snippet   []string      // lines of HAProxy's own language, at the end of the backend
}

// Path is one path that a route takes.
type Path struct {
	Match  Match
	Value  string // "/api"; a regular expression for Regex
	NoCase bool   // upper and lower case count for nothing
}

// Match is how a path is compared.
type Match string

// The matches.
const (
	Prefix Match = "prefix" // the path itself and what is below it: /api takes /api/x, and not /apix
	Exact  Match = "exact"
	Regex  Match = "regex" // PCRE, anywhere in the path unless it says ^ or $
)

// Protocol is what the app speaks to HAProxy.
type Protocol string

// The protocols. gRPC is H2.
const (
	HTTP1 Protocol = ""
	H2    Protocol = "h2" // in clear text
)

// Check is how HAProxy asks a container whether it is well.
type Check struct {
	Off      bool
	TCP      bool   // a connection is enough
	Path     string // "" is "/"
	Host     string // "" is localhost
	Status   string // such as "200" or "200-399"; "" is 200-499
	Interval time.Duration
}

// Timeouts of a backend; what is 0 is the base config's.
type Timeouts struct {
	Connect, Server, Queue, Tunnel time.Duration
	Body                           time.Duration // for the first part of a request's body; 0 is the usual
}

// Header is a header that is set, or taken away where Value is "".
type Header struct {
	Response bool
	Name     string
	Value    string
}

// Rewrite replaces what a regular expression finds in the path.
type Rewrite struct{ Regex, Replacement string }

// Redirect sends a client elsewhere.
type Redirect struct {
	To   string // scheme and host, to which the path is added; or a whole URL, as KeepPath says
	Code int    // 301, 302, 303, 307 or 308
	// KeepPath adds the path and query of the request.
	KeepPath bool
}

// WWW says what becomes of the host's "www.".
type WWW string

// The ways.
const (
	KeepWWW   WWW = ""
	AddWWW    WWW = "add"
	RemoveWWW WWW = "remove"
)

// Auth asks for a user and a password.
type Auth struct {
	Realm string
	Users []User
	// Forward lets the app see the password as well.
	Forward bool
}

// User is a line of an htpasswd file.
type User struct {
	Name string
	Hash string // as crypt(3) writes it
}

// RateLimit bounds the requests of a client.
type RateLimit struct {
	Requests int
	Per      time.Duration
}
