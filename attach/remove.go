package attach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// Removal is what taking HAProxy away from a project comes down to: decided,
// and not done yet.
type Removal struct {
	Project string // its name
	// Kept are things that stay, each with the reason.
	Kept []string
	// Edited is the base config that was edited since init wrote it; "" where it
	// was not, or is removed all the same.
	Edited string
	// LeaveOut is what the user no longer has to type; "" is nothing.
	LeaveOut string
	// Unseen is why the engine could not be asked for containers.
	Unseen error
	// Reopen are services whose published ports init closed and whose containers are
	// still without them; Reopening is the command that gives the ports back.
	Reopen    []string
	Reopening string

	containers []compose.Container
	writes     []write
	folders    []write // removed as a whole; contents are not looked at
	parent     string  // of the base config: removed if nothing is left in it
}

// String is the plan, a step a line, each with its cause.
func (r Removal) String() string {
	var lines []string
	for _, c := range r.containers {
		lines = append(lines, fmt.Sprintf("stop and remove container %s: the project does not know it any more", c.Name))
	}
	for _, w := range append(slices.Clone(r.writes), r.folders...) {
		lines = append(lines, w.String())
	}
	for _, kept := range r.Kept {
		lines = append(lines, "keep "+kept)
	}
	return strings.Join(lines, "\n")
}

// PlanRemoval decides what is taken away: all that an attaching init wrote, and
// nothing else. With force, what was edited since goes as well.
func PlanRemoval(ctx context.Context, engine *compose.Engine, place Place, load compose.LoadOptions, force bool) (Removal, error) {
	if place.IsDemo() {
		return Removal{}, &compose.Problem{
			Summary: fmt.Sprintf("%s is a project that init wrote as a whole: there is nothing to take away without the project; nothing was changed", place.Name()),
			Advice:  fmt.Sprintf(`To end it: "docker haproxy down", then remove %s and %s.`, place.Name(), compose.ShortPath(filepath.Join(place.Project, filepath.Dir(filepath.FromSlash(compose.BaseConfigName))))),
		}
	}
	project, err := engine.LoadModel(ctx, place.loadOptions(load, place.Files))
	if err != nil {
		return Removal{}, err
	}
	r := Removal{Project: project.Name, parent: filepath.Join(place.Project, filepath.Dir(filepath.FromSlash(compose.BaseConfigName)))}
	if err := r.composeFiles(ctx, place, project, force); err != nil {
		return Removal{}, err
	}
	if err := r.envFile(place); err != nil {
		return Removal{}, err
	}
	if err := r.configs(place, force); err != nil {
		return Removal{}, err
	}
	if len(r.writes)+len(r.folders) == 0 {
		return Removal{}, &compose.Problem{
			Summary: fmt.Sprintf("HAProxy is not attached to %s: there is nothing to take away, and nothing was changed", place.Name()),
			Advice:  `"docker haproxy init" attaches it.`,
		}
	}
	r.containers, r.Unseen = engine.BalancerContainers(ctx, project.Name)
	r.reopen(ctx, engine, place, load, project)
	return r, ctx.Err()
}

// reopen finds the services that would run on without the ports of their own Compose
// files. Where the engine does not answer, they may.
func (r *Removal) reopen(ctx context.Context, engine *compose.Engine, place Place, load compose.LoadOptions, project *types.Project) {
	if _, err := os.Stat(place.target()); err != nil {
		return
	}
	attached, err := engine.LoadModel(ctx, place.loadOptions(load, append(slices.Clone(place.Files), place.target())))
	if err != nil {
		return // what does not load closes nothing
	}
	closed := closedPorts(project, attached)
	if containers, err := engine.ServiceContainers(ctx, project.Name, closed); err == nil {
		closed = slices.DeleteFunc(closed, func(name string) bool {
			return !slices.ContainsFunc(containers, func(c compose.Container) bool { return c.Service == name && c.State != "exited" })
		})
	}
	if len(closed) > 0 {
		r.Reopen, r.Reopening = closed, place.upCommand(load, closed)
	}
}

// closedPorts are the services that publish more in the user's own files than with
// ours.
func closedPorts(own, attached *types.Project) []string {
	var names []string
	for _, name := range own.ServiceNames() {
		if len(attached.Services[name].Ports) < len(own.Services[name].Ports) {
			names = append(names, name)
		}
	}
	return names
}

// upCommand is what starts services from the user's own files, by plain Compose.
func (p Place) upCommand(load compose.LoadOptions, services []string) string {
	words := []string{"docker", "compose"}
	if load.ProjectName != "" {
		words = append(words, "-p", load.ProjectName)
	}
	if load.ProjectDir != "" {
		words = append(words, "--project-directory", load.ProjectDir)
	}
	for _, file := range load.EnvFiles {
		words = append(words, "--env-file", file)
	}
	for _, profile := range load.Profiles {
		words = append(words, "--profile", profile)
	}
	if p.by == byFlag {
		for _, file := range p.Files {
			words = append(words, "-f", compose.ShortPath(file))
		}
	}
	words = append(append(words, "up", "-d"), services...)
	for i, word := range words {
		words[i] = quoted(word)
	}
	command := strings.Join(words, " ")
	if folder, err := os.Getwd(); err == nil && folder != p.Folder && p.by != byFlag && load.ProjectDir == "" {
		command = "cd " + quoted(p.Folder) + " && " + command
	}
	return command
}

// composeFiles plans the removal of the Compose files that init wrote.
func (r *Removal) composeFiles(ctx context.Context, place Place, project *types.Project, force bool) error {
	for _, file := range place.attachedFiles() {
		content, err := regular.Read(file)
		if err != nil || !isAttached(content) {
			continue
		}
		if _, included := project.AllServices()[compose.LoadBalancer]; included {
			return &compose.Problem{
				Summary: fmt.Sprintf("a file of your own includes %s; nothing was changed", compose.ShortPath(file)),
				Advice:  `Take that line of "include:" out first, then run this again.`,
			}
		}
		if place.by == byEnvironment && slices.Contains(place.Ours, file) {
			return &compose.Problem{
				Summary: fmt.Sprintf("COMPOSE_FILE in the environment names %s; nothing was changed", compose.ShortPath(file)),
				Advice:  fmt.Sprintf("Set it to what it was first, then run this again: COMPOSE_FILE=%s", place.ownEntries()),
			}
		}
		if own := ownSettings(ctx, content); own != "" && !force {
			return &compose.Problem{
				Summary: fmt.Sprintf("%s holds settings that are not from init (%s); nothing was changed", compose.ShortPath(file), own),
				Advice:  "Move them into a file of your own, or take them away as well with --force.",
			}
		}
		if place.by == byFlag && slices.Contains(place.Ours, file) {
			r.LeaveOut = "-f " + compose.ShortPath(file)
		}
		r.writes = append(r.writes, write{path: file, before: content, why: "init wrote it"})
	}
	return nil
}

// attachedFiles are where init may have written a Compose file.
func (p Place) attachedFiles() []string {
	files := slices.Clone(p.Ours)
	for _, name := range cli.DefaultOverrideFileNames {
		files = append(files, filepath.Join(p.Folder, name))
	}
	files = append(files, filepath.Join(p.Project, FileName))
	slices.Sort(files)
	return slices.Compact(files)
}

// ownEntries are the user's files as COMPOSE_FILE names them.
func (p Place) ownEntries() string {
	var names []string
	for _, file := range p.Files {
		names = append(names, p.entry(file))
	}
	return strings.Join(names, p.separator)
}

// ownSettings tells, in words, what somebody added to a Compose file of ours
// that has nothing to do with HAProxy; "" is nothing.
func ownSettings(ctx context.Context, content []byte) string {
	model, err := loader.LoadModelWithContext(ctx, types.ConfigDetails{
		ConfigFiles: []types.ConfigFile{{Filename: FileName, Content: content}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SkipValidation, o.SkipInterpolation, o.SkipNormalization, o.SkipConsistencyCheck = true, true, true, true
		o.SkipInclude, o.SkipExtends, o.SkipResolveEnvironment = true, true, true
		o.SetProjectName("x", true)
	})
	if err != nil {
		return "it does not load"
	}
	volumes, _ := model["volumes"].(map[string]any)
	delete(volumes, compose.Forwarder)
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if key != "services" && key != "name" && (key != "volumes" || len(volumes) > 0) {
			return key
		}
	}
	services, _ := model["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		settings, _ := services[name].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(settings)) {
			if name != compose.LoadBalancer && name != compose.Forwarder && key != "labels" && key != "ports" {
				return fmt.Sprintf("%s of service %s", key, name)
			}
		}
	}
	return ""
}

// envFile plans to make .env what it was.
func (r *Removal) envFile(place Place) error {
	file := filepath.Join(place.Folder, envName)
	env, err := regular.Read(file)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read was not written by init
	}
	ours := filepath.Join(place.Project, FileName)
	reduced, found, err := reduceEnv(env, place.entries(ours), place.entry(ours), place.separator)
	if err != nil {
		return &compose.Problem{
			Summary: fmt.Sprintf("COMPOSE_FILE in %s cannot be changed safely; nothing was changed", compose.ShortPath(file)),
			Advice:  fmt.Sprintf("Take %s out of it, then run this again.", place.entry(ours)),
			Cause:   err,
		}
	}
	if found {
		why := "COMPOSE_FILE is what it was, and the rest stays as it is"
		if reduced == nil {
			why = "init made it"
		}
		r.writes = append(r.writes, write{path: file, before: env, after: reduced, why: why})
	}
	return nil
}

// configs plans the removal of HAProxy's files.
func (r *Removal) configs(place Place, force bool) error {
	base := filepath.Join(place.Project, filepath.FromSlash(compose.BaseConfigName))
	content, err := regular.Read(base)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return &compose.Problem{Summary: fmt.Sprintf("%s cannot be read: %v; nothing was changed", compose.ShortPath(base), err), Advice: "Check its permissions.", Cause: err}
	case err != nil:
	case !isAttachedBase(content):
		r.Kept = append(r.Kept, compose.ShortPath(base)+": it is not from init")
	case force || untouchedBase(content):
		r.writes = append(r.writes, write{path: base, before: content, why: "init wrote it"})
	default:
		r.Edited = compose.ShortPath(base)
		r.Kept = append(r.Kept, r.Edited+": it was edited since init wrote it (--force removes it)")
	}
	forwarder, err := plannedForwarder(place.Project, false)
	if err != nil {
		return err
	}
	if forwarder != nil {
		forwarder.why = "init wrote it"
		r.writes = append(r.writes, *forwarder)
	}
	for _, folder := range []struct{ path, why string }{
		{filepath.Join(r.parent, compose.GeneratedName), "docker haproxy generated it"},
		{filepath.Join(place.Project, compose.StateFolderName), "what docker haproxy remembers: configurations that HAProxy accepted, its verdict"},
	} {
		if info, err := os.Stat(folder.path); err == nil && info.IsDir() {
			r.folders = append(r.folders, write{path: folder.path, before: []byte{}, why: folder.why})
		}
	}
	return nil
}

// Do takes away what was planned: the load balancer's containers first, so that
// nothing runs that no file describes.
func (r Removal) Do(ctx context.Context, engine *compose.Engine) error {
	if err := r.removeBalancer(ctx, engine); err != nil {
		return err
	}
	undo, err := carryOut(r.writes)
	if err != nil {
		return errors.Join(err, undo())
	}
	for _, folder := range r.folders {
		if err := os.RemoveAll(folder.path); err != nil {
			return err
		}
	}
	return removeIfEmpty(r.parent)
}

// removeBalancer removes the load balancer from the engine. A volume that stays
// is told only where containers went: a plain "docker compose down" leaves it.
func (r Removal) removeBalancer(ctx context.Context, engine *compose.Engine) error {
	if r.Unseen != nil {
		return nil
	}
	left, err := engine.RemoveBalancer(ctx, r.Project, r.containers)
	if err != nil {
		return err
	}
	if len(left) > 0 && len(r.containers) > 0 {
		return &compose.Problem{
			Summary: fmt.Sprintf("%s cannot be removed; no file was changed", strings.Join(left, ", ")),
			Advice:  `Remove it with "docker rm", then run this again.`,
		}
	}
	return nil
}

func removeIfEmpty(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) > 0 {
		return nil //nolint:nilerr // what is not there, or not empty, stays as it is
	}
	return os.Remove(folder)
}

// Removed are the files and folders that go, as the user knows them.
func (r Removal) Removed() []string {
	var paths []string
	for _, w := range append(slices.Clone(r.writes), r.folders...) {
		paths = append(paths, compose.ShortPath(w.path))
	}
	return paths
}

// Notes are what a person should know once HAProxy is taken away.
func (r Removal) Notes() []string {
	var notes []string
	for _, kept := range r.Kept {
		notes = append(notes, "Kept "+kept+".")
	}
	if len(r.Reopen) > 0 {
		notes = append(notes, fmt.Sprintf("Service %s still runs without the ports that --close-ports took away. This gives them back:\n    %s", strings.Join(r.Reopen, ", "), r.Reopening))
	}
	if r.LeaveOut != "" {
		notes = append(notes, fmt.Sprintf("Leave %s out of your commands from now on.", r.LeaveOut))
	}
	if r.Unseen != nil {
		first, _, _ := strings.Cut(r.Unseen.Error(), "\n")
		notes = append(notes, fmt.Sprintf(`Whether HAProxy still runs is not known (%s): "docker compose up -d --remove-orphans" removes its container.`, first))
	}
	return notes
}
