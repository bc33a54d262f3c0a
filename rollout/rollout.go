package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Rollout brings app services to what the Compose file says now.
type Rollout struct {
	engine  *compose.Engine
	project *compose.Project
	policy  Policy
	chosen  Chosen
	live    *compose.Live
	running compose.Balancer
	release func()
}

// Begin takes hold of the project: nobody else changes it until Close. Where
// somebody else does, the error is compose.ErrBusy.
func Begin(ctx context.Context, engine *compose.Engine, project *compose.Project, policy Policy, chosen Chosen) (*Rollout, error) {
	release, err := engine.Exclusive(project)
	if err != nil {
		return nil, err
	}
	r := &Rollout{engine: engine, project: project, policy: policy, chosen: chosen, release: release}
	if r.running, err = engine.RunningBalancer(ctx, project); err == nil {
		r.live, err = engine.Live(ctx, project, r.running)
	}
	if err != nil {
		release()
		return nil, err
	}
	return r, nil
}

// Close lets go of the project.
func (r *Rollout) Close() {
	_ = r.live.Close()
	r.release()
}

// Apply has HAProxy take over what was edited in its configuration and in labels,
// before containers are replaced.
func (r *Rollout) Apply(ctx context.Context) (compose.Reloaded, error) {
	return r.engine.Apply(ctx, r.project, r.running, compose.ReloadOptions{WaitTimeout: r.policy.WaitTimeout})
}

// Services orders those that are named, or all but the load balancer, so that each
// comes behind those that it depends on.
func (r *Rollout) Services(names []string) ([]string, error) {
	return r.project.InOrder(names)
}

// Prepared is a rollout of one service that was decided and not yet begun.
type Prepared struct {
	Plan Plan

	run *run
}

// Prepare decides what a service needs. image is not empty where it is to run
// another image than the Compose file names. resume allows a service that another
// rollout has left half done.
func (r *Rollout) Prepare(ctx context.Context, service string, image compose.ImageRef, resume bool) (*Prepared, error) {
	target, err := r.engine.Definition(ctx, r.project, service, image)
	if err != nil {
		return nil, err
	}
	policy := r.policy.For(target, r.chosen)
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return nil, err
	}
	one := &run{
		engine: r.engine, project: r.project, live: r.live,
		service: service, policy: policy, target: target, id: compose.NewRolloutID(),
		isNew: newOnes(containers, target.Made), gone: map[string]bool{}, result: Result{Service: service},
	}
	o, err := one.observe(ctx)
	if err != nil {
		return nil, err
	}
	halfDone := len(o.new()) > 0 && len(o.old()) > 0 && len(o.Seats) > 0
	switch {
	case halfDone && !resume:
		return nil, unfinished(o)
	case resume && halfDone:
		one.resumed = true
		one.id = cmp.Or(newestRollout(containers), one.id) // it is the same rollout
	case policy.Force && !resume:
		one.isNew = func(c compose.Container) bool { return c.RolloutID() == one.id }
		if o, err = one.observe(ctx); err != nil {
			return nil, err
		}
	}
	one.previous = previousImage(o)
	plan, err := MakePlan(o, policy)
	return &Prepared{plan, one}, err
}

// previousImage is the image of the old containers; where there are none, the one
// that the new ones have replaced.
func previousImage(o Observation) compose.ImageRef {
	for _, c := range slices.Backward(o.Replicas) {
		if !c.New {
			return compose.ImageRef{Name: c.Image, ID: c.ImageID}
		}
	}
	for _, c := range slices.Backward(o.Replicas) {
		if previous := c.PreviousImage(); previous.ID != "" {
			return previous
		}
	}
	return compose.ImageRef{}
}

func unfinished(o Observation) error {
	return &compose.Problem{
		Summary: fmt.Sprintf("a rollout of service %s has not ended: it has %d new and %d old containers", o.Service, len(o.new()), len(o.old())),
		Advice:  `"docker haproxy rollout --resume" goes on, "docker haproxy rollout --abort" goes back to the old ones.`,
		Cause:   ErrUnfinished,
	}
}

// ErrUnfinished means that a rollout was broken off in the middle.
var ErrUnfinished = errors.New("a rollout has not ended")

// Execute does what was decided.
func (r *Rollout) Execute(ctx context.Context, p *Prepared) (Result, error) {
	one := p.run
	switch {
	case p.Plan.Plain:
		before, err := one.observe(ctx)
		if err == nil {
			err = r.engine.Recreate(ctx, r.project, one.service, r.policy.Force)
		}
		if err == nil {
			one.result.Started, one.result.Stopped = before.Desired, len(before.Replicas)
		}
		return one.result, err
	case p.Plan.Nothing():
		return one.result, one.settle(ctx) // what a rollout that was killed has left
	}
	err := one.execute(ctx, p.Plan)
	return one.result, err
}

// Abort goes back to the old containers of a rollout that was broken off. Where
// fewer of them are left than are wanted, others are started from their image.
func (r *Rollout) Abort(ctx context.Context, service string) (Result, error) {
	p, err := r.Prepare(ctx, service, compose.ImageRef{}, true)
	if err != nil {
		return Result{}, err
	}
	one := p.run
	o, err := one.observe(ctx)
	if err != nil {
		return one.result, err
	}
	old, fresh := o.old(), o.pick(func(c Replica) bool { return c.New })
	if len(old) == 0 || len(o.Seats) == 0 {
		return one.result, one.settle(ctx) // nothing to go back to
	}
	if err := one.restore(ctx, asServing(old)); !errors.Is(err, errRestored) {
		return one.result, err
	}
	if err := one.weigh(ctx, seatsOf(old), "100%", nil, ""); err != nil {
		return one.result, err
	}
	one.policy.Flip, one.policy.Canary, one.id = false, nil, ""
	if one.target, err = r.engine.Definition(ctx, r.project, service, compose.ImageRef{Name: old[0].Image, ID: old[0].ImageID}); err != nil {
		return one.result, err
	}
	if err := one.complete(ctx, fresh); err != nil {
		return one.result, err
	}
	one.result.Stopped = len(fresh)
	if err := one.discard(ctx, fresh); err != nil {
		return one.result, err
	}
	return one.result, one.complete(ctx, nil) // the engine may have been stopping one
}

// asServing are containers as they were before a rollout that was killed put their
// servers into maintenance.
func asServing(replicas []Replica) []Replica {
	var all []Replica
	for _, c := range replicas {
		c.Seats = slices.Clone(c.Seats)
		for i := range c.Seats {
			c.Seats[i].OpState, c.Seats[i].AdminState = haproxy.OpRunning, 0
		}
		all = append(all, c)
	}
	return all
}

// complete starts as many containers of the definition as are wanted beside some
// that are to go, and removes those that do not run.
func (r *run) complete(ctx context.Context, going []Replica) error {
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	staying, dead := 0, []string{}
	for _, c := range o.Replicas {
		switch {
		case isAmong(c, going):
		case c.Running():
			staying++
		default:
			dead = append(dead, c.Name)
		}
	}
	if err := r.removeDead(ctx, dead); err != nil {
		return err
	}
	missing := o.Desired - staying
	if missing <= 0 {
		return nil
	}
	fresh, err := r.start(ctx, missing)
	if err != nil {
		return err
	}
	return r.letIn(ctx, fresh, nil)
}

// Undo is the image that a service had before its last rollout.
func (r *Rollout) Undo(ctx context.Context, service string) (compose.ImageRef, error) {
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return compose.ImageRef{}, err
	}
	newest := newestRollout(containers)
	for _, c := range containers {
		if c.RolloutID() == newest && c.PreviousImage().ID != "" {
			return c.PreviousImage(), nil
		}
	}
	return compose.ImageRef{}, &compose.Problem{
		Summary: fmt.Sprintf("it is not known which image service %s had before: no rollout has started its containers", service),
		Advice:  `Name the image in the Compose file, then run "docker haproxy rollout".`,
	}
}

// Scale starts or stops containers of a service until there are some number of
// them: new ones receive traffic once they are ready, and those that go are
// drained before.
func (r *Rollout) Scale(ctx context.Context, service string, wanted int) (Result, error) {
	target, err := r.engine.Definition(ctx, r.project, service, compose.ImageRef{})
	if err != nil {
		return Result{}, err
	}
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return Result{}, err
	}
	one := &run{
		engine: r.engine, project: r.project, live: r.live, service: service, policy: r.policy,
		target: target, id: newestRollout(containers), isNew: func(compose.Container) bool { return true },
		gone: map[string]bool{}, result: Result{Service: service},
	}
	o, err := one.observe(ctx)
	if err != nil {
		return one.result, err
	}
	plan, err := scalePlan(o, wanted)
	if err != nil {
		return one.result, err
	}
	one.previous = previousImage(o)
	err = one.execute(ctx, plan)
	return one.result, err
}

// scalePlan decides which containers come and go: those with the highest numbers
// go, as when Compose scales down.
func scalePlan(o Observation, wanted int) (Plan, error) {
	running := o.pick(func(r Replica) bool { return r.Running() })
	plan := Plan{Service: o.Service, Cause: fmt.Sprintf("%d containers run, %d are wanted", len(running), wanted)}
	more := wanted - len(running)
	switch {
	case more > 0 && o.Single != "" && wanted > 1:
		return plan, &compose.Problem{Summary: fmt.Sprintf("service %s cannot have %d containers: its %s leaves no room for a second one", o.Service, wanted, o.Single)}
	case more > 0 && len(o.Seats) > 0:
		room, limited := o.room()
		if !limited && wanted > 1 {
			return plan, &compose.Problem{
				Summary: fmt.Sprintf("HAProxy has one server line for service %s, and would send a second container nothing", o.Service),
				Advice:  fmt.Sprintf("Use a server-template line in the backend, such as: server-template %s 10 %s:PORT check resolvers docker", o.Service, o.Service),
			}
		}
		if limited && room < more {
			return plan, &compose.Problem{
				Summary: fmt.Sprintf("HAProxy has %d vacant slots for service %s, and %d more containers are wanted", room, o.Service, more),
				Advice:  `The label haproxy.slots makes more.`,
			}
		}
	}
	for _, r := range o.Replicas {
		if !r.Running() {
			plan.Remove = append(plan.Remove, r.Name)
		}
	}
	switch {
	case more > 0:
		plan.Batches = []Batch{{Start: more}}
	case more < 0:
		b := Batch{}
		for _, r := range running[wanted:] {
			b.Retire = append(b.Retire, r.Name)
		}
		plan.Batches = []Batch{b}
	}
	return plan, nil
}

// Summary is a result for people, in one line.
func (r Result) Summary() string {
	if r.Started == 0 && r.Stopped == 0 {
		return fmt.Sprintf("service %s: nothing to do", r.Service)
	}
	text := fmt.Sprintf("service %s: %s in %.1fs", r.Service,
		strings.Join(nonEmpty(plural(r.Started, "container started", "containers started"), plural(r.Stopped, "stopped", "stopped")), ", "), r.Duration.Seconds())
	text += fmt.Sprintf("; %d requests, %d lost", r.Requests, r.Lost)
	if r.Cut.Requests > 0 {
		text += fmt.Sprintf(", %s cut at the drain timeout", plural(r.Cut.Requests, "request", "requests"))
	}
	if r.Cut.Websockets > 0 {
		text += fmt.Sprintf(", %s closed at the websocket timeout", plural(r.Cut.Websockets, "websocket", "websockets"))
	}
	return text
}

func plural(n int, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
