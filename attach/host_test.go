package attach

import (
	"fmt"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestAttachingOnTheHostsNetworkIsRefusedWhereItCannotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		compose, flag string
		want          []string
	}{
		"a service of that name": {"services: {web: {image: app, expose: [80]}, haproxy-dns: {image: dns}}\n", "*=web", []string{compose.Forwarder, "of its own"}},
		"a network that the host does not reach": {
			"services: {web: {image: app, expose: [80], networks: [lan]}}\nnetworks: {lan: {driver: macvlan}}\n", "*=web", []string{"lan", "macvlan"},
		},
		"one port for two": {"services: {web: {image: app, expose: [80]}}\n", "tcp:8080=web:80", []string{"8080", "--http-port"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := project(t, "compose.yaml", c.compose)
			before := p.hashes(t)
			opts := attachDefaults()
			onHostOptions(&opts)
			_, err := p.plan(t, opts, c.flag)
			testkit.Contains(t, fmt.Sprint(err), append(c.want, "nothing was changed")...)
			assert.DeepEqual(t, p.hashes(t), before)
		})
	}
}

// Docker publishes no port of a container on internal networks only; the host
// itself reaches its neighbours there all the same.
func TestOnTheHostsNetworkAnInternalNetworkWillDo(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", "services: {web: {image: app, expose: [80], networks: [back]}}\nnetworks: {back: {internal: true}}\n")
	opts := attachDefaults()
	onHostOptions(&opts)
	a := p.attach(t, opts, "*=web")
	assert.DeepEqual(t, a.Networks, []string{"back"})
}
