package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// Process is the HAProxy process that takes requests.
type Process struct {
	Worker  int       // PID in the container
	Started time.Time // to the second
	Stats   []haproxy.Stat
	Servers []haproxy.ServerState
}

// ask asks for everything.
func (p *Project) ask(ctx context.Context, session *haproxy.Session) (Process, error) {
	info, err := session.Info(ctx)
	if err != nil {
		return Process{}, err
	}
	stats, err := session.Stats(ctx)
	if err != nil {
		return Process{}, err
	}
	servers, err := session.ServersState(ctx, "")
	return Process{Worker: info.PID, Started: info.StartTime, Stats: p.occupied(stats, servers), Servers: servers}, err
}

// occupied leaves out the servers that wait for containers that are not expected,
// and the frontend in which HAProxy asks itself whose an address is.
func (p *Project) occupied(stats []haproxy.Stat, servers []haproxy.ServerState) []haproxy.Stat {
	stats = slices.DeleteFunc(stats, func(s haproxy.Stat) bool { return s.Proxy == routing.IdentityFrontend })
	return haproxy.Occupied(stats, servers, p.idle)
}

// idle tells whether a name is that of a service that is not to have containers:
// it is scaled to none, or its profile is not enabled.
func (p *Project) idle(fqdn string) bool {
	for name, service := range p.Services {
		if names(fqdn, name) {
			return service.GetScale() == 0
		}
	}
	for name := range p.DisabledServices {
		if names(fqdn, name) {
			return true
		}
	}
	return false
}

// names tells whether a host name is a service's: SERVICE or SERVICE.NETWORK.
func names(fqdn, service string) bool {
	rest, found := strings.CutPrefix(strings.ToLower(fqdn), strings.ToLower(service))
	return found && (rest == "" || rest[0] == '.')
}

// Readiness sorts the process's servers by whether they take requests.
func (p Process) Readiness() haproxy.Readiness { return haproxy.Serving(p.Stats) }

// goal is what Confirm waits for.
type goal func(context.Context, haproxy.Readiness) (bool, error)

// ready: every frontend listens and every server has answered its check. The
// goal for servers that were started a moment ago.
func ready(_ context.Context, r haproxy.Readiness) (bool, error) { return r.Ready(), nil }

// readyAgain is ready, once every server had time to be checked anew: until
// then a server whose container was replaced has the result of the old one.
// A container that keeps ending may look well to a check in between.
func (e *Engine) readyAgain(p *Project) goal {
	began := time.Now()
	return func(ctx context.Context, r haproxy.Readiness) (bool, error) {
		if time.Since(began) < recheckTime || !r.Ready() {
			return false, nil
		}
		return e.steady(ctx, p)
	}
}

// recheckTime is a little longer than "inter", which is 2 s by default and in
// the generated configuration.
const recheckTime = 2500 * time.Millisecond

// settled: every server's first check has come to a result, whatever it is, and
// none is between up and down ("UP 1/2"). More cannot be asked of a worker that
// takes over from another: a server that is away was so before.
func settled(r haproxy.Readiness) bool {
	return !slices.ContainsFunc(r.Backends, func(b haproxy.BackendReadiness) bool {
		return len(b.Pending) > 0 || slices.ContainsFunc(b.Up, func(s haproxy.Stat) bool { return strings.Contains(s.Status, "/") })
	})
}

// known: no goal; one look is enough. Where nothing was changed, there is
// nothing to wait for.
func known(context.Context, haproxy.Readiness) (bool, error) { return true, nil }

// pollInterval is the pause between two questions for the servers' state. The
// Runtime API has no event for a server that comes up; a question on an open
// session costs less than a millisecond.
const pollInterval = 25 * time.Millisecond

// Confirm waits until a goal is reached, or the timeout, and gives what it saw
// last. opened may hold a session that is open already.
func (e *Engine) Confirm(ctx context.Context, p *Project, running Balancer, opened *ahead, reached goal, timeout time.Duration) (process Process, err error) {
	session, err := opened.session()
	if err != nil {
		if session, err = e.openWhenUp(ctx, p, running, timeout); err != nil {
			return Process{}, e.explainSession(ctx, p, running, err)
		}
		defer func() { _ = session.Close() }()
	}

	deadline := time.Now().Add(timeout)
	for look := time.Now().Add(lookInterval); ; {
		if process, err = p.ask(ctx, session); err != nil {
			return Process{}, e.explainSession(ctx, p, running, err)
		}
		done, err := reached(ctx, process.Readiness())
		if err != nil || done || time.Now().After(deadline) {
			return process, err
		}
		if time.Now().After(look) { // perhaps the app is why a server stays away
			if err := e.crashed(ctx, p); err != nil {
				return Process{}, err
			}
			look = time.Now().Add(lookInterval)
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return Process{}, err
		}
	}
}

// lookInterval is how often the wait for servers looks whether a container
// has ended meanwhile.
const lookInterval = 500 * time.Millisecond

// crashed finds a container that requests depend on and that ended with an error, or does
// so again and again, which no waiting mends.
func (e *Engine) crashed(ctx context.Context, p *Project) error {
	containers, err := e.inspected(ctx, p)
	if err != nil {
		return err
	}
	for _, c := range containers {
		switch {
		case c.Restarts >= tooManyRestarts && time.Since(c.StartedAt) < recheckTime:
			return e.failed(ctx, c.Name, fmt.Sprintf("ends as soon as it starts (restarted %d times)", c.Restarts))
		case c.Ended() && c.ExitCode != 0:
			return e.failed(ctx, c.Name, fmt.Sprintf("ended with exit code %d", c.ExitCode))
		}
	}
	return nil
}

// tooManyRestarts is when a container that its restart policy starts again and
// again counts as failed. One or two may be an app that waits for its database.
const tooManyRestarts = 3

// steady tells whether all containers that requests depend on have run for a while, as far as a
// restart policy has had to start them again at all.
func (e *Engine) steady(ctx context.Context, p *Project) (bool, error) {
	containers, err := e.inspected(ctx, p)
	if err != nil {
		return false, err
	}
	for _, c := range containers {
		if c.State == string(container.StateRestarting) || c.Restarts > 0 && time.Since(c.StartedAt) < recheckTime {
			return false, nil
		}
	}
	return true, nil
}

// serves makes an error of a load balancer that has nobody to send requests to.
func serves(p *Project, process Process) error {
	readiness := process.Readiness()
	if readiness.Serves() {
		return nil
	}
	return &Problem{
		Summary: "HAProxy runs, but has nobody to send requests to",
		Details: readiness.Problems(),
		Advice:  fmt.Sprintf(`Does the app listen on the port that stands in %s, and answer its health check? "docker haproxy logs --all" shows more while the containers run.`, p.ConfigName()),
	}
}

// Pause waits for some time, or for the end of the context, whose error it gives.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
