package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Outcome is what BringUp found and did.
type Outcome struct {
	Balancer Balancer
	Process  Process
	Changed  bool            // containers were created, replaced or started
	Reloaded bool            // an edited configuration was loaded
	Verdict  haproxy.Verdict // of the reload
	Warnings []haproxy.Diagnostic
}

// BringUp takes a project to where its files say it should be: the
// configuration is checked before anything is touched, the containers are
// created or replaced as Compose does, an edited configuration is loaded into
// a HAProxy that runs, and HAProxy confirms that it serves.
//
// Where it fails or is interrupted, what it created is removed again; what
// stood before stays.
func (e *Engine) BringUp(ctx context.Context, p *Project, opts UpOptions) (Outcome, error) {
	config, err := p.ReadConfig()
	if err != nil {
		return Outcome{}, err
	}
	before, err := e.Observe(ctx, p.Name)
	if err != nil {
		return Outcome{}, err
	}
	outcome, err := e.bringUp(ctx, p, config, before, opts)
	if err != nil {
		return Outcome{}, e.undone(ctx, before, err)
	}
	return outcome, nil
}

func (e *Engine) bringUp(ctx context.Context, p *Project, config Config, before State, opts UpOptions) (Outcome, error) {
	if err := e.PortsFree(ctx, p); err != nil {
		return Outcome{}, err
	}
	images, err := e.FetchImages(ctx, p)
	if err != nil {
		return Outcome{}, err
	}
	running, err := e.staysRunning(ctx, p, before, images, opts)
	if err != nil {
		return Outcome{}, err
	}

	var outcome Outcome
	if running == nil || !p.notedAs(*running, config) {
		if outcome.Warnings, err = e.accepted(ctx, p, running, nothingTouched(running)); err != nil {
			return Outcome{}, err
		}
	}
	session := e.openAhead(ctx, p, running)
	defer session.close()
	if outcome.Changed, err = e.Up(ctx, p, before, opts); err != nil {
		return Outcome{}, err
	}
	if running != nil && !outcome.Changed {
		outcome.Balancer = *running
	} else if outcome.Balancer, err = e.RunningBalancer(ctx, p); err != nil {
		return Outcome{}, err
	}
	if p.MasterSocket() == "" {
		return outcome, nil // nobody can be asked
	}
	if running != nil && outcome.Balancer.StartedAt.Equal(running.StartedAt) {
		err = e.refresh(ctx, p, config, session, opts, &outcome)
	} else {
		err = e.started(ctx, p, config, opts, &outcome)
	}
	return outcome, err
}

// staysRunning is the load balancer's container, if it runs and "up" lets it run on.
func (e *Engine) staysRunning(ctx context.Context, p *Project, before State, images ImageIDs, opts UpOptions) (*Balancer, error) {
	found := before.of(LoadBalancer)
	if found == nil || !found.Running() || opts.ForceRecreate {
		return nil, nil
	}
	replaced, err := p.replaces(*found, images)
	if err != nil || replaced {
		return nil, err
	}
	running, err := e.balancer(ctx, *found)
	return &running, err
}

// accepted lets HAProxy check the configuration, as a step that people see;
// one that it refuses is an *InvalidError. It gives the warnings.
func (e *Engine) accepted(ctx context.Context, p *Project, running *Balancer, kept string) ([]haproxy.Diagnostic, error) {
	var report haproxy.Report
	err := e.events.step("Config "+p.ConfigName(), "Checking", "Valid", func() (err error) {
		if report, err = e.Check(ctx, p, running, nil); err != nil {
			return err
		}
		if !report.Valid {
			return &InvalidError{Report: report, What: p.ConfigName(), Kept: kept}
		}
		return nil
	})
	return report.Diagnostics, err
}

// started confirms a HAProxy that this run has started, and notes what it loaded.
func (e *Engine) started(ctx context.Context, p *Project, config Config, opts UpOptions, outcome *Outcome) error {
	err := e.events.step("HAProxy "+outcome.Balancer.Name, "Waiting for servers", "Serving", func() (err error) {
		nobody := e.openAhead(ctx, p, nil)
		if outcome.Process, err = e.Confirm(ctx, p, outcome.Balancer, nobody, ready, opts.WaitTimeout); err != nil {
			return err
		}
		return serves(p, outcome.Process)
	})
	if err != nil {
		return err
	}
	if now, err := p.ReadConfig(); err == nil && now.Hash == config.Hash {
		_ = p.Remember(outcome.Balancer, outcome.Process.Worker, config) // best effort, see there
	}
	return nil
}

// refresh confirms a HAProxy that ran before, and gives it the configuration
// on disk if that is another one than it has.
func (e *Engine) refresh(ctx context.Context, p *Project, config Config, opened *ahead, opts UpOptions, outcome *Outcome) (err error) {
	goal := known
	if outcome.Changed { // servers were started
		goal = ready
	}
	if outcome.Process, err = e.Confirm(ctx, p, outcome.Balancer, opened, goal, opts.WaitTimeout); err != nil {
		return err
	}
	if !p.Drift(outcome.Balancer, outcome.Process.Worker, outcome.Process.Started, config) {
		_ = p.Remember(outcome.Balancer, outcome.Process.Worker, config) // best effort, see there
		return serves(p, outcome.Process)
	}
	if outcome.Verdict, err = e.Reload(ctx, p, outcome.Balancer, config); err != nil {
		return err
	}
	outcome.Reloaded = true
	if outcome.Process, err = e.Confirm(ctx, p, outcome.Balancer, e.openAhead(ctx, p, nil), settled, opts.WaitTimeout); err != nil {
		return err
	}
	return serves(p, outcome.Process)
}

// nothingTouched says what a configuration refused by "up" leaves behind.
func nothingTouched(running *Balancer) string {
	if running != nil {
		return keepsRunning
	}
	return "nothing was created"
}

// undone removes what a failed run made, and says so.
func (e *Engine) undone(ctx context.Context, before State, cause error) error {
	left := e.Undo(ctx, before)
	if !errors.Is(cause, context.Canceled) {
		if len(left) == 0 {
			return cause
		}
		return fmt.Errorf("%w\nCould not be removed again: %s", cause, strings.Join(left, ", "))
	}
	problem := &Problem{Summary: "interrupted; what this run had created was removed again", Cause: cause}
	if len(left) > 0 {
		problem.Summary = "interrupted; left behind: " + strings.Join(left, ", ")
		problem.Advice = `Remove it with "docker haproxy down".`
	} else if len(before.containers) > 0 {
		problem.Summary += ", what ran before was left as it is"
	}
	return problem
}

// of is the first container of a service; nil where it had none.
func (s State) of(service string) *Container {
	i := slices.IndexFunc(s.containers, func(c Container) bool { return c.Service == service })
	if i < 0 {
		return nil
	}
	return &s.containers[i]
}
