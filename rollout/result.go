package rollout

import (
	"context"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Result is what a rollout of a service came to.
type Result struct {
	Service   string
	Started   int // new containers
	Stopped   int // old ones
	Restarted int // of a service that goes along with another one, and gets no requests
	Renewed   int // likewise, replaced and not started
	Duration  time.Duration
	Stages    Stages

	Requests int64 // that HAProxy passed to the service meanwhile; sessions where the mode is tcp
	Lost     int64 // of them without an answer of a container: HAProxy's econ and eresp
	Cut      Cut   // what was ended at a deadline
}

// Stages is how the time was spent.
type Stages struct {
	Start  time.Duration // Compose creates and starts containers
	Health time.Duration // until they run and Docker's health check has passed: the app's own time
	Check  time.Duration // until HAProxy's check has passed too, and the time of watching is over
	Canary time.Duration
	Drain  time.Duration // until the old ones have nothing left
	Stop   time.Duration // until they have ended and are removed
	Settle time.Duration // until the DNS has given them up
}

// Cut counts what did not end by itself in time.
type Cut struct {
	Requests   int // longer than the drain timeout
	Websockets int // and other tunnels: longer than the websocket timeout
}

// counters are what HAProxy has counted of a service.
type counters struct {
	worker         int
	requests, lost int64
}

// count reads the counters of the service's backends.
func (r *run) count(ctx context.Context) (c counters, err error) {
	o, err := r.observe(ctx)
	if err != nil {
		return c, err
	}
	mine := map[string]bool{}
	for _, backend := range o.Backends() {
		mine[backend] = true
	}
	err = r.live.Do(ctx, func(session *haproxy.Session) error {
		c = counters{}
		stats, err := session.Stats(ctx)
		if err != nil {
			return err
		}
		for _, s := range stats {
			if !mine[s.Proxy] {
				continue
			}
			if s.Type == haproxy.StatBackend {
				c.requests += s.SessionsTotal
				c.lost += s.ConnectionErrors + s.ResponseErrors
			}
		}
		info, err := session.Info(ctx)
		c.worker = info.PID
		return err
	})
	return c, err
}

// since is what was counted between two moments; all of it where HAProxy was
// reloaded meanwhile, which begins to count anew.
func (c counters) since(before counters) counters {
	if c.worker != before.worker {
		return c
	}
	return counters{worker: c.worker, requests: c.requests - before.requests, lost: max(0, c.lost-before.lost)}
}
