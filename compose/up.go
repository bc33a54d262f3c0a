package compose

import (
	"context"
	"fmt"
	"regexp"
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
	err = e.sdk.Up(ctx, p.Project, api.UpOptions{
		Create: api.CreateOptions{
			Build:         opts.build(),
			Recreate:      opts.recreate(),
			RemoveOrphans: opts.RemoveOrphans,
			Inherit:       true,
		},
		Start: api.StartOptions{Project: p.Project},
	})
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
	return e.explain(ctx, cause)
}

// failed shows a container that ended or is unhealthy, with its last words.
func (e *Engine) failed(ctx context.Context, name, how string) error {
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
			return e.failed(ctx, c.Name, fmt.Sprintf("is %s: %s", c.State, message))
		case c.Health == "starting" || c.Health == "unhealthy":
			return e.failed(ctx, c.Name, fmt.Sprintf("is not healthy but %s: %s", c.Health, message))
		}
	}
	return &Problem{Summary: message, Advice: "Give it more time with --wait-timeout."}
}
