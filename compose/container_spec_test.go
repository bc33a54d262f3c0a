package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	mounttypes "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"gotest.tools/v3/assert"
)

// madeFrom is what an engine of before 25.0 says of a container: the short ID is a
// host name and an alias there.
func madeFrom(name, number string) containerSpec {
	return containerSpec{
		Name: name, ImageID: "sha256:1",
		Config: &container.Config{
			Hostname: "0123456789ab", Image: "app:1", Env: []string{"MODE=old"},
			Labels: map[string]string{
				api.ConfigHashLabel: "hash", api.ContainerNumberLabel: number, "own": "label",
				rolloutLabel: "20260101T000000.000Z", previousImageLabel: "app:0", undoneLabel: "true",
			},
		},
		Host: &container.HostConfig{
			NetworkMode: "demo_back",
			Binds:       []string{"demo_data:/data:rw", strings.Repeat("a", 64) + ":/cache:rw"},
			Mounts:      []mounttypes.Mount{{Type: mounttypes.TypeVolume, Source: strings.Repeat("b", 64), Target: "/spool"}, {Type: mounttypes.TypeBind, Source: "/srv", Target: "/srv"}},
		},
		Networks: map[string]*network.EndpointSettings{"demo_back": {Aliases: []string{name, "web", "shop", "0123456789ab"}}},
	}
}

// TestAnotherContainerOfTheSame: all that was asked for stays, and what belongs to the
// one container alone does not.
func TestAnotherContainerOfTheSame(t *testing.T) {
	t.Parallel()
	spec := madeFrom("demo-web-3", "3")
	made := spec.copyNumber(12, types.Labels{rolloutLabel: "new"})
	assert.Equal(t, made.Name, "demo-web-12")
	assert.Equal(t, made.Config.Hostname, "")
	assert.DeepEqual(t, made.Config.Env, []string{"MODE=old"})
	assert.DeepEqual(t, made.Config.Labels, map[string]string{
		api.ConfigHashLabel: "hash", api.ContainerNumberLabel: "12", "own": "label", rolloutLabel: "new",
	})
	assert.DeepEqual(t, made.Networks["demo_back"].Aliases, []string{"web", "shop", "demo-web-12"})
	assert.DeepEqual(t, made.Host.Binds, []string{"demo_data:/data:rw"})
	assert.DeepEqual(t, made.Config.Volumes, map[string]struct{}{"/cache": {}})
	assert.DeepEqual(t, made.Host.Mounts, []mounttypes.Mount{{Type: mounttypes.TypeVolume, Target: "/spool"}, {Type: mounttypes.TypeBind, Source: "/srv", Target: "/srv"}})

	assert.Equal(t, spec.Config.Labels[rolloutLabel], "20260101T000000.000Z", "the other one is left as it is")
	assert.Equal(t, len(spec.Host.Binds), 2)
	assert.Equal(t, len(spec.Networks["demo_back"].Aliases), 4)

	named := madeFrom("shop", "1")
	assert.Equal(t, named.copyNumber(2, nil).Name, "shop", "container_name")
	half := madeFrom("0123456789ab_demo-web-3", "3")
	assert.Equal(t, half.copyNumber(4, nil).Name, "demo-web-4", "a replacement that Compose was killed at")
	shared := madeFrom("demo-web-1", "1")
	shared.Host.NetworkMode = "container:feed"
	shared.Config.Hostname, shared.Config.Domainname = "own", "example.com"
	assert.Equal(t, shared.copyNumber(2, nil).Config.Hostname+shared.copyNumber(2, nil).Config.Domainname, "")
}

// TestWhatAContainerSharesIsSharedWithTheSuccessor: the ID in its definition is of a
// container that may be gone.
func TestWhatAContainerSharesIsSharedWithTheSuccessor(t *testing.T) {
	t.Parallel()
	spec := madeFrom("demo-side-1", "1")
	spec.Host.NetworkMode, spec.Host.PidMode, spec.Host.IpcMode = "container:old", "container:old", "host"
	spec.Host.VolumesFrom = []string{"data:ro", "stranger"}
	spec.Shares = spec.sharedWith([]Container{{ID: "old", Service: "web"}, {ID: "x", Service: "other"}, {ID: "data", Service: "store"}})
	assert.DeepEqual(t, spec.Shares, map[string]string{"old": "web", "data": "store"})
	host := spec.rebound(spec.successor([]Container{{ID: "new", Service: "web"}, {ID: "newer", Service: "web"}, {ID: "data", Service: "store"}}))
	assert.Equal(t, string(host.NetworkMode), "container:new")
	assert.Equal(t, string(host.PidMode), "container:new")
	assert.Equal(t, string(host.IpcMode), "host")
	assert.DeepEqual(t, host.VolumesFrom, []string{"data:ro", "stranger"})
	assert.Equal(t, string(spec.Host.NetworkMode), "container:old", "the other one is left as it is")
	assert.Equal(t, string(spec.rebound(spec.successor(nil)).NetworkMode), "container:old")
}

// TestWhatARolloutAsksOfAContainersDefinition: its limits and its health check.
func TestWhatARolloutAsksOfAContainersDefinition(t *testing.T) {
	t.Parallel()
	var file types.ServiceConfig
	file.Name, file.ContainerName, file.HealthCheck = "web", "fixed-since", &types.HealthCheckConfig{}
	d := madeFrom("demo-web-1", "1").definition(file)
	assert.Equal(t, d.single(), "", "container_name came into the file since")
	assert.Assert(t, d.Service.HealthCheck == nil)
	assert.Assert(t, d.Whole() && d.Made(Container{configHash: "hash", ImageID: "sha256:1"}))
	spec := madeFrom("demo-web-1", "1")
	spec.Host.PortBindings = network.PortMap{network.MustParsePort("80/tcp"): {{HostPort: "8080"}}}
	assert.Equal(t, spec.definition(file).single(), "published port 8080")
	assert.Equal(t, madeFrom("shop", "1").definition(file).single(), "container_name: shop")
}

// TestDefinitionsAreKeptForTheirOwnerOnly: they may hold passwords.
func TestDefinitionsAreKeptForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	p := load(t, "services: {haproxy: {image: haproxy}, web: {image: app}}", nil)
	fake := &fakeEngine{containers: []fakeContainer{{ID: "x", Name: "demo-web-1", State: "running", MadeFrom: true}}}
	engine, _ := fake.start(t)
	c := Container{ID: "x", Name: "demo-web-1", Service: "web", Image: "app:1", ImageID: "sha256:1", configHash: "hash"}
	version, err := engine.KeepVersion(t.Context(), p, c)
	assert.NilError(t, err)
	assert.Equal(t, version.Image, ImageRef{"app:1", "sha256:1"})
	assert.Assert(t, p.Keeps("web", version))
	assert.Assert(t, !p.Keeps("web", Version{Definition: "other"}) && !p.Keeps("web", Version{Definition: "../loaded"}) && !p.Keeps("web", Version{}))
	file := p.definitionFile("web", version.Definition)
	info, err := os.Stat(file)
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))
	spec, found, err := p.keptSpec("web", version)
	assert.NilError(t, err)
	assert.Assert(t, found)
	assert.DeepEqual(t, spec.Config.Env, []string{"PASSWORD=secret"})

	for i := range 2 * keptDefinitions {
		c.configHash = strings.Repeat("x", i)
		_, err := engine.KeepVersion(t.Context(), p, c)
		assert.NilError(t, err)
	}
	kept, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	assert.NilError(t, err)
	assert.Equal(t, len(kept), keptDefinitions)

	assert.NilError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, _, err = p.keptSpec("web", version)
	assert.Assert(t, err != nil && !p.Keeps("web", version))
}
