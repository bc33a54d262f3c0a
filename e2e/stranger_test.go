package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// sharedNetwork makes a network that is no project's own.
func sharedNetwork(t *testing.T) string {
	t.Helper()
	skipIfShort(t)
	name := uniqueName(t)
	_, err := prepared.docker(t.Context(), "network", "create", name)
	assert.NilError(t, err)
	t.Cleanup(func() { _, _ = prepared.command(t.Context(), "network", "rm", name).Output() })
	return name
}

// stranger starts a container that is not the project's, and gives its ID.
func (p *project) stranger(flags ...string) string {
	p.t.Helper()
	args := append([]string{"run", "--detach"}, flags...)
	id := strings.TrimSpace(p.mustSucceed(p.docker(append(args, standInEcho)...)).stdout)
	p.t.Cleanup(func() { p.docker("rm", "--force", id) })
	return id
}

// regular are the IDs of the service's containers, without one-offs.
func (p *project) regular(service string) []string {
	p.t.Helper()
	var ids []string
	for _, c := range p.containers() {
		if c.Service == service && c.Labels["com.docker.compose.oneoff"] == "False" {
			ids = append(ids, c.ID[:12])
		}
	}
	slices.Sort(ids)
	return ids
}

// asked are the containers that answer n requests, each on a connection of its
// own, by the first letters of their IDs.
func (p *project) asked(n int, host string) []string {
	p.t.Helper()
	var ids []string
	for range n {
		a, err := p.try(request{host: host})
		assert.NilError(p.t, err)
		assert.Equal(p.t, a.status, http.StatusOK, a.body)
		line, _, _ := strings.Cut(a.body, "\n")
		id, found := strings.CutPrefix(strings.TrimSpace(line), "Request served by ")
		assert.Assert(p.t, found, line)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// serves waits until all containers of the service answer, and makes sure that
// nothing else does.
func (p *project) servesOnly(service, host string) {
	p.t.Helper()
	want := p.regular(service)
	p.eventually("all containers of "+service+" answer", func() error {
		if got := p.asked(4*len(want), host); !slices.Equal(got, want) {
			for _, id := range got {
				assert.Assert(p.t, slices.Contains(want, id), "a stranger answers: %s", id)
			}
			return fmt.Errorf("%v answer, not %v", got, want)
		}
		return nil
	})
	assert.DeepEqual(p.t, p.asked(12, host), want)
}

// slots waits until HAProxy knows so many addresses of the backend.
func (p *project) knowsAddresses(backend string, n int) {
	p.t.Helper()
	p.eventually("HAProxy knows the addresses", func() error {
		found := 0
		for _, line := range strings.Split(p.runtimeAPI("show servers state "+backend), "\n") {
			if fields := strings.Fields(line); len(fields) > 5 && fields[1] == backend && fields[4] != "-" {
				found++
			}
		}
		if found != n {
			return fmt.Errorf("%d, not %d", found, n)
		}
		return nil
	})
}

func TestStranger_of_another_project_on_a_shared_network_gets_no_request(t *testing.T) {
	t.Parallel()
	network := sharedNetwork(t)
	var projects []*project
	for range 2 {
		p := newProject(t)
		p.writeApps(app{name: "web", scale: 2, more: []string{"networks: [edge]"}})
		p.write(composeFile, p.read(composeFile)+"networks: {edge: {external: true, name: "+network+"}}\n")
		p.attach("--route", "*=web")
		p.up()
		projects = append(projects, p)
	}
	for _, p := range projects {
		p.knowsAddresses(p.name+".web", 4)
		p.servesOnly("web", "a.test")
	}
	first, second := projects[0], projects[1]
	first.needsCompose()
	first.mustSucceed(first.compose("up", "-d", "--no-recreate", "--scale", "web=3"))
	first.servesOnly("web", "a.test")
	second.knowsAddresses(second.name+".web", 5)
	second.servesOnly("web", "a.test")
}

func TestStranger_that_bears_the_name_of_a_service_gets_no_request(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.writeApps(app{name: "web", scale: 1, more: []string{"expose: [8080]"}})
	p.attach("--route", "*=web")
	p.up()
	network := p.name + "_default"
	p.stranger("--network", network, "--network-alias", "web")
	p.mustSucceed(p.compose("run", "--detach", "web"))
	p.mustSucceed(p.compose("run", "--detach", "--use-aliases", "web"))
	late := p.stranger()
	p.mustSucceed(p.docker("network", "connect", "--alias", "web", network, late))
	p.knowsAddresses(p.name+".web", 4) // but the one-off without aliases
	p.servesOnly("web", "localhost")

	p.mustSucceed(p.compose("up", "-d", "--no-recreate", "--scale", "web=3"))
	p.servesOnly("web", "localhost")
	p.mustSucceed(p.haproxy("reload"))
	p.servesOnly("web", "localhost")
}

func TestStranger_on_the_address_of_a_container_gets_no_request(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", scale: 2})
	p.attach("--route", "*=web")
	p.up()
	p.servesOnly("web", "localhost")
	gone := p.regular("web")[0]
	address := p.addressOf(gone)
	p.mustSucceed(p.docker("rm", "--force", gone))
	taken := ""
	for range 3 { // the engine gives the lowest one that is free
		if taken = p.addressOf(p.stranger("--network", p.name+"_default", "--network-alias", "web")); taken == address {
			break
		}
	}
	assert.Equal(t, taken, address)
	p.eventually("HAProxy knows", func() error {
		for line := range strings.Lines(p.runtimeAPI("show servers state")) {
			if fields := strings.Fields(line); len(fields) > 5 && fields[4] == address && fields[5] == "2" {
				return fmt.Errorf("a server with that address runs: %s", line)
			}
		}
		return nil
	})
	p.servesOnly("web", "localhost")
}

// addressOf is the address of a container in its only network.
func (p *project) addressOf(container string) string {
	p.t.Helper()
	return strings.TrimSpace(p.mustSucceed(p.docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)).stdout)
}

func TestStranger_is_named_by_up_and_status(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", scale: 1})
	p.attach("--route", "*=web")
	p.up()
	network := p.name + "_default"
	p.stranger("--name", p.name+"-other", "--network", network, "--network-alias", "web")
	p.knowsAddresses(p.name+".web", 2)
	name := "container " + p.name + "-other, which belongs to no project: it gets no requests"

	r := p.mustSucceed(p.haproxy("status"))
	p.mustSay(r, r.stdout+r.stderr, name)
	p.mustSay(r, p.mustSucceed(p.haproxy("status", "--format", "json")).stdout, `"Container":"`+p.name+`-other"`)
	r = p.up()
	p.mustSay(r, r.stderr, "Warning: server "+p.name+".web/web", name)
	r = p.mustSucceed(p.haproxy("reload"))
	p.mustSay(r, r.stderr, name)
	p.servesOnly("web", "localhost")
}

// TestStranger_behind_a_line_of_the_users_is_taken_out_of_service: HAProxy keeps
// the address of "server s1 web:8080" for ever, if no resolvers are named.
func TestStranger_behind_a_line_of_the_users_is_taken_out_of_service(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.editConfig(replacing(" resolvers docker resolve-prefer ipv4", ""))
	p.up()
	r := p.mustSucceed(p.haproxy("check"))
	p.mustSay(r, r.stdout+r.stderr, "haproxy/haproxy.cfg:", "server s1 keeps the address that web1 has when HAProxy starts", "resolvers docker init-addr last,libc,none")

	old := p.container("web1")
	network, address := old.Network[0], p.addressOf(old.ID)
	p.mustSucceed(p.docker("rm", "--force", old.ID))
	for range 4 {
		if p.addressOf(p.stranger("--network", network)) == address {
			break
		}
	}
	r = p.mustSucceed(p.haproxy("status"))
	p.mustSay(r, r.stdout+r.stderr, "is to be service web1, but its address "+address, "it gets requests", "server s1 keeps the address")

	r = p.up()
	p.mustSay(r, r.stderr, "it got requests until now", "server s1 keeps the address")
	p.servesOnly("web1", "localhost")
}

// TestStranger_on_the_address_of_a_demo: its servers follow Docker's DNS.
func TestStranger_on_the_address_of_a_demo(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "2")
	p.up()
	old := p.container("web1")
	network, address := old.Network[0], p.addressOf(old.ID)
	p.mustSucceed(p.docker("rm", "--force", old.ID))
	for range 4 {
		if p.addressOf(p.stranger("--network", network)) == address {
			break
		}
	}
	p.eventually("HAProxy has forgotten the address", func() error {
		if said := p.runtimeAPI("show servers state"); strings.Contains(said, address+" ") {
			return fmt.Errorf("%s", said)
		}
		return nil
	})
	p.servesOnly("web2", "localhost")
	p.up()
	p.eventually("both serve again", func() error { // HAProxy makes up for what web1 has missed
		if got := p.servedBy(8); !slices.Equal(got, []string{"web1", "web2"}) {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}

// TestContainer_put_back_by_hand: without its names HAProxy does not find it.
func TestContainer_put_back_by_hand_is_connected_by_up(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", scale: 2})
	p.attach("--route", "*=web")
	p.up()
	network, one := p.name+"_default", p.regular("web")[0]
	p.mustSucceed(p.docker("network", "disconnect", network, one))
	p.mustSucceed(p.docker("network", "connect", network, one))
	p.eventually("HAProxy no longer finds it", func() error {
		if got := p.asked(6, "localhost"); len(got) != 1 {
			return fmt.Errorf("%v answer", got)
		}
		return nil
	})
	const lacks = "has not the name web on network "
	r := p.mustSucceed(p.haproxy("status"))
	p.mustSay(r, r.stdout+r.stderr, lacks+network)
	r = p.haproxy("plan")
	p.mustSay(r, r.stdout, lacks+network)
	before := p.ids()
	p.up()
	p.servesOnly("web", "localhost")
	assert.DeepEqual(t, p.ids(), before)
	r = p.mustSucceed(p.haproxy("status"))
	assert.Assert(t, !strings.Contains(r.stdout+r.stderr, lacks))

	p.mustSucceed(p.docker("network", "disconnect", network, one))
	r = p.haproxy("plan")
	p.mustSay(r, r.stdout, "is not on network "+network)
	p.up()
	p.servesOnly("web", "localhost")
}

func TestNetwork_with_another_subnet_is_announced_and_served_again(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", scale: 1})
	p.attach("--route", "*=web")
	p.up()
	p.write(composeFile, p.read(composeFile)+"networks: {default: {labels: {a.change: of the network}}}\n")
	r := p.haproxy("plan")
	p.mustSay(r, r.stdout, "network "+p.name+"_default", "made anew, for its definition changed: stops haproxy, web meanwhile")
	r = p.up()
	p.mustSay(r, r.stderr, "made anew, for its definition changed")
	p.servesOnly("web", "localhost")
}
