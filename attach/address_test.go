package attach

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestHAProxysAddressIsTheLastThatNobodyHas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pool  types.IPAMPool
		taken string
		want  string
	}{
		"a subnet":               {types.IPAMPool{Subnet: "172.28.0.0/24"}, "172.28.0.2", "172.28.0.254"},
		"the last is claimed":    {types.IPAMPool{Subnet: "172.28.0.0/24"}, "172.28.0.254 172.28.0.253", "172.28.0.252"},
		"the gateway is last":    {types.IPAMPool{Subnet: "172.28.0.0/24", Gateway: "172.28.0.254"}, "", "172.28.0.253"},
		"an address for others":  {types.IPAMPool{Subnet: "172.28.0.0/24", AuxiliaryAddresses: types.Mapping{"x": "172.28.0.254"}}, "", "172.28.0.253"},
		"Docker's are the last":  {types.IPAMPool{Subnet: "172.28.0.0/24", IPRange: "172.28.0.128/25"}, "", "172.28.0.127"},
		"Docker's are the first": {types.IPAMPool{Subnet: "172.28.0.0/24", IPRange: "172.28.0.0/25"}, "", "172.28.0.254"},
		"Docker's are all":       {types.IPAMPool{Subnet: "172.28.0.0/24", IPRange: "172.28.0.0/24"}, "", "172.28.0.254"},
		"a large one":            {types.IPAMPool{Subnet: "10.0.0.0/8"}, "", "10.255.255.254"},
		"a small one":            {types.IPAMPool{Subnet: "172.28.0.8/29"}, "172.28.0.10 172.28.0.14", "172.28.0.13"},
		"none is left":           {types.IPAMPool{Subnet: "172.28.0.8/30"}, "172.28.0.10", "none"},
		"not the network's":      {types.IPAMPool{Subnet: "172.28.0.77/24"}, "", "172.28.0.254"},
		"IPv6":                   {types.IPAMPool{Subnet: "fd00:28::/64"}, "fd00:28::2", "fd00:28::fffe"},
		"IPv6, a small one":      {types.IPAMPool{Subnet: "fd00:28::/126"}, "", "fd00:28::2"},
		"IPv6, Docker's":         {types.IPAMPool{Subnet: "fd00:28::/64", IPRange: "fd00:28::f000/116"}, "", "fd00:28::efff"},
	} {
		p, ok := parsePool(&c.pool)
		assert.Assert(t, ok, name)
		var taken []netip.Addr
		for text := range strings.FieldsSeq(c.taken) {
			taken = append(taken, netip.MustParseAddr(text))
		}
		address, found := ownAddress([]pool{p}, taken)
		got := "none"
		if found {
			got = address.String()
		}
		assert.Equal(t, got, c.want, name)
	}
	for _, config := range []*types.IPAMPool{nil, {}, {Subnet: "x"}} {
		_, ok := parsePool(config)
		assert.Assert(t, !ok)
	}
}

func TestOnlyWhereAServiceClaimsAnAddressHAProxyHasOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no service does": {"services: {web: {image: x, expose: [80]}}\nnetworks: {default: {ipam: {config: [{subnet: 172.28.0.0/24}]}}}", ""},
		"on another network": {
			"services: {web: {image: x, expose: [80]}, b: {image: x, networks: {n: {ipv4_address: 172.28.0.2}}}}\nnetworks: {n: {ipam: {config: [{subnet: 172.28.0.0/24}]}}}", "",
		},
		"another service": {
			"services: {web: {image: x, expose: [80]}, b: {image: x, networks: {default: {ipv4_address: 172.28.0.2}}}}\nnetworks: {default: {ipam: {config: [{subnet: 172.28.0.0/24}]}}}",
			`default: { ipv4_address: "172.28.0.254" }`,
		},
		"one of a profile": {
			"services: {web: {image: x, expose: [80]}, b: {image: x, profiles: [p], networks: {default: {ipv4_address: 172.28.0.2}}}}\nnetworks: {default: {ipam: {config: [{subnet: 172.28.0.0/24}]}}}",
			`default: { ipv4_address: "172.28.0.254" }`,
		},
		"IPv6 only": {
			"services: {web: {image: x, expose: [80], networks: {default: {ipv6_address: 'fd00::2'}}}}\nnetworks: {default: {enable_ipv6: true, ipam: {config: [{subnet: 172.28.0.0/24}, {subnet: 'fd00::/64'}]}}}",
			`default: { ipv6_address: "fd00::fffe" }`,
		},
	} {
		p := project(t, "compose.yaml", c.text)
		p.attach(t, attachDefaults(), "*=web")
		assert.Equal(t, strings.Contains(p.read(t, OverrideName), "_address"), c.want != "", name)
		testkit.Contains(t, p.read(t, OverrideName), c.want)
	}

	p := project(t, "compose.yaml", "services: {web: {image: x, expose: [80], networks: {n: {ipv4_address: 172.28.0.2}}}}\nnetworks: {n: {external: true}}\n")
	plan, err := p.plan(t, attachDefaults(), "*=web")
	assert.NilError(t, err)
	testkit.Contains(t, strings.Join(plan.Notes(), "\n"), "whose subnet is not known here", "ipv4_address")

	survey := p.survey(t)
	survey.outside = map[string]compose.NetworkFacts{"n": {Pools: []*types.IPAMPool{{Subnet: "172.28.0.0/24"}}, Taken: []netip.Addr{netip.MustParseAddr("172.28.0.254")}}}
	joined, unknown, err := survey.memberships([]string{"n"})
	assert.NilError(t, err)
	assert.Equal(t, len(unknown), 0)
	assert.Equal(t, joined[0].IPv4, "172.28.0.253")

	p = project(t, "compose.yaml", "services: {web: {image: x, expose: [80], networks: {n: {ipv4_address: 172.28.0.2}}}}\nnetworks: {n: {ipam: {config: [{subnet: 172.28.0.0/30}]}}}\n")
	_, err = p.plan(t, attachDefaults(), "*=web")
	testkit.Contains(t, problemOf(t, err).Error(), "no IPv4 address left", "nothing was changed")
}
