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
	var inDefaults, inBackend, own []string
	var kind, name string
	for _, words := range statements(config) {
		if isSection(words[0]) {
			kind, name = words[0], ""
			if len(words) > 1 {
				name = words[1]
			}
			if kind == "defaults" {
				inDefaults = nil // a new one does not take over what another says
			}
			if (kind == "backend" || kind == "listen") && name == backend {
				inBackend = slices.Clone(inDefaults)
			}
			continue
		}
		ours := (kind == "backend" || kind == "listen") && name == backend
		switch {
		case words[0] == "default-server" && kind == "defaults":
			inDefaults = append(inDefaults, words[1:]...)
		case words[0] == "default-server" && ours:
			inBackend = append(inBackend, words[1:]...)
		case words[0] == "server" && ours && len(words) > 2 && words[1] == server:
			own, found = words[3:], true
		}
	}
	if !found {
		return "", false
	}
	return strings.Join(dynamic(append(slices.Clone(inBackend), own...)), " "), true
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
