package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// await waits until what a service depends on is as its conditions say. Optional
// dependencies that are not are told of in the progress display.
func (r *Rollout) await(ctx context.Context, service string) error {
	for _, d := range r.project.Dependencies(service) {
		err := r.awaitOne(ctx, service, d)
		if err != nil && d.Optional && ctx.Err() == nil {
			r.engine.Tell("Service "+d.Service, compose.Finished, fmt.Sprintf("Is not as it should be; %s can do without it", service))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Rollout) awaitOne(ctx context.Context, service string, d compose.Dependency) error {
	said := false
	var failed compose.Container
	var why string
	err := until(ctx, r.policy.WaitTimeout, func(ctx context.Context) (met bool, err error) {
		containers, err := r.engine.Replicas(ctx, r.project, d.Service)
		if err != nil {
			return false, err
		}
		met, failed, why = d.Met(containers)
		if !met && !said {
			said = true
			r.engine.Tell("Service "+service, compose.Working, "Waiting until "+d.String())
		}
		return met || why != "", nil
	})
	switch {
	case errors.Is(err, errTimeout):
		return r.notYet(service, d)
	case err == nil && why != "":
		return r.engine.NotMet(ctx, service, d, failed, why)
	}
	return err
}

// notYet is the error of a condition that has not come true in time.
func (r *Rollout) notYet(service string, d compose.Dependency) error {
	return &compose.Problem{
		Summary: fmt.Sprintf("service %s was not touched: it starts when %s, which took longer than %s", service, d, r.policy.WaitTimeout),
		Advice:  fmt.Sprintf(`Service %s goes on. Give it more time with --wait-timeout, or run the command again when it is ready.`, d.Service),
		Cause:   errTimeout,
	}
}

// well waits until the containers of a service to which HAProxy sends nothing are
// as they should be: a job has ended, the others run, are healthy, and have been
// watched for some time.
func (r *run) well(ctx context.Context) error {
	job := r.project.Job(r.service)
	began := time.Now()
	var waiting compose.Container
	err := until(ctx, r.policy.WaitTimeout, func(ctx context.Context) (bool, error) {
		containers, err := r.engine.Replicas(ctx, r.project, r.service)
		if err != nil {
			return false, err
		}
		if len(containers) == 0 && r.before.Desired > 0 {
			return false, nil
		}
		for _, c := range containers {
			waiting = c
			if r.target.Done(c) {
				continue
			}
			watched := time.Since(began) >= r.policy.Monitor
			if !c.Running() || c.Health == "unhealthy" || watched {
				justEnded := c.Running() && r.target.MayEnd() // the next look shows how
				if err := r.engine.Ill(ctx, c); err != nil && !justEnded {
					return false, err
				}
			}
			if job || !c.Running() || c.Health == "starting" || c.Health == "" && !watched {
				return false, nil
			}
		}
		return true, nil
	})
	if errors.Is(err, errTimeout) && job {
		return &compose.Problem{
			Summary: fmt.Sprintf("service %s has not ended after %s, and others wait for that", r.service, r.policy.WaitTimeout),
			Advice:  "It goes on. Give it more time with --wait-timeout, or run the command again when it has ended.",
			Cause:   err,
		}
	}
	if errors.Is(err, errTimeout) {
		return r.engine.Late(ctx, waiting, fmt.Sprintf("was not ready after %s", r.policy.WaitTimeout))
	}
	return err
}
