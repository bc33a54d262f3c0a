package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"
)

// State is what a project has on the engine at one moment.
type State struct {
	project    string
	containers []Container
	networks   []resource
	volumes    []resource
	publishers []publisher // what clients reach without HAProxy
}

// resource is a network or a volume.
type resource struct {
	id, name string
	key      string // Compose's, of a network
	hash     string // what Compose recorded of a network's definition
}

// Observe notes what a project has on the engine, one-off containers apart.
func (e *Engine) Observe(ctx context.Context, projectName string) (State, error) {
	state := State{project: projectName}
	var err error
	if state.containers, err = e.containers(ctx, projectName); err != nil {
		return State{}, err
	}
	ofProject := make(client.Filters).Add("label", api.ProjectLabel+"="+projectName)
	networks, err := e.api().NetworkList(ctx, client.NetworkListOptions{Filters: ofProject})
	if err != nil {
		return State{}, e.explain(ctx, err)
	}
	for _, n := range networks.Items {
		state.networks = append(state.networks, resource{id: n.ID, name: n.Name, key: n.Labels[api.NetworkLabel], hash: n.Labels[api.ConfigHashLabel]})
	}
	volumes, err := e.api().VolumeList(ctx, client.VolumeListOptions{Filters: ofProject})
	if err != nil {
		return State{}, e.explain(ctx, err)
	}
	for _, v := range volumes.Items {
		state.volumes = append(state.volumes, resource{id: v.Name, name: v.Name})
	}
	return state, nil
}

// Same tells whether two states have the same containers in the same states.
func (s State) Same(other State) bool {
	return slices.EqualFunc(s.containers, other.containers, func(a, b Container) bool {
		return a.ID == b.ID && a.State == b.State
	})
}

// made lists what a later state has and this one had not. The containers of a
// service that had some before are not among them: they replace something that
// is gone, and removing them would leave less than there was.
func (s State) made(later State) State {
	added := State{project: s.project}
	for _, c := range later.containers {
		if s.of(c.Service) == nil {
			added.containers = append(added.containers, c)
		}
	}
	added.networks = without(later.networks, s.networks)
	added.volumes = without(later.volumes, s.volumes)
	return added
}

func without(all, known []resource) []resource {
	return slices.DeleteFunc(slices.Clone(all), func(r resource) bool { return slices.Contains(known, r) })
}

// names lists a state for people.
func (s State) names() []string {
	var names []string
	for _, c := range s.containers {
		names = append(names, "container "+c.Name)
	}
	for _, n := range s.networks {
		names = append(names, "network "+n.name)
	}
	for _, v := range s.volumes {
		names = append(names, "volume "+v.name)
	}
	return names
}

// Undo removes what came into being since a state was observed. It gives, in
// words, what it could not remove, and tells whether there was anything. ctx
// may be cancelled: the work is done all the same, within a bounded time.
func (e *Engine) Undo(ctx context.Context, before State) (found bool, left []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	made, err := e.madeSince(ctx, before)
	if err != nil {
		return false, []string{fmt.Sprintf("perhaps more than before: %v", err)}
	}
	if len(made.names()) == 0 {
		return false, nil
	}
	_ = e.events.step("Project "+before.project, "Removing what was made", "Removed what was made", func() error {
		for round := 0; round < undoRounds && len(made.names()) > 0; round++ {
			left = e.remove(ctx, made)
			if made, err = e.madeSince(ctx, before); err != nil {
				return err
			}
		}
		if len(made.names()) > 0 {
			left = made.names()
			return fmt.Errorf("left: %s", strings.Join(left, ", "))
		}
		left = nil
		return nil
	})
	return true, left
}

// undoRounds bounds how often Undo looks again.
const undoRounds = 5

// settleTime is how long a request that was cancelled may still be carried out
// by the engine: a container whose creation was under way appears after all.
const settleTime = 300 * time.Millisecond

// madeSince finds what was made since a state was observed, once the engine
// has done what it was asked for.
func (e *Engine) madeSince(ctx context.Context, before State) (State, error) {
	if err := Pause(ctx, settleTime); err != nil {
		return State{}, err
	}
	now, err := e.Observe(ctx, before.project)
	if err != nil {
		return State{}, err
	}
	return before.made(now), nil
}

// remove deletes everything in a state and lists what stayed.
func (e *Engine) remove(ctx context.Context, s State) (left []string) {
	keep := func(kind, name string, err error) {
		if err != nil && !isNotFound(err) {
			left = append(left, kind+" "+name)
		}
	}
	for _, c := range s.containers {
		_, err := e.api().ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		keep("container", c.Name, err)
	}
	for _, n := range s.networks {
		_, err := e.api().NetworkRemove(ctx, n.id, client.NetworkRemoveOptions{})
		keep("network", n.name, err)
	}
	for _, v := range s.volumes {
		_, err := e.api().VolumeRemove(ctx, v.id, client.VolumeRemoveOptions{})
		keep("volume", v.name, err)
	}
	return left
}
