package compose

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Live looks at a running load balancer again and again, over one session: a
// look costs milliseconds. When HAProxy was reloaded or its container replaced,
// the next look opens a new session. It is for one goroutine at a time.
type Live struct {
	engine  *Engine
	project *Project

	running Balancer
	session *haproxy.Session

	containers []occupant
	listed     time.Time
}

// Live opens a session. The caller closes it.
func (e *Engine) Live(ctx context.Context, p *Project, running Balancer) (*Live, error) {
	if p.MasterSocket() == "" {
		return nil, noMasterSocket(p)
	}
	l := &Live{engine: e, project: p, running: running}
	err := l.open(ctx)
	return l, err
}

// open opens a session with a HAProxy that may be in the middle of a reload.
func (l *Live) open(ctx context.Context) (err error) {
	l.session, err = l.engine.openWhenUp(ctx, l.project, l.running, socketTimeout)
	if err != nil {
		return l.engine.explainSession(ctx, l.project, l.running, err)
	}
	return nil
}

// Close ends the session.
func (l *Live) Close() error {
	if l.session == nil {
		return nil
	}
	return l.session.Close()
}

// Do gives a session to work that must not be done twice: a change, or a command
// whose effect nobody knows. Where somebody reloaded HAProxy meanwhile, which ends
// all sessions, that shows at something harmless, which is asked first. The work
// is begun again only if nothing of it can have reached HAProxy.
func (l *Live) Do(ctx context.Context, work func(*haproxy.Session) error) error {
	if err := l.ask(ctx, answers(ctx)); err != nil {
		return err
	}
	err := work(l.session)
	if err == nil || ctx.Err() != nil || !is(err, haproxy.ErrSessionBroken, haproxy.ErrSessionClosed, haproxy.ErrNoWorker) {
		return err
	}
	if err := l.reopen(ctx); err != nil {
		return err
	}
	return work(l.session)
}

// answers makes sure that the session has not ended.
func answers(ctx context.Context) func(*haproxy.Session) error {
	return func(session *haproxy.Session) error {
		if _, err := session.Master(ctx, "show proc"); !isRefusal(err) {
			return err
		}
		return nil
	}
}

// ask gives a session to work that only looks. Where the session has ended, the
// work is begun again, once.
func (l *Live) ask(ctx context.Context, work func(*haproxy.Session) error) error {
	if l.session != nil {
		err := work(l.session)
		if err == nil || ctx.Err() != nil || !sessionEnded(err) {
			return err
		}
	}
	if err := l.reopen(ctx); err != nil {
		return err
	}
	return work(l.session)
}

// change is Do for a change of what is set at run time: it is not made in the
// middle of a reload, which would lose it.
func (l *Live) change(ctx context.Context, work func(*haproxy.Session) error) error {
	release, err := l.engine.lock(ctx, l.project)
	if err != nil {
		return err
	}
	defer release()
	return l.Do(ctx, work)
}

// reopen finds the load balancer again: its container may be another one.
func (l *Live) reopen(ctx context.Context) error {
	_ = l.Close()
	l.session = nil
	running, err := l.engine.RunningBalancer(ctx, l.project)
	if err != nil {
		return err
	}
	l.running, l.listed = running, time.Time{}
	return l.open(ctx)
}

func sessionEnded(err error) bool {
	return is(err, haproxy.ErrHungUp, haproxy.ErrTruncated, haproxy.ErrSessionBroken, haproxy.ErrSessionClosed, haproxy.ErrNoWorker, errCutOff)
}

func is(err error, kinds ...error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

// SetMode drains a server, puts it into maintenance, or lets it take requests
// again, in all workers.
func (l *Live) SetMode(ctx context.Context, backend, server string, mode haproxy.Mode) error {
	return l.change(ctx, func(session *haproxy.Session) error {
		return session.SetServerModeEverywhere(ctx, backend, server, mode)
	})
}

// SetWeight sets a server's share of the traffic.
func (l *Live) SetWeight(ctx context.Context, backend, server string, weight int) error {
	return l.change(ctx, func(session *haproxy.Session) error {
		return session.SetServerWeight(ctx, backend, server, weight)
	})
}

// Look gives the state of this moment.
func (l *Live) Look(ctx context.Context) (Status, error) {
	var seen seen
	err := l.ask(ctx, func(session *haproxy.Session) (err error) {
		seen, err = look(ctx, session)
		return err
	})
	if err != nil {
		return Status{}, err
	}
	if time.Since(l.listed) > listInterval {
		if l.containers, err = l.engine.occupants(ctx); err != nil {
			return Status{}, err
		}
		l.listed = time.Now()
	}
	seen.stats = l.project.occupied(seen.stats, seen.servers)
	status := statusOf(seen, l.project.own(l.containers))
	status.Strangers = l.project.strangers(seen.servers, l.containers)
	l.project.describe(&status, l.running)
	l.project.judge(&status, l.running, seen)
	return status, nil
}

// listInterval is how often the containers are listed while HAProxy is asked.
const listInterval = 2 * time.Second

// seen is what HAProxy said in one look.
type seen struct {
	at      time.Time
	info    haproxy.Info
	stats   []haproxy.Stat
	servers []haproxy.ServerState
	proc    haproxy.Proc
	old     map[int]int64 // connections of the old workers by PID; -1: could not be asked
}

func look(ctx context.Context, session *haproxy.Session) (s seen, err error) {
	s.at = time.Now()
	if s.info, err = session.Info(ctx); err != nil {
		return s, err
	}
	if s.stats, err = session.Stats(ctx); err != nil {
		return s, err
	}
	if s.servers, err = session.ServersState(ctx, ""); err != nil {
		return s, err
	}
	if s.proc, err = session.Proc(ctx); err != nil {
		return s, err
	}
	s.old = map[int]int64{}
	for _, worker := range s.proc.OldWorkers {
		if worker.PID == s.info.PID {
			continue
		}
		info, err := session.InfoAt(ctx, worker.PID)
		switch {
		case err == nil:
			s.old[worker.PID] = info.CurrConns
		case isRefusal(err):
			s.old[worker.PID] = -1
		default:
			return s, err
		}
	}
	return s, nil
}
