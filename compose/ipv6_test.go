package compose

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestHAProxyListensOnIPv6WhereANetworkOfItHasIt(t *testing.T) {
	t.Parallel()
	for front, want := range map[string]bool{
		"front: {name: shop_front}":                               false, // as far as the engine knows
		"front: {name: shop_front, enable_ipv6: true}":            true,
		"front: {name: shop_front, enable_ipv6: false}":           false,
		"front: {name: shop_front}\n  other: {enable_ipv6: true}": false,
	} {
		engine, _ := (&fakeEngine{}).start(t)
		text := "name: shop\nservices:\n  web: {image: app, networks: [front]}" + strings.Replace(balancerService, "front: {name: shop_front}", front, 1)
		p := load(t, text, map[string]string{BaseConfigName: baseConfig})
		assert.Equal(t, engine.onIPv6(t.Context(), p), want, front)
	}
}
