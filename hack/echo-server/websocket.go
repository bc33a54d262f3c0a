package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// sockets are the open websockets.
type sockets struct {
	mu      sync.Mutex
	open    map[*websocket.Conn]struct{}
	closing bool
	running sync.WaitGroup // one for each open websocket
}

func newSockets() *sockets { return &sockets{open: map[*websocket.Conn]struct{}{}} }

// echo sends every message back as it came. The text "whoami" is answered with
// the server's name and version instead.
func (s *sockets) echo(w http.ResponseWriter, r *http.Request, opts options) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		// Any origin: behind a proxy the Host seldom is the browser's, and there
		// is nothing here to protect.
		InsecureSkipVerify: true,
	})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	if !s.add(conn) {
		_ = conn.Close(websocket.StatusGoingAway, "server is stopping")
		return
	}
	defer s.remove(conn)
	conn.SetReadLimit(maxEcho)
	ctx := context.WithoutCancel(r.Context()) // not to be used after a hijack
	for {
		kind, msg, err := conn.Read(ctx)
		if err != nil {
			return // closed by either side
		}
		if kind == websocket.MessageText && string(msg) == "whoami" {
			msg = fmt.Appendf(nil, "%s version %s", opts.name, opts.version)
		}
		if err := conn.Write(ctx, kind, msg); err != nil {
			return
		}
	}
}

func (s *sockets) add(conn *websocket.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.open[conn] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *sockets) remove(conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	s.running.Done()
}

// close ends every websocket with 1001 (going away) and waits for the clients
// to agree. It returns the context's error when they did not in time.
func (s *sockets) close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for conn := range s.open {
		go func() { _ = conn.Close(websocket.StatusGoingAway, "server is stopping") }()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
