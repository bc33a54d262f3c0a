package haproxy

import (
	"slices"
	"strconv"
	"strings"
)

// Listener is a port that a configuration opens to clients.
type Listener struct {
	Proxy    string // name of its frontend or listen section
	Host     string // the address it is bound to, or a name; "" is every IPv4 address of the machine, and "::" every one of IPv6 where IPv4 has none of its own
	Port     int
	TLS      bool   // bind … ssl
	TCP      bool   // mode tcp: not to be opened in a browser
	StatsURI string // where the section shows the stats page; "" where it does not
}

// Listeners reads the ports out of a configuration's frontend and listen
// sections. It is for showing addresses to people: what it does not
// understand (ranges, variables, sockets) it leaves out, and only HAProxy
// itself says what is valid.
func Listeners(config []byte) []Listener {
	var listeners []Listener
	var section outline
	defaultTCP := true // HAProxy's own default
	flush := func() {
		listeners = append(listeners, section.listeners(defaultTCP)...)
	}
	for _, words := range statements(config) {
		if isSection(words[0]) {
			flush()
			section = outline{kind: words[0]}
			if len(words) > 1 {
				section.name = words[1]
			}
			if section.kind == "defaults" {
				defaultTCP = true // until it says otherwise
			}
			continue
		}
		if section.kind == "defaults" && words[0] == "mode" && len(words) > 1 {
			defaultTCP = words[1] == "tcp"
			continue
		}
		section.read(words)
	}
	flush()
	return slices.DeleteFunc(slices.Clone(listeners), func(l Listener) bool {
		return l.Host == "::" && slices.ContainsFunc(listeners, func(other Listener) bool {
			return other.Host == "" && other.Proxy == l.Proxy && other.Port == l.Port
		})
	})
}

// KeepsPorts tells whether a configuration has HAProxy share its ports with no
// other process, not even one of its own kind that is about to replace it.
func KeepsPorts(config []byte) bool {
	for _, words := range statements(config) {
		if words[0] == "noreuseport" {
			return true
		}
	}
	return false
}

// outline is what matters of one section.
type outline struct {
	kind, name string
	mode       string
	binds      [][]string
	statsURI   string
}

func (o *outline) read(words []string) {
	switch {
	case words[0] == "bind" && len(words) > 1:
		o.binds = append(o.binds, words[1:])
	case words[0] == "mode" && len(words) > 1:
		o.mode = words[1]
	case words[0] == "stats" && len(words) > 2 && words[1] == "uri":
		o.statsURI = words[2]
	case words[0] == "stats" && len(words) > 1 && o.statsURI == "":
		o.statsURI = defaultStatsURI
	}
}

// defaultStatsURI is where "stats enable" shows the page without "stats uri"
// (HAProxy configuration manual, "stats uri").
const defaultStatsURI = "/haproxy?stats"

func (o *outline) listeners(defaultTCP bool) []Listener {
	if o.kind != "frontend" && o.kind != "listen" {
		return nil
	}
	var listeners []Listener
	for _, bind := range o.binds {
		for _, address := range strings.Split(bind[0], ",") {
			colon := strings.LastIndex(address, ":")
			port, err := strconv.Atoi(address[colon+1:])
			if err != nil {
				continue
			}
			listeners = append(listeners, Listener{
				Proxy:    o.name,
				Host:     boundTo(address[:max(colon, 0)]),
				Port:     port,
				TLS:      slices.Contains(bind[1:], "ssl"),
				TCP:      o.mode == "tcp" || (o.mode == "" && defaultTCP),
				StatsURI: o.statsURI,
			})
		}
	}
	return listeners
}

// boundTo is the address of a bind line, without the protocol that may stand
// before it and what may stand around it.
func boundTo(text string) string {
	text = strings.Trim(addressProtocol.ReplaceAllString(text, ""), "[]")
	if text == "*" || text == "0.0.0.0" {
		return ""
	}
	return text
}

// uncomment drops a comment: a # that neither a quote nor a backslash protects.
func uncomment(line string) string {
	var quote rune
	escaped := false
	for i, r := range line {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '#':
			return line[:i]
		}
	}
	return line
}

// isSection tells whether a word begins a section (configuration manual, 3.2).
func isSection(word string) bool {
	switch word {
	case "global", "defaults", "frontend", "backend", "listen", "resolvers", "peers", "userlist",
		"mailers", "ring", "log-forward", "log-profile", "cache", "program", "fcgi-app", "http-errors",
		"crt-store", "acme", "traces":
		return true
	}
	return false
}
