package compose

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/history"
)

// Diff is what is on disk against what HAProxy has in memory.
type Diff struct {
	// Against is the configuration that the disk is compared with.
	Against string // its number in the history
	// Running: HAProxy is known to have it in memory. Otherwise it is the last one
	// that it accepted.
	Running bool
	Files   []FileDiff // those that differ
}

// FileDiff is a file that is another one on disk.
type FileDiff struct {
	Name    string // for people
	Change  string // "changed", "added", "removed"
	Unified string // the lines; "" of what is not shown
	// Hidden says why the lines are not shown: a private key, no text.
	Hidden string `json:",omitempty"`
}

// Diff compares the disk with what HAProxy runs, or, where that is not known,
// with what it accepted last. Without any history it is history.ErrUnknown, or
// ErrNotRunning.
func (e *Engine) Diff(ctx context.Context, p *Project) (Diff, error) {
	entry, running, err := e.reference(ctx, p)
	if err != nil {
		return Diff{}, err
	}
	diff := Diff{Against: entry.ID, Running: running}
	wanted, err := e.wanted(ctx, p)
	if err != nil {
		return diff, err
	}
	now := map[string][]byte{}
	for _, file := range wanted.files {
		now[file.Name] = file.Content
	}
	for _, file := range entry.Files {
		place := file.Place(p.WorkingDir)
		old, err := p.History().Read(file)
		if err != nil {
			return diff, err
		}
		content, has := now[place]
		switch {
		case !has:
			diff.add("removed", place, old, nil)
		case !bytes.Equal(old, content):
			diff.add("changed", place, old, content)
		}
		delete(now, place)
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		diff.add("added", name, nil, now[name])
	}
	return diff, nil
}

// wanted is the configuration on disk, with what the labels of now make in place
// of the generated config.
func (e *Engine) wanted(ctx context.Context, p *Project) (Config, error) {
	disk, err := snapshot(p.configRoots())
	if err != nil {
		return Config{}, err
	}
	inContainer, folder, loads := p.generatedFolder()
	if !loads {
		return disk, nil
	}
	r, _, err := e.routing(ctx, p, p.refusedBefore())
	if err != nil {
		return Config{}, err
	}
	generated := &Generation{folder: folder, files: r.Render(inContainer).Files}
	return generated.over(disk), nil
}

// reference is what the disk is compared with.
func (e *Engine) reference(ctx context.Context, p *Project) (entry history.Entry, running bool, err error) {
	balancer, notRunning := e.RunningBalancer(ctx, p)
	if notRunning == nil && p.note().Container == balancer.ID {
		hash := p.note().Hash
		if entry, found := p.lastLoaded(hash); found && p.runs(ctx, e, balancer, hash) {
			return entry, true, nil
		}
	}
	if ctx.Err() != nil {
		return entry, false, ctx.Err()
	}
	entries, err := p.History().List()
	if err != nil {
		return entry, false, err
	}
	for _, entry := range entries {
		if entry.Accepted {
			return entry, false, nil
		}
	}
	if notRunning != nil {
		return entry, false, notRunning // nothing is known, and it says what to do
	}
	return entry, false, &Problem{
		Summary: "what HAProxy runs is not known: it was started or reloaded by others, and no configuration is in the history",
		Advice:  `"docker haproxy reload" applies what is on disk, and remembers it.`,
		Cause:   history.ErrUnknown,
	}
}

// add adds a file. What may be a secret is named and not shown.
func (d *Diff) add(change, name string, old, now []byte) {
	shown := ShortPath(name)
	file := FileDiff{Name: shown, Change: change}
	switch {
	case filepath.Base(name) == routing.UsersName:
		file.Hidden = "it holds hashes of passwords"
	case holdsKey(old) || holdsKey(now):
		file.Hidden = "it holds a private key"
	case !isText(old) || !isText(now):
		file.Hidden = "it is no text"
	default:
		file.Unified = udiff.Unified(filepath.ToSlash(shown)+" (HAProxy)", filepath.ToSlash(shown)+" (disk)", string(old), string(now))
	}
	d.Files = append(d.Files, file)
}

func holdsKey(content []byte) bool { return bytes.Contains(content, []byte("PRIVATE KEY-----")) }

func isText(content []byte) bool {
	return utf8.Valid(content) && !strings.ContainsRune(string(content), 0)
}
