package attach

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// envUser says which service would be made of something else if .env named our file:
// one that gets .env itself, or whose definition holds the value of COMPOSE_FILE. ""
// is none.
func envUser(ctx context.Context, engine *compose.Engine, place Place, load compose.LoadOptions, project *types.Project) string {
	services := project.AllServices()
	env := realPath(filepath.Join(place.Folder, envName))
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if how := reads(project, services[name], env); how != "" {
			return fmt.Sprintf("service %s reads that file (%s)", name, how)
		}
	}
	load = place.loadOptions(load, place.Files)
	load.Variables = []string{consts.ComposeFilePath + "=" + place.entries(place.target())}
	changed, err := engine.LoadModel(ctx, load)
	if err != nil {
		return "the Compose file does not load with another COMPOSE_FILE"
	}
	after := changed.AllServices()
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if !sameService(services[name], after[name]) {
			return fmt.Sprintf("service %s uses the variable COMPOSE_FILE", name)
		}
	}
	if !sameParts(project, changed) {
		return "the Compose file uses the variable COMPOSE_FILE"
	}
	return ""
}

// reads says by what a service gets the content of a file of this machine; "" where
// it does not.
func reads(project *types.Project, service types.ServiceConfig, file string) string {
	is := func(path string) bool { return path != "" && realPath(pathIn(project.WorkingDir, path)) == file }
	for _, env := range service.EnvFiles {
		if is(env.Path) {
			return "env_file"
		}
	}
	if slices.ContainsFunc(service.LabelFiles, is) {
		return "label_file"
	}
	for _, volume := range service.Volumes {
		if volume.Type == types.VolumeTypeBind && is(volume.Source) {
			return "volumes"
		}
	}
	for _, config := range service.Configs {
		if is(project.Configs[config.Source].File) {
			return "configs"
		}
	}
	for _, secret := range service.Secrets {
		if is(project.Secrets[secret.Source].File) {
			return "secrets"
		}
	}
	if service.Build == nil {
		return ""
	}
	for _, secret := range service.Build.Secrets {
		if is(project.Secrets[secret.Source].File) {
			return "secrets of its build"
		}
	}
	if buildsWith(project, *service.Build, file) {
		return "its Dockerfile names it"
	}
	return ""
}

// buildsWith tells whether a Dockerfile names a file of its context.
func buildsWith(project *types.Project, build types.BuildConfig, file string) bool {
	context := realPath(pathIn(project.WorkingDir, build.Context))
	rel, err := filepath.Rel(context, file)
	if err != nil || strings.HasPrefix(rel, "..") {
		return false
	}
	text := build.DockerfileInline
	if text == "" {
		content, err := regular.Read(pathIn(context, cmp.Or(build.Dockerfile, "Dockerfile")))
		if err != nil {
			return false
		}
		text = string(content)
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if slices.ContainsFunc(words, func(word string) bool { return filepath.Clean(strings.Trim(word, `[]",`)) == rel }) {
			return true
		}
	}
	return false
}

// realPath is a path without links; as it is where there is nothing.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return filepath.Clean(path)
}

// sameParts compares what a project has beside its services.
func sameParts(a, b *types.Project) bool {
	parts := func(p *types.Project) string {
		text, err := json.Marshal([]any{p.Name, p.Networks, p.Volumes, p.Configs, p.Secrets})
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	return parts(a) == parts(b)
}
