package compose

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	composesdk "github.com/docker/compose/v5/pkg/compose"
	"github.com/moby/moby/client"
)

// A Tie binds a container to another one of the project: it shares its network, or
// something else that goes when the other one goes.
type Tie struct {
	Container // the one that is bound

	Project string // of Compose; "" where it has none
	Shares  Shared
	With    Container // the one it is bound to
	ByName  bool      // the Compose file names that very container, not its service
}

// Shared is what two containers have in common.
type Shared string

// What containers share.
const (
	SharedNetwork Shared = "network"
	SharedPID     Shared = "pid namespace"
	SharedIPC     Shared = "ipc namespace"
	SharedVolumes Shared = "volumes"
)

// Ties are those of all containers on the engine to containers of the project.
func (e *Engine) Ties(ctx context.Context, p *Project) ([]Tie, error) {
	listed, err := e.api().ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	var ours []Container
	for _, summary := range listed.Items {
		if summary.Labels[api.ProjectLabel] == p.Name {
			ours = append(ours, containerOf(summary))
		}
	}
	var ties []Tie
	for _, summary := range listed.Items {
		c, project := containerOf(summary), summary.Labels[api.ProjectLabel]
		if !strings.HasPrefix(summary.HostConfig.NetworkMode, types.ContainerPrefix) && (project != p.Name || !p.mayShare(c.Service)) {
			continue // most: an inspection each would take some milliseconds
		}
		inspected, err := e.api().ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
		switch {
		case isNotFound(err):
			continue
		case err != nil:
			return nil, e.explain(ctx, err)
		case inspected.Container.HostConfig == nil:
			continue
		}
		host := inspected.Container.HostConfig
		bonds := sharing(string(host.NetworkMode), string(host.PidMode), string(host.IpcMode), host.VolumesFrom)
		for _, with := range ours {
			if what, bound := bonds.with(with); bound && with.ID != c.ID {
				tie := Tie{Container: c, Project: project, Shares: what, With: with}
				tie.ByName = project == p.Name && p.namesContainer(c.Service, with)
				ties = append(ties, tie)
			}
		}
	}
	return ties, nil
}

// bonds are the containers, by ID or name, that a container shares something with.
type bonds map[string]Shared

func sharing(network, pid, ipc string, volumesFrom []string) bonds {
	b := bonds{}
	for _, volumes := range volumesFrom {
		name, _, _ := strings.Cut(strings.TrimPrefix(volumes, types.ContainerPrefix), ":")
		b[name] = SharedVolumes
	}
	for _, mode := range []struct {
		value string
		what  Shared
	}{{ipc, SharedIPC}, {pid, SharedPID}, {network, SharedNetwork}} { // the strongest last
		if name, found := strings.CutPrefix(mode.value, types.ContainerPrefix); found {
			b[name] = mode.what
		}
	}
	return b
}

// with tells what is shared with a container.
func (b bonds) with(c Container) (Shared, bool) {
	what, bound := b[c.ID]
	if !bound {
		what, bound = b[c.Name]
	}
	return what, bound
}

// anyService is a service of the Compose file, of profiles that are not enabled too.
func (p *Project) anyService(name string) (service types.ServiceConfig, found bool) {
	if service, found = p.Services[name]; !found {
		service, found = p.DisabledServices[name]
	}
	return service, found
}

// mayShare tells whether containers of a service may share something with others:
// those of one that is gone from the Compose file may.
func (p *Project) mayShare(service string) bool {
	s, known := p.anyService(service)
	return !known || len(s.VolumesFrom) > 0 || slices.ContainsFunc([]string{s.NetworkMode, s.Pid, s.Ipc}, func(mode string) bool {
		return strings.HasPrefix(mode, types.ServicePrefix) || strings.HasPrefix(mode, types.ContainerPrefix)
	})
}

// namesContainer tells whether the Compose file binds a service to one container by
// its name.
func (p *Project) namesContainer(service string, c Container) bool {
	s, known := p.anyService(service)
	if !known {
		return false
	}
	var volumes []string
	for _, from := range s.VolumesFrom {
		if strings.HasPrefix(from, types.ContainerPrefix) {
			volumes = append(volumes, from)
		}
	}
	_, bound := sharing(s.NetworkMode, s.Pid, s.Ipc, volumes).with(c)
	return bound
}

// Hangs tells what a service shares with another one, as the Compose file says, or
// whether it is to be restarted with it; "" where neither.
func (p *Project) Hangs(service, on string) string {
	s, known := p.anyService(service)
	if !known {
		return ""
	}
	for _, mode := range []struct {
		value string
		what  Shared
	}{{s.NetworkMode, SharedNetwork}, {s.Pid, SharedPID}, {s.Ipc, SharedIPC}} {
		if mode.value == types.ServicePrefix+on {
			return string(mode.what)
		}
	}
	for _, from := range s.VolumesFrom {
		if name, _, _ := strings.Cut(from, ":"); name == on {
			return string(SharedVolumes)
		}
	}
	if s.DependsOn[on].Restart {
		return restartTrue
	}
	return ""
}

const restartTrue = "restart: true"

// RestartsWith tells whether a service asks, in depends_on, to be restarted when
// another one is replaced, and shares nothing with it.
func (p *Project) RestartsWith(service, other string) bool {
	return p.Hangs(service, other) == restartTrue
}

// Enabled is the project with services of other profiles too. Compose labels the
// services of enabled profiles when it loads them, so that it finds their containers
// again: these get the same labels.
func (p *Project) Enabled(services ...string) (*Project, error) {
	enabled, err := p.WithServicesEnabled(services...)
	if err != nil {
		return nil, err
	}
	for _, name := range services {
		service := enabled.Services[name]
		service.CustomLabels = withLabels(p.balancer.CustomLabels, types.Labels{api.ServiceLabel: name})
		enabled.Services[name] = service
	}
	return &Project{Project: enabled, balancer: p.balancer, command: p.command}, nil
}

// Disabled tells whether a service is of a profile that is not enabled.
func (p *Project) Disabled(service string) bool {
	_, disabled := p.DisabledServices[service]
	return disabled
}

// hashOf is what Compose notes of a service's definition with its containers.
func hashOf(service types.ServiceConfig, containers []Container) (string, error) {
	return composesdk.ServiceHash(asNoted(service, containers))
}

// asNoted is a service as Compose notes it: where it shares something with another
// service, that is put down as the container.
func asNoted(service types.ServiceConfig, containers []Container) types.ServiceConfig {
	first := func(name string) (id string) {
		i := -1
		for n, c := range containers {
			if c.Service == name && (i < 0 || c.Name < containers[i].Name) {
				i = n
			}
		}
		if i < 0 {
			return ""
		}
		return containers[i].ID
	}
	resolve := func(mode string) string {
		name, found := strings.CutPrefix(mode, types.ServicePrefix)
		if id := first(name); found && id != "" {
			return types.ContainerPrefix + id
		}
		return mode
	}
	service.NetworkMode, service.Pid, service.Ipc = resolve(service.NetworkMode), resolve(service.Pid), resolve(service.Ipc)
	service.VolumesFrom = slices.Clone(service.VolumesFrom)
	for i, from := range service.VolumesFrom {
		name, rest, _ := strings.Cut(from, ":")
		if name == strings.TrimSuffix(types.ContainerPrefix, ":") {
			name, _, _ = strings.Cut(rest, ":")
			service.VolumesFrom[i] = name
			continue
		}
		service.VolumesFrom[i] = cmp.Or(first(name), from)
	}
	return service
}

// order orders services so that each comes behind those that come before it.
func order(services []string, before func(string) []string) []string {
	var ordered []string
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if slices.Contains(ordered, name) || slices.Contains(path, name) {
			return
		}
		for _, other := range before(name) {
			visit(other, append(path, name))
		}
		ordered = append(ordered, name)
	}
	for _, name := range slices.Sorted(slices.Values(services)) {
		visit(name, nil)
	}
	return slices.DeleteFunc(ordered, func(name string) bool { return !slices.Contains(services, name) })
}

// Ordered orders services so that each comes behind those that it depends on or
// hangs on.
func (p *Project) Ordered(services []string, ties []Tie) []string {
	return order(services, func(name string) []string {
		before := slices.Sorted(maps.Keys(p.Services[name].DependsOn))
		for _, tie := range ties {
			if tie.Project == p.Name && tie.Service == name {
				before = append(before, tie.With.Service)
			}
		}
		return before
	})
}

// Refused is why a container that is bound to one that goes cannot go with it; nil
// where it can. renamed tells that the one that takes its place has another name,
// served that HAProxy sends it requests.
func (t Tie) Refused(p *Project, renamed, served bool) error {
	_, known := p.anyService(t.Service)
	switch {
	case t.Project == p.Name && t.Service == LoadBalancer:
		return t.refuse("it is the load balancer, whose connections would be cut", fmt.Sprintf("Give service %s a network of its own in the Compose file.", LoadBalancer))
	case t.Project != p.Name || !known || t.oneOff:
		if !t.Running() {
			return nil // nothing of it is lost
		}
		return t.refuse("it is no part of the Compose file", fmt.Sprintf(`Remove it ("docker rm -f %s"), or let the Compose file have it with "network_mode: service:%s".`, t.Name, t.With.Service))
	case !t.Running():
		return nil
	case served && t.Shares == SharedNetwork:
		return t.refuse("it takes requests too, which would be lost", fmt.Sprintf(`Give service %s a network of its own, or accept the interruption with "docker haproxy up --force-recreate".`, t.Service))
	case t.ByName && renamed:
		return t.refuse("the Compose file names that very container", fmt.Sprintf(`Write "service:%s" instead of "container:%s" in service %s.`, t.With.Service, t.With.Name, t.Service))
	}
	return nil
}

func (t Tie) refuse(why, advice string) error {
	return &Problem{
		Summary: fmt.Sprintf("container %s cannot be replaced: container %s shares its %s, and %s; nothing was touched", t.With.Name, t.Name, t.Shares, why),
		Advice:  advice,
		Cause:   ErrTied,
	}
}

// replacedBy are the containers that "up" replaces, those apart that go along with
// others.
func (p *Project) replacedBy(ctx context.Context, known *definitions, opts UpOptions) (going []Container, err error) {
	for _, c := range known.containers {
		service, enabled := p.Services[c.Service]
		if !enabled {
			continue
		}
		made, err := known.made(ctx, c, service)
		if err != nil {
			return nil, err
		}
		if !made || opts.ForceRecreate {
			going = append(going, c)
		}
	}
	return going, nil
}

// alongSteps are what Compose does to services that hang on replaced containers,
// where it would leave them alone otherwise.
func (p *Project) alongSteps(state State, going []Container) (steps []Step) {
	var replaced []string
	for _, c := range going {
		if !slices.Contains(replaced, c.Service) {
			replaced = append(replaced, c.Service)
		}
	}
	for i := 0; i < len(replaced); i++ {
		for _, name := range slices.Sorted(maps.Keys(p.Services)) {
			how := p.Hangs(name, replaced[i])
			if how == "" || slices.Contains(replaced, name) || state.of(name) == nil {
				continue
			}
			step := Step{What: "service " + name, How: ByCompose, Cause: fmt.Sprintf("to be replaced: it shares the %s of %s, which is replaced", how, replaced[i])}
			if how == restartTrue {
				step.Cause = fmt.Sprintf("to be restarted: service %s is replaced, and depends_on says restart: true", replaced[i])
			} else {
				replaced = append(replaced, name)
			}
			if !slices.ContainsFunc(steps, func(s Step) bool { return s.What == step.What }) {
				steps = append(steps, step)
			}
		}
	}
	return steps
}

// ownTies refuses an "up" that would replace containers on which others hang that
// Compose does not take along.
func (e *Engine) ownTies(ctx context.Context, p *Project, known *definitions, opts UpOptions) error {
	going, err := p.replacedBy(ctx, known, opts)
	if err != nil || len(going) == 0 {
		return err
	}
	ties, err := e.Ties(ctx, p)
	if err != nil {
		return err
	}
	for _, tie := range ties {
		if slices.ContainsFunc(going, func(c Container) bool { return c.ID == tie.With.ID }) {
			if err := tie.leftByUp(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// leftByUp is why "up" would leave a container behind; nil where Compose replaces it.
func (t Tie) leftByUp(p *Project) error {
	if t.Running() && t.Project == p.Name && p.Disabled(t.Service) {
		return t.refuse("its profile is not enabled", fmt.Sprintf(`Enable it with --profile, or stop it first ("docker stop %s").`, t.Name))
	}
	if _, known := p.Services[t.Service]; known && t.Project == p.Name && !t.oneOff && !t.ByName {
		return nil
	}
	return t.Refused(p, true, false)
}
