package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
)

// Target is a project by name, with its model where its Compose file can be
// had, and the services that a command is narrowed to (none: all).
type Target struct {
	Name     string
	Services []string

	model *types.Project
}

// Target finds the project that a command is about. Services that the Compose
// file does not know are refused, with those that it knows.
func (e *Engine) Target(ctx context.Context, opts LoadOptions, services ...string) (Target, error) {
	name, model, err := e.Find(ctx, opts)
	if err != nil {
		return Target{}, err
	}
	if model != nil {
		for _, service := range services {
			if _, err := model.GetService(service); err != nil {
				return Target{}, &Problem{
					Summary: fmt.Sprintf("project %q has no service named %s", name, service),
					Advice:  "Its services: " + orNone(model.ServiceNames()) + ".",
				}
			}
		}
	}
	return Target{Name: name, Services: services, model: model}, nil
}

// narrowed is the model with the target's services only.
func (t Target) narrowed() (*types.Project, error) {
	if t.model == nil || len(t.Services) == 0 {
		return t.model, nil
	}
	return t.model.WithSelectedServices(t.Services, types.IgnoreDependencies)
}

// DownOptions are those of Compose's down.
type DownOptions struct {
	Volumes       bool           // remove named and anonymous volumes too
	Images        string         // "local", "all" or "": images to remove
	Timeout       *time.Duration // before a container is killed; nil: its own stop_grace_period
	RemoveOrphans bool           // and the containers of services gone from the file
}

// Down stops and removes the project's containers and networks, and what the
// options add. It tells whether there was anything to remove.
func (e *Engine) Down(ctx context.Context, t Target, opts DownOptions) (found bool, err error) {
	before, err := e.Observe(ctx, t.Name)
	if err != nil {
		return false, err
	}
	oneOffs, err := e.oneOffs(ctx, t.Name)
	if err != nil {
		return false, err
	}
	if len(before.names()) == 0 && len(oneOffs.containers) == 0 && opts.Images == "" {
		return false, nil
	}
	e.remove(ctx, oneOffs)
	e.retireForwarder(ctx, t.model, before)
	err = e.sdk.Down(ctx, t.Name, api.DownOptions{
		Project:       t.model,
		RemoveOrphans: opts.RemoveOrphans,
		Timeout:       opts.Timeout,
		Images:        opts.Images,
		Volumes:       opts.Volumes,
	})
	if err == nil {
		e.removeSocket(ctx, t.Name)
	}
	return true, e.explain(ctx, err)
}

// Stop stops containers and keeps them.
func (e *Engine) Stop(ctx context.Context, t Target, timeout *time.Duration) error {
	model, err := t.narrowed()
	if err != nil {
		return err
	}
	if err := e.exists(ctx, t); err != nil {
		return err
	}
	return e.explain(ctx, e.sdk.Stop(ctx, t.Name, api.StopOptions{Project: model, Services: t.Services, Timeout: timeout}))
}

// BalancerContainers are those of a project's load balancer and of its Forwarder.
func (e *Engine) BalancerContainers(ctx context.Context, projectName string) ([]Container, error) {
	return e.containers(ctx, projectName, LoadBalancer, Forwarder)
}

// ServiceContainers are those of some services of a project, stopped ones too.
func (e *Engine) ServiceContainers(ctx context.Context, projectName string, services []string) ([]Container, error) {
	if len(services) == 0 {
		return nil, nil
	}
	return e.containers(ctx, projectName, services...)
}

// RemoveBalancer stops BalancerContainers, with the time that they have for it,
// and removes them and the volume of the Forwarder's socket. It lists what stayed.
func (e *Engine) RemoveBalancer(ctx context.Context, projectName string, containers []Container) (left []string, err error) {
	if len(containers) == 0 {
		return e.removeSocket(ctx, projectName), nil
	}
	var services []string
	for _, c := range containers {
		services = append(services, c.Service)
	}
	slices.Sort(services)
	// Not the SDK's Remove: it prints.
	if err := e.sdk.Stop(ctx, projectName, api.StopOptions{Services: slices.Compact(services)}); err != nil {
		return nil, e.explain(ctx, err)
	}
	if left := e.remove(ctx, State{project: projectName, containers: containers}); len(left) > 0 {
		return left, nil
	}
	return e.removeSocket(ctx, projectName), nil
}

// Start starts stopped containers and waits until they run and are healthy.
func (e *Engine) Start(ctx context.Context, t Target, waitTimeout time.Duration) error {
	model, err := t.narrowed()
	if err != nil {
		return err
	}
	if err := e.exists(ctx, t); err != nil {
		return err
	}
	p := &Project{Project: orEmpty(model, t.Name)}
	if len(t.Services) > 0 || model == nil { // what is named is started, be it done
		err = e.sdk.Start(ctx, t.Name, api.StartOptions{Project: model, AttachTo: t.Services, Services: t.Services})
	} else {
		err = e.start(ctx, p, model)
	}
	if err != nil {
		return e.explainUp(ctx, p, err)
	}
	after, _, err := e.settle(ctx, p, t.Services, waitTimeout)
	if err == nil {
		p.noteJobs(after.containers)
	}
	return err
}

func orEmpty(model *types.Project, name string) *types.Project {
	if model == nil {
		return &types.Project{Name: name}
	}
	return model
}

// exists refuses a project that has no containers: the SDK would do nothing
// and say nothing.
func (e *Engine) exists(ctx context.Context, t Target) error {
	found, err := e.containers(ctx, t.Name, t.Services...)
	if err != nil || len(found) > 0 {
		return err
	}
	return &Problem{
		Summary: fmt.Sprintf("project %q has no containers%s", t.Name, ofServices(t.Services)),
		Advice:  `Create them with "docker haproxy up".`,
		Cause:   ErrNotRunning,
	}
}

func ofServices(services []string) string {
	if len(services) == 0 {
		return ""
	}
	return " of " + strings.Join(services, ", ")
}

// Ps lists the target's containers in the order of their names; all includes
// stopped ones.
func (e *Engine) Ps(ctx context.Context, t Target, all bool) ([]api.ContainerSummary, error) {
	listed, err := e.sdk.Ps(ctx, t.Name, api.PsOptions{Project: t.model, All: all, Services: t.Services})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	slices.SortFunc(listed, func(a, b api.ContainerSummary) int { return strings.Compare(a.Name, b.Name) })
	return listed, nil
}

// LogOptions are those of Compose's logs.
type LogOptions struct {
	Follow     bool
	Tail       string // number of lines, or "all"
	Since      string // timestamp or duration
	Until      string
	Timestamps bool
}

// Logs gives the target's log lines to a consumer; with Follow until ctx ends,
// which is no error.
func (e *Engine) Logs(ctx context.Context, t Target, consumer api.LogConsumer, opts LogOptions) error {
	if err := e.exists(ctx, t); err != nil {
		return err
	}
	err := e.sdk.Logs(ctx, t.Name, consumer, api.LogOptions{
		Project: t.model, Services: t.Services,
		Follow: opts.Follow, Tail: opts.Tail, Since: opts.Since, Until: opts.Until, Timestamps: opts.Timestamps,
	})
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return e.explain(ctx, err)
}
