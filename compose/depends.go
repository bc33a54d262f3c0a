package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Dependency is a service that another one depends on, and what must be so before
// the other one starts.
type Dependency struct {
	Service   string
	Condition string // service_started, service_healthy or service_completed_successfully
	Optional  bool   // required: false: the other one starts all the same
	Restart   bool   // the other one is restarted when this one is replaced
}

// Dependencies are what a service depends on, the load balancer apart.
func (p *Project) Dependencies(service string) []Dependency {
	var all []Dependency
	depends := p.Services[service].DependsOn
	for _, name := range slices.Sorted(maps.Keys(depends)) {
		if _, enabled := p.Services[name]; !enabled || name == LoadBalancer || name == Forwarder {
			continue
		}
		d := depends[name]
		all = append(all, Dependency{Service: name, Condition: d.Condition, Optional: !d.Required, Restart: d.Restart})
	}
	return all
}

// Job tells whether some service waits for this one to end by itself.
func (p *Project) Job(service string) bool {
	for _, all := range []types.Services{p.Services, p.DisabledServices} {
		for _, s := range all {
			if s.DependsOn[service].Condition == types.ServiceConditionCompletedSuccessfully {
				return true
			}
		}
	}
	return false
}

// WithDependencies adds to services what they depend on, directly or not.
func (p *Project) WithDependencies(services []string) []string {
	all := slices.Clone(services)
	for i := 0; i < len(all); i++ {
		for _, d := range p.Dependencies(all[i]) {
			if !slices.Contains(all, d.Service) {
				all = append(all, d.Service)
			}
		}
	}
	return all
}

// String is the condition for people, as what is waited for.
func (d Dependency) String() string {
	switch d.Condition {
	case types.ServiceConditionCompletedSuccessfully:
		return d.Service + " has ended with exit code 0"
	case types.ServiceConditionHealthy:
		return d.Service + " is healthy"
	}
	return d.Service + " runs"
}

// Met tells whether containers of the service are as the condition asks. Where they
// never will be, failed says of which container and why; it has no name where
// there is no container at all.
func (d Dependency) Met(containers []Container) (met bool, failed Container, why string) {
	if len(containers) == 0 {
		return false, Container{}, "has no container"
	}
	for _, c := range containers {
		ok, why := d.metBy(c)
		if why != "" {
			return false, c, why
		}
		if !ok {
			return false, Container{}, ""
		}
	}
	return true, Container{}, ""
}

// metBy tells whether one container is as the condition asks, or why it never will be.
func (d Dependency) metBy(c Container) (met bool, why string) {
	switch {
	case c.Ended() && c.ExitCode != 0:
		return false, fmt.Sprintf("ended with exit code %d", c.ExitCode)
	case d.Condition == types.ServiceConditionCompletedSuccessfully:
		return c.Ended(), ""
	case c.Ended() && d.Condition == types.ServiceConditionHealthy:
		return false, "ended and is not healthy"
	case c.Health == "unhealthy" && d.Condition == types.ServiceConditionHealthy:
		return false, "is unhealthy"
	case c.Health == "" && c.Running() && d.Condition == types.ServiceConditionHealthy:
		return false, "has no health check"
	case d.Condition == types.ServiceConditionHealthy:
		return c.Health == "healthy", ""
	}
	return c.Running() || c.Ended(), ""
}

// Done tells whether a container of the definition has ended as it was meant to: it
// is a job, and there is nothing left to do.
func (d Definition) Done(c Container) bool {
	return c.Ended() && c.ExitCode == 0 && d.MayEnd() && d.Made(c)
}

// MayEnd tells whether a container that has ended with exit code 0 stays so.
func (d Definition) MayEnd() bool { return staysEnded(d.Service) }

func staysEnded(service types.ServiceConfig) bool {
	policy := service.Restart
	if deploy := service.Deploy; deploy != nil && deploy.RestartPolicy != nil {
		policy = deploy.RestartPolicy.Condition
	}
	kind, _, _ := strings.Cut(policy, ":")
	return slices.Contains([]string{"", "no", "none", "on-failure"}, kind)
}

// NotMet is the error of a service that is not started, as what it depends on is
// not as it must be.
func (e *Engine) NotMet(ctx context.Context, service string, d Dependency, failed Container, why string) error {
	problem := &Problem{Summary: fmt.Sprintf("service %s %s", d.Service, why)}
	if failed.Name != "" {
		problem = e.failed(ctx, failed.Name, why)
	}
	problem.Details = append(problem.Details, fmt.Sprintf("service %s was not touched: it starts when %s", service, d))
	problem.Advice = fmt.Sprintf(`Correct service %s or its image, then run "docker haproxy rollout" again.`, d.Service)
	return problem
}
