package compose

import (
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// occupying is a running container on a network, as the engine lists it.
func occupying(name, project, service, network, address string) occupant {
	return occupant{
		Container: Container{Name: name, Service: service, State: "running", addresses: address, networks: network + "/" + address},
		project:   project,
	}
}

func TestAnAddressOfAnotherContainerIsAStranger(t *testing.T) {
	t.Parallel()
	p := labelled(t, `
  web: {image: app, networks: {front: {aliases: [pages]}}, labels: {haproxy.host: a.test}}
  api: {image: app, networks: [front]}
  cat: {image: app, container_name: tom, networks: [front]}
`)
	oneOff := occupying("shop-web-run-1", "shop", "web", "shop_front", "10.0.0.4")
	oneOff.oneOff = true
	all := []occupant{
		occupying("shop-haproxy-1", "shop", "haproxy", "shop_front", "10.0.0.1"),
		occupying("shop-web-1", "shop", "web", "shop_front", "10.0.0.2"),
		occupying("shop-api-1", "shop", "api", "shop_front", "10.0.0.3"),
		oneOff,
		occupying("blog-web-1", "blog", "web", "shop_front", "10.0.0.5"),
		occupying("loose", "", "", "shop_front", "10.0.0.6"),
		occupying("elsewhere", "", "", "another", "10.0.0.7"),
	}
	for name, c := range map[string]struct {
		host, address string
		container     string // the stranger; "" is none
	}{
		"its own":                             {"web.shop_front", "10.0.0.2", ""},
		"no network in the name":              {"web", "10.0.0.2", ""},
		"another project's":                   {"web.shop_front", "10.0.0.5", "blog-web-1"},
		"of no service":                       {"web", "10.0.0.6", "loose"},
		"a one-off of the service":            {"web.shop_front", "10.0.0.4", "shop-web-run-1"},
		"another service's":                   {"web", "10.0.0.3", "shop-api-1"},
		"by an alias of the user's":           {"pages", "10.0.0.5", "blog-web-1"},
		"by the name of its container":        {"tom", "10.0.0.6", "loose"},
		"a name that is meant for another":    {"blog-web-1", "10.0.0.5", ""},
		"an address in the configuration":     {"", "10.0.0.6", ""},
		"an address without a container":      {"web", "10.0.0.99", ""},
		"on a network that HAProxy is not on": {"web", "10.0.0.7", ""},
		"no address":                          {"web", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := p.strangers([]haproxy.ServerState{{Backend: "b", Server: "s1", FQDN: c.host, Addr: c.address, Port: 80, OpState: haproxy.OpRunning}}, all)
			if c.container == "" {
				assert.Equal(t, len(found), 0, "%v", found)
				return
			}
			assert.Equal(t, len(found), 1)
			assert.Equal(t, found[0].Container, c.container)
			assert.Assert(t, found[0].Served)
		})
	}
}

func TestAStrangerIsNamedInOneLine(t *testing.T) {
	t.Parallel()
	s := Stranger{Server: "b/s1", Address: "10.0.0.5:80", Service: "web", Container: "blog-web-1", Project: "blog"}
	assert.Equal(t, s.String(), "server b/s1 is to be service web, but its address 10.0.0.5:80 is that of container blog-web-1, of project blog: it gets no requests")
	s.OneOff, s.Served = true, true
	assert.Equal(t, s.String(), `server b/s1 is to be service web, but its address 10.0.0.5:80 is that of container blog-web-1, a one-off of "docker compose run" in project blog: it gets requests`)
	s = Stranger{Server: "b/s1", Address: "10.0.0.5:80", Service: "web", Container: "loose", Expelled: true}
	assert.Equal(t, s.String(), `server b/s1 is to be service web, but its address 10.0.0.5:80 is that of container loose, which belongs to no project: it got requests until now; the server is in maintenance ("docker haproxy server ready b/s1" ends that)`)
}

func TestAServerOfAStrangerGetsAContainerThatHasNone(t *testing.T) {
	t.Parallel()
	p := labelled(t, `
  web: {image: app, networks: [front], labels: {haproxy.host: a.test}}
`)
	all := []occupant{
		occupying("shop-haproxy-1", "shop", "haproxy", "shop_front", "10.0.0.1"),
		occupying("shop-web-1", "shop", "web", "shop_front", "10.0.0.2"),
		occupying("shop-web-2", "shop", "web", "shop_front", "10.0.0.3"),
		occupying("loose", "", "", "shop_front", "10.0.0.6"),
	}
	servers := []haproxy.ServerState{{Backend: "b", Server: "s1", FQDN: "web", Addr: "10.0.0.6"}, {Backend: "b", Server: "s2", FQDN: "web", Addr: "10.0.0.2"}}
	found := p.strangers(servers, all)
	assert.Equal(t, len(found), 1)
	assert.Equal(t, p.vacant(found[0], servers, all), "10.0.0.3")
	servers = append(servers, haproxy.ServerState{Backend: "b", Server: "s3", FQDN: "web", Addr: "10.0.0.3"})
	assert.Equal(t, p.vacant(found[0], servers, all), "")
}
