package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// LoadOptions say which Compose project is meant, as the flags of Compose do.
type LoadOptions struct {
	ProjectName string   // -p
	ConfigPaths []string // -f
	ProjectDir  string   // --project-directory
	EnvFiles    []string // --env-file
	Profiles    []string // --profile
	Variables   []string // NAME=VALUE, in place of what environment files say of them

	// Unchecked is for what only needs to know which project it is: the file is
	// read without holding it against the schema of Compose files. That takes a
	// third of such a command's own time (15 of 45 ms of CPU), most of it for
	// putting the schema together.
	Unchecked bool
}

// fileNames are the Compose files, for messages.
func (o LoadOptions) fileNames() string {
	if len(o.ConfigPaths) > 0 {
		return strings.Join(o.ConfigPaths, " with ")
	}
	for _, name := range FileNames() {
		file := filepath.Join(o.ProjectDir, name)
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return "the Compose file"
}

// FileNames are the names that Compose looks for, in its order.
func FileNames() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
}

// named tells whether the project is given by its name alone, so that no
// Compose file is needed to find its containers.
func (o LoadOptions) named() bool {
	return len(o.ConfigPaths) == 0 && (o.ProjectName != "" || os.Getenv("COMPOSE_PROJECT_NAME") != "")
}

// nameIsOne refuses what Compose takes for no name of a project.
func (o LoadOptions) nameIsOne() error {
	name, from := o.ProjectName, "--project-name"
	if name == "" {
		name, from = os.Getenv("COMPOSE_PROJECT_NAME"), "COMPOSE_PROJECT_NAME"
	}
	right := loader.NormalizeProjectName(name)
	if name == right {
		return nil
	}
	advice := "Use lower-case letters, digits, - and _, and begin with a letter or a digit"
	if right != "" {
		advice += ", such as " + right
	}
	return &Problem{Summary: fmt.Sprintf("%s %q is no name of a Compose project", from, name), Advice: advice + "."}
}

// profilesAreIn refuses a profile that no service is in.
func (o LoadOptions) profilesAreIn(loaded *types.Project) error {
	profiles := map[string]bool{"*": true}
	for _, service := range servicesByName(loaded) {
		for _, profile := range service.Profiles {
			profiles[profile] = true
		}
	}
	for _, profile := range o.Profiles {
		if !profiles[profile] {
			delete(profiles, "*")
			return &Problem{
				Summary: fmt.Sprintf("--profile %q: no service of project %q is in it", profile, loaded.Name),
				Advice:  fmt.Sprintf("Profiles of its services: %s.", orNone(slices.Collect(maps.Keys(profiles)))),
			}
		}
	}
	return nil
}

// Project is a loaded Compose project that has a load balancer.
type Project struct {
	*types.Project

	balancer types.ServiceConfig
	command  haproxy.Command
	awaited  []string // host names of services that are about to be started
}

// Load reads the Compose files as Compose itself would. The project has a
// load balancer, or the error is ErrNoLoadBalancer; a folder without a
// Compose file is ErrNoComposeFile.
func (e *Engine) Load(ctx context.Context, opts LoadOptions) (*Project, error) {
	loaded, err := e.LoadModel(ctx, opts)
	if err != nil {
		return nil, err
	}
	// As "docker compose" does: what is in an env_file is part of a definition, its name is not.
	if loaded, err = loaded.WithServicesEnvironmentResolved(true); err != nil {
		return nil, err
	}
	return projectOf(loaded)
}

// projectOf finds the load balancer of a project.
func projectOf(loaded *types.Project) (*Project, error) {
	balancer, err := loaded.GetService(LoadBalancer)
	if err != nil {
		return nil, &Problem{
			Summary: fmt.Sprintf("project %q has no service named %s (its services: %s)", loaded.Name, LoadBalancer, orNone(loaded.ServiceNames())),
			Advice:  `Run this where "docker haproxy init" made a project, name one with -f or --project-directory, or enable its profile with --profile.`,
			Cause:   ErrNoLoadBalancer,
		}
	}
	command := haproxy.ParseCommand(balancer.Command)
	if len(command.Configs) == 0 { // started by a script of its own: by custom with this file
		command.Configs = haproxy.ParseCommand(nil).Configs
	}
	return &Project{Project: loaded, balancer: balancer, command: command}, nil
}

// LoadModel is Load for a project that need not have a load balancer.
func (e *Engine) LoadModel(ctx context.Context, opts LoadOptions) (*types.Project, error) {
	if info, err := os.Stat(opts.ProjectDir); opts.ProjectDir != "" && (err != nil || !info.IsDir()) {
		return nil, &Problem{
			Summary: fmt.Sprintf("there is no folder %s", opts.ProjectDir),
			Advice:  "Check --project-directory.",
			Cause:   errors.Join(ErrNoComposeFile, err),
		}
	}
	if err := opts.readable(ctx); err != nil {
		return nil, err
	}
	if err := opts.nameIsOne(); err != nil {
		return nil, err
	}
	loaded, err := e.read(ctx, opts)
	switch {
	case err == nil:
		if err := opts.profilesAreIn(loaded); err != nil {
			return nil, err
		}
		return loaded, nil
	case strings.Contains(err.Error(), "env file"):
		return nil, &Problem{
			Summary: "an environment file cannot be read: " + err.Error(),
			Advice:  `Check --env-file, and "env_file:" of the services.`,
			Cause:   err,
		}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case strings.Contains(err.Error(), "no configuration file provided"):
		return nil, &Problem{
			Summary: "there is no Compose file in this folder or above it",
			Advice:  `Make a project with "docker haproxy init", or name one with -f or --project-directory.`,
			Cause:   ErrNoComposeFile,
		}
	case errors.Is(err, os.ErrNotExist):
		return nil, &Problem{
			Summary: "the Compose file cannot be opened: " + err.Error(),
			Advice:  "Check the path given with -f, --env-file or --project-directory.",
			Cause:   errors.Join(ErrNoComposeFile, err),
		}
	default:
		return nil, &Problem{
			Summary: opts.fileNames() + " does not load: " + strings.TrimSpace(err.Error()),
			Advice:  `Mend it ("docker compose config" says the same); nothing was changed.`,
			Cause:   err,
		}
	}
}

// read has the SDK read the Compose files.
func (e *Engine) read(ctx context.Context, opts LoadOptions) (*types.Project, error) {
	load := api.ProjectLoadOptions{
		ProjectName: opts.ProjectName,
		ConfigPaths: opts.ConfigPaths,
		WorkingDir:  opts.ProjectDir,
		EnvFiles:    opts.EnvFiles,
		Profiles:    opts.Profiles,

		ProjectOptionsFns: []cli.ProjectOptionsFn{cli.WithEnv(opts.Variables)},
	}
	if opts.Unchecked {
		if loaded, err := e.readUnchecked(ctx, load); err == nil {
			return loaded, nil
		} // The schema says better what is wrong.
	}
	return e.sdk.LoadProject(ctx, load)
}

// readUnchecked reads without the schema, which the loader counts on: on a file
// that it would refuse the loader may panic.
func (e *Engine) readUnchecked(ctx context.Context, load api.ProjectLoadOptions) (loaded *types.Project, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			loaded, err = nil, fmt.Errorf("%v", cause)
		}
	}()
	load.ProjectOptionsFns = append(slices.Clone(load.ProjectOptionsFns), cli.WithLoadOptions(func(o *loader.Options) { o.SkipValidation = true }))
	return e.sdk.LoadProject(ctx, load)
}

// Find gives the name of the project and, where its Compose file can be had,
// the project itself (nil otherwise): enough for what works on containers
// alone, such as down, stop, ps and logs.
func (e *Engine) Find(ctx context.Context, opts LoadOptions) (string, *types.Project, error) {
	if err := opts.nameIsOne(); err != nil {
		return "", nil, err
	}
	if opts.named() {
		name := opts.ProjectName
		if name == "" {
			name = os.Getenv("COMPOSE_PROJECT_NAME")
		}
		return name, nil, nil
	}
	opts.Unchecked = true
	loaded, err := e.LoadModel(ctx, opts)
	if err != nil {
		return "", nil, err
	}
	return loaded.Name, loaded, nil
}

// MasterSocket is the path, in the container, of the master CLI; "" where
// HAProxy is started without -S.
func (p *Project) MasterSocket() string { return p.command.MasterSocket }

// hostPath finds the file of this machine that the load balancer sees at a
// path in its container, through the bind mounts of its service.
func (p *Project) hostPath(inContainer string) (string, bool) {
	if !path.IsAbs(inContainer) {
		inContainer = path.Join("/", p.balancer.WorkingDir, inContainer)
	}
	found, longest := "", -1
	for _, mount := range p.mounts() {
		rest, inside := below(mount.target, inContainer)
		if inside && len(mount.target) > longest {
			found, longest = filepath.Join(mount.source, filepath.FromSlash(rest)), len(mount.target)
		}
	}
	return found, longest >= 0
}

// DisplayPath names a file of the container as the person who edits it knows
// it: relative to the working folder where it is below it.
func (p *Project) DisplayPath(inContainer string) string {
	host, ok := p.hostPath(inContainer)
	if !ok {
		return inContainer
	}
	return ShortPath(host)
}

// ConfigName is the display name of the base config.
func (p *Project) ConfigName() string { return p.DisplayPath(p.command.Configs[0]) }

// ShortPath makes a path relative to the working folder if that is shorter to read.
func ShortPath(file string) string {
	wd, err := os.Getwd()
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(wd, file)
	if err != nil || strings.HasPrefix(rel, "..") {
		return file
	}
	return rel
}

// mount is a file or folder of this machine in the load balancer's container.
type mount struct{ source, target string }

// mounts lists what the load balancer's container gets from this machine's
// disk: bind mounts, and Compose configs and secrets that are files.
func (p *Project) mounts() []mount {
	var mounts []mount
	for _, v := range p.balancer.Volumes {
		if v.Type == types.VolumeTypeBind {
			mounts = append(mounts, mount{source: v.Source, target: path.Clean(v.Target)})
		}
	}
	for _, c := range p.balancer.Configs {
		if object, ok := p.Configs[c.Source]; ok && object.File != "" {
			mounts = append(mounts, mount{source: object.File, target: orDefault(c.Target, "/"+c.Source)})
		}
	}
	for _, s := range p.balancer.Secrets {
		if object, ok := p.Secrets[s.Source]; ok && object.File != "" {
			target := orDefault(s.Target, s.Source)
			if !path.IsAbs(target) {
				target = path.Join("/run/secrets", target)
			}
			mounts = append(mounts, mount{source: object.File, target: target})
		}
	}
	return mounts
}

// below tells whether file is folder or lies in it, and the rest of its path.
func below(folder, file string) (string, bool) {
	file = path.Clean(file)
	if file == folder {
		return "", true
	}
	return strings.CutPrefix(file, strings.TrimSuffix(folder, "/")+"/")
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
