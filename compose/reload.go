package compose

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Reload checks the configuration on disk inside the running container, lets
// the master process load it, and gives HAProxy's verdict. A configuration
// that HAProxy refuses is an *InvalidError; the old one then goes on working.
//
// The session with the master is opened while the check runs, for each of the
// two costs an exec.
func (e *Engine) Reload(ctx context.Context, p *Project, running Balancer, config Config) (haproxy.Verdict, error) {
	if p.MasterSocket() == "" {
		return haproxy.Verdict{}, noMasterSocket(p)
	}
	opened := e.openAhead(ctx, p, &running)
	defer opened.close()

	if _, err := e.accepted(ctx, p, &running, keepsRunning); err != nil {
		return haproxy.Verdict{}, err
	}
	if now, err := p.ReadConfig(); err != nil || now.Hash != config.Hash {
		return haproxy.Verdict{}, &Problem{
			Summary: fmt.Sprintf("%s was edited while it was being checked; nothing was applied", p.ConfigName()),
			Advice:  `Run "docker haproxy reload" again once it is saved.`,
			Cause:   errors.Join(ErrConfigChanged, err),
		}
	}
	session, err := opened.session()
	if err != nil {
		return haproxy.Verdict{}, e.explainSession(ctx, p, running, err)
	}

	var verdict haproxy.Verdict
	err = e.events.step("HAProxy "+running.Name, "Reloading", "Reloaded", func() error {
		if verdict, err = session.Reload(ctx); err != nil {
			return e.explainSession(ctx, p, running, err)
		}
		if !verdict.Loaded {
			report := p.located(haproxy.Report{Diagnostics: verdict.Diagnostics}, nil)
			return &InvalidError{Report: report, What: p.ConfigName(), Kept: keepsRunning}
		}
		return nil
	})
	if err != nil {
		return verdict, err
	}
	_ = p.Remember(running, verdict.Worker, config) // best effort, see there
	return verdict, nil
}

// keepsRunning says what a refused configuration does to the one in use.
const keepsRunning = "nothing was touched: the configuration that was running keeps running"

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
		a.s, a.err = e.Runtime(running.Container, p.MasterSocket()).Open(ctx)
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

func noMasterSocket(p *Project) error {
	return &Problem{
		Summary: fmt.Sprintf("HAProxy is started without a master CLI socket in %s, so that nobody can ask for its verdict", p.composeFileName()),
		Advice:  `Add -S "/var/run/haproxy/master.sock,mode,600" to the "command:" of service haproxy, in a folder that its user may write to; then "docker haproxy up".`,
		Cause:   ErrNoMasterSocket,
	}
}

// explainSession says what kept HAProxy from answering: most often that its
// container is gone.
func (e *Engine) explainSession(ctx context.Context, p *Project, running Balancer, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now, err := e.balancer(ctx, running.Container)
	if err == nil && now.Running() {
		return &Problem{
			Summary: fmt.Sprintf("HAProxy in %s does not answer on its master CLI (%s): %v", running.Name, p.MasterSocket(), cause),
			Advice:  `See "docker haproxy logs"; the image must have a shell with socat or busybox's nc.`,
			Cause:   cause,
		}
	}
	if err != nil && !isNotFound(err) {
		return e.explain(ctx, err)
	}
	return e.failed(ctx, running.Name, fmt.Sprintf("stopped (exit code %d)", now.ExitCode))
}

// Process is the HAProxy process that takes requests.
type Process struct {
	Worker  int       // PID in the container
	Started time.Time // to the second
	Version string
	Stats   []haproxy.Stat
}

func askSession(ctx context.Context, session *haproxy.Session) (Process, error) {
	info, err := session.Info(ctx)
	if err != nil {
		return Process{}, err
	}
	stats, err := session.Stats(ctx)
	if err != nil {
		return Process{}, err
	}
	return Process{Worker: info.PID, Started: info.StartTime, Version: info.Version, Stats: stats}, nil
}

// pollInterval is the pause between two questions for the servers' state. The
// Runtime API has no event for a server that comes up; a question on an open
// session costs less than a millisecond.
const pollInterval = 25 * time.Millisecond

// Confirm waits until HAProxy serves: its frontends listen, and each backend
// has a server that answered its check. Where some servers stay away until the
// timeout, it gives what it saw last, which Serving judges. opened may hold a
// session that is open already.
func (e *Engine) Confirm(ctx context.Context, p *Project, running Balancer, opened *ahead, timeout time.Duration) (process Process, err error) {
	if opened == nil {
		opened = e.openAhead(ctx, p, nil)
	}
	session, err := opened.session()
	if err != nil {
		if session, err = e.openWhenUp(ctx, p, running, timeout); err != nil {
			return Process{}, e.explainSession(ctx, p, running, err)
		}
		defer func() { _ = session.Close() }()
	}

	deadline := time.Now().Add(timeout)
	for look := time.Now().Add(lookInterval); ; {
		if process, err = askSession(ctx, session); err != nil {
			return Process{}, e.explainSession(ctx, p, running, err)
		}
		if haproxy.Serving(process.Stats).Ready() || time.Now().After(deadline) {
			return process, nil
		}
		if time.Now().After(look) { // perhaps the app is why a server stays away
			if err := e.crashed(ctx, p); err != nil {
				return Process{}, err
			}
			look = time.Now().Add(lookInterval)
		}
		if err := pause(ctx, pollInterval); err != nil {
			return Process{}, err
		}
	}
}

// lookInterval is how often the wait for servers looks whether a container
// has ended meanwhile.
const lookInterval = 500 * time.Millisecond

// crashed finds a container of the project that ended with an error or is
// being restarted after one, which no waiting mends.
func (e *Engine) crashed(ctx context.Context, p *Project) error {
	containers, err := e.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if c.Running() {
			continue
		}
		now, err := e.balancer(ctx, c)
		if err != nil {
			return err
		}
		if now.ExitCode != 0 {
			return e.failed(ctx, c.Name, fmt.Sprintf("ended with exit code %d", now.ExitCode))
		}
	}
	return nil
}

// openReady opens a session, and gives it only if the worker process answers.
func (e *Engine) openReady(ctx context.Context, p *Project, running Balancer) (*haproxy.Session, error) {
	session, err := e.Runtime(running.Container, p.MasterSocket()).Open(ctx)
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
// master knows its worker before it can pass commands on to it.
func (e *Engine) openWhenUp(ctx context.Context, p *Project, running Balancer, timeout time.Duration) (*haproxy.Session, error) {
	deadline := time.Now().Add(min(timeout, socketTimeout))
	for {
		session, err := e.openReady(ctx, p, running)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return session, err
		}
		if now, inspectErr := e.balancer(ctx, running.Container); inspectErr != nil || !now.Running() {
			return nil, err
		}
		if err := pause(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// socketTimeout bounds the wait for the master CLI of a starting HAProxy.
const socketTimeout = 5 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
