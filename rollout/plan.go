package rollout

import (
	"fmt"
	"slices"
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
	Batches   []Batch
	StopFirst bool
	Why       string   // of StopFirst or of a small batch, where it was not asked for
	Notes     []string // what a person should know before
}

// Batch is what happens at one time.
type Batch struct {
	Start  int      // new containers
	Retire []string // names of the containers that go
	Remove []string // of those that go likewise and do not run: there is nothing to drain
}

// leaving are the names of all containers that go.
func (b Batch) leaving() []string { return slices.Concat(b.Retire, b.Remove) }

// add has a container go with the batch.
func (b *Batch) add(r Replica) {
	if r.Running() {
		b.Retire = append(b.Retire, r.Name)
	} else {
		b.Remove = append(b.Remove, r.Name)
	}
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
	if len(p.Batches) == 0 {
		return fmt.Sprintf("service %s: nothing to do\n", p.Service)
	}
	say("service %s: %s", p.Service, p.Cause)
	p.sayAfter(say)
	for _, b := range p.Batches {
		start := ""
		if b.Start > 0 {
			start = fmt.Sprintf("start %d, wait for their checks", b.Start)
		}
		var going []string
		if len(b.Retire) > 0 {
			going = append(going, "drain and stop "+strings.Join(b.Retire, ", "))
		}
		if len(b.Remove) > 0 {
			going = append(going, "remove "+strings.Join(b.Remove, ", ")+" (not running)")
		}
		first, second := start, strings.Join(going, "; ")
		if p.StopFirst {
			first, second = second, first
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
func (p Plan) Nothing() bool { return !p.Plain && len(p.Batches) == 0 }

// starts tells whether new containers are a part of it.
func (p Plan) starts() bool {
	return slices.ContainsFunc(p.Batches, func(b Batch) bool { return b.Start > 0 })
}

func nonEmpty(texts ...string) []string {
	var kept []string
	for _, text := range texts {
		if text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}

// MakePlan decides how a service gets from what there is to what is to be. What
// goes is what is old, and what does not run: a container that is paused, restarting
// or was never started goes when its successor serves, as any other.
func MakePlan(o Observation, policy Policy) (p Plan, err error) {
	p = Plan{Service: o.Service, StopFirst: policy.StopFirst}
	going, staying := o.leaving(), min(o.Desired, len(o.new())+len(o.done()))
	missing := max(0, o.Desired-staying)
	if len(going) == 0 && missing == 0 {
		return p, nil
	}
	p.Cause = o.cause(missing)
	switch {
	case len(o.Seats) == 0 && !o.Restored:
		p.Plain = true
		return p, nil
	case len(o.Seats) == 0:
		p.StopFirst = true // as Compose replaces containers
	}
	limit := o.bound()
	asked := p.StopFirst
	if !asked && missing > 0 && limit.reached() {
		if !slices.ContainsFunc(going, limit.frees) {
			return p, limit.refusal
		}
		p.StopFirst, p.Why = true, "old before new: "+limit.none
	}
	switch {
	case p.StopFirst && policy.Flip:
		return p, flipNeedsRoom(o, p.Why)
	case p.StopFirst && policy.Canary != nil:
		return p, canaryNeedsRoom(o, p.Why)
	}
	batch := policy.Batch.of(max(len(going), missing))
	switch {
	case policy.Flip:
		batch = max(len(going), missing)
	case p.StopFirst && (!asked || policy.Batch == Amount{}):
		batch = 1 // never all of them at once, unless it was asked for
	}
	if !p.StopFirst && limit.any() && limit.room < min(batch, missing) {
		batch, p.Why = limit.room, fmt.Sprintf("%d at a time: %s", limit.room, limit.some)
		if policy.Flip {
			return p, flipNeedsRoom(o, p.Why)
		}
	}
	p.Batches = batches(going, staying, o.Desired, batch, p.StopFirst)
	return p, o.keepsLines(p)
}

// cause says why anything is done.
func (o Observation) cause(missing int) string {
	going := o.leaving()
	stale := slices.ContainsFunc(going, func(r Replica) bool { return !r.New })
	idle := slices.DeleteFunc(slices.Clone(going), func(r Replica) bool { return r.Running() })
	switch {
	case stale && len(o.new()) == 0 && len(going) > o.Desired:
		return fmt.Sprintf("%d of %d containers are to be replaced by %d", len(going), len(o.Replicas), o.Desired)
	case stale:
		return fmt.Sprintf("%d of %d containers are to be replaced", len(going), len(o.Replicas))
	case len(idle) > 0:
		return fmt.Sprintf("%d of %d containers do not run", len(idle), len(o.Replicas))
	case missing > 0:
		return fmt.Sprintf("%d containers are missing", missing)
	}
	return fmt.Sprintf("%d containers run, %d are wanted", len(o.new()), o.Desired)
}

// bound is what limits how many new containers can be there at one time, beside
// those that there are. The zero value is no limit.
type bound struct {
	room       int
	some, none string             // why no more than that fit, or none at all
	frees      func(Replica) bool // whether a container makes room when it goes
	refusal    error              // where none does
}

func (b bound) any() bool     { return b.none != "" }
func (b bound) reached() bool { return b.any() && b.room <= 0 }

// bound is the closer one of two limits: HAProxy's slots, and what of the machine
// containers of the service cannot share.
func (o Observation) bound() (b bound) {
	if slots, limited := o.room(); limited {
		b = bound{
			room:  slots,
			some:  "HAProxy has no more vacant slots; the label haproxy.slots makes more",
			none:  "all of HAProxy's slots are taken; the label haproxy.slots makes more",
			frees: Replica.holds,
			refusal: &compose.Problem{
				Summary: fmt.Sprintf("HAProxy has no vacant slot for another container of service %s", o.Service),
				Advice:  "The label haproxy.slots makes more.",
			},
		}
	}
	if why := o.Limit.Why; why != "" && (!b.any() || o.Limit.Spare < b.room) {
		b = bound{
			room:  o.Limit.Spare,
			some:  why + " leaves no room for more",
			none:  why + " leaves no room for a second container",
			frees: func(Replica) bool { return true }, // a name is held by one that does not run, too
			refusal: &compose.Problem{
				Summary: fmt.Sprintf("service %s can have no other container: its %s leaves no room for one", o.Service, why),
			},
		}
	}
	return b
}

// batches spreads the work. With new ones first there are never fewer than are
// desired, with old ones first never fewer than that less a batch.
func batches(going []Replica, fresh, desired, size int, stopFirst bool) []Batch {
	var plan []Batch
	for fresh < desired || len(going) > 0 {
		start := min(size, max(0, desired-fresh))
		retire := min(len(going), max(0, len(going)+fresh+start-desired))
		if stopFirst {
			retire = min(len(going), max(start, size))
		}
		if start == 0 {
			retire = min(retire, size)
		}
		if fresh+start >= desired && len(going) <= size {
			retire = len(going)
		}
		b := Batch{Start: start}
		for _, r := range going[:retire] {
			b.add(r)
		}
		plan = append(plan, b)
		going, fresh = going[retire:], fresh+start
	}
	return plan
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
