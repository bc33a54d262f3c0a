package control

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pause is the time between two requests.
const pause = 10 * time.Millisecond

// requests are being sent, each when it is due, whatever becomes of the others,
// and on a connection of its own. Who answered is noted.
type requests struct {
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	answers []noted
	sent    int64
	lost    int64
	why     error // of the last one that was lost
}

// noted is an answer that came.
type noted struct {
	by             string
	sent, answered time.Time
}

// send begins to send. The caller stops it.
func (p project) send(ctx context.Context) *requests {
	ctx, cancel := context.WithCancel(ctx)
	r := &requests{cancel: cancel}
	r.running.Go(func() {
		due := time.NewTicker(pause)
		defer due.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-due.C:
				r.running.Go(func() { r.note(ctx, p) })
			}
		}
	})
	return r
}

func (r *requests) stop() {
	r.cancel()
	r.running.Wait()
}

func (r *requests) note(ctx context.Context, p project) {
	sent := time.Now()
	a, err := p.ask(ctx)
	answered := time.Now()
	if ctx.Err() != nil {
		return // it was stopped, and not lost
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
	if err != nil {
		r.lost++
		r.why = err
		return
	}
	r.answers = append(r.answers, noted{by: a.by, sent: sent, answered: answered})
}

func (r *requests) account() (sent, lost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent, r.lost
}

// first is when a host gave its first answer; it waits for it.
func (r *requests) first(ctx context.Context, host string) (time.Time, error) {
	return r.firstSince(ctx, host, time.Time{})
}

// firstSince is when a host first answered a request that was sent since then.
func (r *requests) firstSince(ctx context.Context, host string, since time.Time) (time.Time, error) {
	var first time.Time
	err := until(ctx, func() bool {
		for _, a := range r.noted() {
			if a.by == host && a.sent.After(since) && (first.IsZero() || a.answered.Before(first)) {
				first = a.answered
			}
		}
		return !first.IsZero()
	})
	if err != nil {
		return first, errors.Join(fmt.Errorf("%s does not answer: %w", host, err), r.lastLoss())
	}
	return first, nil
}

// last is when the last request was sent that a host answered: afterwards others
// have answered fifty in a row.
func (r *requests) last(ctx context.Context, host string) (time.Time, error) {
	const enough = 50
	var last time.Time
	err := until(ctx, func() bool {
		others := 0
		for _, a := range r.noted() {
			others++
			if a.by == host {
				others = 0
				last = later(last, a.sent)
			}
		}
		return others >= enough
	})
	if err != nil {
		return last, fmt.Errorf("%s does not cease to answer: %w", host, err)
	}
	return last, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// noted are the answers until now, which are only ever added to.
func (r *requests) noted() []noted {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers
}

func (r *requests) lastLoss() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}
