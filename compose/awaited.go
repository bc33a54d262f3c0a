package compose

import (
	"regexp"
	"slices"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// awaiting is the project for an "up" that starts what does not run: a name of
// such a service is no mistake of the configuration, though nothing has it yet.
func (p *Project) awaiting(containers []Container) *Project {
	awaited := *p
	for _, name := range p.ServiceNames() {
		runs := slices.ContainsFunc(containers, func(c Container) bool { return c.Service == name && c.Running() })
		if !runs && name != LoadBalancer {
			awaited.awaited = append(awaited.awaited, hostNames(p.Services[name])...)
		}
	}
	return &awaited
}

// unresolvedName finds the host name in HAProxy's words that it leads nowhere.
var unresolvedName = regexp.MustCompile(`(?:could not resolve address|invalid address:) '([^':]+)`)

// onlyAwaits tells whether HAProxy refuses a configuration for nothing but names
// of services that are about to be started.
func (p *Project) onlyAwaits(report haproxy.Report) bool {
	refused := false
	for _, d := range report.Diagnostics {
		if d.Severity != haproxy.Error {
			continue
		}
		match := unresolvedName.FindStringSubmatch(d.Message)
		if len(match) < 2 || !slices.ContainsFunc(p.awaited, func(own string) bool { return names(match[1], own) }) {
			return false
		}
		refused = true
	}
	return refused
}

// placeholders give a container without network an address for each name of the
// project's services, for what HAProxy resolves even under -dr: peers,
// nameservers, targets of logs.
func (p *Project) placeholders() []string {
	var hosts []string
	for _, name := range p.ServiceNames() {
		for _, host := range hostNames(p.Services[name]) {
			hosts = append(hosts, host+":127.0.0.1")
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
