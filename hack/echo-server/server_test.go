package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// running is a server that serves, and the means to stop it.
type running struct {
	addr string
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, opts options) running {
	t.Helper()
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := running{addr: ln.Addr().String(), stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- newServer(opts).serve(ctx, ln) }()
	return r
}

func (r running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the server did not stop")
		return nil
	}
}

type result struct {
	status int
	body   string
	err    error
}

// get fetches a URL on a connection of its own.
func get(url string) result {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return result{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return result{resp.StatusCode, string(body), err}
}

func TestAStopWaitsForTheRequestInFlight(t *testing.T) {
	r := start(t, options{name: "web1", grace: 5 * time.Second})
	answer := make(chan result, 1)
	go func() { answer <- get("http://" + r.addr + "/?delay=300ms") }()
	time.Sleep(100 * time.Millisecond)
	r.stop()
	time.Sleep(50 * time.Millisecond)
	if got := get("http://" + r.addr + "/"); got.err == nil {
		t.Errorf("a new connection was answered %d after the stop", got.status)
	}
	if got := <-answer; got.err != nil || got.status != http.StatusOK || !strings.HasPrefix(got.body, "Request served by web1\n") {
		t.Errorf("the request in flight got %+v", got)
	}
	if err := r.wait(t); err != nil {
		t.Errorf("serve = %v", err)
	}
}

func TestADrainFailsHealthAndStillAnswers(t *testing.T) {
	r := start(t, options{drain: 300 * time.Millisecond, grace: time.Second})
	if got := get("http://" + r.addr + "/healthz"); got.status != http.StatusOK {
		t.Fatalf("before the stop /healthz = %+v", got)
	}
	r.stop()
	time.Sleep(50 * time.Millisecond)
	if got := get("http://" + r.addr + "/healthz"); got.status != http.StatusServiceUnavailable {
		t.Errorf("while draining /healthz = %+v, want 503", got)
	}
	if got := get("http://" + r.addr + "/"); got.status != http.StatusOK {
		t.Errorf("while draining / = %+v, want 200", got)
	}
	if err := r.wait(t); err != nil {
		t.Errorf("serve = %v", err)
	}
}

func TestTheGracePeriodIsBounded(t *testing.T) {
	r := start(t, options{grace: 100 * time.Millisecond})
	answer := make(chan result, 1)
	go func() { answer <- get("http://" + r.addr + "/?delay=1m") }()
	time.Sleep(100 * time.Millisecond)
	r.stop()
	if err := r.wait(t); err == nil || !strings.Contains(err.Error(), "were cut") {
		t.Errorf("serve = %v, want an error that says that requests were cut", err)
	}
	if got := <-answer; got.err == nil {
		t.Errorf("the request got %+v, want an error", got)
	}
}

func TestAStopClosesWebsocketsAsGoingAway(t *testing.T) {
	r := start(t, options{grace: 5 * time.Second})
	conn, _, err := websocket.Dial(t.Context(), "ws://"+r.addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, msg, err := conn.Read(t.Context()); err != nil || string(msg) != "hello" {
		t.Fatalf("read %q, %v", msg, err)
	}
	began := time.Now()
	r.stop()
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("read = %v, want a close with 1001", err)
	}
	if err := r.wait(t); err != nil {
		t.Errorf("serve = %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

// h2c is a client that speaks HTTP/2 in clear text, and nothing else.
func h2c() *http.Client {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: &protocols}}
}

func TestHTTP2InClearTextIsAnsweredAndItsRequestsInFlightToo(t *testing.T) {
	r := start(t, options{name: "web1", grace: 5 * time.Second})
	client := h2c()
	answer := make(chan result, 1)
	ask := func(path string) result {
		resp, err := client.Get("http://" + r.addr + path)
		if err != nil {
			return result{err: err}
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return result{resp.StatusCode, string(body), err}
	}
	if got := ask("/"); got.err != nil || !strings.Contains(got.body, "GET / HTTP/2.0\n") {
		t.Fatalf("got %+v", got)
	}
	go func() { answer <- ask("/?delay=300ms") }()
	time.Sleep(100 * time.Millisecond)
	r.stop()
	if got := <-answer; got.err != nil || got.status != http.StatusOK {
		t.Errorf("the request in flight got %+v", got)
	}
	if err := r.wait(t); err != nil {
		t.Errorf("serve = %v", err)
	}
}
