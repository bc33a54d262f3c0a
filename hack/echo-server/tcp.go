package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// lines is the service over plain TCP: each line is answered with the server's
// name, a blank, and the line. It stands in for a database: clients keep their
// connection, and nothing of it looks like HTTP.
type lines struct {
	opts    options
	mu      sync.Mutex
	open    map[net.Conn]struct{}
	running sync.WaitGroup // one for each open connection
}

func newLines(opts options) *lines { return &lines{opts: opts, open: map[net.Conn]struct{}{}} }

// serve accepts connections on ln until ctx ends, and for -drain after that.
// Then connections are closed, each as soon as the line it is at is answered.
func (l *lines) serve(ctx context.Context, ln net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- l.accept(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	time.Sleep(l.opts.drain)
	ln.Close()
	if err := <-failed; !errors.Is(err, net.ErrClosed) { // from here on there are no new ones
		return err
	}
	return l.close()
}

func (l *lines) accept(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.open[conn] = struct{}{}
		l.mu.Unlock()
		l.running.Go(func() { l.echo(conn) })
	}
}

func (l *lines) echo(conn net.Conn) {
	defer func() {
		conn.Close()
		l.mu.Lock()
		delete(l.open, conn)
		l.mu.Unlock()
	}()
	input := bufio.NewScanner(conn)
	input.Buffer(nil, maxEcho)
	for input.Scan() {
		if _, err := fmt.Fprintf(conn, "%s %s\n", l.opts.name, input.Text()); err != nil {
			return
		}
	}
}

// close ends the reading of all connections, and waits for what is being written.
func (l *lines) close() error {
	l.mu.Lock()
	for conn := range l.open {
		_ = conn.SetReadDeadline(time.Now()) // an error is a connection that has ended
	}
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		l.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(l.opts.grace):
		return errors.New("connections were still written to after " + l.opts.grace.String() + " and were cut")
	}
}
