// Package bench measures how fast HTTP services answer, and what stands between
// them and their clients costs. It makes the load itself, plans runs so that what
// is compared is measured side by side, and says how sure the result is. It knows
// neither Docker nor HAProxy, and prints nothing.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Protocol is what the client speaks.
type Protocol string

// The protocols, by their names in ALPN's and everybody's short form.
const (
	H1 Protocol = "h1"
	H2 Protocol = "h2" // without TLS: by prior knowledge (RFC 9113, 3.3)
)

// Load is load of one kind: what is sent where, and for how long.
//
// With a Rate the loop is open: requests are due at times that do not depend on
// the answers, and each one's latency counts from when it was due, whether or not
// a client was free to send it. So a stall is counted by all requests that it
// delays (it is "coordinated omission" to leave them out). Without a Rate the loop
// is closed: each client sends its next request when it has its answer, and a
// stall counts once for each client.
type Load struct {
	Addresses []string // HOST:PORT; clients take them in turn
	TLS       bool     // the certificate is not verified: it is the project's own that is measured
	Protocol  Protocol
	KeepAlive bool // or else a connection for each request
	Host      string
	Path      string
	Clients   int
	Rate      float64       // requests per second of all clients; 0: closed loop
	LeadIn    time.Duration // before what is measured, of the same load
	Duration  time.Duration // of what is measured
}

// requestTimeout is when a request counts as an error.
const requestTimeout = 10 * time.Second

// Result is what became of a load.
type Result struct {
	Answered   int64         // requests that were begun in the measured time, and answered
	Errors     int64         // those that were not, or with a status of 400 and more
	Served     int64         // with those of the lead-in
	Elapsed    time.Duration // until the last of them was answered
	Complaints []string      `json:",omitempty"` // of the first errors
	Latency    *Latency
}

// shownErrors bounds Complaints.
const shownErrors = 3

// Run sends the load, and waits until everything is answered.
func (l Load) Run(ctx context.Context) (Result, error) {
	clients, err := l.connect(ctx)
	defer func() {
		for _, c := range clients {
			c.hangUp()
		}
	}()
	if err != nil {
		return Result{}, err
	}
	account := l.begin(time.Now())
	var working sync.WaitGroup
	for _, c := range clients {
		working.Go(func() { account.serve(ctx, c) })
	}
	working.Wait()
	return account.result, ctx.Err()
}

// connect makes the clients. Those that keep their connection open it now:
// it takes no part in what is measured.
func (l Load) connect(ctx context.Context) ([]*client, error) {
	if len(l.Addresses) == 0 || l.Clients < 1 {
		return nil, errors.New("a load needs an address and a client")
	}
	var clients []*client
	for n := range l.Clients {
		c := &client{load: l, address: l.Addresses[n%len(l.Addresses)]}
		clients = append(clients, c)
		if l.KeepAlive {
			if err := c.open(ctx); err != nil {
				return clients, err
			}
		}
	}
	return clients, nil
}

// Try sends one request and tells whether it is answered as it must be.
func (l Load) Try(ctx context.Context) error {
	c := &client{load: l, address: l.Addresses[0]}
	defer c.hangUp()
	return c.request(ctx)
}

// account is of all clients of a running load.
type account struct {
	load  Load
	began time.Time // of what is measured
	end   time.Time
	next  atomic.Int64 // number of the request that is due next

	mu     sync.Mutex
	result Result
}

func (l Load) begin(now time.Time) *account {
	if l.Rate > 0 { // up to when the first request would be due that is not measured
		l.Duration = time.Duration(math.Ceil(l.Rate*l.Duration.Seconds()) / l.Rate * float64(time.Second))
	}
	a := &account{load: l, began: now.Add(l.LeadIn), end: now.Add(l.LeadIn + l.Duration)}
	a.result.Latency = NewLatency()
	if l.Rate > 0 {
		a.next.Store(-int64(l.Rate * l.LeadIn.Seconds()))
	}
	return a
}

// serve is the work of one client.
func (a *account) serve(ctx context.Context, c *client) {
	for ctx.Err() == nil {
		due, more := a.take(ctx)
		if !more {
			return
		}
		err := c.request(ctx)
		if ctx.Err() == nil {
			a.note(due, time.Now(), err)
		}
		if err != nil || !a.load.KeepAlive {
			c.hangUp()
		}
	}
}

// take waits until the next request is due, and gives the time that its latency
// counts from.
func (a *account) take(ctx context.Context) (due time.Time, more bool) {
	if a.load.Rate == 0 {
		due = time.Now()
		return due, due.Before(a.end)
	}
	due = a.due(a.next.Add(1) - 1)
	if !due.Before(a.end) {
		return due, false
	}
	early := time.Until(due)
	if early <= 0 {
		return due, true // all clients were at older requests
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return due, false
	case <-timer.C:
	}
	if woke := time.Now(); woke.Sub(due) < timerSlack {
		due = woke
	}
	return due, true
}

// timerSlack is how late a timer may wake a client that was free. That is some
// 0.1 ms of this machine's on Linux, and none of the server's; a stall that is
// longer counts, whoever stalled.
const timerSlack = time.Millisecond

func (a *account) due(number int64) time.Time {
	return a.began.Add(time.Duration(float64(number) / a.load.Rate * float64(time.Second)))
}

// note counts a request.
func (a *account) note(due, now time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.result.Served++
	}
	if due.Before(a.began) {
		return
	}
	a.result.Elapsed = max(a.result.Elapsed, now.Sub(a.began), a.load.Duration)
	if err == nil {
		a.result.Answered++
		a.result.Latency.Record(now.Sub(due))
		return
	}
	a.result.Errors++
	if len(a.result.Complaints) < shownErrors {
		a.result.Complaints = append(a.result.Complaints, err.Error())
	}
}

// StatusError is an answer that is no success: it says nothing of how fast a
// service does its work.
type StatusError struct{ Status int }

func (e StatusError) Error() string { return fmt.Sprintf("status %d", e.Status) }
