package compose

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	composesdk "github.com/docker/compose/v5/pkg/compose"
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
func (p *Project) replaces(running Container, images ImageIDs) (bool, error) {
	hash, err := composesdk.ServiceHash(p.balancer)
	if err != nil {
		return false, err
	}
	return hash != running.configHash || images[p.balancer.Image] != running.ImageID, nil
}

// Up makes the engine agree with the Compose file and waits until all
// containers run and are healthy. It tells whether anything was changed.
func (e *Engine) Up(ctx context.Context, p *Project, before State, opts UpOptions) (changed bool, err error) {
	work, done := e.finishing(ctx, before)
	defer done()
	err = e.sdk.Up(work, p.Project, api.UpOptions{
		Create: api.CreateOptions{
			Build:         opts.build(),
			Recreate:      opts.recreate(),
			RemoveOrphans: opts.RemoveOrphans,
			IgnoreOrphans: forwarderLeft(p.Project, before), // it goes once HAProxy no longer needs it
			Inherit:       true,
		},
		Start: api.StartOptions{Project: p.Project},
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return true, e.explainUp(ctx, p, err)
	}
	containers, err := e.containers(ctx, p.Name)
	if err != nil {
		return true, err
	}
	after := State{containers: containers}
	if after.Running() {
		return !before.Same(after), nil // the SDK's wait would find this out after half a second
	}
	err = e.sdk.Start(ctx, p.Name, api.StartOptions{Project: p.Project, Wait: true, WaitTimeout: opts.WaitTimeout})
	if err != nil {
		return true, e.explainUp(ctx, p, err)
	}
	return true, nil
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

// finishTime is longer than the generated stop_grace_period of 35 s.
const finishTime = 45 * time.Second

// DryRunUp shows what Up would do, in the progress display. The engine must
// have been made for a dry run.
func (e *Engine) DryRunUp(ctx context.Context, p *Project, opts UpOptions) error {
	return e.sdk.Up(ctx, p.Project, api.UpOptions{
		Create: api.CreateOptions{Recreate: opts.recreate(), RemoveOrphans: opts.RemoveOrphans, Inherit: true},
		Start:  api.StartOptions{Project: p.Project},
	})
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

// failedContainer finds the container in the SDK's messages, such as
// "container demo-web1-1 exited (1)" and "container demo-web1-1 is unhealthy".
var failedContainer = regexp.MustCompile(`container (\S+) (exited \(\d+\)|is unhealthy)`)

// explainUp says which container failed and what it said last.
func (e *Engine) explainUp(ctx context.Context, p *Project, cause error) error {
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
	if strings.Contains(message, "application not healthy after") {
		return e.notHealthy(ctx, p, message)
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
	if name, why := e.notStarted(ctx, p); name != "" {
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
func (e *Engine) notStarted(ctx context.Context, p *Project) (name, why string) {
	containers, err := e.containers(ctx, p.Name)
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

// notHealthy names the containers that a time limit found not ready.
func (e *Engine) notHealthy(ctx context.Context, p *Project, message string) error {
	containers, err := e.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, c := range containers {
		switch {
		case !c.Running():
			return e.failed(ctx, c.Name, fmt.Sprintf("is %s, not running", c.State))
		case c.Health == "starting":
			return patience(e.failed(ctx, c.Name, "was still starting"+strings.TrimPrefix(message, "application not healthy")))
		case c.Health == "unhealthy":
			return patience(e.failed(ctx, c.Name, "is unhealthy"))
		}
	}
	return &Problem{Summary: message, Advice: "Give it more time with --wait-timeout."}
}

// patience adds that a container may only need more time.
func patience(problem *Problem) error {
	problem.Advice = "Give it more time with --wait-timeout, or mend its health check or the service."
	return problem
}
