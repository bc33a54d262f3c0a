package compose

import (
	"context"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// otherCompose computes "theirs:" and our hash, and counts how often it is asked.
type otherCompose struct {
	asked int
	knows []types.Services
}

func (o *otherCompose) hashes(_ context.Context, _ *types.Project, services types.Services) map[string]string {
	o.asked++
	o.knows = append(o.knows, services)
	hashes := map[string]string{}
	for name, service := range services {
		service.LabelFiles = nil
		hash, _ := hashOf(service, nil)
		if len(service.Volumes) > 0 {
			hash = "theirs:" + hash
		}
		hashes[name] = hash
	}
	return hashes
}

const hashProject = `
name: demo
services:
  haproxy: {image: haproxy}
  db: {image: app, volumes: ["./data:/data"]}
  plain: {image: app}
  labelled: {image: app, label_file: [app.labels]}
  side: {image: app, network_mode: "service:db", volumes: ["./data:/data"]}
`

func TestAContainerOfTheInstalledComposeIsKnown(t *testing.T) {
	t.Parallel()
	p := load(t, hashProject, map[string]string{"app.labels": "a=b\n"})
	other := &otherCompose{}
	engine := &Engine{installed: other.hashes}
	db := Container{ID: "db1", Name: "demo-db-1", Service: "db"}
	hash := func(service string) string {
		hash, err := hashOf(p.Services[service], []Container{db})
		assert.NilError(t, err)
		return hash
	}
	made := func(service, hash string) bool {
		made, err := engine.definitions(p, []Container{db}).made(t.Context(), Container{configHash: hash}, p.Services[service])
		assert.NilError(t, err)
		return made
	}
	assert.Assert(t, made("db", hash("db")))
	assert.Equal(t, other.asked, 0, "what we have made is known without asking")

	assert.Assert(t, made("db", "theirs:"+hash("db")))
	assert.Assert(t, made("side", "theirs:"+hash("side")), "with the container that it shares a network with")
	asked := other.asked
	assert.Assert(t, made("db", "theirs:"+hash("db")))
	assert.Equal(t, other.asked, asked, "it is noted")

	for service, other := range map[string]string{
		"db": "theirs:" + hash("plain"), "plain": "theirs:" + hash("plain"), "side": hash("db"), "labelled": "", "haproxy": "else",
	} {
		assert.Assert(t, !made(service, other), service)
	}
	edited := p.Services["db"]
	edited.Image = "app:2"
	changed, err := engine.definitions(p, nil).made(t.Context(), Container{configHash: "theirs:" + hash("db")}, edited)
	assert.NilError(t, err)
	assert.Assert(t, !changed, "another image")
	engine.installed = nil
	p.noteHashes(nil, map[string]string{"x": "y"})
	assert.Assert(t, !made("db", "theirs:"+hash("db")), "none is installed")
}

func TestContainersAreCreatedWithTheHashOfTheInstalledCompose(t *testing.T) {
	t.Parallel()
	p := load(t, hashProject, map[string]string{"app.labels": "a=b\n"})
	other := &otherCompose{}
	engine := &Engine{installed: other.hashes}
	old, db := Container{ID: "db1", Name: "demo-db-1", Service: "db"}, Container{ID: "db2", Name: "demo-db-1", Service: "db"}
	known := engine.definitions(p, []Container{old})
	create := func(service string, all []Container, host *container.HostConfig) (ours, noted string) {
		ours, err := hashOf(p.Services[service], all)
		assert.NilError(t, err)
		labels := map[string]string{api.ServiceLabel: service, api.ConfigHashLabel: ours}
		known.noteTheirs(t.Context(), labels, host)
		return ours, labels[api.ConfigHashLabel]
	}
	for service, differs := range map[string]bool{"db": true, "plain": false, "labelled": false} {
		ours, noted := create(service, nil, &container.HostConfig{NetworkMode: "demo_default"})
		assert.Equal(t, strings.TrimPrefix(noted, "theirs:"), ours)
		assert.Equal(t, noted != ours, differs, service)
	}
	assert.Equal(t, other.asked, 1)

	ours, noted := create("side", []Container{db}, &container.HostConfig{NetworkMode: "container:db2"})
	assert.Equal(t, noted, "theirs:"+ours, "with the container that was created in this run")
	labels := map[string]string{api.ServiceLabel: "db", api.ConfigHashLabel: "of an earlier image"}
	known.noteTheirs(t.Context(), labels, nil)
	assert.Equal(t, labels[api.ConfigHashLabel], "of an earlier image")

	shown := map[string]string{api.ProjectLabel: "demo", api.ServiceLabel: "side", api.ConfigHashLabel: noted}
	engine.definitions(p, []Container{db}).showOurs(t.Context(), shown)
	assert.Equal(t, shown[api.ConfigHashLabel], ours)
	shown = map[string]string{api.ProjectLabel: "other", api.ServiceLabel: "side", api.ConfigHashLabel: noted}
	engine.definitions(p, []Container{db}).showOurs(t.Context(), shown)
	assert.Equal(t, shown[api.ConfigHashLabel], noted)
}

func TestTheInstalledComposeIsToldWhatUpFillsIn(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: demo
services:
  haproxy: {image: haproxy}
  app: {image: app, env_file: app.env, environment: {PRICE: "5$$", PASSED_ON: }, network_mode: "service:haproxy", volumes_from: [haproxy]}
`, map[string]string{"app.env": "A=1\n"})
	assert.Equal(t, len(p.Services["app"].EnvFiles), 0, "the name of an env_file is no part of a definition")
	all := types.Services{}
	for name, service := range p.Services {
		all[name] = asNoted(service, []Container{{ID: "h1", Name: "demo-haproxy-1", Service: LoadBalancer}})
	}
	assert.Equal(t, string(filledIn(all)), `services:
  "app":
    env_file: !reset null
    environment: !override {"A":"1","PASSED_ON":null,"PRICE":"5$$"}
    network_mode: "container:h1"
    volumes_from: !override ["h1"]
  "haproxy":
    env_file: !reset null
`)
	args := strings.Join(installedArguments(p.Project), " ")
	testkit.Contains(t, args, "compose --project-name demo", "--file "+p.ComposeFiles[0]+" --file -", "config --no-consistency --hash *")
}

func TestAVolumeIsNotDeletedBecauseItsDefinitionChanged(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	yes, err := newProgress(events).refuse(`Volume "demo_data" exists but doesn't match configuration in compose file. Recreate (data will be lost)?`, false)
	assert.NilError(t, err)
	assert.Assert(t, !yes)
	testkit.Contains(t, events.seen(), `Volume "demo_data": Kept as it is`)
}
