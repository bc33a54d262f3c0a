package compose

import (
	"context"
	"slices"

	"github.com/docker/compose/v5/pkg/api"
)

// What shell completion offers. Whatever fails, nothing is offered.

// ServiceNames are the services of a project, enabled or not, less those given.
func (e *Engine) ServiceNames(ctx context.Context, opts LoadOptions, less []string) []string {
	loaded, err := e.LoadModel(ctx, opts)
	if err != nil {
		return nil
	}
	names := append(loaded.ServiceNames(), loaded.DisabledServiceNames()...)
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(less, name) })
}

// ProfileNames are the profiles that the services of a project belong to.
func (e *Engine) ProfileNames(ctx context.Context, opts LoadOptions) []string {
	loaded, err := e.LoadModel(ctx, opts)
	if err != nil {
		return nil
	}
	var names []string
	for _, service := range loaded.AllServices() {
		names = append(names, service.Profiles...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ProjectNames are the projects that have containers on the engine.
func (e *Engine) ProjectNames(ctx context.Context) []string {
	stacks, err := e.sdk.List(ctx, api.ListOptions{All: true})
	if err != nil {
		return nil
	}
	var names []string
	for _, stack := range stacks {
		names = append(names, stack.Name)
	}
	return names
}
