package compose

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
)

// Detachment is what taking HAProxy away from a project comes down to: decided,
// and not done yet.
type Detachment struct {
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

	containers []Container
	writes     []write
	folders    []write // removed as a whole; contents are not looked at
	parent     string  // of the base config: removed if nothing is left in it
}

// String is the plan, a step a line, each with its cause.
func (d Detachment) String() string {
	var lines []string
	for _, c := range d.containers {
		lines = append(lines, fmt.Sprintf("stop and remove container %s: the project does not know it any more", c.Name))
	}
	for _, w := range append(slices.Clone(d.writes), d.folders...) {
		lines = append(lines, w.String())
	}
	for _, kept := range d.Kept {
		lines = append(lines, "keep "+kept)
	}
	return strings.Join(lines, "\n")
}

// PlanRemoval decides what is taken away: all that an attaching init wrote, and
// nothing else. With force, what was edited since goes as well.
func (e *Engine) PlanRemoval(ctx context.Context, place Place, opts LoadOptions, force bool) (Detachment, error) {
	if place.IsDemo() {
		return Detachment{}, &Problem{
			Summary: fmt.Sprintf("%s is a project that init wrote as a whole: there is nothing to take away without the project; nothing was changed", place.Name()),
			Advice:  fmt.Sprintf(`To end it: "docker haproxy down", then remove %s and %s.`, place.Name(), ShortPath(filepath.Join(place.Project, filepath.Dir(filepath.FromSlash(BaseConfigName))))),
		}
	}
	project, err := e.LoadModel(ctx, place.loadOptions(opts, place.Files))
	if err != nil {
		return Detachment{}, err
	}
	d := Detachment{Project: project.Name, parent: filepath.Join(place.Project, filepath.Dir(filepath.FromSlash(BaseConfigName)))}
	if err := d.composeFiles(ctx, place, project, force); err != nil {
		return Detachment{}, err
	}
	if err := d.envFile(place); err != nil {
		return Detachment{}, err
	}
	if err := d.configs(place, force); err != nil {
		return Detachment{}, err
	}
	if len(d.writes)+len(d.folders) == 0 {
		return Detachment{}, &Problem{
			Summary: fmt.Sprintf("HAProxy is not attached to %s: there is nothing to take away, and nothing was changed", place.Name()),
			Advice:  `"docker haproxy init" attaches it.`,
		}
	}
	d.containers, d.Unseen = e.BalancerContainers(ctx, project.Name)
	return d, ctx.Err()
}

// composeFiles plans the removal of the Compose files that init wrote.
func (d *Detachment) composeFiles(ctx context.Context, place Place, project *types.Project, force bool) error {
	for _, file := range place.attachedFiles() {
		content, err := os.ReadFile(file)
		if err != nil || !isAttached(content) {
			continue
		}
		if _, included := project.AllServices()[LoadBalancer]; included {
			return &Problem{
				Summary: fmt.Sprintf("a file of your own includes %s; nothing was changed", ShortPath(file)),
				Advice:  `Take that line of "include:" out first, then run this again.`,
			}
		}
		if place.by == byEnvironment && slices.Contains(place.Ours, file) {
			return &Problem{
				Summary: fmt.Sprintf("COMPOSE_FILE in the environment names %s; nothing was changed", ShortPath(file)),
				Advice:  fmt.Sprintf("Set it to what it was first, then run this again: COMPOSE_FILE=%s", place.ownEntries()),
			}
		}
		if own := ownSettings(ctx, content); own != "" && !force {
			return &Problem{
				Summary: fmt.Sprintf("%s holds settings that are not from init (%s); nothing was changed", ShortPath(file), own),
				Advice:  "Move them into a file of your own, or take them away as well with --force.",
			}
		}
		if place.by == byFlag && slices.Contains(place.Ours, file) {
			d.LeaveOut = "-f " + ShortPath(file)
		}
		d.writes = append(d.writes, write{path: file, before: content, why: "init wrote it"})
	}
	return nil
}

// attachedFiles are where init may have written a Compose file.
func (p Place) attachedFiles() []string {
	files := slices.Clone(p.Ours)
	for _, name := range cli.DefaultOverrideFileNames {
		files = append(files, filepath.Join(p.Folder, name))
	}
	files = append(files, filepath.Join(p.Project, AttachedName))
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
		ConfigFiles: []types.ConfigFile{{Filename: AttachedName, Content: content}},
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
	delete(volumes, Forwarder)
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if key != "services" && key != "name" && (key != "volumes" || len(volumes) > 0) {
			return key
		}
	}
	services, _ := model["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		settings, _ := services[name].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(settings)) {
			if name != LoadBalancer && name != Forwarder && key != "labels" && key != "ports" {
				return fmt.Sprintf("%s of service %s", key, name)
			}
		}
	}
	return ""
}

// envFile plans to make .env what it was.
func (d *Detachment) envFile(place Place) error {
	file := filepath.Join(place.Folder, envName)
	env, err := os.ReadFile(file)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read was not written by init
	}
	ours := filepath.Join(place.Project, AttachedName)
	reduced, found, err := reduceEnv(env, place.entries(ours), place.entry(ours), place.separator)
	if err != nil {
		return &Problem{
			Summary: fmt.Sprintf("COMPOSE_FILE in %s cannot be changed safely; nothing was changed", ShortPath(file)),
			Advice:  fmt.Sprintf("Take %s out of it, then run this again.", place.entry(ours)),
			Cause:   err,
		}
	}
	if found {
		why := "COMPOSE_FILE is what it was, and the rest stays as it is"
		if reduced == nil {
			why = "init made it"
		}
		d.writes = append(d.writes, write{path: file, before: env, after: reduced, why: why})
	}
	return nil
}

// configs plans the removal of HAProxy's files.
func (d *Detachment) configs(place Place, force bool) error {
	base := filepath.Join(place.Project, filepath.FromSlash(BaseConfigName))
	content, err := os.ReadFile(base)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return &Problem{Summary: fmt.Sprintf("%s cannot be read: %v; nothing was changed", ShortPath(base), err), Advice: "Check its permissions.", Cause: err}
	case err != nil:
	case !isAttachedBase(content):
		d.Kept = append(d.Kept, ShortPath(base)+": it is not from init")
	case force || untouchedBase(content):
		d.writes = append(d.writes, write{path: base, before: content, why: "init wrote it"})
	default:
		d.Edited = ShortPath(base)
		d.Kept = append(d.Kept, d.Edited+": it was edited since init wrote it (--force removes it)")
	}
	forwarder, err := plannedForwarder(place.Project, false)
	if err != nil {
		return err
	}
	if forwarder != nil {
		forwarder.why = "init wrote it"
		d.writes = append(d.writes, *forwarder)
	}
	for _, folder := range []struct{ path, why string }{
		{filepath.Join(d.parent, GeneratedName), "docker haproxy generated it"},
		{filepath.Join(place.Project, StateFolderName), "what docker haproxy remembers: configurations that HAProxy accepted, its verdict"},
	} {
		if info, err := os.Stat(folder.path); err == nil && info.IsDir() {
			d.folders = append(d.folders, write{path: folder.path, before: []byte{}, why: folder.why})
		}
	}
	return nil
}

// Detach takes away what was planned: the load balancer's containers first, so
// that nothing runs that no file describes.
func (e *Engine) Detach(ctx context.Context, d Detachment) error {
	if err := e.removeBalancer(ctx, d); err != nil {
		return err
	}
	undo, err := carryOut(d.writes)
	if err != nil {
		return errors.Join(err, undo())
	}
	for _, folder := range d.folders {
		if err := os.RemoveAll(folder.path); err != nil {
			return err
		}
	}
	return removeIfEmpty(d.parent)
}

// removeBalancer removes the load balancer from the engine. A volume that stays
// is told only where containers went: a plain "docker compose down" leaves it.
func (e *Engine) removeBalancer(ctx context.Context, d Detachment) error {
	if d.Unseen != nil {
		return nil
	}
	left, err := e.RemoveBalancer(ctx, d.Project, d.containers)
	if err != nil {
		return err
	}
	if len(left) > 0 && len(d.containers) > 0 {
		return &Problem{
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
func (d Detachment) Removed() []string {
	var paths []string
	for _, w := range append(slices.Clone(d.writes), d.folders...) {
		paths = append(paths, ShortPath(w.path))
	}
	return paths
}

// Notes are what a person should know once HAProxy is taken away.
func (d Detachment) Notes() []string {
	var notes []string
	for _, kept := range d.Kept {
		notes = append(notes, "Kept "+kept+".")
	}
	if d.LeaveOut != "" {
		notes = append(notes, fmt.Sprintf("Leave %s out of your commands from now on.", d.LeaveOut))
	}
	if d.Unseen != nil {
		first, _, _ := strings.Cut(d.Unseen.Error(), "\n")
		notes = append(notes, fmt.Sprintf(`Whether HAProxy still runs is not known (%s): "docker compose up -d --remove-orphans" removes its container.`, first))
	}
	return notes
}
