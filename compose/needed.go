package compose

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// needed are the services that requests depend on: the load balancer, those that
// it sends requests to, by labels or by name in its configuration, and all that
// these depend on. Where the configuration cannot be read, all may be.
func (p *Project) needed() []string {
	files, complete := p.configFiles()
	if !complete {
		return p.ServiceNames()
	}
	var names []string
	for _, name := range p.ServiceNames() {
		if name == LoadBalancer || name == Forwarder || p.fronts(files, name) {
			names = p.withDependencies(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fronts tells whether HAProxy sends requests to a service, by labels or by name in
// its configuration.
func (p *Project) fronts(files []haproxy.ConfigFile, name string) bool {
	return p.Routed(name) || p.namedIn(files, name)
}

// others are the services that no request depends on, each behind those that it
// depends on itself.
func (p *Project) others() []string {
	needed := p.needed()
	ordered, _ := p.InOrder(nil) // names no service, so that none can be unknown
	return slices.DeleteFunc(ordered, func(name string) bool { return slices.Contains(needed, name) })
}

// withDependencies adds a service to a list, and what it depends on.
func (p *Project) withDependencies(names []string, name string) []string {
	service, enabled := p.Services[name]
	if !enabled || slices.Contains(names, name) {
		return names
	}
	names = append(names, name)
	for _, dependency := range slices.Sorted(maps.Keys(service.DependsOn)) { // those of namespaces and volumes are among them
		names = p.withDependencies(names, dependency)
	}
	return names
}

// namedIn tells whether one of a service's host names stands in a configuration.
func (p *Project) namedIn(files []haproxy.ConfigFile, name string) bool {
	hosts := hostNames(p.Services[name])
	for _, file := range files {
		for line := range bytes.Lines(file.Content) {
			for _, host := range hostsIn(string(line)) {
				if strings.Contains(host, "$") || slices.ContainsFunc(hosts, func(own string) bool { return names(host, own) }) {
					return true // what an environment variable stands for may be any service
				}
			}
		}
	}
	return false
}

// hostNames are the names by which containers of a service are found.
func hostNames(service types.ServiceConfig) []string {
	hosts := nonEmpty(service.Name, service.ContainerName, service.Hostname)
	for _, network := range service.Networks {
		if network != nil {
			hosts = append(hosts, network.Aliases...)
		}
	}
	return hosts
}

// hostsIn are the words of a line of configuration that may be host names: those
// that are followed by a port, and the one where an address may stand without.
func hostsIn(line string) []string {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	var hosts []string
	for i, word := range words {
		host, port, found := strings.Cut(word, ":")
		if _, err := strconv.Atoi(port); found && err == nil || strings.Contains(word, "$") || i > 0 && i == addressAt(words[0]) {
			hosts = append(hosts, host[strings.LastIndex(host, "@")+1:]) // without an address family, such as udp@
		}
	}
	return hosts
}

// addressAt is the place of the address in a line that begins with a keyword.
func addressAt(keyword string) int {
	return map[string]int{"log": 1, "server": 2, "peer": 2, "nameserver": 2, "server-template": 3}[keyword]
}
