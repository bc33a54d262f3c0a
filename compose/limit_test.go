package compose

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	var fixed, host types.ServiceConfig
	fixed.Networks = map[string]*types.ServiceNetworkConfig{"a": nil, "b": {Ipv4Address: "10.0.0.9"}}
	host.NetworkMode = "host"
	publishes := func(ports ...string) types.ServiceConfig {
		var service types.ServiceConfig
		for _, port := range ports {
			service.Ports = append(service.Ports, types.ServicePortConfig{Target: 80, Published: port, Protocol: "tcp"})
		}
		return service
	}
	// 50001 is another container's.
	fake := &fakeEngine{containers: []fakeContainer{{ID: "x", Name: "x", State: "running", Ports: []map[string]any{
		{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 50001, "Type": "tcp"},
		{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 50002, "Type": "udp"},
	}}}}
	engine, _ := fake.start(t)
	for name, test := range map[string]struct {
		service types.ServiceConfig
		there   int
		want    Limit
	}{
		"nothing":                 {types.ServiceConfig{}, 5, Limit{}},
		"no port of the host":     {publishes(""), 5, Limit{}},
		"any port of the host":    {publishes("0"), 5, Limit{}},
		"a name, none there":      {types.ServiceConfig{ContainerName: "web"}, 0, Limit{1, "container_name: web"}},
		"a name":                  {types.ServiceConfig{ContainerName: "web"}, 1, Limit{0, "container_name: web"}},
		"a port":                  {publishes("8080"), 1, Limit{0, "published port 8080"}},
		"the host's network":      {host, 1, Limit{0, "network_mode: host"}},
		"an address":              {fixed, 1, Limit{0, "fixed address 10.0.0.9"}},
		"a range":                 {publishes("50001-50004"), 1, Limit{3, "port range 50001-50004"}},
		"a narrower range":        {publishes("50001-50004", "50011-50012"), 1, Limit{2, "port range 50011-50012"}},
		"a range of one":          {publishes("50001-50001"), 1, Limit{0, "port range 50001-50001"}},
		"a range and a port":      {publishes("50001-50004", "8080"), 1, Limit{0, "published port 8080"}},
		"no range at all":         {publishes("50004-50001"), 1, Limit{}},
		"a large range is enough": {publishes("50010-60000"), 1, Limit{enoughPorts, "port range 50010-60000"}},
	} {
		got, err := engine.Limit(t.Context(), Definition{Service: test.service}, make([]Container, test.there))
		assert.NilError(t, err, name)
		assert.DeepEqual(t, got, test.want)
	}
}
