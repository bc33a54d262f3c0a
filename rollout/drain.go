package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// errRestored means that old containers were let back in, since the new ones that
// should follow them failed, or somebody pressed Ctrl-C.
var errRestored = errors.New("the old containers serve on")

// retire takes old containers out of the traffic and stops them. fresh are those
// that follow them: while no old one is stopped, their failure brings the old ones
// back.
func (r *run) retire(ctx context.Context, names []string, fresh []Replica) error {
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	old := o.pick(func(c Replica) bool { return slices.Contains(names, c.Name) })
	if err := r.cover(ctx, o, old); err != nil {
		return err
	}
	if err := r.drainAndStop(ctx, old, fresh, false); err != nil {
		return err
	}
	r.result.Stopped += len(slices.DeleteFunc(old, func(c Replica) bool { return !c.holds() }))
	return nil
}

// leave is one container on its way out.
type leave struct {
	Replica

	left    int64
	stopped chan error // nil while it drains
}

// drainAndStop gives containers no new sessions, waits for those they have, each
// for itself, and stops them. forGood tells that there is no way back.
func (r *run) drainAndStop(ctx context.Context, old, fresh []Replica, forGood bool) error {
	if len(old) == 0 {
		return nil
	}
	if err := r.setMode(ctx, seatsOf(old), haproxy.ModeMaintenance); err != nil {
		return errors.Join(err, r.restore(ctx, old))
	}
	began := time.Now()
	leaving := make([]*leave, 0, len(old))
	for _, c := range old {
		leaving = append(leaving, &leave{Replica: c, left: -1})
	}
	begun := forGood // a container is being stopped: from here on it is seen through
	for {
		if !begun {
			if err := r.wayBack(ctx, fresh); err != nil {
				return errors.Join(err, r.restore(ctx, old))
			}
		}
		work := ctx
		if begun {
			work = context.WithoutCancel(ctx)
		}
		draining, err := r.drained(work, leaving, began)
		begun = begun || slices.ContainsFunc(leaving, func(c *leave) bool { return c.stopped != nil })
		switch {
		case err != nil && !begun:
			return errors.Join(err, r.restore(ctx, old))
		case err != nil && ctx.Err() != nil && work == ctx:
			continue // Ctrl-C, when the first one was just being stopped
		case err != nil:
			return err
		}
		if draining == 0 {
			break
		}
		_ = compose.Pause(work, pollInterval) // Ctrl-C is seen above
	}
	r.result.Stages.Drain += time.Since(began)
	began = time.Now()
	defer func() { r.result.Stages.Stop += time.Since(began) }()
	var failed error
	for _, c := range leaving {
		failed = errors.Join(failed, <-c.stopped)
	}
	return failed
}

// wayBack tells whether to go back: on Ctrl-C, or because a new container failed.
func (r *run) wayBack(ctx context.Context, fresh []Replica) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(fresh) == 0 {
		return nil
	}
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	if fresh, err = o.again(fresh); err != nil {
		return err
	}
	for _, c := range fresh {
		if !c.Running() || c.Health == "unhealthy" {
			if err := r.engine.Ill(ctx, c.Container); err != nil {
				return err
			}
		}
	}
	return nil
}

// restore gives servers of old containers back what they had before: requests, or
// a drain or a maintenance that somebody else wanted. It waits for those that
// served.
func (r *run) restore(ctx context.Context, old []Replica) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackTime)
	defer cancel()
	var serve, drain, rest, served []haproxy.ServerState
	for _, seat := range seatsOf(old) {
		switch {
		case seat.AdminState&haproxy.ForcedMaintenance != 0:
			rest = append(rest, seat)
		case seat.AdminState&haproxy.ForcedDrain != 0:
			drain = append(drain, seat)
		default:
			serve = append(serve, seat)
		}
		if serving(seat, false) {
			served = append(served, seat)
		}
	}
	if err := errors.Join(r.setMode(ctx, serve, haproxy.ModeReady), r.setMode(ctx, drain, haproxy.ModeDrain), r.setMode(ctx, rest, haproxy.ModeMaintenance)); err != nil {
		return err
	}
	err := until(ctx, goneTimeout, func(ctx context.Context) (bool, error) {
		o, err := r.observe(ctx)
		if err != nil {
			return false, err
		}
		for _, seat := range served {
			if now := o.seat(seat); now != nil && !serving(*now, false) {
				return false, nil
			}
		}
		return true, nil
	})
	if errors.Is(err, errTimeout) {
		err = nil // an old container that fails its check now is not our doing, and not for us to wait for
	}
	return errors.Join(errRestored, err)
}

// drained begins to stop the containers that have nothing left, or whose time is
// over, and gives how many still drain.
func (r *run) drained(ctx context.Context, leaving []*leave, began time.Time) (draining int, err error) {
	if err := r.cut(ctx, leaving, time.Since(began)); err != nil {
		return 0, err
	}
	for _, c := range leaving {
		if c.stopped != nil {
			continue
		}
		left, err := r.remaining(ctx, c.Seats)
		if err != nil {
			return 0, err
		}
		if left > 0 && time.Since(began) < r.lastDeadline() {
			draining++
			if left != c.left {
				r.engine.Tell("Container "+c.Name, compose.Working, fmt.Sprintf("Draining, %d sessions remain", left))
				c.left = left
			}
			continue
		}
		if err := r.handOver(ctx, c.Replica); err != nil {
			return 0, err
		}
		r.engine.Tell("Container "+c.Name, compose.Working, "Stopping")
		r.leaving = append(r.leaving, c.Seats...)
		r.gone[c.ID] = true
		c.stopped = make(chan error, 1)
		go func() { // each has its own grace period to end in
			err := r.engine.StopReplica(context.WithoutCancel(ctx), c.Container)
			if err == nil {
				r.engine.Tell("Container "+c.Name, compose.Finished, "Removed")
			}
			c.stopped <- err
		}()
	}
	return draining, nil
}

// lastDeadline is when nothing is waited for any more: some time after the later
// of the two deadlines, for what was cut to be gone.
func (r *run) lastDeadline() time.Duration {
	return max(r.policy.DrainTimeout, r.policy.WebsocketTimeout) + 2*time.Second
}

// remaining counts the connections with a request or a session that servers have.
func (r *run) remaining(ctx context.Context, seats []haproxy.ServerState) (n int64, err error) {
	err = r.live.Do(ctx, func(session *haproxy.Session) error {
		n = 0
		for _, seat := range seats {
			left, err := session.Remaining(ctx, seat.Backend, seat.Server)
			if err != nil {
				return err
			}
			n += left
		}
		return nil
	})
	return n, err
}

// cut ends what has run longer than its deadline allows: requests, and websockets
// and other tunnels, each have their own.
func (r *run) cut(ctx context.Context, leaving []*leave, passed time.Duration) error {
	requests, tunnels := passed >= r.policy.DrainTimeout, passed >= r.policy.WebsocketTimeout
	if !requests && !tunnels {
		return nil
	}
	return r.live.Do(ctx, func(session *haproxy.Session) error {
		for _, c := range leaving {
			if c.stopped != nil {
				continue
			}
			for _, seat := range c.Seats {
				streams, err := session.Streams(ctx, seat.Backend)
				if err != nil {
					return err
				}
				for _, stream := range streams {
					if stream.Server != seat.Server || stream.Tunnel && !tunnels || !stream.Tunnel && !requests {
						continue
					}
					if err := session.ShutdownStream(ctx, stream); err != nil {
						return err
					}
					if stream.Tunnel {
						r.result.Cut.Websockets++
					} else {
						r.result.Cut.Requests++
					}
				}
			}
		}
		return nil
	})
}
