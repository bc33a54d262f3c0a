package attach

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// Do does what was planned, and proves it by loading the project as Compose is
// going to. What cannot be proven is taken away again: the folder is then what it
// was.
func (p Plan) Do(ctx context.Context, engine *compose.Engine, s Survey, load compose.LoadOptions) (err error) {
	undo, err := carryOut(p.writes)
	generated := filepath.Join(p.Place.Project, filepath.Dir(filepath.FromSlash(compose.BaseConfigName)), compose.GeneratedName)
	_, statErr := os.Lstat(generated)
	defer func() {
		if err == nil {
			return
		}
		if errors.Is(statErr, fs.ErrNotExist) {
			err = errors.Join(err, os.RemoveAll(generated))
		}
		err = errors.Join(err, undo())
	}()
	if err != nil {
		return err
	}
	loaded, err := engine.LoadModel(ctx, p.Place.loadOptions(load, append(slices.Clone(p.Place.Files), p.file)))
	if err != nil {
		return fmt.Errorf("with %s the project no longer loads, so that it was taken away again: %w", compose.ShortPath(p.file), err)
	}
	if err := p.proven(s.Project, loaded); err != nil {
		return fmt.Errorf("%s does not do what it should, so that it was taken away again; this is a fault of docker haproxy: %w", compose.ShortPath(p.file), err)
	}
	return engine.WriteGenerated(ctx, loaded)
}

// proven compares what Compose understands with what was meant: the load
// balancer is there, and the user's services differ by our labels and closed
// ports only.
func (p Plan) proven(before, after *types.Project) error {
	balancer, err := after.GetService(compose.LoadBalancer)
	if err != nil {
		return err
	}
	finder, ours := balancer, 1
	if p.balancer.OnHost() {
		finder, ours = after.Services[compose.Forwarder], 2
		if err := compose.ProvenOnHost(balancer, finder); err != nil {
			return err
		}
	}
	for _, network := range p.Networks {
		if _, joined := finder.Networks[network]; !joined {
			return fmt.Errorf("service %s is not on network %s", finder.Name, network)
		}
	}
	was, is := before.AllServices(), after.AllServices()
	if got, want := len(is), len(was)+ours; got != want {
		return fmt.Errorf("the project has %d services, not %d", got, want)
	}
	for name, service := range was {
		changed, ok := is[name]
		if !ok {
			return fmt.Errorf("service %s is gone", name)
		}
		i := slices.IndexFunc(p.routed, func(r routedService) bool { return r.Name == name })
		if i >= 0 {
			service = p.routed[i].applied(service)
		}
		if !sameService(service, changed) {
			return fmt.Errorf("service %s is changed", name)
		}
	}
	return nil
}

// applied is a service of the user's with what we write about it.
func (r routedService) applied(service types.ServiceConfig) types.ServiceConfig {
	all := types.Labels{}
	for key, value := range service.Labels {
		all[key] = value
	}
	for _, l := range r.Labels {
		all[l.Key] = l.Value
	}
	service.Labels = all
	if r.Close {
		service.Ports = r.stay
	}
	return service
}

// sameService compares the definitions of a service as Compose would write them.
func sameService(a, b types.ServiceConfig) bool {
	textA, errA := json.Marshal(a)
	textB, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// carryOut writes, changes and removes files, all of them or none. undo makes
// everything what it was.
func carryOut(writes []write) (undo func() error, err error) {
	var back []func() error
	undo = func() (err error) {
		for _, step := range slices.Backward(back) {
			err = errors.Join(err, step())
		}
		back = nil
		return err
	}
	for _, w := range writes {
		if err := w.stillTrue(); err != nil {
			return undo, err
		}
		made, err := compose.MakeFolders(filepath.Dir(w.path))
		for _, folder := range made {
			back = append(back, func() error { return os.Remove(folder) })
		}
		if err != nil {
			return undo, err
		}
		if err := w.do(); err != nil {
			return undo, err
		}
		back = append(back, write{path: w.path, before: w.after, after: w.before}.do)
	}
	return undo, nil
}

// stillTrue makes sure that nobody changed a file since it was looked at.
func (w write) stillTrue() error {
	now, err := regular.Read(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		now, err = nil, nil
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(now, w.before) {
		return &compose.Problem{Summary: fmt.Sprintf("%s was changed by somebody else meanwhile; nothing was changed", compose.ShortPath(w.path)), Advice: "Run this again."}
	}
	return nil
}

// do writes a file as it should be from now on. One that is there keeps its mode,
// and a link stays one.
func (w write) do() error {
	target, mode := w.path, fs.FileMode(0o644)
	if resolved, err := filepath.EvalSymlinks(target); err == nil {
		target = resolved
	}
	if w.after == nil {
		return os.Remove(target)
	}
	if info, err := os.Stat(target); err == nil {
		mode = info.Mode().Perm()
	}
	return compose.WriteFileMode(target, w.after, mode)
}

// Notes are what a person should know once HAProxy is attached.
func (p Plan) Notes() []string {
	notes := slices.Clone(p.Warnings)
	for _, bypass := range p.Bypasses {
		notes = append(notes, fmt.Sprintf("Service %s is still reached past HAProxy, at %s of this machine (its \"ports:\").", bypass.Service, bypass.Host))
	}
	if len(p.Bypasses) > 0 {
		notes = append(notes, `To close that: the same command with --force --close-ports, or take "ports:" out of your file.`)
	}
	for _, closed := range p.Closed {
		notes = append(notes, fmt.Sprintf("Service %s is no longer published at %s: requests get to it through HAProxy only.", closed.Service, closed.Host))
	}
	for _, open := range p.Open {
		notes = append(notes, fmt.Sprintf("Service %s stays published at %s: no route leads to its port %d.", open.Service, open.Host, open.Port))
	}
	var labelled []string
	for _, service := range p.routed {
		labelled = append(labelled, service.Name)
	}
	if len(labelled) > 0 {
		notes = append(notes, fmt.Sprintf("The next \"up\" replaces the containers of %s once: labels belong to a container.", strings.Join(labelled, ", ")))
	}
	if p.EnvFile {
		notes = append(notes, fmt.Sprintf("Compose reads COMPOSE_FILE of the .env in the folder where it is run: run it in %s, not below it.", p.Place.Folder))
	}
	return notes
}
