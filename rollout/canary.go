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

// tryOut gives new containers a share of the traffic and watches them. It is an
// error when they answer worse than they may; the weights are as before then.
func (r *run) tryOut(ctx context.Context, fresh []Replica) error {
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	if fresh, err = o.again(fresh); err != nil {
		return err
	}
	var before, after []haproxy.ServerState // the sides
	for _, c := range o.Replicas {
		if isAmong(c, fresh) {
			after = append(after, c.Seats...)
		} else {
			before = append(before, c.Seats...)
		}
	}
	if len(before) == 0 || len(after) == 0 {
		return nil // there is nobody to compare with
	}
	oldWeight, newWeight := weights(len(before), len(after), r.policy.Canary.Share)
	err = errors.Join(r.weigh(ctx, after, fixed(newWeight)), r.weigh(ctx, before, fixed(oldWeight)))
	if err == nil {
		err = r.setMode(ctx, after, haproxy.ModeReady)
	}
	if err == nil {
		err = r.watch(ctx, before, after)
	}
	if err != nil {
		// No new requests first: with its own weight a bad version would have more.
		ctx = context.WithoutCancel(ctx)
		if closeErr := r.setMode(ctx, after, haproxy.ModeMaintenance); closeErr != nil {
			return fmt.Errorf("%w; %w", err, closeErr)
		}
	}
	resetErr := errors.Join(r.weigh(ctx, before, asBefore), r.weigh(ctx, after, asConfigured))
	if err == nil {
		err = resetErr
	}
	return err
}

// weights are those of each old and each new server with which the new ones get a
// share of the requests, in percent. HAProxy knows 1 to 256.
func weights(old, fresh, share int) (oldWeight, newWeight int) {
	oldWeight, newWeight = max(1, (100-share)*fresh), max(1, share*old)
	for top := max(oldWeight, newWeight); top > 256; top = max(oldWeight, newWeight) {
		oldWeight, newWeight = max(1, oldWeight*256/top), max(1, newWeight*256/top)
	}
	return oldWeight, newWeight
}

// The weights that a server can be given.
func fixed(weight int) func(haproxy.ServerState) string {
	return func(haproxy.ServerState) string { return fmt.Sprint(weight) }
}

func asBefore(seat haproxy.ServerState) string { return fmt.Sprint(seat.Weight) }

func asConfigured(haproxy.ServerState) string { return "100%" }

// weigh gives servers their shares.
func (r *run) weigh(ctx context.Context, seats []haproxy.ServerState, weight func(haproxy.ServerState) string) error {
	if len(seats) == 0 {
		return nil
	}
	return r.live.Do(ctx, func(session *haproxy.Session) error {
		for _, seat := range seats {
			command := fmt.Sprintf("set server %s/%s weight %s", haproxy.Quote(seat.Backend), haproxy.Quote(seat.Server), weight(seat))
			if err := session.Do(ctx, command); err != nil {
				return err
			}
		}
		return nil
	})
}

// score is how servers have answered.
type score struct {
	requests, failed int64
	latency          time.Duration // mean
}

// latencyWindow is how many answers HAProxy's mean response time stands for, about
// (TIME_STATS_SAMPLES in its source).
const latencyWindow = 512

// since is the score from a moment on. A slot keeps the mean of whoever had it
// before: that part is taken out again.
func (s score) since(start score) score {
	n := s.requests - start.requests
	gone := min(start.requests, latencyWindow)
	now := score{requests: n, failed: s.failed - start.failed}
	if n > 0 {
		now.latency = max(0, (s.latency*time.Duration(gone+n)-start.latency*time.Duration(gone))/time.Duration(n))
	}
	return now
}

// errors is the share of failed requests, in percent.
func (s score) errors() float64 {
	if s.requests == 0 {
		return 0
	}
	return 100 * float64(s.failed) / float64(s.requests)
}

// canaryInterval is how often a canary is looked at.
const canaryInterval = 250 * time.Millisecond

// canaryEnough is how many requests allow a judgement before the time is over.
const canaryEnough = 20

// watch looks at the canary until its time is over or it has failed.
func (r *run) watch(ctx context.Context, before, after []haproxy.ServerState) error {
	canary := *r.policy.Canary
	start, err := r.scores(ctx, after)
	if err != nil {
		return err
	}
	end := time.Now().Add(canary.Time)
	for {
		counted, err := r.scores(ctx, after)
		if err != nil {
			return err
		}
		others, err := r.scores(ctx, before)
		if err != nil {
			return err
		}
		now, old := sum(counted, start), sum(others, nil)
		over := time.Now().After(end)
		if why := canary.verdict(now, old, over); why != "" {
			r.engine.Tell("Service "+r.service, compose.Broken, "Canary failed")
			return &compose.Problem{
				Summary: fmt.Sprintf("the canary of service %s failed: %s", r.service, why),
				Advice:  `Look at the new version's log; --canary-errors and --canary-latency are the limits.`,
			}
		}
		r.engine.Tell("Service "+r.service, compose.Working, fmt.Sprintf("Canary: %d requests, %.1f%% failed", now.requests, now.errors()))
		if over {
			return nil
		}
		if err := compose.Pause(ctx, canaryInterval); err != nil {
			return err
		}
	}
}

// verdict is why a canary has failed; "" while it has not.
func (c Canary) verdict(now, old score, over bool) string {
	if now.requests < canaryEnough && !over || now.requests == 0 {
		return ""
	}
	if now.errors() > c.Errors {
		return fmt.Sprintf("%d of %d requests (%.1f%%), more than %g%%", now.failed, now.requests, now.errors(), c.Errors)
	}
	// Below some milliseconds the clock HAProxy measures with says little.
	if limit := time.Duration(c.Latency * float64(max(old.latency, 5*time.Millisecond))); c.Latency > 0 && now.latency > limit {
		return fmt.Sprintf("a mean response time of %s, against %s of the old containers", now.latency, old.latency)
	}
	return ""
}

// sum is the score of all servers together, from some moment on.
func sum(counted, start map[string]score) (all score) {
	var latency time.Duration
	for name, s := range counted {
		now := s.since(start[name])
		all.requests += now.requests
		all.failed += now.failed
		latency += now.latency * time.Duration(now.requests)
	}
	if all.requests > 0 {
		all.latency = latency / time.Duration(all.requests)
	}
	return all
}

// scores is what HAProxy has counted of servers, by BACKEND/SERVER.
func (r *run) scores(ctx context.Context, seats []haproxy.ServerState) (scores map[string]score, err error) {
	err = r.live.Do(ctx, func(session *haproxy.Session) error {
		scores = map[string]score{}
		stats, err := session.Stats(ctx)
		if err != nil {
			return err
		}
		for _, stat := range stats {
			if stat.Type == haproxy.StatServer && slices.ContainsFunc(seats, func(seat haproxy.ServerState) bool {
				return seat.Backend == stat.Proxy && seat.Server == stat.Server
			}) {
				scores[stat.Proxy+"/"+stat.Server] = score{
					requests: stat.SessionsTotal,
					failed:   stat.Responses5xx + stat.ConnectionErrors + stat.ResponseErrors,
					latency:  stat.ResponseTime,
				}
			}
		}
		return nil
	})
	return scores, err
}
