package compose

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// ground is the running container in which a configuration is to be loaded, for
// those questions that HAProxy's own check does not ask. It is asked only where
// a configuration makes it necessary.
type ground struct {
	ctx    context.Context //nolint:containedctx // of one check, which this is a part of
	open   func() (*relay, error)
	onHost bool
	relay  *relay // nil until it is needed
	ours   bool   // the relay is this ground's to close
	loaded []haproxy.ConfigFile
	worker int // that loaded it
	failed error
}

// groundOf asks through an exec of its own.
func (e *Engine) groundOf(ctx context.Context, p *Project, running Balancer) *ground {
	open := func() (*relay, error) { return e.openRelay(ctx, running.ID, p.MasterSocket(), nil) }
	loaded, worker := p.loadedFiles(running)
	return &ground{ctx: ctx, open: open, onHost: p.OnHost(), ours: true, loaded: loaded, worker: worker}
}

func (g *ground) close() {
	if g.ours && g.relay != nil {
		_ = g.relay.Close()
	}
}

// container are the questions. Where one cannot be put, the answer is the
// harmless one, and failed tells why.
func (g *ground) container() haproxy.Container {
	return haproxy.Container{
		Loaded:   g.loaded,
		LoadedBy: g.worker,
		Writable: func(folder string) bool {
			writable := true
			g.ask(func(r *relay) (err error) {
				writable, err = r.writable(g.ctx, folder)
				return err
			})
			return writable
		},
		Network: func() (network haproxy.Network) {
			network.MayBind = true
			g.ask(func(r *relay) (err error) {
				network, err = r.network(g.ctx)
				return err
			})
			network.Host = g.onHost
			return network
		},
		Resources: func() (resources haproxy.Resources) {
			g.ask(func(r *relay) (err error) {
				resources, err = r.resources(g.ctx)
				return err
			})
			return resources
		},
	}
}

func (g *ground) ask(question func(*relay) error) {
	if g.failed != nil {
		return
	}
	if g.relay == nil {
		if g.relay, g.failed = g.open(); g.failed != nil {
			return
		}
	}
	g.failed = errors.Join(g.failed, question(g.relay))
}

// lookFirst looks for what must not get as far as HAProxy's own check: limits
// that cannot be had, for the check itself may take the memory.
func (p *Project) lookFirst(candidate *Candidate, in haproxy.Container) haproxy.Report {
	files, _ := p.checkedFiles(candidate)
	return haproxy.Report{Valid: true}.Add(haproxy.Overcommitted(files, in.Loaded, in.Resources))
}

// overlooked is what HAProxy's own check does not look at; nothing where it
// found mistakes itself, or where not all files are at hand.
func (p *Project) overlooked(candidate *Candidate, report haproxy.Report, in haproxy.Container) []haproxy.Diagnostic {
	files, complete := p.checkedFiles(candidate)
	if !report.Valid || !complete {
		return nil
	}
	in.Masters = p.command.Masters
	if candidate == nil { // which may be a part of the configuration
		in.Published = p.publishedTargets()
	}
	return slices.Concat(haproxy.Overlooked(files, in), haproxy.KeptAddresses(files, p.isContainers))
}

// publishedTargets are the ports of the container that the Compose file leads
// to; none on the host's network, where the ports are those of the bind lines.
func (p *Project) publishedTargets() (ports []haproxy.PublishedPort) {
	if p.OnHost() {
		return nil
	}
	for _, port := range p.balancer.Ports {
		ports = append(ports, haproxy.PublishedPort{
			Port: int(port.Target),
			UDP:  port.Protocol == "udp",
			Text: strings.TrimPrefix(fmt.Sprintf("%s:%d", port.Published, port.Target), ":"),
		})
	}
	return ports
}

// loadedFiles are the configuration files that HAProxy has in memory, and the
// worker that loaded them, as far as the note and the history know of this
// container; nothing and 0 where they do not. Process IDs repeat from one
// container to the next: a worker alone says nothing.
func (p *Project) loadedFiles(running Balancer) (files []haproxy.ConfigFile, worker int) {
	note := p.note()
	if !p.notedAs(running, Config{Hash: note.Hash}) {
		return nil, 0
	}
	entry, found := p.lastLoaded(note.Hash)
	if !found {
		return nil, 0
	}
	for _, file := range entry.Files {
		if filepath.Ext(file.Path) != ".cfg" && !slices.ContainsFunc(p.command.Configs, func(name string) bool {
			host, onDisk := p.hostPath(name)
			return onDisk && host == file.Place(p.WorkingDir)
		}) {
			continue
		}
		content, err := p.History().Read(file)
		if err != nil {
			return nil, 0
		}
		files = append(files, haproxy.ConfigFile{Name: file.Path, Content: content})
	}
	return files, note.Worker
}
