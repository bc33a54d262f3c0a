package rollout

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Replica is a container of the service, and the servers by which HAProxy reaches it.
type Replica struct {
	compose.Container

	New   bool // made from what is to be; the others are old
	Done  bool // a job of the new ones that has ended as it was meant to
	Seats []haproxy.ServerState
}

// Observation is what there is of a service, on the engine and in HAProxy.
type Observation struct {
	Service string
	Desired int           // how many containers there are to be
	Limit   compose.Limit // how many more fit on the machine
	// Restored tells that what is to be is a version that the Compose file does not
	// say any more: Compose cannot make its containers.
	Restored bool

	Replicas []Replica
	// Fixed are the servers, as BACKEND/SERVER, that have a host name and that the DNS
	// does not move to another address: their line has no resolvers, or these do not answer.
	Fixed map[string]bool
	// Keeps are addresses and names that each container of the service has, old or new.
	Keeps []string

	// Seats are all servers that HAProxy has for the service, with a container or without.
	Seats []haproxy.ServerState
}

// observe reads the state of a service. names are its name and its aliases.
func observe(names []string, desired int, containers []compose.Container, servers []haproxy.ServerState, isNew func(compose.Container) bool) Observation {
	o := Observation{Service: names[0], Desired: desired}
	for _, c := range containers {
		r := Replica{Container: c, New: isNew(c)}
		for _, s := range servers {
			if r.holds() && c.HasAddress(s.Addr) {
				r.Seats = append(r.Seats, s)
			}
		}
		o.Replicas = append(o.Replicas, r)
	}
	backends := backendsOf(o.seats())
	for _, s := range servers {
		mine := slices.ContainsFunc(names, func(name string) bool { return compose.Names(s.FQDN, name) }) || slices.ContainsFunc(containers, func(c compose.Container) bool { return c.HasAddress(s.Addr) })
		standIn := strings.HasSuffix(s.Server, standInSuffix) && slices.Contains(backends, s.Backend)
		if mine || standIn {
			o.Seats = append(o.Seats, s)
		}
	}
	return o
}

// Backends are the backends that have servers for the service.
func (o Observation) Backends() []string { return backendsOf(o.Seats) }

func backendsOf(seats []haproxy.ServerState) []string {
	var names []string
	for _, s := range seats {
		names = append(names, s.Backend)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// seats are the servers of all containers.
func (o Observation) seats() []haproxy.ServerState { return seatsOf(o.Replicas) }

// isSlot tells whether a server is one of several that share their host name.
func (o Observation) isSlot(seat haproxy.ServerState) bool {
	if o.fixed(seat) {
		return false
	}
	n := 0
	for _, s := range o.Seats {
		if s.Backend == seat.Backend && s.FQDN != "" && s.FQDN == seat.FQDN {
			n++
		}
	}
	return n > 1
}

// fixed tells whether a server stays at its address although its host name stands
// for another one by now.
func (o Observation) fixed(seat haproxy.ServerState) bool { return o.Fixed[seatName(seat)] }

func seatName(seat haproxy.ServerState) string { return seat.Backend + "/" + seat.Server }

// vacant are the slots that no container has.
func (o Observation) vacant() []haproxy.ServerState {
	var free []haproxy.ServerState
	for _, s := range o.Seats {
		if s.Addr == "" && o.isSlot(s) {
			free = append(free, s)
		}
	}
	return free
}

// room is how many more containers HAProxy can take at once: as many as the
// fullest backend has vacant slots. limited is false where it has no slots.
func (o Observation) room() (n int, limited bool) {
	slots, free := map[string]bool{}, map[string]int{}
	for _, s := range o.Seats {
		if o.isSlot(s) {
			slots[s.Backend+" "+s.FQDN] = true
			if s.Addr == "" {
				free[s.Backend+" "+s.FQDN]++
			}
		}
	}
	for host := range slots {
		if !limited || free[host] < n {
			n, limited = free[host], true
		}
	}
	return n, limited
}

// old are the running containers that are to go.
func (o Observation) old() []Replica {
	return o.pick(func(r Replica) bool { return !r.New && r.Running() })
}

// new are the running containers that are to stay.
func (o Observation) new() []Replica {
	return o.pick(func(r Replica) bool { return r.New && r.Running() })
}

// done are the jobs that have ended, and need not run again.
func (o Observation) done() []Replica {
	return o.pick(func(r Replica) bool { return r.Done })
}

// leaving are the containers that go: the old ones, those that do not run, and new
// ones that are too many. What is missed least comes first.
func (o Observation) leaving() []Replica {
	all := o.pick(func(r Replica) bool { return !r.Done && (!r.New || !r.Running()) })
	slices.SortStableFunc(all, func(a, b Replica) int { return a.worth() - b.worth() })
	return append(all, leastNeeded(o.new(), len(o.new())-o.Desired)...)
}

// leastNeeded are the first of some containers to go: those that are not healthy,
// then those with the highest numbers, as when Compose scales down.
func leastNeeded(all []Replica, n int) []Replica {
	all = slices.Clone(all)
	slices.Reverse(all) // they come by their numbers
	slices.SortStableFunc(all, func(a, b Replica) int { return a.worth() - b.worth() })
	return all[:min(len(all), max(0, n))]
}

// worth orders containers by what is lost when they go.
func (r Replica) worth() int {
	switch {
	case !r.Running():
		return 0
	case !r.healthy():
		return 1
	}
	return 2
}

// holds tells whether a container has its address, its ports and its place in
// HAProxy: a paused one does.
func (r Replica) holds() bool { return r.Running() || r.State == "paused" }

// spent are the old containers that a rollout which was killed has had stopped, and
// not removed any more, where none of them runs, and new ones do in their place.
func (o Observation) spent() []Replica {
	if len(o.new()) == 0 || len(o.old()) > 0 {
		return nil
	}
	return o.pick(func(r Replica) bool { return !r.New && r.State == "exited" })
}

func (o Observation) pick(keep func(Replica) bool) []Replica {
	return slices.DeleteFunc(slices.Clone(o.Replicas), func(r Replica) bool { return !keep(r) })
}

// newestRollout is the newest rollout that has started some of the containers; ""
// where none has.
func newestRollout(containers []compose.Container) string {
	newest := ""
	for _, c := range containers {
		newest = max(newest, c.RolloutID())
	}
	return newest
}

// newOnes decides which containers are the new ones. Where some agree with the
// definition and some do not, the first are. Where all agree, those are that the
// newest rollout has started: it was forced.
func newOnes(containers []compose.Container, made func(compose.Container) bool) func(compose.Container) bool {
	if slices.ContainsFunc(containers, func(c compose.Container) bool { return !made(c) }) {
		return made
	}
	return startedLast(containers)
}

// startedLast tells the containers that the newest rollout has started, and those
// that are younger, from the older ones; where no rollout has started any, all are
// taken for new.
func startedLast(containers []compose.Container) func(compose.Container) bool {
	newest := newestRollout(containers)
	var began time.Time
	for _, c := range containers {
		if newest != "" && c.RolloutID() == newest && (began.IsZero() || c.Created.Before(began)) {
			began = c.Created
		}
	}
	return func(c compose.Container) bool {
		return c.RolloutID() == newest || !c.Created.Before(began)
	}
}

// servers asks HAProxy for its servers.
func servers(ctx context.Context, live *compose.Live) (states []haproxy.ServerState, err error) {
	err = live.Do(ctx, func(session *haproxy.Session) error {
		states, err = session.ServersState(ctx, "")
		return err
	})
	return states, err
}
