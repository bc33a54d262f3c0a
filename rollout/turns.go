package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Several services have a turn each, one after the other: those that a person asks
// for, before them what they depend on, behind them what hangs on them. What they
// depend on is brought to what the Compose file says, what hangs on them goes with
// them when their containers are replaced.

// turns are the services of a command in their order.
type turns struct {
	order []string
	asked []string
	needs []string // dependencies of those asked for; the rest hangs on them
}

// role of a service in a command.
type role int

const (
	asked role = iota
	needed
	hanging
)

func (t turns) role(service string) role {
	switch {
	case slices.Contains(t.asked, service):
		return asked
	case slices.Contains(t.needs, service):
		return needed
	}
	return hanging
}

// Preparing decides what a service needs.
type Preparing func(ctx context.Context, service string) (*Prepared, error)

// Scope is what a command does with services beside those that are asked for.
type Scope struct {
	Dependencies bool // brings what they depend on to what the Compose file says
	Restarts     bool // takes along what asks in depends_on to be restarted with them
}

// Show is what becomes of the plans before they are carried out.
type Show struct {
	Plan func(Plan)
	Only bool // they are not carried out
}

// Each gives each service its turn. Before anything is touched, all of them are
// decided once, and shown: what cannot be done is refused then.
func (r *Rollout) Each(ctx context.Context, services []string, scope Scope, prepare Preparing, show Show) ([]Result, error) {
	var err error
	if r.ties, err = r.engine.Ties(ctx, r.project); err != nil {
		return nil, err
	}
	r.scope = scope
	all, err := r.turns(services)
	if err != nil {
		return nil, err
	}
	r.gone, r.replaced = map[string]bool{}, nil
	for _, service := range all.order {
		p, err := r.turn(ctx, all, service, prepare)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		show.Plan(p.Plan)
		r.went(p)
	}
	if show.Only {
		return nil, nil
	}
	r.gone, r.replaced = map[string]bool{}, nil
	return r.each(ctx, all, prepare)
}

func (r *Rollout) each(ctx context.Context, all turns, prepare Preparing) (results []Result, err error) {
	var failed error // of what the others can do without
	for _, service := range all.order {
		result, err := r.takeTurn(ctx, all, service, prepare)
		if result.Service != "" {
			results = append(results, result)
		}
		switch {
		case err == nil:
		case ctx.Err() == nil && r.optional(all, service):
			failed = errors.Join(failed, err)
		default:
			return results, errors.Join(r.untouched(all, service, err), failed)
		}
	}
	return results, failed
}

// takeTurn gives a service its turn. The result names no service where there is
// nothing to tell.
func (r *Rollout) takeTurn(ctx context.Context, all turns, service string, prepare Preparing) (Result, error) {
	p, err := r.turn(ctx, all, service, prepare)
	if err != nil || p == nil {
		return Result{}, err
	}
	if len(p.Plan.After) > 0 {
		if err := r.await(ctx, service); err != nil {
			return Result{}, err
		}
	}
	result, err := r.Execute(ctx, p)
	if err != nil {
		return Result{}, err
	}
	r.went(p)
	return result, nil
}

// turn decides what a service needs; nil where it needs nothing and no one has
// asked for it.
func (r *Rollout) turn(ctx context.Context, all turns, service string, prepare Preparing) (*Prepared, error) {
	due, err := r.due(ctx, service)
	if err != nil || due == "" && all.role(service) == hanging {
		return nil, err
	}
	force := r.policy.Force
	defer func() { r.policy.Force = force }()
	r.policy.Force = due != "" || force && all.role(service) == asked
	if due != "" {
		prepare = func(ctx context.Context, service string) (*Prepared, error) {
			return r.Prepare(ctx, service, compose.Version{}, Begun)
		}
	}
	p, err := prepare(ctx, service)
	if err != nil {
		return nil, err
	}
	if due != "" {
		p.Plan.Cause = due
		p.Plan.Restart = p.Plan.Plain && !r.shares(service)
		p.Plan.Stopped = p.Plan.Plain && !r.ran(p)
	}
	if p.Plan.Nothing() && all.role(service) != asked {
		return nil, nil
	}
	if r.scope.Dependencies {
		for _, d := range r.project.Dependencies(service) {
			if !p.Plan.Nothing() || slices.Contains(r.replaced, d.Service) {
				p.Plan.After = append(p.Plan.After, d.String())
			}
		}
	}
	return p, r.refused(p)
}

// ran tells whether a container of a service runs, or ran when the command began: one
// in the pid namespace of another ends with that.
func (r *Rollout) ran(p *Prepared) bool {
	return slices.ContainsFunc(p.run.before.Replicas, func(c Replica) bool { return c.Running() }) ||
		slices.ContainsFunc(r.ties, func(t compose.Tie) bool {
			return t.Project == r.project.Name && t.Service == p.Plan.Service && t.Running()
		})
}

// turns finds the services that have a turn.
func (r *Rollout) turns(services []string) (turns, error) {
	all := turns{asked: services, needs: services}
	if r.scope.Dependencies {
		all.needs = r.project.WithDependencies(services)
	}
	members, err := r.withHanging(all.needs)
	if err != nil {
		return all, err
	}
	all.order = r.project.Ordered(members, r.ties)
	return all, nil
}

// optional tells whether the services of a command can do without one of them.
func (r *Rollout) optional(all turns, service string) bool {
	can := false
	for _, other := range all.order {
		for _, d := range r.project.Dependencies(other) {
			if d.Service == service && !d.Optional {
				return false
			}
			can = can || d.Service == service
		}
	}
	return can
}

// untouched adds to an error which of the services that were asked for keep their
// containers, as they depend on the one that has failed.
func (r *Rollout) untouched(all turns, failed string, err error) error {
	problem, ok := errors.AsType[*compose.Problem](err)
	if !ok || all.role(failed) == hanging {
		return err
	}
	var left []string
	for _, service := range all.order[slices.Index(all.order, failed)+1:] {
		if all.role(service) == asked && slices.Contains(r.project.WithDependencies([]string{service}), failed) {
			left = append(left, service)
		}
	}
	if len(left) > 0 {
		problem.Details = append(problem.Details, fmt.Sprintf("not touched, as it depends on %s: %s", failed, strings.Join(left, ", ")))
	}
	return err
}
