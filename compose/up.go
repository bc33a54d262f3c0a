package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// UpOptions are those of Compose's up that docker haproxy passes on.
type UpOptions struct {
	Build         bool          // build images before
	ForceRecreate bool          // replace containers that did not change
	RemoveOrphans bool          // remove containers of services that are gone from the file
	WaitTimeout   time.Duration // for containers to run and be healthy; 0 waits for ever
}

// replaces tells whether "up" would put another container in the place of the
// load balancer's running one, because the service's definition changed or its
// tag names another image by now.
func (e *Engine) replaces(ctx context.Context, p *Project, before State, running Container, images ImageIDs) (bool, error) {
	made, err := e.definitions(p, before.containers).made(ctx, running, p.balancer)
	return !made || images[p.balancer.Image] != running.ImageID, err
}

// Up makes the engine agree with the Compose file and waits until all
// containers run and are healthy. A load balancer that is to be replaced (h is
// not nil) comes last, and serves until then. It tells whether anything was changed.
func (e *Engine) Up(ctx context.Context, p *Project, before State, opts UpOptions, h *handover) (changed bool, err error) {
	work, done := e.finishing(ctx, before)
	defer done()
	create := api.CreateOptions{
		Build:         opts.build(),
		Recreate:      opts.recreate(),
		RemoveOrphans: opts.RemoveOrphans,
		IgnoreOrphans: forwarderLeft(p.Project, before), // it goes once HAProxy no longer needs it
		Inherit:       true,
	}
	if h != nil {
		last := p.withBalancer()
		create.RecreateDependencies = api.RecreateNever // of the services that are not named
		create.Services = slices.DeleteFunc(p.ServiceNames(), func(name string) bool { return slices.Contains(last, name) })
		if len(create.Services) > 0 {
			if _, _, err := e.createAndStart(ctx, work, p, create, opts.WaitTimeout); err != nil {
				return true, err
			}
			create.Build, create.RemoveOrphans, create.IgnoreOrphans = nil, false, true // done
		}
		create.Services = last
		defer e.stops.arm(h.old.ID, h.run)()
	}
	after, waited, err := e.createAndStart(ctx, work, p, create, opts.WaitTimeout)
	return err != nil || waited || !before.Same(after), err
}

// createAndStart has Compose create containers, starts what requests depend on, and
// waits for it. work is the context of what is not to be broken off.
func (e *Engine) createAndStart(ctx, work context.Context, p *Project, options api.CreateOptions, timeout time.Duration) (after State, waited bool, err error) {
	needed := p.needed()
	err = e.create(work, p, p.Project, options)
	if behind := withoutBalancer(needed); err == nil && len(behind) > 0 { // their names are there when HAProxy looks for them
		err = e.startOf(work, p, behind)
	}
	if err == nil {
		err = e.startOf(work, p, needed)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return after, true, e.explainUp(ctx, p, err)
	}
	connected, err := e.connectAnew(work, p)
	if err != nil {
		return after, true, err
	}
	after, waited, err = e.settle(ctx, p, needed, timeout)
	return after, waited || connected, err
}

// withBalancer are the load balancer and the services that Compose replaces or
// stops with it: those that share its network, processes or volumes, and those
// that ask to be restarted with it.
func (p *Project) withBalancer() []string {
	carried := []string{LoadBalancer}
	for i := 0; i < len(carried); i++ {
		for _, name := range p.ServiceNames() {
			if !slices.Contains(carried, name) && p.Hangs(name, carried[i]) != "" {
				carried = append(carried, name)
			}
		}
	}
	return carried
}

// UpOthers starts what no request depends on, once requests are served, and
// waits for it. It gives what is wrong with it, which is no reason to take
// anything away again; an error is that of the context.
func (e *Engine) UpOthers(ctx context.Context, p *Project, timeout time.Duration) (ailing []error, err error) {
	others := p.others()
	if len(others) == 0 {
		return nil, nil
	}
	before, err := e.containers(ctx, p.Name, others...)
	if err != nil {
		return nil, err
	}
	var well []string
	for _, name := range others {
		if dependency := p.dependsOnOther(name, well); dependency != "" {
			ailing = append(ailing, fmt.Errorf("service %s was not started: it depends on %s", name, dependency))
			continue
		}
		if err := e.startOf(ctx, p, []string{name}); err != nil {
			ailing = append(ailing, e.explainUp(ctx, p, err, name))
			continue
		}
		well = append(well, name)
	}
	after, err := e.containers(ctx, p.Name, others...)
	if err != nil {
		return ailing, err
	}
	if !(State{containers: before}).Same(State{containers: after}) {
		if err := Pause(ctx, firstMoments); err != nil {
			return ailing, err
		}
	}
	if _, err := e.connectAnew(ctx, p); err != nil {
		return ailing, err
	}
	for _, name := range well {
		if _, _, err := e.settle(ctx, p, []string{name}, timeout); err != nil {
			ailing = append(ailing, err)
		}
	}
	return ailing, ctx.Err()
}

func withoutBalancer(services []string) []string {
	return slices.DeleteFunc(slices.Clone(services), func(name string) bool { return name == LoadBalancer })
}

// firstMoments is how long what was started may take to end at once.
const firstMoments = time.Second

// dependsOnOther is what a service depends on that is neither needed for requests nor well.
func (p *Project) dependsOnOther(name string, well []string) string {
	for _, dependency := range slices.Sorted(maps.Keys(p.Services[name].DependsOn)) {
		required := p.Services[name].DependsOn[dependency].Required
		if required && slices.Contains(p.others(), dependency) && !slices.Contains(well, dependency) {
			return dependency
		}
	}
	return ""
}

// startOf has Compose start services and what they depend on.
func (e *Engine) startOf(ctx context.Context, p *Project, services []string) error {
	model, err := p.WithSelectedServices(services)
	if err != nil {
		return err
	}
	return e.start(ctx, p, model)
}

// settle waits until the containers of services, or of all, run and are healthy, or are done,
// and tells whether it had to. The error is what the first of them that never
// will become so said last.
//
// The SDK's own wait would start again what is done.
func (e *Engine) settle(ctx context.Context, p *Project, services []string, timeout time.Duration) (now State, waited bool, err error) {
	deadline := time.Now().Add(timeout)
	for ; ; waited = true {
		if now.containers, err = e.containers(ctx, p.Name); err != nil {
			return now, waited, err
		}
		var awaited *Container
		for _, c := range now.containers {
			if !selects(services, c.Service) {
				continue
			}
			switch standing, how := p.standing(c); standing {
			case failing:
				return now, waited, e.failed(ctx, c.Name, how)
			case pending:
				awaited = &c
			case well:
			}
		}
		switch {
		case awaited == nil:
			return now, waited, nil
		case e.keepsEnding(ctx, *awaited):
			return now, waited, e.failed(ctx, awaited.Name, "ends as soon as it starts, again and again")
		case timeout > 0 && time.Now().After(deadline):
			return now, waited, e.tooSlow(ctx, *awaited, timeout)
		}
		if err := Pause(ctx, settleInterval); err != nil {
			return now, waited, err
		}
	}
}

// finishing is the context for Compose's replacement of containers. Where the
// project runs, Ctrl-C does not break it off: between the removal of a
// container and the start of its successor nobody would serve. It is given
// some time to finish instead; a second Ctrl-C ends the process at once.
func (e *Engine) finishing(ctx context.Context, before State) (context.Context, context.CancelFunc) {
	if len(before.containers) == 0 {
		return context.WithCancel(ctx)
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		e.events.On(api.Resource{ID: "Project " + before.project, Status: api.Working, Text: "Finishing what was begun"})
		time.AfterFunc(finishTime, cancel)
	})
	return work, func() { stop(); cancel() }
}

// finishTime is longer than the stop_grace_period that init writes, or wrote once (35 s).
const finishTime = 45 * time.Second

// DryRunUp shows what Up would do, in the progress display. The engine must
// have been made for a dry run.
func (e *Engine) DryRunUp(ctx context.Context, p *Project, opts UpOptions) error {
	return e.converge(ctx, p, p.Project, api.CreateOptions{Recreate: opts.recreate(), RemoveOrphans: opts.RemoveOrphans, Inherit: true})
}

// converge has Compose create or replace the containers of a model, and start them.
func (e *Engine) converge(ctx context.Context, p *Project, model *types.Project, opts api.CreateOptions) error {
	if err := e.create(ctx, p, model, opts); err != nil {
		return err
	}
	return e.start(ctx, p, model)
}

// create has Compose create or replace the containers of a model.
func (e *Engine) create(ctx context.Context, p *Project, model *types.Project, opts api.CreateOptions) error {
	containers, err := e.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	return e.sdk.Create(e.definitions(p, containers).knowing(ctx), model, opts)
}

func (o UpOptions) build() *api.BuildOptions {
	if !o.Build {
		return nil
	}
	return &api.BuildOptions{}
}

func (o UpOptions) recreate() string {
	if o.ForceRecreate {
		return api.RecreateForce
	}
	return api.RecreateDiverged
}

// failedContainer finds the container in the SDK's message that a dependency is
// not what others wait for, such as "container demo-web1-1 is unhealthy".
var failedContainer = regexp.MustCompile(`container (\S+) (exited \(\d+\)|is unhealthy)`)

// failedJob finds the service in the SDK's message that a job has failed:
// service "seed" didn't complete successfully: exit 3.
var failedJob = regexp.MustCompile(`service "([^"]+)" didn't complete successfully: exit (\d+)`)

// explainUp says which container, of the given services or of all, failed and
// what it said last.
func (e *Engine) explainUp(ctx context.Context, p *Project, cause error, services ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	message := cause.Error()
	if isPortTaken(cause) {
		return e.explainPort(ctx, p, cause)
	}
	if match := failedContainer.FindStringSubmatch(message); match != nil {
		return e.failed(ctx, match[1], match[2])
	}
	if match := failedJob.FindStringSubmatch(message); match != nil {
		if containers, err := e.containers(ctx, p.Name, match[1]); err == nil && len(containers) > 0 {
			return e.failed(ctx, containers[0].Name, fmt.Sprintf("exited (%s), and others wait for it to succeed", match[2]))
		}
	}
	explained := e.explain(ctx, cause)
	if _, known := errors.AsType[*Problem](explained); known {
		return explained
	}
	if match := missingSource.FindStringSubmatch(message); match != nil {
		return &Problem{
			Summary: fmt.Sprintf("service %s mounts %s, which does not exist", orNone(p.mounting(match[1])), ShortPath(match[1])),
			Advice:  fmt.Sprintf(`Create it, or mend "volumes:" in %s.`, p.composeFileName()),
			Cause:   cause,
		}
	}
	if name, why := e.notStarted(ctx, p, services); name != "" {
		return &Problem{
			Summary: fmt.Sprintf("container %s cannot be started: %s", name, why),
			Advice:  fmt.Sprintf("Mend its service in %s, or its image.", p.composeFileName()),
			Cause:   cause,
		}
	}
	return &Problem{
		Summary: "Compose could not bring the project up: " + engineWords(message),
		Advice:  fmt.Sprintf("Look for what it names in %s.", p.composeFileName()),
		Cause:   cause,
	}
}

// missingSource finds the path in the engine's refusal of a bind mount.
var missingSource = regexp.MustCompile(`bind source path does not exist: (\S+)`)

// mounting are the services that mount a path of this machine.
func (p *Project) mounting(source string) []string {
	var services []string
	for _, name := range p.ServiceNames() {
		for _, v := range p.Services[name].Volumes {
			if v.Source == source && !slices.Contains(services, name) {
				services = append(services, name)
			}
		}
	}
	return services
}

// notStarted finds a container that the engine could not start, and the
// engine's reason, which it keeps with the container.
func (e *Engine) notStarted(ctx context.Context, p *Project, services []string) (name, why string) {
	containers, err := e.containers(ctx, p.Name, services...)
	if err != nil {
		return "", ""
	}
	for _, c := range containers {
		inspected, err := e.api().ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
		if err == nil && inspected.Container.State != nil && inspected.Container.State.Error != "" {
			return c.Name, inspected.Container.State.Error
		}
	}
	return "", ""
}

// failed shows a container that ended or is unhealthy, with its last words.
func (e *Engine) failed(ctx context.Context, name, how string) *Problem {
	problem := &Problem{Summary: fmt.Sprintf("container %s %s", name, how)}
	inspected, err := e.api().ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return problem
	}
	state := inspected.Container.State
	if state != nil && state.Health != nil && len(state.Health.Log) > 0 {
		check := state.Health.Log[len(state.Health.Log)-1]
		problem.Details = append(problem.Details, fmt.Sprintf("its health check (exit code %d): %s", check.ExitCode, strings.TrimSpace(check.Output)))
	}
	problem.Details = append(problem.Details, e.lastLines(ctx, name)...)
	if len(problem.Details) == 0 {
		problem.Summary += " without a word"
	}
	problem.Advice = "Mend the service in the Compose file or its image, then run \"docker haproxy up\" again."
	return problem
}

// standing is how a container stands that was started.
type standing int

const (
	well    standing = iota // runs and is healthy, or is done
	pending                 // may become so
	failing                 // will not
)

// standing tells how a container stands, and of one that failed what is wrong with it.
func (p *Project) standing(c Container) (standing, string) {
	_, known := p.Services[c.Service]
	switch {
	case c.Running() && c.Health == "unhealthy":
		return failing, "is unhealthy"
	case c.Running() && c.Health == "starting":
		return pending, ""
	case c.Running(), c.endedWell() && (!known || p.mayEnd(c.Service)):
		return well, ""
	case c.Ended():
		return failing, fmt.Sprintf("exited (%d)", c.ExitCode)
	}
	return pending, ""
}

// keepsEnding tells whether the engine has started a container again and again.
func (e *Engine) keepsEnding(ctx context.Context, c Container) bool {
	if c.State != string(container.StateRestarting) {
		return false
	}
	now, err := e.inspect(ctx, c)
	return err == nil && now.Restarts >= tooManyRestarts
}

// settleInterval is the pause between two looks at how containers stand.
const settleInterval = 200 * time.Millisecond

// tooSlow says what a container was that a time limit found not ready.
func (e *Engine) tooSlow(ctx context.Context, c Container, limit time.Duration) error {
	if !c.Running() {
		return e.failed(ctx, c.Name, fmt.Sprintf("is %s, not running", c.State))
	}
	problem := e.failed(ctx, c.Name, fmt.Sprintf("was still starting after %s", limit))
	problem.Advice = "Give it more time with --wait-timeout, or mend its health check or the service."
	return problem
}
