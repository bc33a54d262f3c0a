package haproxy

import (
	"context"
	"fmt"
)

// WorkerAt sends a command to a worker by its PID, be it one that only finishes its sessions.
// Answers are those of Master; a worker that is gone is [ErrNoWorker].
func (s *Session) WorkerAt(ctx context.Context, pid int, command string) (string, error) {
	if err := checkCommand(command); err != nil {
		return "", err
	}
	return s.ask(ctx, command, fmt.Sprintf("@!%d %s", pid, command))
}

// InfoAt asks a worker by its PID for its state.
func (s *Session) InfoAt(ctx context.Context, pid int) (Info, error) {
	answer, err := s.WorkerAt(ctx, pid, "show info")
	if err != nil {
		return Info{}, err
	}
	return ParseInfo(answer)
}

// ServersConnAt asks a worker by its PID for the connections of all its servers.
func (s *Session) ServersConnAt(ctx context.Context, pid int) ([]ServerConn, error) {
	answer, err := s.WorkerAt(ctx, pid, "show servers conn")
	if err != nil {
		return nil, err
	}
	return ParseServersConn(answer)
}

// Remaining counts the connections with a request or a session on them that a server has in all
// workers, those that finish their sessions included: after a reload, an old worker may still talk
// to a server that the new one has drained. A worker that ends meanwhile has none.
func (s *Session) Remaining(ctx context.Context, backend, server string) (int64, error) {
	proc, err := s.Proc(ctx)
	if err != nil {
		return 0, err
	}
	var remaining int64
	for _, worker := range append(proc.Workers, proc.OldWorkers...) {
		conns, err := s.ServersConnAt(ctx, worker.PID)
		if _, refused := refusal(err); refused {
			continue
		}
		if err != nil {
			return 0, err
		}
		for _, conn := range conns {
			if conn.Backend == backend && conn.Server == server {
				remaining += conn.Used
			}
		}
	}
	return remaining, nil
}

// SetServerModeEverywhere is SetServerMode in the worker in charge and, as far as they know the
// server, in those that finish their sessions: a connection that is kept alive there may still send
// a request.
func (s *Session) SetServerModeEverywhere(ctx context.Context, backend, server string, mode Mode) error {
	if err := s.SetServerMode(ctx, backend, server, mode); err != nil {
		return err
	}
	proc, err := s.Proc(ctx)
	if err != nil {
		return err
	}
	charge, _ := proc.InCharge()
	for _, worker := range proc.OldWorkers {
		if worker.PID == charge.PID {
			continue
		}
		_, err := s.WorkerAt(ctx, worker.PID, fmt.Sprintf("set server %s state %s", serverName(backend, server), mode))
		if _, refused := refusal(err); err != nil && !refused {
			return err
		}
	}
	return nil
}
