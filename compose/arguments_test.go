package compose

import (
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestAProfileThatNoServiceIsInIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	testkit.Put(t, folder, "compose.yaml", "services:\n  haproxy: {image: haproxy}\n  web: {image: app, profiles: [debug]}\n")
	engine, _ := engineAt(t, testkit.Nobody)
	for _, unchecked := range []bool{false, true} {
		opts := LoadOptions{ConfigPaths: []string{filepath.Join(folder, "compose.yaml")}, ProjectName: "shop", Unchecked: unchecked}
		for _, profile := range []string{"debug", "*"} {
			opts.Profiles = []string{profile}
			_, err := engine.Load(t.Context(), opts)
			assert.NilError(t, err)
		}
		opts.Profiles = []string{"debug", "nope"}
		_, err := engine.Load(t.Context(), opts)
		assert.Error(t, err, "--profile \"nope\": no service of project \"shop\" is in it\nProfiles of its services: debug.")
	}
}

func TestANameThatIsNoProjectsIsRefused(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	for name, advice := range map[string]string{"BAD NAME!": "such as badname", "Shop": "such as shop", "-": "begin with a letter", "a\nb": "such as ab"} {
		_, _, err := engine.Find(t.Context(), LoadOptions{ProjectName: name})
		assert.ErrorContains(t, err, "is no name of a Compose project")
		assert.ErrorContains(t, err, advice)
	}
	name, _, err := engine.Find(t.Context(), LoadOptions{ProjectName: "shop_2-a"})
	assert.NilError(t, err)
	assert.Equal(t, name, "shop_2-a")
}
