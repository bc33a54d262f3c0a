package haproxy

import (
	"slices"
	"strings"
)

// DynamicOptions are the options with which a server can be added at run time that behaves like a
// server of a configuration. They come from its line and from the default-server lines that apply
// to it, which do not count for servers that are added at run time; what HAProxy does not take
// there is left out ("add server" in the management guide). found is false where the configuration
// has no such server line.
func DynamicOptions(config []byte, backend, server string) (options string, found bool) {
	for _, line := range serverLines(config) {
		if line.backend == backend && line.names(server) {
			return strings.Join(dynamic(line.options), " "), true
		}
	}
	return "", false
}

// ResolversOf tells which resolvers section moves a server of a configuration to the addresses that
// its host name has; "" where none does, and it keeps the one that it began with. found is false
// where the configuration has no such server.
func ResolversOf(config []byte) func(backend, server string) (section string, found bool) {
	lines := serverLines(config)
	return func(backend, server string) (section string, found bool) {
		for _, line := range lines {
			if line.backend != backend || !line.names(server) {
				continue
			}
			for i, word := range line.options[:max(0, len(line.options)-1)] {
				if word == "resolvers" {
					section = line.options[i+1]
				}
			}
			return section, true
		}
		return "", false
	}
}

// serverLine is a server or server-template line with the options that apply to it, those of
// default-server lines first.
type serverLine struct {
	backend, name string
	template      bool
	options       []string
}

// names tells whether a server is of the line.
func (l serverLine) names(server string) bool {
	if !l.template {
		return server == l.name
	}
	number, found := strings.CutPrefix(server, l.name)
	return found && number != "" && strings.Trim(number, "0123456789") == ""
}

func serverLines(config []byte) []serverLine {
	var lines []serverLine
	var kind, name string
	var defaults []string // of the defaults section before
	var own []string      // of the section
	named := map[string][]string{}
	for _, words := range statements(config) {
		if isSection(words[0]) {
			kind, name = words[0], ""
			if len(words) > 1 {
				name = words[1]
			}
			inherited := defaults
			if i := slices.Index(words, "from"); i > 0 && i+1 < len(words) {
				inherited = named[words[i+1]]
			} else if kind == "defaults" {
				inherited = nil // a new one does not take over what another says
			}
			own = slices.Clone(inherited)
			if kind == "defaults" {
				defaults = own
				named[name] = own
			}
			continue
		}
		switch {
		case words[0] == "default-server" && kind == "defaults":
			defaults = append(defaults, words[1:]...)
			named[name] = defaults
		case kind != "backend" && kind != "listen":
		case words[0] == "default-server":
			own = append(own, words[1:]...)
		case words[0] == "server" && len(words) > 2:
			lines = append(lines, serverLine{name, words[1], false, append(slices.Clone(own), words[3:]...)})
		case words[0] == "server-template" && len(words) > 3:
			lines = append(lines, serverLine{name, words[1], true, append(slices.Clone(own), words[4:]...)})
		}
	}
	return lines
}

// dynamic keeps the options that "add server" takes, the last of several of the same name.
func dynamic(words []string) []string {
	arguments := dynamicKeywords()
	type option struct {
		name  string
		words []string
	}
	var kept []option
	for i := 0; i < len(words); i++ {
		n, known := arguments[words[i]]
		if !known || i+n >= len(words) {
			continue
		}
		name := words[i]
		kept = slices.DeleteFunc(kept, func(o option) bool { return o.name == name })
		kept = append(kept, option{name, words[i : i+n+1]})
		i += n
	}
	var flat []string
	for _, o := range kept {
		flat = append(flat, o.words...)
	}
	return flat
}

// dynamicKeywords are the server options that matter for reaching and checking a server, with how
// many arguments each has.
func dynamicKeywords() map[string]int {
	return map[string]int{
		"check": 0, "inter": 1, "fastinter": 1, "downinter": 1, "fall": 1, "rise": 1, "port": 1, "addr": 1,
		"check-ssl": 0, "check-sni": 1, "check-alpn": 1, "check-proto": 1, "check-send-proxy": 0,
		"weight": 1, "maxconn": 1, "minconn": 1, "maxqueue": 1, "backup": 0, "cookie": 1,
		"ssl": 0, "verify": 1, "verifyhost": 1, "ca-file": 1, "crt": 1, "sni": 1, "alpn": 1, "proto": 1,
		"send-proxy": 0, "send-proxy-v2": 0, "on-marked-down": 1, "pool-max-conn": 1, "pool-purge-delay": 1,
	}
}
