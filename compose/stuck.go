package compose

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// A new worker that does not come up, because it takes memory without end or
// waits for a FIFO that has no writer, keeps the master from every other
// reload: "Another reload is still in progress." The old worker serves meanwhile,
// and goes on when the new one is ended (measured on 3.2.26 and 3.4.7).

// load lets the master load the configuration on disk, and gives its verdict. A
// new worker that does not come up in time is ended: ErrStuck. One that another
// reload has left behind is waited for, and then ended as well.
func (r *reloading) load(ctx context.Context, session *haproxy.Session) (haproxy.Verdict, error) {
	for began := time.Now(); ; {
		verdict, err := r.loadOnce(ctx, session)
		if err != nil || !verdict.Busy {
			return verdict, err
		}
		if time.Since(began) > r.loadTimeout() {
			if err := r.endNewWorker(ctx); err != nil {
				return verdict, err
			}
			began = time.Now()
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return verdict, err
		}
		if session, err = r.relay.client().Open(ctx); err != nil {
			return verdict, err
		}
	}
}

func (r *reloading) loadOnce(ctx context.Context, session *haproxy.Session) (haproxy.Verdict, error) {
	loading, cancel := context.WithTimeout(ctx, r.loadTimeout())
	defer cancel()
	verdict, err := session.Reload(loading)
	if err != nil && errors.Is(loading.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		return verdict, r.stuck(ctx)
	}
	return verdict, err
}

// loadTimeout bounds the start of a new worker. It reads what the check has
// read, and does little more.
func (r *reloading) loadTimeout() time.Duration {
	return (loadTimeout + 5*r.checkTook) / time.Duration(r.waiting.hurry)
}

// loadTimeout is how long a new worker may take to come up beside what it has to
// read: 0.1 s as a rule, 2.2 s when a bind fails (measured on 3.2.26).
const loadTimeout = 15 * time.Second

// stuck ends the new worker of this reload, and says so.
func (r *reloading) stuck(ctx context.Context) error {
	if err := r.endNewWorker(ctx); err != nil {
		return err
	}
	problem := &Problem{
		Summary: fmt.Sprintf("HAProxy's new worker did not come up within %.0f s with %s, and was ended; %s", r.loadTimeout().Seconds(), r.p.ConfigName(), keepsRunning),
		Advice:  `Look for what it waits for: a file that is a FIFO or a device, a limit that takes all memory, a script without end ("docker haproxy logs"). Then "docker haproxy reload".`,
		Cause:   ErrStuck,
	}
	r.noteWords(haproxy.Verdict{}, true, "HAProxy's new worker did not come up, and was ended")
	r.takeStateAway(ctx)
	return problem
}

// endNewWorker ends the worker that the master waits for, and waits until the
// master has gone back to the one before. It takes a relay of its own: the one
// before may wait for a verdict.
func (r *reloading) endNewWorker(ctx context.Context) error {
	relay, err := r.openRelay(ctx, r.running.ID, r.p.MasterSocket(), r.p.command.Check())
	if err != nil {
		return r.explainSession(ctx, r.p, r.running, err)
	}
	_ = r.relay.Close()
	r.relay = relay
	master, err := relay.look(ctx)
	if err != nil {
		return r.explainSession(ctx, r.p, r.running, err)
	}
	pid := master.NewWorker
	if pid == 0 {
		return nil // it has ended itself
	}
	if err := relay.end(ctx, pid); err != nil {
		return r.explainSession(ctx, r.p, r.running, err)
	}
	for deadline := time.Now().Add(socketTimeout); master.NewWorker == pid; {
		if time.Now().After(deadline) {
			return &Problem{
				Summary: fmt.Sprintf("HAProxy's new worker (process %d in %s) does not come up and cannot be ended; the configuration before keeps running", pid, r.running.Name),
				Advice:  fmt.Sprintf(`End it yourself: docker exec -u 0 %s kill -9 %d. Until then HAProxy refuses every reload.`, r.running.Name, pid),
				Cause:   ErrStuck,
			}
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return err
		}
		if master, err = relay.look(ctx); err != nil {
			return r.explainSession(ctx, r.p, r.running, err)
		}
	}
	return nil
}
