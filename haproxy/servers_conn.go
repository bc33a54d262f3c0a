package haproxy

import (
	"context"
	"fmt"
	"strings"
)

// ServerConn is how many connections a server has.
type ServerConn struct {
	Backend, Server string
	Addr            string // without port; empty when the server has none (yet)
	Port            int
	Used            int64 // connections with a request or a session on them; a drain waits for 0
	Idle            int64 // connections kept for reuse
	Values          map[string]string
}

// ServersConn asks the worker in charge for the connections of the servers of a backend, or of all
// backends when backend is empty.
func (s *Session) ServersConn(ctx context.Context, backend string) ([]ServerConn, error) {
	answer, err := s.show(ctx, "show servers conn", backend)
	if err != nil {
		return nil, err
	}
	return ParseServersConn(answer)
}

// ParseServersConn reads the answer of "show servers conn".
func ParseServersConn(answer string) ([]ServerConn, error) {
	return parseTable(answer, "bkname/svname", func(r *record) (ServerConn, error) {
		backend, server, ok := strings.Cut(r.text("bkname/svname"), "/")
		if !ok {
			return ServerConn{}, fmt.Errorf("%w: a row lacks its backend or its server", ErrUnexpectedAnswer)
		}
		return ServerConn{
			Backend: backend,
			Server:  server,
			Addr:    r.textOrDash("addr"),
			Port:    int(r.number("port")),
			Used:    r.number("used_cur"),
			Idle:    r.number("idle_cur"),
			Values:  r.rest(),
		}, r.err
	})
}
