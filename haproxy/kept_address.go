package haproxy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// KeptAddresses warns of servers that are named by a container's name and that no "resolvers" keep
// up with: HAProxy asks for the address when it starts, and keeps it for ever, whichever container
// has it later. isContainer tells whether a host name is that of containers.
func KeptAddresses(files []ConfigFile, isContainer func(host string) bool) []Diagnostic {
	var found []Diagnostic
	var inDefaults, inSection []string
	section := ""
	for _, file := range files {
		for line, words := range statements(file.Content) {
			switch {
			case isSection(words[0]):
				section, inSection = words[0], slices.Clone(inDefaults)
				if section == "defaults" {
					inDefaults = nil
				}
			case words[0] == "default-server" && section == "defaults":
				inDefaults = append(inDefaults, words[1:]...)
			case words[0] == "default-server":
				inSection = append(inSection, words[1:]...)
			case words[0] == "server" && len(words) > 2 && (section == "backend" || section == "listen"):
				host := hostOf(words[2])
				if host != "" && isContainer(host) && !slices.Contains(words[3:], "resolvers") && !slices.Contains(inSection, "resolvers") {
					found = append(found, keptAddress(file.Name, line, words, files))
				}
			}
		}
	}
	return found
}

func keptAddress(file string, line int, words []string, files []ConfigFile) Diagnostic {
	hint := `add to the end of the line: resolvers docker init-addr last,libc,none`
	if !slices.ContainsFunc(files, hasResolvers) {
		hint += "; to the file: resolvers docker, nameserver dns 127.0.0.11:53, hold nx 1s (a line each)"
	}
	return Diagnostic{
		Severity: Warning, File: file, Line: line, Hint: hint,
		Message: fmt.Sprintf("server %s keeps the address that %s has when HAProxy starts, though another container may have it later", words[1], hostOf(words[2])),
	}
}

func hasResolvers(file ConfigFile) bool {
	for _, words := range statements(file.Content) {
		if words[0] == "resolvers" && len(words) > 1 && words[1] == "docker" {
			return true
		}
	}
	return false
}

// hostOf is the host name in a server's address; "" where it is an address, a socket or a variable.
func hostOf(address string) string {
	text := addressProtocol.ReplaceAllString(strings.Trim(address, `"'`), "")
	host, _, _ := strings.Cut(text, ":")
	if _, err := netip.ParseAddr(host); err == nil || strings.ContainsAny(text, `$/@[`) {
		return ""
	}
	return host
}
