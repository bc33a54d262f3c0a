package rollout

import (
	"fmt"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Plan is what a rollout does with one service, decided before anything is touched.
type Plan struct {
	Service string
	Cause   string // why anything is done

	// Plain tells that HAProxy sends the service nothing: Compose replaces its
	// containers as it always does.
	Plain     bool
	Restart   bool     // Plain, and the containers stay: they are restarted
	Stopped   bool     // Plain, and the new containers are not started, as the old ones do not run
	After     []string // what must be so before
	Remove    []string // containers that do not run and are in nobody's way
	Batches   []Batch
	StopFirst bool
	Why       string // of StopFirst or of a small batch, where it was not asked for
}

// Batch is what happens at one time.
type Batch struct {
	Start  int      // new containers
	Retire []string // names of the old ones that go
}

// String is the plan for people, a line a step.
func (p Plan) String() string {
	var out strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	if p.Plain {
		done := "replaced"
		switch {
		case p.Restart:
			done = "restarted"
		case p.Stopped:
			done = "replaced and not started"
		}
		say("service %s: %s by Compose, since HAProxy sends it nothing: %s", p.Service, done, p.Cause)
		p.sayAfter(say)
		return out.String()
	}
	if len(p.Batches) == 0 && len(p.Remove) == 0 {
		return fmt.Sprintf("service %s: nothing to do\n", p.Service)
	}
	say("service %s: %s", p.Service, p.Cause)
	p.sayAfter(say)
	for _, name := range p.Remove {
		say("  remove %s: it does not run", name)
	}
	for _, b := range p.Batches {
		start := ""
		if b.Start > 0 {
			start = fmt.Sprintf("start %d, wait for their checks", b.Start)
		}
		retire := ""
		if len(b.Retire) > 0 {
			retire = "drain and stop " + strings.Join(b.Retire, ", ")
		}
		first, second := start, retire
		if p.StopFirst {
			first, second = retire, start
		}
		say("  %s", strings.Join(nonEmpty(first, second), "; "))
	}
	if p.Why != "" {
		say("  (%s)", p.Why)
	}
	return out.String()
}

func (p Plan) sayAfter(say func(string, ...any)) {
	if len(p.After) > 0 {
		say("  wait until %s", strings.Join(p.After, " and "))
	}
}

// Nothing tells whether all is as it should be.
func (p Plan) Nothing() bool { return !p.Plain && len(p.Batches) == 0 && len(p.Remove) == 0 }

func nonEmpty(texts ...string) []string {
	var kept []string
	for _, text := range texts {
		if text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}

// MakePlan decides how a service gets from what there is to what is to be.
func MakePlan(o Observation, policy Policy) (p Plan, err error) {
	p = Plan{Service: o.Service, StopFirst: policy.StopFirst}
	old, missing := o.old(), max(0, o.Desired-len(o.new())-len(o.done()))
	for _, r := range o.dead() {
		p.Remove = append(p.Remove, r.Name)
	}
	switch {
	case len(old) > 0:
		p.Cause = fmt.Sprintf("%d of %d containers are to be replaced", len(old), len(o.Replicas))
		if len(o.new()) == 0 && len(old) > o.Desired {
			p.Cause += fmt.Sprintf(" by %d, as the Compose file asks for", o.Desired)
		}
	case missing > 0:
		p.Cause = fmt.Sprintf("%d containers are missing", missing)
	case len(p.Remove) > 0:
		p.Cause = "containers that do not run"
	}
	if len(old) == 0 && missing == 0 {
		return p, nil
	}
	if len(o.Seats) == 0 {
		p.Plain = true
		if stale := o.pick(func(r Replica) bool { return !r.New }); len(stale) > 0 {
			p.Cause = fmt.Sprintf("%d of %d containers are to be replaced", len(stale), len(o.Replicas))
		} else if len(p.Remove) > 0 {
			p.Cause = fmt.Sprintf("%d of %d containers do not run", len(p.Remove), len(o.Replicas))
		}
		return p, nil
	}
	if o.Single != "" && len(old) > 0 && !p.StopFirst {
		p.StopFirst, p.Why = true, "old before new: "+o.Single+" leaves no room for a second container"
	}
	batch := policy.Batch.of(max(len(old), missing))
	if policy.Flip {
		batch = max(len(old), missing)
	}
	if policy.Flip && p.StopFirst {
		return p, flipNeedsRoom(o, p.Why)
	}
	defer func() {
		if err == nil && policy.Canary != nil && p.StopFirst {
			err = canaryNeedsRoom(o, p.Why)
		}
	}()
	if room, limited := o.room(); limited && !p.StopFirst {
		switch {
		case room == 0 && len(old) > 0:
			p.StopFirst, p.Why = true, "old before new: all of HAProxy's slots are taken; the label haproxy.slots makes more"
			batch = min(batch, 1)
		case room == 0:
			return p, noSlots(o)
		case room < batch:
			batch = room
			p.Why = fmt.Sprintf("%d at a time: HAProxy has no more vacant slots; the label haproxy.slots makes more", room)
		}
		if policy.Flip && batch < missing {
			return p, flipNeedsRoom(o, p.Why)
		}
	}
	p.Batches = batches(old, len(o.new()), o.Desired, batch, p.StopFirst)
	return p, nil
}

// batches spreads the work. With new ones first there are never fewer than are
// desired, with old ones first never fewer than that less a batch.
func batches(old []Replica, fresh, desired, size int, stopFirst bool) []Batch {
	var plan []Batch
	for fresh < desired || len(old) > 0 {
		start := min(size, max(0, desired-fresh))
		retire := min(len(old), max(0, len(old)+fresh+start-desired))
		if stopFirst {
			retire = min(len(old), max(start, size))
		}
		if start == 0 {
			retire = min(retire, size)
		}
		if fresh+start >= desired && len(old) <= size {
			retire = len(old)
		}
		b := Batch{Start: start}
		for _, r := range old[:retire] {
			b.Retire = append(b.Retire, r.Name)
		}
		plan = append(plan, b)
		old, fresh = old[retire:], fresh+start
	}
	return plan
}

func noSlots(o Observation) error {
	return &compose.Problem{
		Summary: fmt.Sprintf("HAProxy has no vacant slot for another container of service %s", o.Service),
		Advice:  "The label haproxy.slots makes more.",
	}
}

func canaryNeedsRoom(o Observation, why string) error {
	return &compose.Problem{
		Summary: fmt.Sprintf("service %s can have no canary: the old containers stop before the new ones start", o.Service),
		Details: nonEmpty(why),
		Advice:  "Make room, or roll out without --canary.",
	}
}

func flipNeedsRoom(o Observation, why string) error {
	return &compose.Problem{
		Summary: fmt.Sprintf("service %s cannot be flipped: all new containers must run beside the old ones", o.Service),
		Details: nonEmpty(why),
		Advice:  "Make room, or roll out without --flip.",
	}
}
