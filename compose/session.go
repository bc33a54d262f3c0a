package compose

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// ahead is a session that is being opened while something else goes on.
type ahead struct {
	done chan struct{}
	s    *haproxy.Session
	err  error
}

// openAhead begins to open a session; with nobody to talk to (running is nil)
// it has none to give.
func (e *Engine) openAhead(ctx context.Context, p *Project, running *Balancer) *ahead {
	a := &ahead{done: make(chan struct{})}
	if running == nil || p.MasterSocket() == "" {
		a.err = ErrNotRunning
		close(a.done)
		return a
	}
	go func() {
		defer close(a.done)
		a.s, a.err = e.Runtime(p, *running).Open(ctx)
	}()
	return a
}

func (a *ahead) session() (*haproxy.Session, error) {
	<-a.done
	return a.s, a.err
}

func (a *ahead) close() {
	<-a.done
	if a.s != nil {
		_ = a.s.Close()
	}
}

// openReady opens a session, and gives it only if the worker process answers.
func (e *Engine) openReady(ctx context.Context, p *Project, running Balancer) (*haproxy.Session, error) {
	session, err := e.Runtime(p, running).Open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := session.Info(ctx); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return session, nil
}

// openWhenUp opens a session with a HAProxy that may have been started a
// moment ago: its socket appears some milliseconds after its process, and the
// master knows its worker before it can pass commands on to it: for as long as
// it reads its configuration, some seconds where that is a large one.
func (e *Engine) openWhenUp(ctx context.Context, p *Project, running Balancer, timeout time.Duration) (*haproxy.Session, error) {
	began := time.Now()
	for {
		session, err := e.openReady(ctx, p, running)
		patience := min(timeout, socketTimeout)
		if errors.Is(err, haproxy.ErrNoWorker) {
			patience = timeout
		}
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrFragile) || time.Since(began) > patience {
			return session, err
		}
		if now, inspectErr := e.inspect(ctx, running.Container); inspectErr != nil || now.crashing(running) {
			return nil, err
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// socketTimeout bounds the wait for the master CLI of a starting HAProxy.
const socketTimeout = 5 * time.Second

// explainSession says what kept HAProxy from answering: most often that its
// container is gone.
func (e *Engine) explainSession(ctx context.Context, p *Project, running Balancer, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if is(cause, ErrFragile, errSilent) {
		return cause
	}
	now, err := e.settled(ctx, running, cause)
	if err == nil && !now.crashing(running) && !now.keepsCrashing() {
		return &Problem{
			Summary: fmt.Sprintf("HAProxy in %s does not answer on its master CLI (%s): %v", running.Name, p.MasterSocket(), cause),
			Advice:  `See "docker haproxy logs"; the image must have a shell with socat or busybox's nc.`,
			Cause:   cause,
		}
	}
	if err != nil && !isNotFound(err) {
		return e.explain(ctx, err)
	}
	if now.Restarts > running.Restarts || now.keepsCrashing() {
		return e.failed(ctx, running.Name, fmt.Sprintf("ends as soon as it starts (restarted %d times)", now.Restarts))
	}
	return e.failed(ctx, running.Name, fmt.Sprintf("ended with exit code %d", now.ExitCode))
}

// settled looks at a container that has cut an exec session off: most often it
// has just ended, which the engine ends the session for before it says so.
func (e *Engine) settled(ctx context.Context, running Balancer, cause error) (Balancer, error) {
	deadline := time.Now().Add(settleTimeout)
	for {
		now, err := e.inspect(ctx, running.Container)
		if err != nil || now.crashing(running) || now.keepsCrashing() || !errors.Is(cause, errCutOff) || time.Now().After(deadline) {
			return now, err
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return now, err
		}
	}
}

// settleTimeout bounds the wait for the engine's word that a container ended.
const settleTimeout = 2 * time.Second

// keepsCrashing tells whether a container's restart policy started it again a
// moment ago, or is about to. What it did before is past.
func (b Balancer) keepsCrashing() bool {
	return b.Restarts > 0 && (b.State == string(container.StateRestarting) || time.Since(b.StartedAt) < crashInterval)
}

// crashInterval is how long a container that was started again is taken for one
// that ends as soon as it starts.
const crashInterval = 10 * time.Second

func noMasterSocket(p *Project) error {
	return &Problem{
		Summary: fmt.Sprintf("HAProxy is started without a master CLI socket in %s, so that nobody can ask for its verdict", p.composeFileName()),
		Advice:  `Add -S "/var/run/haproxy/master.sock,mode,600" to the "command:" of service haproxy, in a folder that its user may write to; then "docker haproxy up".`,
		Cause:   ErrNoMasterSocket,
	}
}
