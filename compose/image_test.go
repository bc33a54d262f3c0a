package compose

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestAFlavorAndAVersionNameAnImage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flavor, version string
		want            Image
	}{
		{"alpine", "3.2", Image{"haproxytech/haproxy-alpine:3.2", 1000}},
		{"debian", "3.2.26", Image{"haproxytech/haproxy-debian:3.2.26", 1000}},
		{"ubuntu", "2.4", Image{"haproxytech/haproxy-ubuntu:2.4", 1001}},
	} {
		got, err := FlavorImage(c.flavor, c.version)
		assert.NilError(t, err)
		assert.Equal(t, got, c.want)
	}
}

func TestAnUnknownFlavorOrVersionIsRefusedWithTheChoice(t *testing.T) {
	t.Parallel()
	_, err := FlavorImage("arch", "3.2")
	assert.ErrorContains(t, err, `--flavor "arch"`)
	assert.ErrorContains(t, err, "alpine, debian, ubuntu")
	for _, version := range []string{"", "3", "latest", "3.2-dev", "v3.2", "3.2.1.1", "3.2\n", "3.2 "} {
		_, err := FlavorImage("alpine", version)
		assert.ErrorContains(t, err, "--haproxy-version", "%q", version)
	}
}

func TestTheDefaultFlavorIsTheFirst(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Flavors()[0], "alpine")
	_, err := FlavorImage(Flavors()[0], DefaultHAProxyVersion)
	assert.NilError(t, err)
}

func TestHAProxyRunsAsTheUserOfItsImage(t *testing.T) {
	t.Parallel()
	for ref, uid := range map[string]int{
		"haproxy":                                  99,
		"haproxy:3.2":                              99,
		"docker.io/library/haproxy:3.2-alpine":     99,
		"mirror.example/library/haproxy":           99,
		"haproxytech/haproxy-ubuntu":               1001,
		"registry:5000/haproxytech/haproxy-ubuntu": 1001,
		"haproxytech/haproxy-debian:3.2":           1000,
		"haproxytech/haproxy-alpine":               1000,
		"me/haproxy":                               1000,
		"":                                         1000,
		"NOT AN IMAGE":                             1000,
	} {
		assert.Equal(t, ImageOf(ref), Image{Ref: ref, UID: uid})
	}
}
