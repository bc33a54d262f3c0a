package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/cli/config"
	"github.com/docker/compose/v5/pkg/api"
)

// hasher gives the hash that a Compose computes of each of the given services of
// a project; nothing where it cannot be asked.
type hasher func(ctx context.Context, p *types.Project, services types.Services) map[string]string

// installedTimeout bounds the question to the installed Compose, which takes
// about a tenth of a second.
const installedTimeout = 10 * time.Second

// nothingInstalled is the hasher where no docker CLI is known.
func nothingInstalled(context.Context, *types.Project, types.Services) map[string]string { return nil }

// AskInstalled lets the engine ask the Compose that is installed as a plugin of a
// docker CLI what it would note of a service. docker is that CLI's path; "" where
// none runs us.
func (e *Engine) AskInstalled(docker string) {
	if docker == "" {
		return
	}
	e.installed = func(ctx context.Context, p *types.Project, services types.Services) map[string]string {
		return askInstalled(ctx, docker, p, services)
	}
}

// askInstalled asks the Compose that is installed as a plugin of a docker CLI. It reads the project's own files, since how it completes what
// they leave open is where versions differ.
//
// What "config" leaves open and "up" fills in before it computes the hash is
// given in a last file: environment variables (Compose before 5.0), and the
// containers that "service:NAME" stands for.
func askInstalled(ctx context.Context, docker string, p *types.Project, services types.Services) map[string]string {
	if len(p.ComposeFiles) == 0 || slices.Contains(p.ComposeFiles, "-") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, installedTimeout)
	defer cancel()
	ask := exec.CommandContext(ctx, docker, installedArguments(p)...) //nolint:gosec // the docker CLI that has started us
	ask.Stdin = bytes.NewReader(filledIn(services))
	answer, err := ask.Output()
	if err != nil {
		return nil // none is installed, or it does not read these files
	}
	hashes := map[string]string{}
	for line := range strings.Lines(string(answer)) {
		if service, hash, found := strings.Cut(strings.TrimSpace(line), " "); found {
			hashes[service] = hash
		}
	}
	return hashes
}

func installedArguments(p *types.Project) []string {
	args := []string{"--config", config.Dir(), "compose", "--project-name", p.Name, "--project-directory", p.WorkingDir}
	for _, file := range envFiles(p) {
		args = append(args, "--env-file", file)
	}
	for _, profile := range p.Profiles {
		args = append(args, "--profile", profile)
	}
	for _, file := range append(slices.Clone(p.ComposeFiles), "-") {
		args = append(args, "--file", file)
	}
	return append(args, "config", "--no-consistency", "--hash", "*")
}

// envFiles are those that the project was loaded with (--env-file); the loader
// notes them on each service.
func envFiles(p *types.Project) []string {
	for _, service := range p.Services {
		if noted := service.CustomLabels[api.EnvironmentFileLabel]; noted != "" {
			return strings.Split(noted, ",")
		}
	}
	return nil
}

// filledIn is a Compose file with what is known of services by the time that
// their containers are created.
func filledIn(services types.Services) []byte {
	var out bytes.Buffer
	out.WriteString("services:\n")
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service := services[name]
		fmt.Fprintf(&out, "  %s:\n    env_file: !reset null\n", literalJSON(name))
		if len(service.Environment) > 0 {
			fmt.Fprintf(&out, "    environment: !override %s\n", literalJSON(service.Environment))
		}
		for key, mode := range map[string]string{"network_mode": service.NetworkMode, "ipc": service.Ipc, "pid": service.Pid} {
			if strings.HasPrefix(mode, types.ContainerPrefix) {
				fmt.Fprintf(&out, "    %s: %s\n", key, literalJSON(mode))
			}
		}
		if len(service.VolumesFrom) > 0 {
			fmt.Fprintf(&out, "    volumes_from: !override %s\n", literalJSON(service.VolumesFrom))
		}
	}
	return out.Bytes()
}

// literalJSON writes a value as JSON, which is YAML too, with nothing in it that
// Compose would interpolate.
func literalJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return []byte("null")
	}
	return bytes.ReplaceAll(text, []byte("$"), []byte("$$"))
}
