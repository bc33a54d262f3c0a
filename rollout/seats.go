package rollout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// standInSuffix ends the name of a server that stands in, in a rollout, for one
// of the configuration.
const standInSuffix = "-rollout"

// setMode changes what servers take, all of them in one session.
func (r *run) setMode(ctx context.Context, seats []haproxy.ServerState, mode haproxy.Mode) error {
	if len(seats) == 0 {
		return nil
	}
	return r.live.Do(ctx, func(session *haproxy.Session) error {
		for _, seat := range seats {
			if err := session.SetServerModeEverywhere(ctx, seat.Backend, seat.Server, mode); err != nil {
				return err
			}
		}
		return nil
	})
}

// serving tells whether a server takes requests or, where it is held, would.
func serving(seat haproxy.ServerState, held bool) bool {
	up := seat.OpState == haproxy.OpRunning || seat.OpState == haproxy.OpStarting
	reasons := seat.AdminState & (haproxy.Maintenance | haproxy.Drain | haproxy.NoAddress)
	if held {
		reasons &^= haproxy.Drain
	}
	return up && reasons == 0
}

// seated tells whether a container has a server in each backend of the service
// that serves, or is about to where new containers are held back. Where the
// backend has a single line, one of the fresh containers is enough.
func (o Observation) seated(r Replica, fresh []Replica, held bool) bool {
	for _, backend := range o.Backends() {
		inBackend := func(r Replica) bool {
			return slices.ContainsFunc(r.Seats, func(s haproxy.ServerState) bool { return s.Backend == backend && serving(s, held) })
		}
		if !inBackend(r) && (o.hasSlots(backend) || !slices.ContainsFunc(fresh, inBackend)) {
			return false
		}
	}
	return true
}

func (o Observation) hasSlots(backend string) bool {
	return slices.ContainsFunc(o.Seats, func(s haproxy.ServerState) bool { return s.Backend == backend && o.isSlot(s) })
}

// lines are the service's servers that have a line of their own.
func (o Observation) lines() []haproxy.ServerState {
	return slices.DeleteFunc(slices.Clone(o.Seats), func(s haproxy.ServerState) bool { return o.isSlot(s) || isStandIn(s) })
}

func isStandIn(s haproxy.ServerState) bool { return strings.HasSuffix(s.Server, standInSuffix) }

// standIns are what rollouts have added.
func (o Observation) standIns() []haproxy.ServerState {
	return slices.DeleteFunc(slices.Clone(o.Seats), func(s haproxy.ServerState) bool { return !isStandIn(s) })
}

// standIn lets some new containers take traffic beside old ones that have the
// service's only lines in a backend. A line whose container is gone, and that the DNS
// does not move, is moved to one of them.
func (r *run) standIn(ctx context.Context, o Observation, fresh []Replica, mode haproxy.Mode) error {
	for _, line := range o.lines() {
		i := slices.IndexFunc(o.Replicas, func(c Replica) bool { return c.HasAddress(line.Addr) && !r.gone[c.ID] })
		if i < 0 {
			if err := r.readdress(ctx, o, line); err != nil {
				return err
			}
			continue
		}
		if isAmong(o.Replicas[i], fresh) {
			continue
		}
		ip := fresh[o.lineNumber(line)%len(fresh)].AddressBeside(o.Replicas[i].Container, line.Addr)
		if ip == "" {
			continue
		}
		if err := r.addStandIn(ctx, o, line, net.JoinHostPort(ip, strconv.Itoa(line.Port)), mode); err != nil {
			return err
		}
	}
	return nil
}

func isAmong(r Replica, all []Replica) bool {
	return slices.ContainsFunc(all, func(other Replica) bool { return other.ID == r.ID })
}

func (r *run) addStandIn(ctx context.Context, o Observation, line haproxy.ServerState, address string, mode haproxy.Mode) error {
	name := line.Server + standInSuffix
	for _, s := range o.standIns() {
		if s.Backend != line.Backend || s.Server != name {
			continue
		}
		if net.JoinHostPort(s.Addr, strconv.Itoa(s.Port)) == address {
			return nil // of a rollout that is resumed
		}
		if err := r.removeStandIn(ctx, s); err != nil {
			return err
		}
	}
	options, _ := r.project.DynamicOptions(line.Backend, line.Server)
	checked := slices.Contains(strings.Fields(options), "check")
	if checked {
		options += " init-state fully-down" // no traffic before its first check
	}
	return r.live.Do(ctx, func(session *haproxy.Session) error {
		if err := session.AddServer(ctx, line.Backend, name, address, options); errors.Is(err, haproxy.ErrStaticBalance) {
			return &compose.Problem{
				Summary: fmt.Sprintf("the balance algorithm of backend %s does not allow a second server beside %s for the time", line.Backend, line.Server),
				Advice:  "Use balance roundrobin or leastconn, or roll out with --order stop-first.",
				Cause:   err,
			}
		} else if err != nil {
			return err
		}
		if err := session.SetServerMode(ctx, line.Backend, name, mode); err != nil || !checked {
			return err
		}
		return session.EnableHealth(ctx, line.Backend, name)
	})
}

// removeStandIn takes a stand-in away. One that still has connections, such as
// websockets to a container that stays, is left in maintenance: it goes with the
// next reload or rollout.
func (r *run) removeStandIn(ctx context.Context, s haproxy.ServerState) error {
	if err := r.setMode(ctx, []haproxy.ServerState{s}, haproxy.ModeMaintenance); err != nil {
		return err
	}
	var left error
	err := until(ctx, goneTimeout, func(ctx context.Context) (bool, error) {
		left = r.live.Do(ctx, func(session *haproxy.Session) error { return session.DeleteServer(ctx, s.Backend, s.Server) })
		return left == nil || !errors.Is(left, haproxy.ErrStillConnected), nil
	})
	if errors.Is(left, haproxy.ErrStillConnected) {
		r.engine.Tell("Server "+s.Backend+"/"+s.Server, compose.Finished, "Keeps its open sessions; the next reload takes it away")
		return nil
	}
	return errors.Join(err, left)
}

// free opens what a rollout that was killed has left closed: slots that wait for a
// container, whose weight a canary may have changed, and lines that nobody is behind
// any more, or for whom another server stands in with the same container.
func (r *run) free(ctx context.Context, o Observation) error {
	var closed, light []haproxy.ServerState
	for _, s := range o.vacant() {
		if s.AdminState&(haproxy.ForcedMaintenance|haproxy.ForcedDrain) != 0 {
			closed = append(closed, s)
		}
		if s.Weight != s.InitialWeight {
			light = append(light, s)
		}
	}
	for _, line := range o.lines() {
		standIn := o.standInOf(line)
		behind := slices.ContainsFunc(o.Replicas, func(c Replica) bool { return c.Running() && c.HasAddress(line.Addr) && !r.gone[c.ID] })
		if line.AdminState&haproxy.ForcedMaintenance != 0 && (!behind || standIn != nil && standIn.Addr == line.Addr) {
			closed = append(closed, line)
		}
	}
	return errors.Join(r.weigh(ctx, light, asConfigured), r.setMode(ctx, closed, haproxy.ModeReady))
}

// release opens the servers of containers that are gone: a slot for the next
// container, a line for the one that its name stands for by now. A server that has
// the address of one that is gone is kept for the next time, unless Docker has given
// that address to another container already.
func (r *run) release(ctx context.Context, o Observation) error {
	var still, open []haproxy.ServerState
	for _, was := range r.leaving {
		now := o.seat(was)
		switch {
		case now == nil || isStandIn(was):
		case now.Addr == was.Addr && !r.reused(o, was.Addr):
			still = append(still, was)
			if err := r.readdress(ctx, o, *now); err != nil {
				return err
			}
		default:
			open = append(open, *now)
		}
	}
	r.leaving = still
	return r.setMode(ctx, open, haproxy.ModeReady)
}

// reused tells whether an address belongs to a container that stays.
func (r *run) reused(o Observation, ip string) bool {
	return slices.ContainsFunc(o.Replicas, func(c Replica) bool { return c.Running() && c.HasAddress(ip) && !r.gone[c.ID] })
}

// seat finds a server again.
func (o Observation) seat(was haproxy.ServerState) *haproxy.ServerState {
	for i, s := range o.Seats {
		if s.Backend == was.Backend && s.Server == was.Server {
			return &o.Seats[i]
		}
	}
	return nil
}

// settle waits until the DNS has given up the containers that are gone, opens
// their servers, and takes stand-ins away.
func (r *run) settle(ctx context.Context) error {
	var o Observation
	err := until(ctx, goneTimeout, func(ctx context.Context) (done bool, err error) {
		if o, err = r.observe(ctx); err != nil {
			return false, err
		}
		if err := r.release(ctx, o); err != nil {
			return false, err
		}
		return len(r.leaving) == 0 || len(o.seats()) == 0, nil
	})
	if err != nil && !errors.Is(err, errTimeout) {
		return err
	}
	// A line whose name is in no DNS any more keeps its last address, for the next container.
	if err := r.free(ctx, o); err != nil {
		return err
	}
	r.leaving = nil
	if err := r.lead(ctx); err != nil {
		return err
	}
	if len(o.standIns()) == 0 {
		return nil
	}
	up := func(ctx context.Context) (done bool, err error) {
		if o, err = r.observe(ctx); err != nil {
			return false, err
		}
		for _, s := range o.standIns() {
			line := o.seat(haproxy.ServerState{Backend: s.Backend, Server: strings.TrimSuffix(s.Server, standInSuffix)})
			if line != nil && !serving(*line, false) {
				return false, nil
			}
		}
		return true, nil
	}
	if err := until(ctx, goneTimeout, up); errors.Is(err, errTimeout) {
		return &compose.Problem{
			Summary: fmt.Sprintf("service %s is served by servers that stand in for those of the configuration, which do not come up", r.service),
			Advice:  `See "docker haproxy status"; "docker haproxy rollout" looks again. Do not reload before: a reload takes the stand-ins away.`,
			Cause:   err,
		}
	} else if err != nil {
		return err
	}
	for _, s := range o.standIns() {
		if err := r.removeStandIn(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
