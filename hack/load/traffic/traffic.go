// Package traffic is load from clients that never send a request twice, and
// that account for each one: what they lose is what a user would have lost.
//
// HTTP libraries hide losses: Go's repeats a GET that meets a connection closed
// while idle, and most load generators count only what they were answered.
// These clients write each request once, on a connection of their own, and
// every one that does not get its own answer with a status below 500 is lost.
package traffic

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Kind is a kind of client.
type Kind string

// The kinds of clients. Those that keep their connection take no precaution
// against its being closed between two requests.
const (
	GetNew    Kind = "GET, new connections"
	GetKept   Kind = "GET, kept alive"
	PostNew   Kind = "POST, new connections"
	PostKept  Kind = "POST, kept alive"
	WebSocket Kind = "websocket"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{GetNew, GetKept, PostNew, PostKept, WebSocket} }

// Options say what load is sent where.
type Options struct {
	// Address is HAProxy's, host:port, on this machine: the load is refused to any
	// other than a loopback address.
	Address string
	// Host is the request's, Address where it is empty.
	Host string
	// Path is asked for, with whatever query; / where it is empty. The answer must
	// repeat the request's headers, as the echo server's does.
	Path string
	// WebSocketPath must echo messages; /ws where it is empty.
	WebSocketPath string
	// Clients are how many of each kind.
	Clients map[Kind]int
	// Pause is the time between two requests of a client.
	Pause time.Duration
	// Timeout bounds a request, 20 s where it is 0.
	Timeout time.Duration
}

// Same is the same number of clients of all kinds.
func Same(clients int) map[Kind]int {
	each := map[Kind]int{}
	for _, kind := range Kinds() {
		each[kind] = clients
	}
	return each
}

// Load is load that is being sent.
type Load struct {
	opts     Options
	began    time.Time
	stopping context.Context //nolint:containedctx // how clients learn that they are to stop
	stop     context.CancelFunc
	clients  sync.WaitGroup
	answered atomic.Int64

	mu     sync.Mutex
	counts map[Kind]*Count
	losses []Loss
}

// Loss is a request, or a websocket's message, that was not answered as it
// must be.
type Loss struct {
	At      time.Time
	Kind    Kind
	Request string // client and number, as the request carries it
	Why     error
}

func (l Loss) String() string {
	return fmt.Sprintf("%s %s, %s: %v", l.At.Format("15:04:05.000"), l.Kind, l.Request, l.Why)
}

// keptLosses bounds the list of losses; all are counted.
const keptLosses = 100

// Start begins to send. The caller stops it.
func Start(opts Options) (*Load, error) {
	if err := onLoopback(opts.Address); err != nil {
		return nil, err
	}
	opts.Host = orDefault(opts.Host, opts.Address)
	opts.Path = orDefault(opts.Path, "/")
	opts.WebSocketPath = orDefault(opts.WebSocketPath, "/ws")
	if opts.Timeout == 0 {
		opts.Timeout = 20 * time.Second
	}
	l := &Load{opts: opts, began: time.Now(), counts: map[Kind]*Count{}}
	l.stopping, l.stop = context.WithCancel(context.Background())
	for _, kind := range Kinds() {
		n := opts.Clients[kind]
		if n == 0 {
			continue
		}
		l.counts[kind] = &Count{Kind: kind, Clients: n, latency: hdrhistogram.New(1, (2 * opts.Timeout).Microseconds(), 3)}
		for i := range n {
			c := &client{load: l, kind: kind, number: i}
			l.clients.Go(c.run)
		}
	}
	return l, nil
}

// onLoopback makes sure that load meets nobody else's machine.
func onLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("the address %q is not HOST:PORT: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("load is sent to this machine only (127.0.0.1 or ::1), not to %s", host)
	}
	return nil
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// Answered is how many requests and messages were answered until now.
func (l *Load) Answered() int64 { return l.answered.Load() }

// Stop lets every client finish the request it is at, and gives the account.
// It may be called more than once.
func (l *Load) Stop() Report {
	l.stop()
	l.clients.Wait()
	return l.Report()
}

// Report gives the account until now.
func (l *Load) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	report := Report{Elapsed: time.Since(l.began), Losses: append([]Loss(nil), l.losses...)}
	for _, kind := range Kinds() {
		if count := l.counts[kind]; count != nil {
			copied := *count
			copied.latency = hdrhistogram.Import(count.latency.Export())
			report.Counts = append(report.Counts, copied)
		}
	}
	return report
}

// note counts one request.
func (l *Load) note(kind Kind, request string, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := l.counts[kind]
	count.Sent++
	if err != nil {
		count.Lost++
		if len(l.losses) < keptLosses {
			l.losses = append(l.losses, Loss{At: time.Now(), Kind: kind, Request: request, Why: err})
		}
		return
	}
	count.Answered++
	l.answered.Add(1)
	_ = count.latency.RecordValue(took.Microseconds()) // beyond the bounds is a timeout, which is lost
}

// opened counts a connection.
func (l *Load) opened(kind Kind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[kind].Connections++
}
