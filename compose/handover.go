package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Compose replaces a container in this order: it creates the new one, stops the
// old one and waits until that has ended, removes it, waits for what the service
// depends on, and starts the new one. HAProxy closes its listeners as soon as it
// is told to stop and then waits for what is open, so that nothing answers
// meanwhile: for 42 s with one idle websocket (measured). So the load balancer
// comes last, once all else is as it should be, and the moment in which Compose
// stops its container is ours: there the new one takes over.

// Replacement is how the load balancer's container is going to be replaced.
type Replacement struct {
	Beside bool          // the new one takes requests before the old one closes its ports
	Open   int64         // connections that the old one has now
	Grace  time.Duration // with Beside, what the old one has to end them in

	byCompose bool // only Compose can start the new one
}

// The times for which nothing answers, as they are announced. Measured on two
// busy cores: 0.5 to 1.1 s; with Compose's start 1.3 to 2.2 s.
const (
	usualGap   = 1 * time.Second
	composeGap = 2 * time.Second
)

// String says what it means for those who use the load balancer.
func (r Replacement) String() string {
	if r.Beside {
		return "the new one takes over beside it and no connection is refused" + connections(r.Open, "has", "have", fmt.Sprintf("%s to end", r.Grace))
	}
	gap := usualGap
	if r.byCompose {
		gap = composeGap
	}
	return fmt.Sprintf("nothing answers for about %s", gap) + connections(r.Open, "is", "are", "cut")
}

// connections says what becomes of open connections; "" where there are none.
func connections(n int64, one, many, fate string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("; 1 open connection %s %s", one, fate)
	default:
		return fmt.Sprintf("; %d open connections %s %s", n, many, fate)
	}
}

// Replaced is how the load balancer's container was replaced.
type Replaced struct {
	Beside bool          // no connection was refused
	Gap    time.Duration // else the longest that nothing can have answered
	Cut    int64         // connections that were open when the old one was ended
}

// String says what became of it.
func (r Replaced) String() string {
	what := "no connection was refused"
	if !r.Beside {
		what = fmt.Sprintf("nothing answered for %s", r.Gap.Round(100*time.Millisecond))
	}
	return "The load balancer was replaced: " + what + connections(r.Cut, "was", "were", "cut")
}

// replacement decides how a running load balancer gives way to what the Compose
// file says.
func (p *Project) replacement(old Balancer) Replacement {
	r := Replacement{Grace: old.grace, byCompose: p.startedByCompose()}
	r.Beside = !r.byCompose && p.OnHost() && old.networkMode == HostNetwork && p.MasterSocket() != "" && p.maySharePorts(old.user)
	return r
}

// startedByCompose tells whether a start takes more than the engine's: contents
// that are copied into the container, hooks, or several containers.
func (p *Project) startedByCompose() bool {
	b := p.balancer
	copied := slices.ContainsFunc(b.Configs, func(c types.ServiceConfigObjConfig) bool { return p.Configs[c.Source].File == "" }) ||
		slices.ContainsFunc(b.Secrets, func(s types.ServiceSecretConfig) bool { return p.Secrets[s.Source].File == "" })
	return copied || len(b.PreStart) > 0 || len(b.PostStart) > 0 || b.GetScale() != 1
}

// maySharePorts tells whether the new HAProxy may open the ports that the old one has
// open: the kernel lets processes of one user only, and noreuseport none.
func (p *Project) maySharePorts(user string) bool {
	if p.balancer.User != "" && p.balancer.User != user {
		return false
	}
	files, _ := p.configFiles()
	return !slices.ContainsFunc(files, func(f haproxy.ConfigFile) bool { return haproxy.KeepsPorts(f.Content) })
}

// planReplacement is a replacement with the connections that are open now.
func (e *Engine) planReplacement(ctx context.Context, p *Project, old Balancer) Replacement {
	r := p.replacement(old)
	r.Open = e.open(ctx, p, old)
	return r
}

// open counts the connections of a load balancer; 0 where it cannot be asked, or
// does not answer, which may be why it is replaced.
func (e *Engine) open(ctx context.Context, p *Project, running Balancer) int64 {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	opened := e.openAhead(ctx, p, &running)
	defer opened.close()
	session, err := opened.session()
	if err != nil {
		return 0
	}
	info, _ := session.Info(ctx)
	return info.CurrConns
}

// countTime bounds the question for the connections that are open.
const countTime = 3 * time.Second

// handover replaces one container by another, in the place of Compose's stop.
type handover struct {
	*Engine
	p     *Project
	old   Balancer
	how   Replacement
	began time.Time // when nothing answered any more
	done  Replaced
}

// handOver prepares the replacement of a running load balancer and announces it.
func (e *Engine) handOver(ctx context.Context, p *Project, old Container) (*handover, error) {
	running, err := e.inspect(ctx, old)
	if err != nil {
		return nil, err
	}
	h := &handover{Engine: e, p: p, old: running, how: e.planReplacement(ctx, p, running)}
	h.tell(api.Working, "Going to be replaced: "+h.how.String())
	return h, nil
}

func (h *handover) tell(status api.EventStatus, text string) {
	h.events.On(api.Resource{ID: "HAProxy " + h.old.Name, Status: status, Text: text})
}

// run is what is done where Compose would stop the old container.
func (h *handover) run(ctx context.Context) error {
	successor, err := h.successor(ctx)
	if err != nil {
		return err
	}
	h.done.Cut = h.open(ctx, h.p, h.old)
	switch {
	case successor == nil || h.how.byCompose: // removed only, or started later
		return h.end(ctx)
	case h.how.Beside:
		if err := h.beside(ctx, *successor); err == nil || ctx.Err() != nil {
			return err
		}
		// It could not have the ports. So the old one gives them up first.
		if err := h.stop(ctx, successor.ID, 0); err != nil {
			return err
		}
	}
	return h.afterwards(ctx, *successor)
}

// successor is the container that Compose has created in the old one's place.
func (h *handover) successor(ctx context.Context) (*Container, error) {
	found, err := h.containers(ctx, h.p.Name, LoadBalancer)
	i := slices.IndexFunc(found, func(c Container) bool { return c.replaces(h.old.Container) })
	if err != nil || i < 0 {
		return nil, err
	}
	return &found[i], nil
}

// beside starts the new container while the old one serves. Once it serves as
// well, the old one closes its ports, and has its grace period to end what is open.
func (h *handover) beside(ctx context.Context, successor Container) error {
	h.tell(api.Working, "Starting beside the old one")
	if err := h.start(ctx, successor); err != nil {
		return err
	}
	started, err := h.inspect(ctx, successor)
	if err != nil {
		return err
	}
	serving := func(_ context.Context, r haproxy.Readiness) (bool, error) { return r.Serves() && settled(r), nil }
	if _, err := h.Confirm(ctx, h.p, started, h.openAhead(ctx, h.p, nil), serving, besideTime); err != nil {
		return err
	}
	h.done.Cut = h.open(ctx, h.p, h.old)
	h.tell(api.Working, fmt.Sprintf("Serving; the old one has %s to end%s", h.how.Grace, connections(h.done.Cut, "is", "are", "left")))
	began := time.Now()
	_, err = h.api().ContainerStop(ctx, h.old.ID, client.ContainerStopOptions{})
	if time.Since(began) < h.how.Grace {
		h.done.Cut = 0
	}
	h.done.Beside = err == nil
	return err
}

// besideTime bounds the wait for the servers of the new load balancer.
const besideTime = 10 * time.Second

// afterwards ends the old container and starts the new one at once. One that
// does not come up gives way to the old one again.
func (h *handover) afterwards(ctx context.Context, successor Container) error {
	if err := h.end(ctx); err != nil {
		return err
	}
	if err := h.start(ctx, successor); err != nil {
		return h.goBack(ctx, successor, err)
	}
	started, err := h.inspect(ctx, successor)
	if err != nil {
		return err
	}
	h.answered(ctx, started)
	return nil
}

// end ends the old container, which closes its ports at once and has a moment to
// answer the requests that it has begun.
func (h *handover) end(ctx context.Context) error {
	h.began = time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- h.stop(ctx, h.old.ID, 1) }()
	select {
	case err := <-stopped:
		h.done.Cut = 0
		return err
	case <-time.After(requestsTime):
		_, err := h.api().ContainerKill(ctx, h.old.ID, client.ContainerKillOptions{Signal: "KILL"})
		return errors.Join(ignoreEnded(err), <-stopped)
	}
}

// requestsTime is what requests have that were begun before the replacement. A
// longer one would save a few and refuse many.
const requestsTime = 300 * time.Millisecond

// ignoreEnded leaves out the refusal to kill a container that has ended.
func ignoreEnded(err error) error {
	if err != nil && strings.Contains(err.Error(), "is not running") {
		return nil
	}
	return err
}

func (h *handover) start(ctx context.Context, c Container) error {
	_, err := h.api().ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
	return err
}

func (h *handover) stop(ctx context.Context, id string, seconds int) error {
	_, err := h.api().ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &seconds})
	return err
}

// ended is what became of the replacement, once Compose is done; nil where
// nothing was replaced. Where Compose started the new container, the gap ends now.
func (h *handover) ended(ctx context.Context, now Balancer) *Replaced {
	if h.began.IsZero() && !h.done.Beside {
		return nil
	}
	h.answered(ctx, now)
	h.tell(api.Done, "Replaced")
	return &h.done
}

// answered notes how long nothing answered, once HAProxy says that it does. One
// that does not come up is not reported here, but by those who confirm it.
func (h *handover) answered(ctx context.Context, started Balancer) {
	if h.began.IsZero() || h.done.Gap > 0 {
		return
	}
	if h.p.MasterSocket() != "" {
		session, err := h.openWhenUp(ctx, h.p, started, socketTimeout)
		if err != nil {
			return
		}
		defer func() { _ = session.Close() }()
	}
	h.done.Gap = time.Since(h.began)
}

// goBack starts the old container again in the place of one that cannot be started.
func (h *handover) goBack(ctx context.Context, successor Container, cause error) error {
	problem := &Problem{
		Summary: "the new load balancer cannot be started: " + engineWords(cause.Error()),
		Advice:  fmt.Sprintf("Correct service %s in %s. The old load balancer runs again.", LoadBalancer, h.p.composeFileName()),
		Cause:   cause,
	}
	if err := h.start(ctx, h.old.Container); err != nil {
		problem.Details = []string{"the old one cannot be started again either: " + engineWords(err.Error())}
		problem.Advice = fmt.Sprintf(`Nothing answers. Correct service %s in %s, then run "docker haproxy up".`, LoadBalancer, h.p.composeFileName())
	}
	_ = h.remove(ctx, State{containers: []Container{successor}})
	return problem
}

// handovers are what is done in the place of stops, by the containers' IDs.
type handovers struct {
	mu sync.Mutex
	of map[string]func(context.Context) error
}

// arm has a stop of a container replaced by something else, once.
func (h *handovers) arm(id string, instead func(context.Context) error) (disarm func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = map[string]func(context.Context) error{}
	}
	h.of[id] = instead
	return func() { h.take(id) }
}

// take gives what is to be done in the place of a stop; nil for nothing.
func (h *handovers) take(id string) func(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	instead := h.of[id]
	delete(h.of, id)
	return instead
}
