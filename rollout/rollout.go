package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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

	scope    Scope
	ties     []compose.Tie
	gone     map[string]bool // IDs of containers that are replaced
	replaced []string        // services of those
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

// Way is what a rollout begins with.
type Way int

// The ways.
const (
	Begun   Way = iota // by this command
	Resumed            // by another one that was killed: it is to be finished
	Aborted            // likewise, and it is to be taken back
)

// Prepare decides what a service needs. image is not empty where it is to run
// another image than the Compose file names.
func (r *Rollout) Prepare(ctx context.Context, service string, image compose.ImageRef, way Way) (*Prepared, error) {
	target, err := r.engine.Definition(ctx, r.project, service, image)
	if err != nil {
		return nil, err
	}
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return nil, err
	}
	one := r.begin(service, target)
	one.policy = r.policy.For(target, r.chosen)
	one.isNew = newOnes(containers, target.Made)
	if way == Aborted && newestRollout(containers) != "" {
		one.isNew = startedLast(containers) // the file may have been edited back
	}
	o, err := one.observe(ctx)
	if err != nil {
		return nil, err
	}
	halfDone := len(o.old()) > 0 && len(o.Seats) > 0 &&
		slices.ContainsFunc(o.new(), func(c Replica) bool { return c.RolloutID() != "" })
	switch {
	case halfDone && way == Begun:
		return nil, unfinished(o)
	case halfDone:
		one.resumed = true
		one.id = newestRollout(containers)
	case one.policy.Force && way == Begun:
		one.isNew = func(c compose.Container) bool { return c.RolloutID() == one.id }
		one.desired = max(len(o.new())+len(o.old()), one.desired) // as many as there are, whatever the file says
		if o, err = one.observe(ctx); err != nil {
			return nil, err
		}
	case len(o.old()) == 0:
		one.id = newestRollout(containers) // what is added belongs to what is there
	}
	one.previous = previousImage(o, target.ImageID)
	one.before = o
	plan, err := MakePlan(o, one.policy)
	if err == nil && plan.Plain && r.project.Routed(service) {
		err = notServed(service)
	}
	return &Prepared{plan, one}, err
}

// begin is a rollout of a service of which nothing is decided yet.
func (r *Rollout) begin(service string, target compose.Definition) *run {
	return &run{
		engine: r.engine, project: r.project, live: r.live, service: service, policy: r.policy,
		target: target, desired: target.Service.GetScale(), id: compose.NewRolloutID(),
		gone: map[string]bool{}, seen: map[string]time.Time{}, result: Result{Service: service},
	}
}

// previousImage is the image that the containers had before: that of the old ones,
// or, where only something else has changed, the one that they have replaced.
func previousImage(o Observation, now string) compose.ImageRef {
	for _, c := range slices.Backward(o.Replicas) {
		if !c.New && c.ImageID != now {
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

func notServed(service string) error {
	return &compose.Problem{
		Summary: fmt.Sprintf("HAProxy has no server for service %s, although its labels ask for requests: it cannot be rolled out without a loss", service),
		Advice:  `See "docker haproxy check" and "docker haproxy status".`,
	}
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
	case p.Plan.Restart:
		began := time.Now()
		err := r.engine.Restart(ctx, r.project, one.service)
		if err == nil {
			err = one.well(ctx)
		}
		one.result.Restarted, one.result.Duration = len(one.before.Replicas), time.Since(began)
		return one.result, err
	case p.Plan.Stopped:
		began := time.Now()
		err := r.engine.Renew(ctx, r.project, one.service)
		one.result.Renewed, one.result.Duration = len(one.before.Replicas), time.Since(began)
		return one.result, err
	case p.Plan.Plain:
		began := time.Now()
		err := r.engine.Recreate(ctx, r.project, one.service, one.policy.Force)
		if err == nil {
			err = one.well(ctx)
		}
		one.result.Started, one.result.Stopped, one.result.Duration = one.before.Desired, len(one.before.old()), time.Since(began)
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
	p, err := r.Prepare(ctx, service, compose.ImageRef{}, Aborted)
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
		return one.result, one.discard(ctx, o.spent()) // nothing to go back to
	}
	if err := one.restore(ctx, asServing(old)); !errors.Is(err, errRestored) {
		return one.result, err
	}
	if err := one.weigh(ctx, seatsOf(old), asConfigured); err != nil {
		return one.result, err
	}
	one.policy.Flip, one.policy.Canary, one.id, one.resumed = false, nil, "", false
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
	if err == nil {
		_, err = r.letIn(ctx, fresh, nil)
	}
	if err != nil {
		return r.takeBack(ctx, fresh, err)
	}
	return nil
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

// PrepareScale decides which containers of a service start or stop until there are
// some number of them: new ones receive traffic once they are ready, and those that
// go are drained before.
func (r *Rollout) PrepareScale(ctx context.Context, service string, wanted int) (*Prepared, error) {
	target, err := r.engine.Definition(ctx, r.project, service, compose.ImageRef{})
	if err != nil {
		return nil, err
	}
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return nil, err
	}
	one := r.begin(service, target)
	one.id, one.desired, one.isNew = newestRollout(containers), wanted, func(compose.Container) bool { return true }
	o, err := one.observe(ctx)
	if err != nil {
		return nil, err
	}
	one.previous = previousImage(o, target.ImageID)
	one.before = o
	plan, err := scalePlan(o, wanted)
	return &Prepared{plan, one}, err
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
	if r.Restarted > 0 {
		return fmt.Sprintf("service %s: %s in %.1fs", r.Service, plural(r.Restarted, "container restarted", "containers restarted"), r.Duration.Seconds())
	}
	if r.Renewed > 0 {
		return fmt.Sprintf("service %s: %s in %.1fs, and not started", r.Service, plural(r.Renewed, "container replaced", "containers replaced"), r.Duration.Seconds())
	}
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
