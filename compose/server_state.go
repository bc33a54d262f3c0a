package compose

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// leaveState puts the state of servers where the next worker looks for it, if
// the base config names such a place: of those that somebody has drained, put
// into maintenance or given a weight, so that they get nothing for a moment, and
// of those that take requests only once their check has passed, which would all
// begin as down and answer 503 until then (measured: 3 to 5 requests in ten
// reloads at 400 a second). On the host's network it is all of them: without it
// they have no address for some 4 ms, until the DNS has answered (measured: one
// 503 in each reload under a single client). The session gives way to another one.
func (r *reloading) leaveState(ctx context.Context, session *haproxy.Session) (*haproxy.Session, error) {
	file := r.p.stateFile()
	state, gated := r.p.stateToLeave(r.before.state)
	if file == "" || state == "" {
		return session, nil
	}
	_ = session.Close()
	err := r.relay.save(ctx, file, state)
	if errors.Is(err, errCutOff) {
		return nil, err
	} // a folder that cannot be written to keeps nobody from reloading
	r.left, r.gated = err == nil, gated
	return r.relay.client().Open(ctx)
}

// takeStateAway removes the state: it would be out of date at a restart or a
// signal by hand. It is best effort: the folder is gone with the container.
func (r *reloading) takeStateAway(ctx context.Context) {
	if r.left {
		_ = r.relay.save(ctx, r.p.stateFile(), "")
	}
}

// firstChecks is when the servers' first checks by a new worker have ended, as
// the generated and the base config spread them (max-spread-checks 50). What a
// state file says of a server looks like the result of a check.
const firstChecks = 150 * time.Millisecond

// stateToLeave chooses from the answer of "show servers state"; "" where nothing
// is worth it. gated tells whether servers are among it that wait for checks.
// Slots without a container are none: there may be thousands.
func (p *Project) stateToLeave(state string) (chosen string, gated bool) {
	var kept strings.Builder
	column := func(string) int { return -1 }
	servers := 0
	for line := range strings.Lines(state) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "#" {
			column = func(name string) int { return slices.Index(fields[1:], name) }
		}
		value := func(name string) string {
			if i := column(name); i >= 0 && i < len(fields) {
				return fields[i]
			}
			return ""
		}
		if len(fields) > 1 && fields[0] != "#" {
			waits := p.OnHost() || strings.HasPrefix(value("be_name"), p.Name+".")
			admin := value("srv_admin_state")
			set := admin != "0" && admin != "32" || value("srv_uweight") != value("srv_iweight")
			if value("srv_addr") == "-" || !waits && !set {
				continue
			}
			gated = gated || waits
			servers++
		}
		kept.WriteString(line)
	}
	if servers == 0 {
		return "", false
	}
	return strings.TrimRight(kept.String(), "\n") + "\n", gated
}
