package compose

import (
	"testing"

	composesdk "github.com/docker/compose/v5/pkg/compose"
	"gotest.tools/v3/assert"
)

func TestAContainerThatIsConnectedOtherwiseThanTheFileSays(t *testing.T) {
	t.Parallel()
	p := labelled(t, `
  web: {image: app, networks: {front: {aliases: [pages], ipv4_address: 10.0.0.9}, back: {}}}
`)
	well := map[string][]string{"shop_front": {"shop-web-1", "web", "pages", "0123456789ab"}, "shop_back": {"web"}}
	for name, c := range map[string]struct {
		aliases        map[string][]string
		address, state string
		service        string
		want           string
		replaced       bool
	}{
		"as it says":                {aliases: well},
		"not on a network":          {aliases: map[string][]string{"shop_front": well["shop_front"]}, want: "container shop-web-1 is not on network shop_back: HAProxy does not find it", replaced: true},
		"without the service's":     {aliases: map[string][]string{"shop_front": {"0123456789ab"}, "shop_back": {"web"}}, want: "container shop-web-1 has not the name web on network shop_front: HAProxy does not find it"},
		"without the user's":        {aliases: map[string][]string{"shop_front": {"web"}, "shop_back": {"web"}}, want: "container shop-web-1 has not the name pages on network shop_front: HAProxy does not find it"},
		"at another address":        {aliases: well, address: "10.0.0.8", want: "container shop-web-1 has not the address 10.0.0.9 on network shop_front: HAProxy does not find it"},
		"stopped":                   {state: "exited"},
		"the load balancer itself":  {service: LoadBalancer},
		"of a service that is gone": {service: "old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := Balancer{aliases: c.aliases, Container: Container{
				Name: "shop-web-1", Service: orDefault(c.service, "web"), State: orDefault(c.state, "running"), addresses: orDefault(c.address, "10.0.0.9"),
			}}
			found := p.lacks([]Balancer{b})
			if c.want == "" {
				assert.Equal(t, len(found), 0, "%v", found)
				return
			}
			assert.Equal(t, len(found), 1)
			assert.Equal(t, found[0].String(), c.want)
			assert.Equal(t, found[0].gone, c.replaced)
			assert.Equal(t, len(planAttachments(found, nil)), 1)
			assert.Equal(t, len(planAttachments(found, []Step{{What: "service web"}})), 0)
		})
	}
}

func TestANetworkThatIsMadeAnewIsAnnouncedWithWhatItStops(t *testing.T) {
	t.Parallel()
	p := labelled(t, `
  web: {image: app, networks: [front, back]}
  db: {image: db, networks: [back]}
`)
	back := p.Networks["back"]
	hash, err := composesdk.NetworkHash(&back)
	assert.NilError(t, err)
	on := func(key, hash string) State {
		return State{networks: []resource{{name: "shop_" + key, key: key, hash: hash}}}
	}
	for name, c := range map[string]struct {
		state State
		want  string
	}{
		"nothing there yet":   {},
		"as it was":           {state: on("back", hash)},
		"not from Compose":    {state: on("back", "")},
		"changed":             {on("back", "another"), "network shop_back: made anew, for its definition changed: stops db, web meanwhile, and requests fail"},
		"not Compose's to do": {state: on("shared", "another")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps, err := p.planNetworks(c.state)
			assert.NilError(t, err)
			if c.want == "" {
				assert.Equal(t, len(steps), 0, "%v", steps)
				return
			}
			assert.Equal(t, steps[0].What+": "+steps[0].Cause, c.want)
		})
	}
}
