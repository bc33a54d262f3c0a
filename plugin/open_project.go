package plugin

import (
	"context"
	"time"

	"github.com/docker/cli/cli/command"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// open loads the project that the flags name, on an engine that answers. What
// can be said without the engine is said first: a missing Compose file, a
// project that cannot work on another machine's engine.
func (o *projectOptions) open(ctx context.Context, dockerCLI command.Cli, dryRun bool) (*compose.Engine, *compose.Project, error) {
	engine, err := o.engine(dockerCLI, dryRun)
	if err != nil {
		return nil, nil, err
	}
	project, err := engine.Load(ctx, o.LoadOptions)
	if err != nil {
		return nil, nil, err
	}
	if err := engine.Reachable(project); err != nil {
		return nil, nil, err
	}
	if err := engine.Ready(ctx); err != nil {
		return nil, nil, err
	}
	if err := engine.Supports(project); err != nil {
		return nil, nil, err
	}
	return engine, project, nil
}

// attend loads the project for a command that works on what runs, and needs the
// Compose file only to know what that is.
func (o *projectOptions) attend(ctx context.Context, dockerCLI command.Cli, dryRun bool) (*compose.Engine, *compose.Project, error) {
	unchecked := *o
	unchecked.Unchecked = true
	return unchecked.open(ctx, dockerCLI, dryRun)
}

// target finds the project of a command that needs nothing but its containers.
func (o *projectOptions) target(ctx context.Context, dockerCLI command.Cli, dryRun bool, services ...string) (*compose.Engine, compose.Target, error) {
	engine, err := o.engine(dockerCLI, dryRun)
	if err != nil {
		return nil, compose.Target{}, err
	}
	target, err := engine.Target(ctx, o.LoadOptions, services...)
	if err != nil {
		return nil, compose.Target{}, err
	}
	if err := engine.Ready(ctx); err != nil {
		return nil, compose.Target{}, err
	}
	return engine, target, nil
}

// seconds makes a timeout of a flag in whole seconds; nil where it was not given.
func seconds(given bool, n int) *time.Duration {
	if !given {
		return nil
	}
	timeout := time.Duration(n) * time.Second
	return &timeout
}
