package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// Session is an interactive session with the master CLI. It serves any number of commands, one at
// a time; its methods may be called from several goroutines.
//
// The context of a command bounds that command. When it ends in the middle, the session is broken,
// since the rest of the answer would be taken for the next one.
type Session struct {
	conn   net.Conn
	closed atomic.Bool
	asking func(context.Context, string) (context.Context, func(error) error)

	mu      sync.Mutex // held during a command
	answers answerReader
	broken  error // why no further command can be sent

	// worker is the PID of the worker in charge, 0 until it is needed. It does not change within
	// a session: a reload by anyone makes the master re-execute itself, which ends the session.
	worker int
}

func newSession(conn net.Conn) *Session {
	return &Session{conn: conn, answers: answerReader{from: conn}}
}

// Close ends the session, and a command under way. A session may be closed more than once.
func (s *Session) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.conn.Close()
}

// Master sends a command to the master process and returns its answer without the line breaks at
// its end. A *Refusal is returned when HAProxy does not know or does not allow the command; any
// other complaint is an answer. A reload is [ErrBareReload]: it has a method of its own.
func (s *Session) Master(ctx context.Context, command string) (string, error) {
	if err := checkCommand(command); err != nil {
		return "", err
	}
	if word := Keyword(command); word == "reload" || word == "hard-reload" {
		return "", fmt.Errorf("%w: %q", ErrBareReload, command)
	}
	return s.ask(ctx, command, command)
}

// Worker sends a command to the worker in charge: the current one, or after a failed reload the
// survivor. Answers are those of Master.
func (s *Session) Worker(ctx context.Context, command string) (string, error) {
	if err := checkCommand(command); err != nil {
		return "", err
	}
	pid, err := s.inCharge(ctx)
	if err != nil {
		return "", err
	}
	return s.ask(ctx, command, fmt.Sprintf("@!%d %s", pid, command))
}

// Do sends a command to the worker in charge that changes something. An empty answer is a success,
// and so is one of the given ones; any other is returned as a *Refusal.
func (s *Session) Do(ctx context.Context, command string, successes ...string) error {
	answer, err := s.Worker(ctx, command)
	if err != nil || answer == "" {
		return err
	}
	for _, success := range successes {
		if answer == success {
			return nil
		}
	}
	return &Refusal{Command: command, Answer: answer}
}

// Reload makes HAProxy load its configuration again and returns its verdict. The session is over
// then, whatever the verdict: the master re-executes itself.
//
// An error means that the verdict is not known, not that the configuration was refused: look at
// Proc in another session. With [ErrHungUp] or [ErrTruncated] HAProxy itself may be gone.
func (s *Session) Reload(ctx context.Context) (Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := s.roundTrip(ctx, "reload", cutVerdict)
	if err != nil && !errors.Is(err, io.EOF) {
		return Verdict{}, err
	}
	if verdict, ok := parseVerdict(string(answer)); ok {
		_ = s.Close()
		return verdict, nil
	}
	if err != nil {
		return Verdict{}, err
	}
	return Verdict{}, &Refusal{Command: "reload", Answer: trimAnswer(answer)}
}

// inCharge returns the PID of the worker that takes the traffic.
func (s *Session) inCharge(ctx context.Context) (int, error) {
	s.mu.Lock()
	pid := s.worker
	s.mu.Unlock()
	if pid != 0 {
		return pid, nil
	}
	proc, err := s.Proc(ctx)
	if err != nil {
		return 0, err
	}
	worker, ok := proc.InCharge()
	if !ok {
		return 0, ErrNoWorker
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worker = worker.PID
	return worker.PID, nil
}

// ask sends a line and returns its answer, unless it is a refusal of the command as such.
func (s *Session) ask(ctx context.Context, command, line string) (string, error) {
	answer, err := s.exchange(ctx, line)
	if err != nil {
		return "", err
	}
	if refusal := (&Refusal{Command: command, Answer: answer}); refusal.isOfCommand() {
		return "", refusal
	}
	return answer, nil
}

// exchange sends a line and returns its answer.
func (s *Session) exchange(ctx context.Context, line string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := s.roundTrip(ctx, line, cutPrompt)
	if err != nil {
		return "", err
	}
	return trimAnswer(answer), nil
}

// roundTrip sends a line and reads its answer. When there is no complete one it breaks the session
// and returns what it has read with the error. That names the command, without a payload below it.
func (s *Session) roundTrip(ctx context.Context, line string, complete func([]byte) ([]byte, bool)) ([]byte, error) {
	switch {
	case s.closed.Load():
		return nil, ErrSessionClosed
	case s.broken != nil:
		return nil, s.broken
	}
	command, _, _ := strings.Cut(line, "\n")
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("HAProxy was not asked %q: %w", command, err)
	}
	if s.asking != nil {
		asked, answered := s.asking(ctx, command)
		answer, err := s.roundTripUntil(asked, command, line, complete)
		return answer, answered(err)
	}
	return s.roundTripUntil(ctx, command, line, complete)
}

// roundTripUntil is roundTrip within the time of a context.
func (s *Session) roundTripUntil(ctx context.Context, command, line string, complete func([]byte) ([]byte, bool)) ([]byte, error) {
	// Closing, unlike a deadline, works with any kind of connection; a session whose command was
	// interrupted is of no use anyway.
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	answer, err := s.send(line, complete)
	if !stop() {
		err = ctx.Err()
	}
	if err == nil {
		return answer, nil
	}

	s.conn.Close()
	switch {
	case s.closed.Load():
		err = ErrSessionClosed
	case len(answer) > 0:
		err = fmt.Errorf("%w after %d bytes: %w", ErrTruncated, len(answer), err)
	case ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", ErrHungUp, err)
	}
	err = fmt.Errorf("HAProxy was asked %q: %w", command, err)
	s.broken = fmt.Errorf("%w: %w", ErrSessionBroken, err)
	return answer, err
}

func (s *Session) send(line string, complete func([]byte) ([]byte, bool)) ([]byte, error) {
	if _, err := io.WriteString(s.conn, line+"\n"); err != nil {
		return nil, err
	}
	return s.answers.next(complete)
}

func trimAnswer(answer []byte) string { return strings.TrimRight(string(answer), "\n") }
