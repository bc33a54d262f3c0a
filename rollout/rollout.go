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

// Whole tells whether the service gets all that it is to be made from: of a version
// before, only the image may be known.
func (p *Prepared) Whole() bool { return p.run.target.Whole() }

// Way is what a rollout begins with.
type Way int

// The ways.
const (
	Begun   Way = iota // by this command
	Resumed            // by another one that was killed: it is to be finished
	Aborted            // likewise, and it is to be taken back
)

// Prepare decides what a service needs. version is not empty where it is to go back
// to what it ran before.
func (r *Rollout) Prepare(ctx context.Context, service string, version compose.Version, way Way) (*Prepared, error) {
	target, err := r.engine.Definition(ctx, r.project, service, version)
	if err != nil {
		return nil, err
	}
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return nil, err
	}
	undo := version != compose.Version{}
	if undone := newestUndone(containers); way == Resumed && undone != nil {
		if target, err = r.engine.DefinitionOf(ctx, r.project, *undone); err != nil {
			return nil, err
		}
		undo = true
	}
	one := r.begin(service, target)
	one.policy, one.undo = r.policy.For(target, r.chosen), undo
	one.desired = r.project.Wanted(service, genuine(containers))
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
		one.desired = max(len(o.new())+len(o.old()), one.desired) // as many as there are
		if o, err = one.observe(ctx); err != nil {
			return nil, err
		}
	case !slices.ContainsFunc(o.Replicas, func(c Replica) bool { return !c.New }):
		one.id = newestRollout(containers) // what is added belongs to what is there
	}
	one.replaced, one.previous, o.Restored = replaced(o, target), inherited(o), target.Whole()
	if o.Limit, err = r.engine.Limit(ctx, target, containers); err != nil {
		return nil, err
	}
	one.before = o
	plan, err := MakePlan(o, one.policy)
	if err == nil && plan.Plain && r.project.Routed(service) {
		err = notServed(service)
	}
	if err == nil {
		err = r.allowTime(ctx, one, &plan)
	}
	if !one.undo {
		plan.Notes = append(plan.Notes, forward(o)...)
	}
	return &Prepared{plan, one}, err
}

// allowTime sets how long new containers are waited for.
func (r *Rollout) allowTime(ctx context.Context, one *run, plan *Plan) error {
	if !plan.Plain && !plan.starts() {
		return nil
	}
	limit, note, err := wait(one.service, r.engine.HealthTime(ctx, one.target), one.policy.WaitTimeout, r.chosen.Wait)
	one.policy.WaitTimeout = limit
	if note != "" {
		plan.Notes = append(plan.Notes, note)
	}
	return err
}

// forward says that a rollout goes forward again after an undo.
func forward(o Observation) []string {
	if slices.ContainsFunc(o.Replicas, func(c Replica) bool { return !c.New && c.Undone() }) {
		return []string{fmt.Sprintf(`Service %s goes forward to the Compose file's version again: "rollout undo" had gone back.`, o.Service)}
	}
	return nil
}

// begin is a rollout of a service of which nothing is decided yet.
func (r *Rollout) begin(service string, target compose.Definition) *run {
	return &run{
		engine: r.engine, project: r.project, live: r.live, balancer: r.running.Container, service: service, policy: r.policy,
		target: target, desired: target.Service.GetScale(), id: compose.NewRolloutID(),
		gone: map[string]bool{}, seen: map[string]time.Time{}, result: Result{Service: service},
	}
}

// genuine is how many containers run, where all of them are of one version and of
// one rollout: nothing but a wish for so many has made them so many. It is 0 where
// a rollout that was killed may have doubled them.
func genuine(containers []compose.Container) int {
	running := slices.DeleteFunc(slices.Clone(containers), func(c compose.Container) bool { return !c.Running() })
	last := startedLast(running)
	if slices.ContainsFunc(running, func(c compose.Container) bool { return !last(c) || !c.SameVersion(running[0]) }) {
		return 0
	}
	return len(running)
}

// newestUndone is a container of an undo that nothing has followed; nil where the
// newest rollout was none.
func newestUndone(containers []compose.Container) *compose.Container {
	newest := newestRollout(containers)
	for _, c := range containers {
		if c.Undone() && c.RolloutID() == newest {
			return &c
		}
	}
	return nil
}

// replaced is one of the containers that go and are of another version than what is
// to be; nil where none is.
func replaced(o Observation, target compose.Definition) *Replica {
	for _, c := range slices.Backward(o.Replicas) {
		if !c.New && !target.Made(c.Container) {
			return &c
		}
	}
	return nil
}

// inherited is the version that the containers there have replaced themselves: what
// is before them still, where only more of them start, or others like them.
func inherited(o Observation) compose.Version {
	for _, c := range slices.Backward(o.Replicas) {
		if previous := c.Previous(); previous.Image.ID != "" {
			return previous
		}
	}
	return compose.Version{}
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
	if err := one.keepReplaced(ctx, p.Plan); err != nil {
		r.engine.Tell("Service "+one.service, compose.Working, fmt.Sprintf("Undo will know its image only: %v", err))
	}
	err := one.carryOut(ctx, p.Plan)
	if err == nil {
		r.project.NoteScale(map[string]int{one.service: one.desired})
	}
	return one.result, err
}

// keepReplaced keeps what the containers that go were made from, for the way back.
func (r *run) keepReplaced(ctx context.Context, plan Plan) (err error) {
	if r.replaced == nil || plan.Nothing() {
		return nil
	}
	r.previous, err = r.engine.KeepVersion(ctx, r.project, r.replaced.Container)
	return err
}

func (r *run) carryOut(ctx context.Context, plan Plan) error {
	began := time.Now()
	switch {
	case plan.Restart:
		err := r.engine.Restart(ctx, r.project, r.service)
		if err == nil {
			err = r.well(ctx)
		}
		r.result.Restarted, r.result.Duration = len(r.before.Replicas), time.Since(began)
		return err
	case plan.Stopped:
		err := r.engine.Renew(ctx, r.project, r.service)
		r.result.Renewed, r.result.Duration = len(r.before.Replicas), time.Since(began)
		return err
	case plan.Plain:
		err := r.engine.Recreate(ctx, r.project, r.service, r.before.Desired, r.policy.Force, r.note())
		if err == nil {
			err = r.well(ctx)
		}
		r.result.Started, r.result.Stopped, r.result.Duration = r.before.Desired, len(r.before.old()), time.Since(began)
		return err
	case plan.Nothing():
		return r.settle(ctx) // what a rollout that was killed has left
	}
	return r.execute(ctx, plan)
}

// note is what the run leaves on the containers that it starts.
func (r *run) note() compose.RolloutNote {
	return compose.RolloutNote{ID: r.id, Previous: r.previous, Undone: r.undo}
}

// Abort goes back to the old containers of a rollout that was broken off. Where
// fewer of them are left than are wanted, others are started from their image.
func (r *Rollout) Abort(ctx context.Context, service string) (Result, error) {
	p, err := r.Prepare(ctx, service, compose.Version{}, Aborted)
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
	if one.target, err = r.engine.DefinitionOf(ctx, r.project, old[0].Container); err != nil {
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
// that are to go, and then removes those that do not run.
func (r *run) complete(ctx context.Context, going []Replica) error {
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	staying := o.pick(func(c Replica) bool { return c.Running() && !isAmong(c, going) })
	idle := o.pick(func(c Replica) bool { return !c.Running() && !isAmong(c, going) })
	if missing := o.Desired - len(staying); missing > 0 {
		fresh, err := r.start(ctx, missing)
		if err == nil {
			_, err = r.letIn(ctx, fresh, nil)
		}
		if err != nil {
			return r.takeBack(ctx, fresh, err)
		}
	}
	return r.drainAndStop(ctx, idle, nil, true)
}

// Undo is what a service was made from before its last rollout.
func (r *Rollout) Undo(ctx context.Context, service string) (compose.Version, error) {
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return compose.Version{}, err
	}
	version, err := before(service, containers)
	if err != nil || r.project.Keeps(service, version) {
		return version, err
	}
	if slices.ContainsFunc(containers, func(c compose.Container) bool { return c.ImageID == version.Image.ID }) {
		return version, &compose.Problem{
			Summary: fmt.Sprintf("what service %s was made from before its last rollout is not kept here, and its image is the same", service),
			Advice:  `Change it back in the Compose file, then run "docker haproxy rollout".`,
		}
	}
	return version, nil
}

// before is what the newest rollout of a service has replaced.
func before(service string, containers []compose.Container) (compose.Version, error) {
	newest := newestRollout(containers)
	for _, c := range containers {
		if c.RolloutID() == newest && c.Previous().Image.ID != "" {
			return c.Previous(), nil
		}
	}
	problem := &compose.Problem{
		Summary: fmt.Sprintf("it is not known what service %s was before: no rollout has started its containers", service),
		Advice:  `Change it back in the Compose file, then run "docker haproxy rollout".`,
	}
	if newest != "" {
		problem.Summary = fmt.Sprintf("it is not known what service %s was before: its last rollout has replaced nothing of another version", service)
	}
	return compose.Version{}, problem
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
