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

// keepsRunning says what a refused configuration does to the one in use.
const keepsRunning = "nothing was touched: the configuration that was running keeps running"

// verdictTimeout bounds the wait for HAProxy's verdict: 0.1 s as a rule, 2.2 s
// when a bind fails (measured on 3.2.26), and longer for a great many certificates.
const verdictTimeout = 2 * time.Minute
