package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	mounttypes "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// publisher is a container that clients reach without HAProxy, at a port of the
// host, and what makes it anew.
//
// An "up" may replace it by one without the port, for HAProxy is to take the
// requests from now on ("init --close-ports"). Where that "up" fails and HAProxy
// does not run, neither way would be left.
type publisher struct {
	Container
	spec containerSpec
}

// publishers are the running containers of a state that publish ports and that
// HAProxy sends requests to. One that the engine does not describe is left out: "up"
// does not depend on it.
func (e *Engine) publishers(ctx context.Context, p *Project, before State) []publisher {
	var found []publisher
	files, _ := p.configFiles()
	for _, c := range before.containers {
		if c.published == "" || !c.Running() || c.Service == LoadBalancer || !p.fronts(files, c.Service) {
			continue
		}
		spec, err := e.specOf(ctx, p, c)
		if err != nil {
			continue
		}
		if ran, err := e.api().ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{}); err == nil && ran.Container.NetworkSettings != nil {
			found = append(found, publisher{Container: c, spec: spec.again(c.Number, ran.Container)})
		}
	}
	return found
}

// again is what the same container is made from once more: with the very ports of
// the host that it had, and with its volumes.
func (s containerSpec) again(number int, ran container.InspectResponse) containerSpec {
	same := s.copyNumber(number, nil)
	same.Shares, same.Config.Labels = s.Shares, s.Config.Labels
	same.Host.Binds, same.Host.Mounts = slices.Clone(s.Host.Binds), slices.Clone(s.Host.Mounts)
	for _, m := range ran.Mounts {
		if m.Type != mounttypes.TypeVolume || !anonymousVolume.MatchString(m.Name) || binds(s.Host.Binds, m.Destination) {
			continue
		}
		same.Host.Mounts = slices.DeleteFunc(same.Host.Mounts, func(other mounttypes.Mount) bool { return other.Target == m.Destination })
		same.Host.Mounts = append(same.Host.Mounts, mounttypes.Mount{Type: mounttypes.TypeVolume, Source: m.Name, Target: m.Destination, ReadOnly: !m.RW})
	}
	same.Host.PortBindings = network.PortMap{}
	for port, bindings := range ran.NetworkSettings.Ports {
		if len(bindings) > 0 { // else it is exposed only
			same.Host.PortBindings[port] = bindings
		}
	}
	return same
}

// binds tells whether one of the mounts is at a path of the container.
func binds(binds []string, target string) bool {
	return slices.ContainsFunc(binds, func(bind string) bool {
		parts := strings.Split(bind, ":")
		return len(parts) > 1 && parts[1] == target
	})
}

// unreached are the published containers of a state whose services have lost a
// published port by now, while the HAProxy that ran before does not run.
func (s State) unreached(now State) []publisher {
	if s.balanced() && now.balanced() {
		return nil
	}
	var has, lost []string
	for _, c := range now.containers {
		for port := range strings.FieldsSeq(c.published) {
			has = append(has, c.Service+" "+port)
		}
	}
	for _, was := range s.publishers {
		for port := range strings.FieldsSeq(was.published) {
			if !slices.Contains(has, was.Service+" "+port) {
				lost = append(lost, was.Service)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(s.publishers), func(was publisher) bool { return !slices.Contains(lost, was.Service) })
}

// balanced tells whether HAProxy runs.
func (s State) balanced() bool {
	balancer := s.of(LoadBalancer)
	return balancer != nil && balancer.Running()
}

// ranAgain is what became of services that a failed run had made unreachable.
type ranAgain struct {
	services []string // that run as before
	lines    []string // what is to be said of all
}

// runAgain makes services reachable again that a failed run has taken the published
// ports from without HAProxy in their place: their containers are made anew as
// they were. ctx may be cancelled: the work is done all the same, within a
// bounded time.
func (e *Engine) runAgain(ctx context.Context, before State) (result ranAgain) {
	if len(before.publishers) == 0 {
		return result
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	containers, err := e.containers(ctx, before.project)
	if err != nil {
		return ranAgain{lines: []string{fmt.Sprintf(`Whether all is reached as before could not be found out: %v. "docker haproxy ps" shows what runs.`, err)}}
	}
	now := State{project: before.project, containers: containers}
	lost := before.unreached(now)
	if len(lost) > 0 && now.balanced() { // it did not run before, and may have their ports
		_, _ = e.api().ContainerStop(ctx, now.of(LoadBalancer).ID, client.ContainerStopOptions{})
	}
	for _, was := range lost {
		if err := e.runAsBefore(ctx, was, before, now); err != nil {
			result.lines = append(result.lines, fmt.Sprintf("Service %s has lost its published ports, and container %s of before cannot be had again: %s.\n"+
				`Correct what failed, then run "docker haproxy up".`, was.Service, was.Name, engineWords(err.Error())))
		} else if !slices.Contains(result.services, was.Service) {
			result.services = append(result.services, was.Service)
			result.lines = append(result.lines, fmt.Sprintf("HAProxy does not run; service %s is reached at its own published ports, as before this run.", was.Service))
		}
	}
	return result
}

// runAsBefore starts a container again that ran before, or makes it anew in the
// place of what has replaced it.
func (e *Engine) runAsBefore(ctx context.Context, was publisher, before, now State) error {
	same := func(c Container) func(Container) bool {
		return func(other Container) bool { return other.ID == c.ID }
	}
	for _, c := range now.containers {
		if c.Service != was.Service || slices.ContainsFunc(before.containers, same(c)) {
			continue
		}
		if err := e.StopReplica(ctx, c); err != nil { // its volumes are those of the one before
			return err
		}
	}
	if slices.ContainsFunc(now.containers, same(was.Container)) {
		_, err := e.api().ContainerStart(ctx, was.ID, client.ContainerStartOptions{})
		return err
	}
	all, err := e.containers(ctx, before.project)
	if err != nil {
		return err
	}
	was.spec.Host = was.spec.rebound(was.spec.successor(all))
	return e.addOneLike(ctx, was.spec)
}
