package rollout

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// withHanging adds what hangs on services, directly or not. Services of profiles
// that are not enabled become a part of the project.
func (r *Rollout) withHanging(services []string) ([]string, error) {
	all := slices.Clone(services)
	add := func(service string) {
		if service != compose.LoadBalancer && !slices.Contains(all, service) {
			all = append(all, service)
		}
	}
	for i := 0; i < len(all); i++ {
		for _, tie := range r.ties {
			if tie.With.Service != all[i] || !r.goesAlong(tie) {
				continue
			}
			if r.project.Disabled(tie.Service) {
				var err error
				if r.project, err = r.project.Enabled(tie.Service); err != nil {
					return nil, err
				}
			}
			if _, known := r.project.Services[tie.Service]; known {
				add(tie.Service)
			}
		}
		for name := range r.project.Services {
			if r.scope.Restarts && r.project.RestartsWith(name, all[i]) {
				add(name)
			}
		}
	}
	return all, nil
}

// due is why a service goes along with others, whose containers are replaced; ""
// where it does not.
func (r *Rollout) due(ctx context.Context, service string) (string, error) {
	for _, tie := range r.ties {
		if tie.Service == service && r.gone[tie.With.ID] && r.goesAlong(tie) {
			return fmt.Sprintf("it shares the %s of %s, which is replaced", tie.Shares, tie.With.Name), nil
		}
	}
	if !r.scope.Restarts {
		return "", nil
	}
	for _, other := range r.replaced {
		if !r.project.RestartsWith(service, other) {
			continue
		}
		containers, err := r.engine.Replicas(ctx, r.project, service)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(containers, compose.Container.Running) {
			return fmt.Sprintf("service %s is replaced, and depends_on says restart: true", other), nil
		}
	}
	return "", nil
}

// goesAlong tells whether a container must be made anew when the one that it is bound
// to is replaced. One that does not run must, too, or it could not be started any
// more; a job that is done need not.
func (r *Rollout) goesAlong(tie compose.Tie) bool {
	switch {
	case tie.Project != r.project.Name:
		return false
	case tie.Running():
		return true
	}
	done := tie.ExitCode == 0 && r.project.Job(tie.Service)
	return !done && !r.project.Disabled(tie.Service)
}

// shares tells whether a container of the service shares something with one that
// is gone: it must be made anew then.
func (r *Rollout) shares(service string) bool {
	return slices.ContainsFunc(r.ties, func(t compose.Tie) bool {
		return t.Project == r.project.Name && t.Service == service && r.gone[t.With.ID]
	})
}

// went notes which containers a turn has taken away, and whether the service was
// replaced by it.
func (r *Rollout) went(p *Prepared) {
	ids := p.goes()
	for _, id := range ids {
		r.gone[id] = true
	}
	if len(ids) > 0 && !p.Plan.Restart {
		r.replaced = append(r.replaced, p.Plan.Service)
	}
}

// goes are the IDs of the containers that a plan takes away.
func (p *Prepared) goes() []string {
	var names []string
	for _, b := range p.Plan.Batches {
		names = append(names, b.leaving()...)
	}
	var ids []string
	for _, c := range p.run.before.Replicas {
		if slices.Contains(names, c.Name) || p.Plan.Plain && !p.Plan.Restart && !c.New {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// refused is why a plan cannot be carried out: what hangs on its containers cannot
// go with them.
func (r *Rollout) refused(p *Prepared) error {
	going := p.goes()
	for _, tie := range r.ties {
		if !slices.Contains(going, tie.With.ID) {
			continue
		}
		if p.run.desired == 0 && tie.Running() {
			return &compose.Problem{
				Summary: fmt.Sprintf("service %s cannot do without containers: container %s shares the %s of %s; nothing was touched", p.Plan.Service, tie.Name, tie.Shares, tie.With.Name),
				Advice:  fmt.Sprintf(`Stop it first ("docker stop %s").`, tie.Name),
				Cause:   compose.ErrTied,
			}
		}
		served := r.project.Routed(tie.Service)
		renamed := !p.Plan.Plain && p.run.target.Service.ContainerName == ""
		if err := tie.Refused(r.project, renamed, served); err != nil {
			return err
		}
	}
	if r.scope.Restarts && len(going) > 0 && r.project.RestartsWith(compose.LoadBalancer, p.Plan.Service) {
		return &compose.Problem{
			Summary: fmt.Sprintf("service %s cannot be replaced: the load balancer asks in depends_on to be restarted with it (restart: true), which would cut its connections; nothing was touched", p.Plan.Service),
			Advice:  fmt.Sprintf(`Take "restart: true" out of the depends_on of service %s.`, compose.LoadBalancer),
			Cause:   compose.ErrTied,
		}
	}
	return nil
}
