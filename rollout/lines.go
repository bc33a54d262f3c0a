package rollout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// A server line keeps the address that it has unless a resolvers section, which
// answers, moves it. Where none does, the address is set here, before the container
// that has it is stopped. A reload looks the name up again, and finds the same.

// fixed finds the servers that the DNS does not move. It asks once in a rollout.
func (r *run) fixed(ctx context.Context, states []haproxy.ServerState) (map[string]bool, error) {
	if r.pinned != nil {
		return r.pinned, nil
	}
	var dead map[string]bool
	err := r.live.Do(ctx, func(session *haproxy.Session) (err error) {
		dead, err = session.ResolversDead(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.pinned = fixedServers(states, r.project.ResolversOf(), dead)
	return r.pinned, nil
}

func fixedServers(states []haproxy.ServerState, resolvers func(backend, server string) (string, bool), dead map[string]bool) map[string]bool {
	fixed := map[string]bool{}
	for _, s := range states {
		section, found := resolvers(s.Backend, s.Server)
		if s.FQDN != "" && found && (section == "" || dead[section]) {
			fixed[seatName(s)] = true
		}
	}
	return fixed
}

// lost is a line that would be of no use once some containers are gone, whatever is
// done at run time: it names an address or a container that the new ones will not
// have. why is what it names.
func (o Observation) lost(going []string, stopFirst bool) (line haproxy.ServerState, why string) {
	nameReturns := stopFirst && o.Desired == 1 && len(o.Replicas) == 1 && o.Replicas[0].Number == 1
	for _, c := range o.Replicas {
		if !slices.Contains(going, c.Name) {
			continue
		}
		for _, line := range o.lines() {
			switch {
			case line.FQDN == "" && c.HasAddress(line.Addr) && !slices.Contains(o.Keeps, line.Addr):
				return line, "the address " + line.Addr
			case compose.Names(line.FQDN, c.Name) && !slices.Contains(o.Keeps, c.Name) && !nameReturns:
				return line, "the container " + c.Name
			}
		}
	}
	return line, ""
}

// keepsLines refuses a plan after which a line would lead nowhere.
func (o Observation) keepsLines(p Plan) error {
	var going []string
	for _, b := range p.Batches {
		going = append(going, b.Retire...)
	}
	line, why := o.lost(going, p.StopFirst)
	if why == "" {
		return nil
	}
	return &compose.Problem{
		Summary: fmt.Sprintf("server %s names %s, which goes with the old container; nothing was touched", seatName(line), why),
		Details: []string{
			fmt.Sprintf("    server %s %s:%d check resolvers docker init-addr last,libc,none", line.Server, o.Service, line.Port),
			"resolvers docker",
			"    nameserver dns 127.0.0.11:53",
		},
		Advice: "Write the line so in haproxy.cfg, with that section if there is none, then run the command again.",
	}
}

// cover lets containers that stay stand in for those that go, where these have the
// service's only lines.
func (r *run) cover(ctx context.Context, o Observation, going []Replica) error {
	staying := o.pick(func(c Replica) bool { return c.healthy() && !isAmong(c, going) })
	if len(staying) == 0 {
		return nil
	}
	var alone []haproxy.ServerState
	for _, line := range o.lines() {
		held := slices.ContainsFunc(going, func(c Replica) bool { return c.HasAddress(line.Addr) })
		served := slices.ContainsFunc(seatsOf(staying), func(s haproxy.ServerState) bool { return s.Backend == line.Backend && serving(s, false) })
		if held && !served {
			alone = append(alone, line)
		}
	}
	if len(alone) == 0 {
		return nil
	}
	if err := r.standIn(ctx, o, staying, haproxy.ModeReady); err != nil {
		return err
	}
	err := until(ctx, r.policy.WaitTimeout, func(ctx context.Context) (bool, error) {
		o, err := r.observe(ctx)
		if err != nil {
			return false, err
		}
		for _, line := range alone {
			if s := o.standInOf(line); s != nil && !serving(*s, false) {
				return false, nil
			}
		}
		return true, nil
	})
	if errors.Is(err, errTimeout) {
		return &compose.Problem{
			Summary: fmt.Sprintf("a container that stays does not pass HAProxy's check of %s", seatName(alone[0])),
			Advice:  `Look at it with "docker haproxy status"; nothing was stopped.`,
			Cause:   err,
		}
	}
	return err
}

// standInOf is the server that stands in for a line; nil where none does.
func (o Observation) standInOf(line haproxy.ServerState) *haproxy.ServerState {
	return o.seat(haproxy.ServerState{Backend: line.Backend, Server: line.Server + standInSuffix})
}

// handOver moves the fixed lines of a container that is about to be stopped, and has
// no sessions left, to the one that stands in.
func (r *run) handOver(ctx context.Context, c Replica) error {
	if !slices.ContainsFunc(c.Seats, func(s haproxy.ServerState) bool { return r.pinned[seatName(s)] }) {
		return nil
	}
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	for _, seat := range c.Seats {
		if now := o.seat(seat); now != nil && c.HasAddress(now.Addr) {
			if err := r.readdress(ctx, o, *now); err != nil {
				return err
			}
		}
	}
	return nil
}

// readdress moves a line that the DNS does not move to the address of the server
// that stands in for it, or to a container that runs.
func (r *run) readdress(ctx context.Context, o Observation, line haproxy.ServerState) error {
	if line.FQDN != "" && !o.fixed(line) {
		return nil
	}
	return r.point(ctx, o, line)
}

// point sets the address of a line. The DNS, where it is asked, says the same.
func (r *run) point(ctx context.Context, o Observation, line haproxy.ServerState) error {
	addr, port := o.successor(line, r.gone, r.balancer), line.Port
	if standIn := o.standInOf(line); standIn != nil {
		addr, port = standIn.Addr, standIn.Port
	}
	if addr == "" || addr == line.Addr {
		return nil
	}
	command := fmt.Sprintf("set server %s/%s addr %s port %d", haproxy.Quote(line.Backend), haproxy.Quote(line.Server), addr, port)
	return r.live.Do(ctx, func(session *haproxy.Session) error {
		_, err := session.Worker(ctx, command) // its answer says what was changed
		return err
	})
}

// successor is the address of a container that a line may be moved to: of several
// lines each gets another one, as far as there are. "" where none runs.
func (o Observation) successor(line haproxy.ServerState, gone map[string]bool, balancer compose.Container) string {
	running := o.pick(func(c Replica) bool { return c.healthy() && !gone[c.ID] })
	if fresh := slices.DeleteFunc(slices.Clone(running), func(c Replica) bool { return !c.New }); len(fresh) > 0 {
		running = fresh
	}
	if len(running) == 0 {
		return ""
	}
	return running[o.lineNumber(line)%len(running)].AddressFor(balancer)
}

// lineNumber is the how manieth of its backend's lines a line is.
func (o Observation) lineNumber(line haproxy.ServerState) int {
	n := 0
	for _, other := range o.lines() {
		if other.Backend != line.Backend {
			continue
		}
		if other.Server == line.Server {
			return n
		}
		n++
	}
	return 0
}

// astray are the lines with an address that no running container of the service has.
func (o Observation) astray() []haproxy.ServerState {
	running := o.pick(func(c Replica) bool { return c.Running() })
	if len(running) == 0 {
		return nil // no container could be behind them
	}
	return slices.DeleteFunc(o.lines(), func(line haproxy.ServerState) bool {
		return line.AdminState&haproxy.NoAddress == 0 && slices.ContainsFunc(running, func(c Replica) bool { return c.HasAddress(line.Addr) })
	})
}

// dnsTime is how long the DNS has for what it does within a second.
const dnsTime = 3 * time.Second

// lead makes sure that every line leads to a running container in the end, whoever
// should have moved it.
func (r *run) lead(ctx context.Context) error {
	var astray []haproxy.ServerState
	began := time.Now()
	err := until(ctx, goneTimeout, func(ctx context.Context) (bool, error) {
		o, err := r.observe(ctx)
		if err != nil {
			return false, err
		}
		astray = o.astray()
		for _, line := range astray {
			if !o.fixed(line) && time.Since(began) < dnsTime {
				continue // the DNS is about to move it
			}
			if err := r.point(ctx, o, line); err != nil {
				return false, err
			}
		}
		return len(astray) == 0, nil
	})
	if !errors.Is(err, errTimeout) {
		return err
	}
	line := astray[0]
	return &compose.Problem{
		Summary: fmt.Sprintf("server %s does not lead to service %s: it has the address %s, which none of its containers has", seatName(line), r.service, net.JoinHostPort(line.Addr, strconv.Itoa(line.Port))),
		Advice:  `"docker haproxy reload" has HAProxy look its name up again.`,
		Cause:   err,
	}
}
