package haproxy

import (
	"context"
	"fmt"
	"strings"
)

// Mode is what an administrator wants of a server.
type Mode string

// The modes of "set server … state" (HAProxy management guide).
const (
	ModeReady       Mode = "ready"
	ModeDrain       Mode = "drain" // no new sessions; running ones and persistent clients go on
	ModeMaintenance Mode = "maint" // no sessions and no checks; running sessions go on
)

// SetServerMode changes what a server takes, until it is set again or HAProxy is reloaded.
func (s *Session) SetServerMode(ctx context.Context, backend, server string, mode Mode) error {
	return s.Do(ctx, fmt.Sprintf("set server %s state %s", serverName(backend, server), mode))
}

// SetServerWeight sets a server's share of the traffic, from 0 to 256.
func (s *Session) SetServerWeight(ctx context.Context, backend, server string, weight int) error {
	return s.Do(ctx, fmt.Sprintf("set server %s weight %d", serverName(backend, server), weight))
}

// SetServerAddress gives a server another IP address, until it is set again, HAProxy is reloaded or
// the server's name resolves to another one.
func (s *Session) SetServerAddress(ctx context.Context, backend, server, ip string) error {
	command := fmt.Sprintf("set server %s addr %s", serverName(backend, server), ip)
	answer, err := s.Worker(ctx, command)
	if err != nil || strings.HasPrefix(answer, "IP changed") || strings.HasPrefix(answer, "no need to change") {
		return err
	}
	return &Refusal{Command: command, Answer: answer}
}

// AddServer adds a server to a backend. It starts in maintenance, and without checks even when its
// options define them: SetServerMode and EnableHealth change that. options are those of a server
// line, and not quoted, such as "check inter 500ms"; default-server lines do not apply.
func (s *Session) AddServer(ctx context.Context, backend, server, address, options string) error {
	command := fmt.Sprintf("add server %s %s %s", serverName(backend, server), Quote(address), options)
	return s.Do(ctx, command, "New server registered.")
}

// EnableHealth starts the checks of a server.
func (s *Session) EnableHealth(ctx context.Context, backend, server string) error {
	return s.Do(ctx, "enable health "+serverName(backend, server))
}

// DeleteServer removes a server, which must be in maintenance ([ErrNotInMaintenance]) and without
// connections ([ErrStillConnected]).
func (s *Session) DeleteServer(ctx context.Context, backend, server string) error {
	return s.Do(ctx, "del server "+serverName(backend, server), "Server deleted.")
}

// ShutdownSessions ends all sessions of a server at once.
func (s *Session) ShutdownSessions(ctx context.Context, backend, server string) error {
	return s.Do(ctx, "shutdown sessions server "+serverName(backend, server))
}

func serverName(backend, server string) string { return Quote(backend) + "/" + Quote(server) }
