package compose

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestImagesAreAskedAndNeverPulled(t *testing.T) {
	t.Parallel()
	f := &fakeEngine{images: map[string]string{"here": "sha256:1", "demo-a": "sha256:2"}}
	engine, _ := f.start(t)
	project := load(t, "name: demo\nservices:\n  haproxy: {image: here}\n  a: {build: .}\n  b: {image: not-here}\n  c: {image: here}\n  d: {image: x, profiles: [p]}\n", nil).Project
	facts, err := engine.ImageFacts(t.Context(), project)
	assert.NilError(t, err)
	assert.DeepEqual(t, slices.Sorted(maps.Keys(facts)), []string{"a", "c", "haproxy"})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, request := range f.requests {
		assert.Assert(t, !strings.HasPrefix(request, http.MethodPost), request)
	}

	engine, _ = engineAt(t, testkit.Nobody)
	_, err = engine.ImageFacts(t.Context(), project)
	assert.ErrorContains(t, err, "no Docker engine answers")
}
