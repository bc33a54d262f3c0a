package rollout

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// PrepareScale decides which containers of a service start or stop until there are
// some number of them: new ones receive traffic once they are ready, and those that
// go are drained before. What starts is of the version that runs, whatever the
// Compose file says by now.
func (r *Rollout) PrepareScale(ctx context.Context, service string, wanted int) (*Prepared, error) {
	target, err := r.engine.Definition(ctx, r.project, service, compose.Version{})
	if err != nil {
		return nil, err
	}
	containers, err := r.engine.Replicas(ctx, r.project, service)
	if err != nil {
		return nil, err
	}
	one := r.begin(service, target)
	one.id, one.desired, one.isNew = newestRollout(containers), wanted, func(compose.Container) bool { return true }
	o, err := one.observe(ctx)
	if err != nil {
		return nil, err
	}
	var notes []string
	switch running := o.new(); {
	case wanted == 0 || len(running) == 0 || !slices.ContainsFunc(running, func(c Replica) bool { return !target.Made(c.Container) }):
	case !alike(running):
		return nil, mixed(service)
	default:
		if one.target, err = r.engine.DefinitionOf(ctx, r.project, running[0].Container); err != nil {
			return nil, err
		}
		notes = append(notes, fmt.Sprintf(`Service %s keeps the version that runs; the Compose file has another one, which "docker haproxy rollout %s" brings.`, service, service))
	}
	if o.Limit, err = r.engine.Limit(ctx, one.target, containers); err != nil {
		return nil, err
	}
	one.previous, one.before = inherited(o), o
	plan, err := scalePlan(o, wanted)
	plan.Notes = notes
	if err == nil {
		err = o.keepsLines(plan)
	}
	if err == nil {
		err = r.allowTime(ctx, one, &plan)
	}
	return &Prepared{plan, one}, err
}

// alike tells whether containers are all of one version.
func alike(all []Replica) bool {
	return !slices.ContainsFunc(all, func(c Replica) bool { return !c.SameVersion(all[0].Container) })
}

func mixed(service string) error {
	return &compose.Problem{
		Summary: fmt.Sprintf("containers of service %s run different versions: it is not known which of them more or fewer are wanted of", service),
		Advice:  fmt.Sprintf(`"docker haproxy rollout %s" brings all of them to the Compose file's version; then scale again.`, service),
	}
}

// scalePlan decides which containers come and go.
func scalePlan(o Observation, wanted int) (Plan, error) {
	running := o.pick(func(r Replica) bool { return r.Running() })
	idle := o.pick(func(r Replica) bool { return !r.Running() && !r.Done })
	more := wanted - len(running) - len(o.done())
	plan := Plan{Service: o.Service, Cause: fmt.Sprintf("%d containers run, %d are wanted", len(running), wanted)}
	if more > 0 {
		if err := o.takes(more, wanted); err != nil {
			return plan, err
		}
		if limit := o.Limit; limit.Why != "" && limit.Spare < more {
			if limit.Spare+len(idle) < more {
				return plan, &compose.Problem{Summary: fmt.Sprintf("service %s cannot have %d containers: its %s leaves room for %d", o.Service, wanted, limit.Why, len(running)+limit.Spare+len(idle))}
			}
			plan.StopFirst, plan.Why = true, limit.Why+" leaves no room for more before"
		}
	}
	batch := Batch{Start: max(0, more)}
	for _, r := range slices.Concat(idle, leastNeeded(running, -more)) {
		batch.add(r)
	}
	if batch.Start > 0 || len(batch.leaving()) > 0 {
		plan.Batches = []Batch{batch}
	}
	return plan, nil
}

// takes tells whether HAProxy has servers for more containers.
func (o Observation) takes(more, wanted int) error {
	if len(o.Seats) == 0 {
		return nil
	}
	room, limited := o.room()
	switch {
	case !limited && wanted > 1:
		return &compose.Problem{
			Summary: fmt.Sprintf("HAProxy has one server line for service %s, and would send a second container nothing", o.Service),
			Advice:  fmt.Sprintf("Use a server-template line in the backend, such as: server-template %s 10 %s:PORT check resolvers docker", o.Service, o.Service),
		}
	case limited && room < more:
		return &compose.Problem{
			Summary: fmt.Sprintf("HAProxy has %d vacant slots for service %s, and %d more containers are wanted", room, o.Service, more),
			Advice:  `The label haproxy.slots makes more.`,
		}
	}
	return nil
}
