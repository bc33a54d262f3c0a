package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

const (
	// pollInterval is the pause between two looks at containers and servers: some
	// milliseconds of work each.
	pollInterval = 50 * time.Millisecond

	// goneTimeout bounds the wait for the DNS to give up containers that are gone:
	// HAProxy asks it every second.
	goneTimeout = 10 * time.Second
)

// run is a rollout of one service on its way.
type run struct {
	engine  *compose.Engine
	project *compose.Project
	live    *compose.Live

	service  string
	policy   Policy
	target   compose.Definition
	id       string          // goes into the labels of the containers that it starts
	previous compose.Version // of the containers that it replaces
	replaced *Replica        // one of them, where it is of another version: what it was made from is kept
	undo     bool            // it goes back
	isNew    func(compose.Container) bool

	desired   int                  // how many containers there are to be
	stopFirst bool                 // the plan's
	resumed   bool                 // another client has begun it
	seen      map[string]time.Time // since when containers are known to run, by ID

	balancer compose.Container     // HAProxy's
	pinned   map[string]bool       // see Observation.Fixed
	before   Observation           // what the plan was decided on
	known    map[string]bool       // IDs of the containers before the batch
	gone     map[string]bool       // IDs of those that were stopped
	leaving  []haproxy.ServerState // servers of those
	result   Result
}

// observe looks at the engine and at HAProxy.
func (r *run) observe(ctx context.Context) (Observation, error) {
	containers, err := r.engine.Replicas(ctx, r.project, r.service)
	if err != nil {
		return Observation{}, err
	}
	states, err := servers(ctx, r.live)
	if err != nil {
		return Observation{}, err
	}
	o := observe(append([]string{r.service}, r.target.Aliases()...), r.desired, containers, states, r.isNew)
	o.Keeps = append(r.target.Aliases(), r.target.Addresses()...)
	if o.Fixed, err = r.fixed(ctx, states); err != nil {
		return Observation{}, err
	}
	for i, c := range o.Replicas {
		o.Replicas[i].Done = c.New && r.target.Done(c.Container)
	}
	return o, nil
}

// until looks again and again until something is done, or the time is over; 0 is no limit.
func until(ctx context.Context, timeout time.Duration, done func(context.Context) (bool, error)) error {
	deadline := time.Now().Add(timeout)
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		if timeout > 0 && time.Now().After(deadline) {
			return errTimeout
		}
		if err := compose.Pause(ctx, pollInterval); err != nil {
			return err
		}
	}
}

var errTimeout = errors.New("it took too long")

// held tells whether new containers are kept out of the traffic until all of them
// are ready and have been watched: HAProxy's own check alone would let in one that
// crashes a second later. Where old ones have made room, nobody else serves.
func (r *run) held() bool { return !r.stopFirst }

// execute carries a plan out.
func (r *run) execute(ctx context.Context, plan Plan) (err error) {
	began := time.Now()
	before, err := r.count(ctx)
	if err != nil {
		return err
	}
	defer func() {
		after, countErr := r.count(context.WithoutCancel(ctx))
		counted := after.since(before)
		r.result.Requests, r.result.Lost, r.result.Duration = counted.requests, counted.lost, time.Since(began)
		if err == nil {
			err = countErr
		}
	}()
	if r.resumed { // it may have been killed during a canary
		o, err := r.observe(ctx)
		if err == nil {
			err = r.weigh(ctx, o.seats(), asConfigured)
		}
		if err != nil {
			return err
		}
	}
	r.stopFirst = plan.StopFirst
	for i, batch := range plan.Batches {
		if ctx.Err() != nil {
			return r.stopped(ctx, i, ctx.Err())
		}
		if i > 0 && r.policy.Pause > 0 {
			r.engine.Tell("Service "+r.service, compose.Working, fmt.Sprintf("Pausing for %s", r.policy.Pause))
			if err := compose.Pause(ctx, r.policy.Pause); err != nil {
				return r.stopped(ctx, i, err)
			}
		}
		step := r.newFirst
		if plan.StopFirst {
			step = r.oldFirst
		}
		if err := step(ctx, batch, i == 0); err != nil {
			return r.stopped(ctx, i, err)
		}
	}
	return r.timed(&r.result.Stages.Settle, func() error { return r.settle(context.WithoutCancel(ctx)) })
}

// timed adds what work takes to a stage.
func (r *run) timed(stage *time.Duration, work func() error) error {
	began := time.Now()
	defer func() { *stage += time.Since(began) }()
	return work()
}

// newFirst starts new containers beside the old ones, lets them in, and takes old
// ones out. Until the first old one is stopped, everything can be taken back.
func (r *run) newFirst(ctx context.Context, batch Batch, first bool) error {
	fresh, err := r.start(ctx, batch.Start)
	if err == nil && first && r.policy.Canary != nil {
		err = r.timed(&r.result.Stages.Canary, func() error { return r.tryOut(ctx, fresh) })
	}
	if err != nil {
		return r.takeBack(ctx, fresh, err)
	}
	if old, err := r.letIn(ctx, fresh, batch.Retire); err != nil {
		return r.takeBack(ctx, fresh, errors.Join(err, r.restore(ctx, old)))
	}
	if err := r.retire(ctx, batch.leaving(), fresh); err != nil {
		if errors.Is(err, errRestored) {
			return r.takeBack(ctx, fresh, err)
		}
		return err
	}
	return nil
}

// oldFirst takes old containers out and starts new ones in their places. Where
// those fail, containers like the old ones are started again.
func (r *run) oldFirst(ctx context.Context, batch Batch, _ bool) error {
	before, err := r.definitionOfOne(ctx, batch.leaving())
	if err != nil {
		return err
	}
	if err := r.retire(ctx, batch.leaving(), nil); err != nil {
		return err
	}
	fresh, err := r.start(ctx, batch.Start)
	if err == nil {
		return nil
	}
	err = r.takeBack(ctx, fresh, err)
	if len(batch.Retire) == 0 {
		return err
	}
	return errors.Join(err, r.startAgain(context.WithoutCancel(ctx), before, len(batch.Retire)))
}

// definitionOfOne is what the first of some containers was made from.
func (r *run) definitionOfOne(ctx context.Context, names []string) (compose.Definition, error) {
	o, err := r.observe(ctx)
	if err != nil {
		return compose.Definition{}, err
	}
	i := slices.IndexFunc(o.Replicas, func(c Replica) bool { return slices.Contains(names, c.Name) })
	if i < 0 {
		return compose.Definition{}, nil // none of them has to make room
	}
	return r.engine.DefinitionOf(ctx, r.project, o.Replicas[i].Container)
}

// startAgain starts containers like those that had to make room, and says so as an error.
func (r *run) startAgain(ctx context.Context, before compose.Definition, n int) error {
	if before.Same(r.target) {
		return &compose.Problem{
			Summary: fmt.Sprintf("service %s has %d containers fewer than before: the old ones had to make room", r.service, n),
			Advice:  `Correct the service in the Compose file, then run "docker haproxy rollout".`,
		}
	}
	target, id := r.target, r.id
	defer func() { r.target, r.id = target, id }()
	r.target, r.id = before, ""
	if _, err := r.start(ctx, n); err != nil {
		return fmt.Errorf("service %s has %d containers fewer than before: what ran before does not come up either: %w", r.service, n, err)
	}
	return &compose.Problem{Summary: fmt.Sprintf("service %s runs what it ran before again", r.service)}
}

// start starts new containers and waits until they are ready for traffic. What it
// gives with an error was started all the same.
func (r *run) start(ctx context.Context, n int) ([]Replica, error) {
	o, err := r.observe(ctx)
	if err != nil {
		return nil, err
	}
	fresh := o.pick(func(c Replica) bool {
		return r.resumed && c.Running() && c.RolloutID() == r.id && !o.seated(c, nil, false)
	})
	if err := r.setMode(ctx, seatsOf(fresh), haproxy.ModeDrain); err != nil { // wherever they were left
		return nil, err
	}
	if n == 0 && len(fresh) == 0 {
		return nil, nil
	}
	if err := r.makeRoom(ctx, &o, n); err != nil {
		return nil, err
	}
	if r.held() {
		if err := r.setMode(ctx, o.vacant(), haproxy.ModeDrain); err != nil {
			return nil, err
		}
	} else if err := r.free(ctx, o); err != nil {
		return nil, err
	}
	r.known = map[string]bool{}
	for _, c := range o.Replicas {
		r.known[c.ID] = true
	}
	if n > 0 {
		err = r.timed(&r.result.Stages.Start, func() error {
			return r.engine.AddReplicas(ctx, r.project, r.target, n, r.note())
		})
	}
	now, observeErr := r.observe(context.WithoutCancel(ctx))
	if observeErr == nil {
		fresh = append(fresh, now.pick(func(c Replica) bool { return !r.known[c.ID] })...)
		r.result.Started += len(fresh)
	}
	if err := errors.Join(err, observeErr); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fresh, err
	}
	return r.ready(ctx, fresh)
}

// makeRoom waits for slots of containers that were stopped a moment ago, if new
// ones need them.
func (r *run) makeRoom(ctx context.Context, o *Observation, n int) error {
	return until(ctx, goneTimeout, func(ctx context.Context) (done bool, err error) {
		if *o, err = r.observe(ctx); err != nil {
			return false, err
		}
		if err := r.release(ctx, *o); err != nil {
			return false, err
		}
		room, limited := o.room()
		return !limited || room >= n || len(r.leaving) == 0, nil
	})
}

// ready waits until new containers run, are healthy, pass HAProxy's check and
// have run for some time. One that fails is an error with its last lines.
func (r *run) ready(ctx context.Context, fresh []Replica) ([]Replica, error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	began, said := time.Now(), map[string]string{}
	healthy, introduced := false, false
	var waiting Replica
	var lacks string
	err := until(ctx, r.policy.WaitTimeout, func(ctx context.Context) (bool, error) {
		o, err := r.observe(ctx)
		if err != nil {
			return false, err
		}
		if err := r.release(ctx, o); err != nil {
			return false, err
		}
		if fresh, err = o.again(fresh); err != nil {
			return false, err
		}
		lacks = ""
		for _, c := range fresh {
			missing, err := r.lacks(ctx, o, c, fresh)
			if err != nil {
				return false, err
			}
			if said[c.ID] != missing {
				r.engine.Tell("Container "+c.Name, compose.Working, cmp.Or(missing, "Waiting for the others"))
				said[c.ID] = missing
			}
			if missing != "" {
				waiting, lacks = c, missing
			}
		}
		if !healthy && !slices.ContainsFunc(fresh, func(c Replica) bool { return !c.healthy() }) {
			healthy = true
			r.result.Stages.Health += time.Since(began)
			began = time.Now()
		}
		if healthy && !introduced {
			introduced = true
			mode := haproxy.ModeReady
			if r.held() {
				mode = haproxy.ModeDrain
			}
			return false, r.standIn(ctx, o, fresh, mode)
		}
		return lacks == "", nil
	})
	if healthy {
		r.result.Stages.Check += time.Since(began)
	}
	switch {
	case errors.Is(err, errTimeout):
		err = r.engine.Late(ctx, waiting.Container, fmt.Sprintf("was not ready after %s: %s", r.policy.WaitTimeout, strings.ToLower(lacks)))
	case err == nil:
		for _, c := range fresh {
			r.engine.Tell("Container "+c.Name, compose.Finished, "Ready")
		}
	}
	return fresh, err
}

// lacks is what a new container is still waited for; "" when it is ready.
func (r *run) lacks(ctx context.Context, o Observation, c Replica, fresh []Replica) (string, error) {
	if !c.Running() || c.Health == "unhealthy" {
		return "Waiting for its start", r.engine.Ill(ctx, c.Container)
	}
	if r.seen[c.ID].IsZero() {
		r.seen[c.ID] = time.Now()
	}
	if !c.healthy() {
		return "Waiting for its health check", nil
	}
	if !o.seated(c, fresh, r.held()) {
		return "Waiting for HAProxy's check", nil
	}
	if time.Since(r.seen[c.ID]) < r.policy.Monitor {
		return fmt.Sprintf("Watching it for %s", r.policy.Monitor), nil
	}
	return "", r.engine.Ill(ctx, c.Container)
}

func (r Replica) healthy() bool { return r.Running() && (r.Health == "healthy" || r.Health == "") }

// again finds containers again in a later observation.
func (o Observation) again(all []Replica) ([]Replica, error) {
	var found []Replica
	for _, c := range all {
		i := slices.IndexFunc(o.Replicas, func(r Replica) bool { return r.ID == c.ID })
		if i < 0 {
			return all, &compose.Problem{Summary: fmt.Sprintf("container %s is gone: somebody has removed it", c.Name)}
		}
		found = append(found, o.Replicas[i])
	}
	return found, nil
}

// letIn opens the servers of new containers, which were held back. For a flip it
// closes those of the old ones in the same moment; it gives these as they were.
func (r *run) letIn(ctx context.Context, fresh []Replica, retire []string) (old []Replica, err error) {
	o, err := r.observe(ctx)
	if err != nil {
		return nil, err
	}
	if fresh, err = o.again(fresh); err != nil {
		return nil, err
	}
	if r.policy.Flip {
		old = o.pick(func(c Replica) bool { return slices.Contains(retire, c.Name) })
	}
	if err := r.weigh(ctx, seatsOf(fresh), asConfigured); err != nil { // whatever their slots had before
		return old, err
	}
	var modes []haproxy.ServerMode
	for _, seat := range seatsOf(fresh) { // new ones first: there is always somebody
		modes = append(modes, haproxy.ServerMode{Backend: seat.Backend, Server: seat.Server, Mode: haproxy.ModeReady})
	}
	for _, seat := range seatsOf(old) {
		modes = append(modes, haproxy.ServerMode{Backend: seat.Backend, Server: seat.Server, Mode: haproxy.ModeMaintenance})
	}
	return old, r.live.Do(ctx, func(session *haproxy.Session) error { return session.SetServerModes(ctx, modes) })
}

func seatsOf(replicas []Replica) []haproxy.ServerState {
	var seats []haproxy.ServerState
	for _, r := range replicas {
		seats = append(seats, r.Seats...)
	}
	return seats
}

// takeBack removes new containers and leaves traffic as it was.
func (r *run) takeBack(ctx context.Context, fresh []Replica, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackTime+r.policy.DrainTimeout)
	defer cancel()
	r.engine.Tell("Service "+r.service, compose.Working, "Taking the new containers back")
	err := r.discard(ctx, fresh)
	for round := 0; err == nil && round < lateRounds && errors.Is(cause, context.Canceled); round++ {
		var late []Replica
		if late, err = r.late(ctx); err == nil {
			err = r.discard(ctx, late)
		}
	}
	if err != nil {
		r.engine.Tell("Service "+r.service, compose.Broken, "Not all could be taken back")
		return errors.Join(cause, &compose.Problem{
			Summary: fmt.Sprintf("the new containers of service %s could not all be taken back: %v", r.service, err),
			Advice:  `Traffic is served; "docker haproxy rollout --abort" tries again.`,
			Cause:   err,
		})
	}
	r.result.Started = max(0, r.result.Started-len(fresh))
	r.engine.Tell("Service "+r.service, compose.Finished, r.taken(ctx))
	return cause
}

// taken says what is left after new containers were taken back.
func (r *run) taken(ctx context.Context) string {
	now, err := r.observe(ctx)
	switch lost := lost(r.before.Replicas, now.Replicas); {
	case err != nil:
		return "The new containers are removed"
	case len(lost) > 0:
		return "The new containers are removed; no longer there: " + strings.Join(lost, ", ")
	}
	return "As it was"
}

// lost are the names of the containers that are gone, or do not run any more.
func lost(before, now []Replica) (names []string) {
	for _, c := range before {
		i := slices.IndexFunc(now, func(other Replica) bool { return other.ID == c.ID })
		if i < 0 || c.Running() && !now[i].Running() {
			names = append(names, c.Name)
		}
	}
	return names
}

const (
	// takeBackTime bounds taking back, draining apart.
	takeBackTime = time.Minute

	// lateRounds is how often containers are looked for that appear although their
	// creation was interrupted, lateTime how long they are waited for each time.
	lateRounds = 3
	lateTime   = 300 * time.Millisecond
)

// late are the containers of an interrupted creation that the engine has finished
// all the same.
func (r *run) late(ctx context.Context) ([]Replica, error) {
	if err := compose.Pause(ctx, lateTime); err != nil {
		return nil, err
	}
	o, err := r.observe(ctx)
	if err != nil || r.known == nil {
		return nil, err
	}
	return o.pick(func(c Replica) bool { return !r.known[c.ID] }), nil
}

// discard removes new containers, those that have taken traffic after a drain.
func (r *run) discard(ctx context.Context, fresh []Replica) error {
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	var there, unused []Replica
	for _, c := range fresh {
		i := slices.IndexFunc(o.Replicas, func(other Replica) bool { return other.ID == c.ID })
		switch {
		case i < 0:
		case len(o.Replicas[i].Seats) > 0:
			there = append(there, o.Replicas[i])
		default:
			unused = append(unused, o.Replicas[i])
		}
	}
	if err := r.drainAndStop(ctx, there, nil, true); err != nil {
		return err
	}
	for _, c := range unused {
		if err := r.engine.RemoveReplica(ctx, c.Container); err != nil {
			return err
		}
		r.engine.Tell("Container "+c.Name, compose.Finished, "Removed")
	}
	return r.settle(ctx)
}

// stopped says how far a rollout of several batches came before it failed.
func (r *run) stopped(ctx context.Context, done int, cause error) error {
	if errors.Is(cause, context.Canceled) {
		cause = &compose.Problem{Summary: "interrupted", Cause: cause}
	}
	if done == 0 {
		return cause
	}
	ctx = context.WithoutCancel(ctx)
	o, err := r.observe(ctx)
	if err := errors.Join(err, r.settle(ctx)); err != nil {
		return errors.Join(cause, err)
	}
	return errors.Join(cause, &compose.Problem{
		Summary: fmt.Sprintf("service %s is half done: %d new and %d old containers serve", r.service, len(o.new()), len(o.old())),
		Advice:  `"docker haproxy rollout --resume" goes on, "--abort" goes back.`,
		Cause:   cause,
	})
}
