package haproxy

import (
	"fmt"
	"regexp"
	"strings"
)

// Readiness tells which servers of each backend take traffic, and why the others do not.
type Readiness struct {
	Frontends []FrontendReadiness
	Backends  []BackendReadiness // those that have servers
}

// FrontendReadiness is a frontend's share of a Readiness.
type FrontendReadiness struct {
	Name   string
	Status string // OPEN when it accepts connections
}

// BackendReadiness is a backend's share of a Readiness: its servers, each in one of the lists.
type BackendReadiness struct {
	Name        string
	Up          []Stat // by their checks
	Unchecked   []Stat // take traffic without being checked
	Pending     []Stat // the first check has not ended yet
	Down        []Stat
	Strangers   []Stat // their addresses are those of other containers: they never take traffic
	NoAddress   []Stat // the name is not (or no longer) resolved
	Draining    []Stat // take no new sessions, by an administrator, a weight of 0 or their own wish
	Maintenance []Stat
}

// Serving sorts the servers of the statistics.
func Serving(stats []Stat) Readiness {
	var r Readiness
	backends := map[string]int{} // name to index in r.Backends
	for _, stat := range stats {
		switch stat.Type {
		case StatFrontend:
			r.Frontends = append(r.Frontends, FrontendReadiness{Name: stat.Proxy, Status: stat.Status})
		case StatServer:
			i, known := backends[stat.Proxy]
			if !known {
				i = len(r.Backends)
				backends[stat.Proxy] = i
				r.Backends = append(r.Backends, BackendReadiness{Name: stat.Proxy})
			}
			r.Backends[i].add(stat)
		}
	}
	return r
}

// add puts a server into its list. Measured on 3.2.26 and 3.4.7: a server is UP 1/3 until its first
// check has ended, or DOWN with "init-state fully-down", and the status of that check is INI; then
// UP or DOWN; MAINT, or MAINT (resolution) without an address; "no check". HAProxy management guide:
// DOWN 1/2, MAINT (via be/s1), DRAIN, NOLB.
func (b *BackendReadiness) add(server Stat) {
	status, detail, _ := strings.Cut(server.Status, " ")
	list := &b.Down
	switch {
	case status == "MAINT" && detail == "(resolution)":
		list = &b.NoAddress
	case status == "MAINT":
		list = &b.Maintenance
	case status == "DRAIN" || status == "NOLB" || status != "DOWN" && server.Weight == 0:
		list = &b.Draining
	case server.Status == "no check":
		list = &b.Unchecked
	case server.CheckStatus == "INI":
		list = &b.Pending
	case status == "DOWN" && server.IsStranger():
		list = &b.Strangers
	case status == "UP":
		list = &b.Up
	}
	*list = append(*list, server)
}

// NotOurs is what the generated configuration lets the check of a server say that has the address
// of another container than those of its service.
const NotOurs = "not a container of this service"

// IsStranger tells whether a server's last check has found another container at its address.
func (s Stat) IsStranger() bool { return s.LastCheck == NotOurs }

// Serves reports whether each backend that has servers has one that takes traffic, be it not yet
// checked for the first time.
func (r Readiness) Serves() bool {
	for _, b := range r.Backends {
		if !b.serves() {
			return false
		}
	}
	return r.open()
}

// Ready reports whether everything is as configured: all frontends are open, each backend that has
// servers has one that is up and has passed its check (or has none), and no server is down, without
// an address or still waiting for its first check. Draining and maintenance are somebody's wish and
// do not count, and nor do strangers.
func (r Readiness) Ready() bool {
	for _, b := range r.Backends {
		if len(b.Up)+len(b.Unchecked) == 0 || len(b.Down)+len(b.NoAddress)+len(b.Pending) > 0 {
			return false
		}
	}
	return r.open()
}

// open reports whether there are frontends and all of them accept connections. Frontends that
// answer by themselves, such as those of HAProxy's statistics, count too.
func (r Readiness) open() bool {
	for _, f := range r.Frontends {
		if f.Status != "OPEN" {
			return false
		}
	}
	return len(r.Frontends) > 0
}

// Problems says in words why Ready is false; it is empty when it is true.
func (r Readiness) Problems() []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if len(r.Frontends) == 0 {
		say("there is no frontend, so HAProxy accepts no connections")
	}
	for _, f := range r.Frontends {
		if f.Status != "OPEN" {
			say("frontend %s is %s instead of OPEN", f.Name, f.Status)
		}
	}
	for _, b := range r.Backends {
		for _, s := range b.Down {
			say("backend %s: server %s is DOWN%s", b.Name, s.Server, checkWords(s))
		}
		for _, s := range b.Strangers {
			say("backend %s: server %s gets no requests: %s is %s", b.Name, s.Server, s.Addr, NotOurs)
		}
		for _, s := range b.NoAddress {
			say("backend %s: server %s has no address: its name is not in the DNS; is its container running?", b.Name, s.Server)
		}
		for _, s := range b.Pending {
			say("backend %s: server %s waits for its first check", b.Name, s.Server)
		}
		if len(b.Up)+len(b.Unchecked)+len(b.Down)+len(b.NoAddress)+len(b.Pending)+len(b.Strangers) == 0 {
			say("backend %s has no server that takes traffic: all are draining or in maintenance", b.Name)
		}
	}
	return problems
}

// pendingUp are the servers that take traffic before their first check has ended.
func (b BackendReadiness) pendingUp() []Stat {
	var up []Stat
	for _, s := range b.Pending {
		if strings.HasPrefix(s.Status, "UP") {
			up = append(up, s)
		}
	}
	return up
}

// systemError is how a check reports what the operating system said: 3.4.7 has "ECONNREFUSED
// returned by OS (Connection refused)" for the "Connection refused" of 3.2.26.
var systemError = regexp.MustCompile(`^(?:\w+ returned by OS|General socket error) \(([^)]+)\)`)

// checkWords continues a sentence with what a check has found.
func checkWords(s Stat) string {
	if words := s.CheckWords(); words != "" {
		return ": " + words
	}
	return ""
}

// CheckWords says what a server's last check has found, such as "connection refused (L4CON), after
// 0 ms"; "" when it is not checked.
func (s Stat) CheckWords() string {
	if s.CheckStatus == "" {
		return ""
	}
	words := s.LastCheck
	if m := systemError.FindStringSubmatch(words); m != nil {
		words = m[1]
	}
	if words == "" {
		words = s.CheckDesc
	}
	if s.CheckCode != 0 { // an HTTP status, and its reason
		words = fmt.Sprintf("%d %s", s.CheckCode, words)
	}
	return fmt.Sprintf("%s (%s), after %d ms", lowerFirst(words), s.CheckStatus, s.CheckDuration.Milliseconds())
}

// lowerFirst lets a sentence of HAProxy continue one of ours; an acronym keeps its capitals.
func lowerFirst(text string) string {
	if len(text) < 2 || text[0] < 'A' || text[0] > 'Z' || text[1] < 'a' {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}
