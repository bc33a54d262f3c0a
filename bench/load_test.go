package bench

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// server is an HTTP server of a test, and the load that goes to it.
func server(t *testing.T, handler http.HandlerFunc, secured bool) (load Load, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetHTTP2(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	if secured {
		s.EnableHTTP2 = true
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return Load{
		Addresses: []string{s.Listener.Addr().String()}, TLS: secured, Protocol: H1, KeepAlive: true,
		Host: "shop.example.com", Path: "/x?y=z", Clients: 2, LeadIn: 10 * time.Millisecond, Duration: 100 * time.Millisecond,
	}, connections
}

func TestEveryKindOfLoadIsAnswered(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Load){
		"h1, kept":        func(*Load) {},
		"h1, new":         func(l *Load) { l.KeepAlive = false },
		"h2":              func(l *Load) { l.Protocol = H2 },
		"h1, open loop":   func(l *Load) { l.Rate = 200 },
		"h2, open loop":   func(l *Load) { l.Rate, l.Protocol = 200, H2 },
		"two addresses":   func(l *Load) { l.Addresses = append(l.Addresses, l.Addresses[0]) },
		"without lead-in": func(l *Load) { l.LeadIn = 0 },
	} {
		for _, secured := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", TLS"}[secured], func(t *testing.T) {
				t.Parallel()
				var wrong atomic.Value
				load, connections := server(t, func(w http.ResponseWriter, r *http.Request) {
					if r.Host != "shop.example.com" || r.URL.String() != "/x?y=z" {
						wrong.Store(r.Host + r.URL.String())
					}
					_, _ = io.WriteString(w, strings.Repeat("answer\n", 1000))
				}, secured)
				change(&load)
				assert.NilError(t, load.Try(t.Context()))
				connections.Store(0)
				result, err := load.Run(t.Context())
				assert.NilError(t, err)
				assert.Assert(t, wrong.Load() == nil, "%v was asked for", wrong.Load())
				assert.Equal(t, result.Errors, int64(0), "%v", result.Complaints)
				assert.Assert(t, result.Answered > 0 && result.Latency.Count() == result.Answered && result.Served >= result.Answered)
				assert.Assert(t, result.Elapsed >= load.Duration)
				if load.KeepAlive {
					assert.Equal(t, connections.Load(), int64(2))
				} else {
					assert.Assert(t, connections.Load() >= result.Served)
				}
			})
		}
	}
}

func TestTheRateIsKept(t *testing.T) {
	t.Parallel()
	load, _ := server(t, func(http.ResponseWriter, *http.Request) {}, false)
	load.Rate, load.Duration = 500, 200*time.Millisecond
	result, err := load.Run(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, result.Answered, int64(100), "a rate is no aim: each request is due at its time")
}

// stalling is a server that answers at once, but for one stall of all requests.
func stalling(after, stall time.Duration) http.HandlerFunc {
	var once sync.Once
	var mu sync.RWMutex
	began := time.Now()
	return func(http.ResponseWriter, *http.Request) {
		if time.Since(began) > after {
			once.Do(func() {
				mu.Lock()
				time.Sleep(stall)
				mu.Unlock()
			})
		}
		mu.RLock()
		defer mu.RUnlock()
	}
}

// A server that stands still for 300 of 1000 ms is slow for a third of those who
// come at a steady rate. Clients that wait with it for their next request notice
// only two slow ones: that is what "coordinated omission" means.
func TestAStallCountsForAllThatItDelays(t *testing.T) {
	t.Parallel()
	const stall = 300 * time.Millisecond
	load, _ := server(t, stalling(200*time.Millisecond, stall), false)
	load.Rate, load.Duration = 200, time.Second
	open, err := load.Run(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, open.Answered, int64(200))
	assert.Assert(t, open.Latency.At(75) > 15*time.Millisecond, "p75 is %s", open.Latency.At(75))
	assert.Assert(t, open.Latency.At(90) > stall/3, "p90 is %s", open.Latency.At(90))
	assert.Assert(t, open.Latency.At(99) > stall*8/10, "p99 is %s", open.Latency.At(99))

	load, _ = server(t, stalling(200*time.Millisecond, stall), false)
	load.Duration = time.Second
	closed, err := load.Run(t.Context())
	assert.NilError(t, err)
	assert.Assert(t, closed.Latency.At(99) < stall/3, "p99 of a closed loop is %s", closed.Latency.At(99))
	assert.Assert(t, closed.Latency.Max() > stall*8/10)
}

func TestWhatIsNotAnsweredIsAnError(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	load, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 3 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			panic(http.ErrAbortHandler)
		}
	}, false)
	result, err := load.Run(t.Context())
	assert.NilError(t, err)
	assert.Assert(t, result.Errors > result.Answered && result.Answered > 0, "%+v", result)
	assert.Equal(t, len(result.Complaints), shownErrors)
	assert.Assert(t, strings.Contains(strings.Join(result.Complaints, " "), "status 503"))
}

func TestTryTellsWhy(t *testing.T) {
	t.Parallel()
	load, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, false)
	err := load.Try(t.Context())
	status, ok := errors.AsType[StatusError](err)
	assert.Assert(t, ok && status.Status == http.StatusNotFound, "%v", err)
	load.Addresses = []string{"127.0.0.1:1"}
	assert.ErrorContains(t, load.Try(t.Context()), "refused")
	_, err = load.Run(t.Context())
	assert.ErrorContains(t, err, "refused")
	_, err = Load{}.Run(t.Context())
	assert.ErrorContains(t, err, "needs an address")
}

func TestCtrlCEndsALoadAtOnce(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	load, _ := server(t, func(http.ResponseWriter, *http.Request) { <-release }, false)
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := load.Run(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Assert(t, time.Since(began) < requestTimeout/2)
}

func TestAClientElsewhereDoesTheSame(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Serve(t.Context(), there, there) }()
	remote := NewRemote(here)
	var status atomic.Int64
	status.Store(http.StatusOK)
	load, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }, false)

	assert.NilError(t, remote.Try(t.Context(), load))
	result, err := remote.Run(t.Context(), load)
	assert.NilError(t, err)
	assert.Assert(t, result.Answered > 0 && result.Latency.Count() == result.Answered)
	assert.Assert(t, result.Latency.Max() > 0 && result.Latency.At(50) > 0)
	status.Store(http.StatusForbidden)
	refused, ok := errors.AsType[StatusError](remote.Try(t.Context(), load))
	assert.Assert(t, ok && refused.Status == http.StatusForbidden)
	load.Addresses = []string{"127.0.0.1:1"}
	assert.ErrorContains(t, remote.Try(t.Context(), load), "refused")

	assert.NilError(t, here.Close())
	assert.NilError(t, <-ended)
	assert.ErrorContains(t, remote.Try(t.Context(), load), "does not answer")
}

func TestNonsenseIsNoOrder(t *testing.T) {
	t.Parallel()
	assert.ErrorContains(t, Serve(t.Context(), strings.NewReader("hello"), io.Discard), "not an order")
	assert.NilError(t, Serve(t.Context(), strings.NewReader(""), io.Discard))
}

func TestALatencySurvivesItsJSON(t *testing.T) {
	t.Parallel()
	latency := NewLatency()
	for n := range 1000 {
		latency.Record(time.Duration(n) * time.Millisecond)
	}
	latency.Record(time.Hour) // is a minute
	text, err := json.Marshal(latency)
	assert.NilError(t, err)
	var read Latency
	assert.NilError(t, json.Unmarshal(text, &read))
	assert.Equal(t, read.Count(), latency.Count())
	assert.Equal(t, read.Max(), latency.Max())
	for _, percentage := range []float64{0, 50, 99, 99.9, 100} {
		assert.Equal(t, read.At(percentage), latency.At(percentage))
	}
	assert.Assert(t, json.Unmarshal([]byte(`"nonsense"`), &read) != nil)
	assert.Assert(t, json.Unmarshal([]byte(`7`), &read) != nil)
}
