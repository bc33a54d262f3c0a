package compose

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

const noSuchHost = `Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host`

func twoImages(t *testing.T) *Project {
	t.Helper()
	return load(t, "name: demo\nservices:\n  haproxy: {image: 'haproxy:3.2'}\n  web: {image: 'me/web:1'}\n  again: {image: 'me/web:1'}\n", nil)
}

func TestImagesThatAreThereAreLookedUpOnceAndNotPulled(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{images: map[string]string{"haproxy:3.2": "sha256:a", "me/web:1": "sha256:b"}}
	engine, _ := fake.start(t)
	found, err := engine.FetchImages(t.Context(), twoImages(t))
	assert.NilError(t, err)
	assert.DeepEqual(t, found, ImageIDs{"haproxy:3.2": "sha256:a", "me/web:1": "sha256:b"})
	lookups := 0
	for _, request := range fake.requests {
		assert.Assert(t, !strings.HasPrefix(request, "POST"), request)
		if strings.HasPrefix(request, "GET /images/") {
			lookups++
		}
	}
	assert.Equal(t, lookups, 2)
}

func TestAnImageThatCannotBePulledIsNamed(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{images: map[string]string{"me/web:1": "sha256:b"}, pullError: noSuchHost}).start(t)
	_, err := engine.FetchImages(t.Context(), twoImages(t))
	testkit.Contains(t, fmt.Sprint(err), "haproxy:3.2 (for haproxy)", "cannot be pulled", "no such host", "Nothing was created", "--image")
	assert.Assert(t, !strings.Contains(err.Error(), "me/web:1"))
}

func TestWhyAnImageCannotBePulledIsSaidOnce(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{images: map[string]string{"me/web:1": "sha256:b"}, pullError: noSuchHost}).start(t)
	_, err := engine.FetchImages(t.Context(), twoImages(t))
	assert.Equal(t, strings.Count(err.Error(), "no such host"), 1, "%v", err)
	assert.Assert(t, !strings.Contains(err.Error(), "Error response from daemon"), "%v", err)
}

func TestAnImageOfSeveralServicesIsNamedOnceWithAllOfThem(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{pullError: noSuchHost}).start(t)
	_, err := engine.FetchImages(t.Context(), twoImages(t))
	testkit.Contains(t, fmt.Sprint(err), "haproxy:3.2 (for haproxy), me/web:1 (for again, web)")
}

func TestImagesOfOtherServicesAreNotAskedFor(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{images: map[string]string{"haproxy:3.2": "sha256:a"}, pullError: noSuchHost}).start(t)
	found, err := engine.FetchImages(t.Context(), twoImages(t), LoadBalancer)
	assert.NilError(t, err)
	assert.DeepEqual(t, found, ImageIDs{"haproxy:3.2": "sha256:a"})
}

func TestAnImageThatMayNotBePulledIsNotPulled(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{}
	engine, _ := fake.start(t)
	p := load(t, "name: demo\nservices:\n  haproxy: {image: 'haproxy:3.2', pull_policy: never}\n", nil)
	_, err := engine.FetchImages(t.Context(), p)
	testkit.Contains(t, fmt.Sprint(err), "haproxy:3.2 (for haproxy)", "pull policy forbids")
	for _, request := range fake.requests {
		assert.Assert(t, !strings.HasPrefix(request, "POST"), request)
	}
}

func TestADeadEngineIsNoMissingImage(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	_, err := engine.FetchImages(t.Context(), twoImages(t))
	assert.ErrorContains(t, err, "no Docker engine answers")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = engine.FetchImages(ctx, twoImages(t))
	assert.ErrorIs(t, err, context.Canceled)
}

func TestWhatIsToBePulledAndBuiltIsToldApart(t *testing.T) {
	t.Parallel()
	missing := []missingImage{{service: "a"}, {service: "b", build: true}, {service: "c", never: true}}
	assert.DeepEqual(t, servicesOf(toPull(missing)), []string{"a"})
	assert.DeepEqual(t, servicesOf(toBuild(missing)), []string{"b"})
	assert.DeepEqual(t, servicesOf(missing), []string{"a", "b", "c"})
}
