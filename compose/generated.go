package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// GeneratedName is the folder of the generated config, beside the base config.
// The command of the load balancer names it with a -f of its own.
const GeneratedName = "generated"

// stagedName is where a candidate is put for its check. HAProxy and our own
// hash of the configuration pass over names that begin with a dot.
const stagedName = ".generated"

// Generation is the configuration that the labels of a project make.
type Generation struct {
	Quarantines []Quarantine
	// Warnings are HAProxy's remarks on it.
	Warnings []haproxy.Diagnostic

	folder  string // on this machine
	files   []routing.File
	changed bool // it is not what is on disk
}

// generatedFolder is the folder of the generated config as HAProxy sees it, and
// on this machine; false where the load balancer's command does not name one.
func (p *Project) generatedFolder() (inContainer, onDisk string, found bool) {
	for _, name := range p.command.Configs {
		if path.Base(name) == GeneratedName {
			onDisk, found = p.hostPath(name)
			return name, onDisk, found
		}
	}
	return "", "", false
}

// baseFiles are the configuration files that are the user's own.
func (p *Project) baseFiles() (files []haproxy.ConfigFile, complete bool) {
	generated, _, _ := p.generatedFolder()
	base := *p
	base.command.Configs = slices.DeleteFunc(slices.Clone(p.command.Configs), func(name string) bool { return name == generated })
	return base.configFiles()
}

// generate makes the generated config anew and lets HAProxy check it together
// with the base config, unless HAProxy has accepted it before. A service that
// HAProxy refuses is quarantined, and the rest is checked again. Nothing is
// changed yet. It is nil for a project without labels.
func (e *Engine) generate(ctx context.Context, p *Project, running *Balancer, kept string) (*Generation, error) {
	inContainer, folder, loads := p.generatedFolder()
	switch {
	case !loads && !p.usesLabels():
		return nil, nil
	case !loads:
		return nil, notLoaded(p)
	}
	var refused []Quarantine
	var remarks []haproxy.Diagnostic
	for {
		r, quarantines, err := e.routing(ctx, p, refused)
		if err != nil {
			return nil, err
		}
		if len(remarks) > 0 {
			r.DNS = routing.DNS{}
		}
		g := &Generation{Quarantines: quarantines, folder: folder, files: r.Render(inContainer).Files}
		if g.changed = !g.onDisk(); !g.changed && p.acceptedOnDisk() {
			return g, nil
		}
		report, culprits, err := e.checkStaged(ctx, p, running, r)
		if err != nil {
			return nil, err
		}
		if report.Valid {
			g.Warnings = slices.Concat(report.Diagnostics, remarks)
			return g, nil
		}
		if len(remarks) == 0 && lacksLua(report) {
			remarks = []haproxy.Diagnostic{{Severity: haproxy.Warning, Message: withoutLua}}
			continue
		}
		news := newCulprits(culprits, refused)
		if len(news) == 0 {
			return nil, &InvalidError{Report: report, What: p.ConfigName(), Kept: kept}
		}
		refused = append(refused, news...)
	}
}

// lacksLua tells whether HAProxy was built without what the servers' identity is
// found out with.
func lacksLua(report haproxy.Report) bool {
	return slices.ContainsFunc(report.Diagnostics, func(d haproxy.Diagnostic) bool {
		return d.Severity == haproxy.Error && (strings.Contains(d.Message, "'lua-load'") || strings.Contains(d.Message, "'tune.lua."))
	})
}

const withoutLua = `this HAProxy is built without Lua, so that its checks cannot tell a container of the service from another one that bears its name: only "up", "reload" and "status" look; use an image with Lua (haproxy -vv: +LUA)`

// acceptedOnDisk tells whether what is on disk was loaded by HAProxy at some time.
func (p *Project) acceptedOnDisk() bool {
	disk, err := snapshot(p.configRoots())
	if err != nil {
		return false
	}
	entry, known := p.lastLoaded(disk.Hash)
	return known && entry.Accepted
}

// notLoaded says which words the load balancer's command lacks.
func notLoaded(p *Project) error {
	folder := path.Join(path.Dir(p.command.Configs[0]), GeneratedName)
	return &Problem{
		Summary: fmt.Sprintf("services have labels haproxy.*, but service %s does not load the configuration that is made of them", LoadBalancer),
		Advice:  fmt.Sprintf(`Add two words to the end of its "command:" in %s: -f, %s`, p.composeFileName(), folder),
		Cause:   ErrNotLoaded,
	}
}

// onDisk tells whether the files are those on disk.
func (g *Generation) onDisk() bool {
	present, err := filesIn(g.folder)
	if err != nil || len(present) != len(g.files) {
		return false
	}
	for _, file := range g.files {
		if content, has := present[file.Name]; !has || !bytes.Equal(content, file.Content) {
			return false
		}
	}
	return true
}

// filesIn are the files of a folder of generated config; none where it is not there.
func filesIn(folder string) (map[string][]byte, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := map[string][]byte{}
	for _, entry := range entries {
		if entry.IsDir() || isScratch(entry.Name()) {
			continue
		}
		if found[entry.Name()], err = regular.Read(filepath.Join(folder, entry.Name())); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// checkStaged lets HAProxy check a routing in place of the generated config on
// disk. culprits are the services whose lines it refuses.
func (e *Engine) checkStaged(ctx context.Context, p *Project, running *Balancer, r routing.Routing) (report haproxy.Report, culprits []Quarantine, err error) {
	inContainer, folder, _ := p.generatedFolder()
	staged := path.Join(path.Dir(inContainer), stagedName)
	onDisk := filepath.Join(filepath.Dir(folder), stagedName)
	rendered := r.Render(staged)
	if err := p.writeGenerated(onDisk, rendered.Files); err != nil {
		return report, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(onDisk)) }()

	candidate := *p
	candidate.command.Configs = slices.Clone(p.command.Configs)
	candidate.command.Configs[slices.Index(p.command.Configs, inContainer)] = staged
	report, err = e.Check(ctx, &candidate, running, nil)
	for i, d := range report.Diagnostics {
		folder, name := filepath.Split(filepath.FromSlash(d.File))
		if filepath.Base(folder) != stagedName {
			continue
		}
		report.Diagnostics[i].File = filepath.Join(filepath.Dir(filepath.Clean(folder)), GeneratedName, name)
		if d.Severity != haproxy.Error {
			continue
		}
		for _, service := range rendered.Owners(name, d.Line) {
			culprits = append(culprits, Quarantine{Service: service, Why: []string{refusedLine(d)}, Refused: true})
		}
	}
	return report, culprits, err
}

// refusedBefore are the services whose configuration HAProxy refused at the last
// "up" or "reload".
func (p *Project) refusedBefore() []Quarantine {
	return slices.DeleteFunc(p.Quarantined(), func(q Quarantine) bool { return !q.Refused })
}

// refusedLine says what HAProxy has against a line.
func refusedLine(d haproxy.Diagnostic) string {
	words := fmt.Sprintf("HAProxy refuses what its labels make: %s", d.Message)
	if d.Source != "" {
		words += fmt.Sprintf("\n  %s", strings.TrimSpace(d.Source))
	}
	return words
}

// newCulprits are those that are not quarantined already.
func newCulprits(found, refused []Quarantine) []Quarantine {
	var news []Quarantine
	for _, q := range found {
		same := func(other Quarantine) bool { return other.Service == q.Service }
		if !slices.ContainsFunc(refused, same) && !slices.ContainsFunc(news, same) {
			news = append(news, q)
		}
	}
	return news
}

// apply puts the generated config in its place, file by file, each by a rename.
// undo makes the folder what it was.
func (p *Project) apply(g *Generation) (undo func() error, err error) {
	nothing := func() error { return nil }
	if g == nil || !g.changed {
		return nothing, nil
	}
	before, err := p.generatedNow(g.folder)
	if err != nil {
		return nothing, err
	}
	if err := p.writeGenerated(g.folder, g.files); err != nil {
		return nothing, errors.Join(err, p.writeGenerated(g.folder, before))
	}
	return func() error {
		if len(before) == 0 {
			return os.RemoveAll(g.folder)
		}
		return p.writeGenerated(g.folder, before)
	}, nil
}

// generatedNow are the generated files on disk.
func (p *Project) generatedNow(folder string) ([]routing.File, error) {
	present, err := filesIn(folder)
	if err != nil {
		return nil, err
	}
	var files []routing.File
	for name, content := range present {
		files = append(files, routing.File{Name: name, Content: content, Secret: name == routing.UsersName})
	}
	return files, nil
}

// writeGenerated makes a folder hold the given files and no others. What the
// others name comes first: maps and users before the configuration.
func (p *Project) writeGenerated(folder string, files []routing.File) error {
	if _, err := MakeFolders(folder); err != nil {
		return err
	}
	present, err := filesIn(folder)
	if err != nil {
		return err
	}
	ordered := slices.Clone(files)
	slices.SortStableFunc(ordered, func(a, b routing.File) int {
		return compareBool(b.Name == routing.RoutesName, a.Name == routing.RoutesName)
	})
	for _, file := range ordered {
		target := filepath.Join(folder, file.Name)
		old, had := present[file.Name]
		delete(present, file.Name)
		switch {
		case had && bytes.Equal(old, file.Content):
		case file.Secret:
			if err := p.writeSecret(target, file.Content); err != nil {
				return err
			}
		default:
			if err := writeFile(target, file.Content); err != nil {
				return err
			}
		}
	}
	for name := range present {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// WriteGenerated renders the generated config of a project, so that plain
// Compose finds all that the load balancer's command names. HAProxy checks it
// when "up" runs.
func (e *Engine) WriteGenerated(ctx context.Context, loaded *types.Project) error {
	p, err := projectOf(loaded)
	if err != nil {
		return err
	}
	inContainer, folder, loads := p.generatedFolder()
	if !loads {
		return nil
	}
	r, _, err := e.routing(ctx, p, nil)
	if err != nil {
		return err
	}
	return p.writeGenerated(folder, r.Render(inContainer).Files)
}

// writeSecret writes what only HAProxy's user may read: the file is its own.
func (p *Project) writeSecret(target string, content []byte) error {
	uid, other := p.runsAs()
	if !other || uid == os.Getuid() || runtime.GOOS != "linux" {
		return WriteFileMode(target, content, 0o600)
	}
	if os.Getuid() != 0 {
		return &Problem{
			Summary: fmt.Sprintf("%s holds hashes of passwords, and HAProxy (user %d in its container) could read it only if everybody could", ShortPath(target), uid),
			Advice:  fmt.Sprintf(`Give service %s your own user ("user: %d:%d", and the same in "tmpfs:"), or run docker haproxy as root.`, LoadBalancer, os.Getuid(), os.Getgid()),
		}
	}
	return writeFileOf(target, content, 0o600, uid)
}

// quarantineNote is the file of the state folder that lists what is quarantined
// in the HAProxy that runs.
const quarantineNote = "quarantine.json"

// noteQuarantines keeps the list for "status". It is best effort, as Remember is.
func (p *Project) noteQuarantines(g *Generation) {
	if g == nil {
		return
	}
	if len(g.Quarantines) == 0 {
		_ = os.Remove(p.StateFile(quarantineNote))
		return
	}
	text, err := json.MarshalIndent(g.Quarantines, "", "  ")
	if err == nil {
		_ = p.WriteState(quarantineNote, string(text)+"\n")
	}
}

// Quarantined are the services that HAProxy does not serve, as of the last "up"
// or "reload".
func (p *Project) Quarantined() []Quarantine {
	var quarantines []Quarantine
	text, err := regular.Read(p.StateFile(quarantineNote))
	if err != nil || json.Unmarshal(text, &quarantines) != nil {
		return nil
	}
	return quarantines
}

// QuarantineError tells that some services are not served; all others are.
type QuarantineError struct{ Quarantines []Quarantine }

// Error lists them.
func (e *QuarantineError) Error() string {
	var lines []string
	for _, q := range e.Quarantines {
		lines = append(lines, q.String())
	}
	return strings.Join(lines, "\n") + "\nAll others are served. Mend the labels, then run \"docker haproxy reload\"."
}
