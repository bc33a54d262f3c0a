package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// server is one echo server: an http.Handler and how it stops.
type server struct {
	opts    options
	health  *health
	sockets *sockets
}

func newServer(opts options) *server {
	return &server{opts: opts, health: newHealth(!opts.failHealth), sockets: newSockets()}
}

// ServeHTTP routes by hand: http.ServeMux would redirect paths such as "//a"
// instead of echoing them.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Echo-Name", s.opts.name)
	w.Header().Set("X-Echo-Version", s.opts.version)
	if s.health.draining() {
		// Tell the proxy to send its next request on another connection: this
		// one is about to be closed.
		w.Header().Set("Connection", "close")
	}
	switch r.URL.Path {
	case "/healthz":
		s.health.answer(w)
	case "/healthz/fail":
		s.health.change(w, r, false)
	case "/healthz/pass":
		s.health.change(w, r, true)
	case "/ws":
		s.sockets.echo(w, r, s.opts)
	default:
		s.answer(w, r)
	}
}

// serve accepts connections until ctx ends, then stops gracefully: the health
// check fails, the listeners stay open for -drain, running requests and
// websockets get -grace to end. An error means that something was cut.
func (s *server) serve(ctx context.Context, listeners ...net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		Protocols:         protocols(),
		ReadHeaderTimeout: 10 * time.Second,
		// Longer than any proxy keeps an idle connection, so that it is never
		// this side that closes one just as a request is on its way. There is no
		// ReadTimeout: it would abort a long "delay".
		IdleTimeout: 2 * time.Minute,
	}
	failed := make(chan error, len(listeners))
	for _, ln := range listeners {
		go func() { failed <- srv.Serve(ln) }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	s.health.drain()
	time.Sleep(s.opts.drain)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.grace)
	defer cancel()
	socketsClosed := make(chan error, 1)
	go func() { socketsClosed <- s.sockets.close(grace) }() // Shutdown knows nothing of hijacked connections
	err := errors.Join(srv.Shutdown(grace), <-socketsClosed)
	if err != nil {
		_ = srv.Close()
		return fmt.Errorf("requests were still running after %s and were cut: %w", s.opts.grace, err)
	}
	return nil
}

// protocols are HTTP/1.1, and HTTP/2 with TLS and without.
func protocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}
