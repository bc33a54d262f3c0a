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
// Check and reload share one exec in the container.
func (e *Engine) Reload(ctx context.Context, p *Project, running Balancer, config Config) (haproxy.Verdict, error) {
	if p.MasterSocket() == "" {
		return haproxy.Verdict{}, noMasterSocket(p)
	}
	waiting, err := e.acceptedAndWaiting(ctx, p, running)
	if err != nil {
		return haproxy.Verdict{}, err
	}
	defer func() { _ = waiting.Close() }()
	if now, err := p.ReadConfig(); err != nil || now.Hash != config.Hash {
		return haproxy.Verdict{}, &Problem{
			Summary: fmt.Sprintf("%s was edited while it was being checked; nothing was applied", p.ConfigName()),
			Advice:  `Run "docker haproxy reload" again once it is saved.`,
			Cause:   errors.Join(ErrConfigChanged, err),
		}
	}
	session, err := waiting.client().Open(ctx)
	if err != nil {
		return haproxy.Verdict{}, e.explainSession(ctx, p, running, err)
	}

	var verdict haproxy.Verdict
	err = e.events.step("HAProxy "+running.Name, "Reloading", "Reloaded", func() error {
		// Once asked, HAProxy reloads: not to wait for its verdict would save nobody anything.
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), verdictTimeout)
		defer cancel()
		if verdict, err = session.Reload(asked); err != nil {
			return e.explainSession(asked, p, running, err)
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

// acceptedAndWaiting checks the configuration as a step that people see, and
// gives the connection that waits behind the check.
func (e *Engine) acceptedAndWaiting(ctx context.Context, p *Project, running Balancer) (waiting *checked, err error) {
	err = e.events.step("Config "+p.ConfigName(), "Checking", "Valid", func() error {
		if waiting, err = e.checkThenDial(ctx, running.ID, p.MasterSocket(), p.command.Check()); err != nil {
			return e.explainSession(ctx, p, running, err)
		}
		if err := notHAProxy(p, waiting.exitCode, waiting.output); err != nil {
			return errors.Join(err, waiting.Close())
		}
		report := p.located(haproxy.ParseCheck(waiting.exitCode, waiting.output), nil)
		if report.Valid {
			return nil
		}
		_ = waiting.Close()
		return &InvalidError{Report: report, What: p.ConfigName(), Kept: keepsRunning}
	})
	return waiting, err
}

// keepsRunning says what a refused configuration does to the one in use.
const keepsRunning = "nothing was touched: the configuration that was running keeps running"

// verdictTimeout bounds the wait for HAProxy's verdict: 0.1 s as a rule, 2.2 s
// when a bind fails (measured on 3.2.26), and longer for a great many certificates.
const verdictTimeout = 2 * time.Minute
