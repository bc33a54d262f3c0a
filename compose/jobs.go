package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// A job is a service that does something and ends, such as a migration. What has
// ended with exit code 0 is done: it is not started again until its container is
// replaced. Compose starts it again with every "up".
//
// Exit code 0 alone does not tell a job: an app that was stopped may end with it
// too, and is to be started. A job is what another service waits for with
// service_completed_successfully, or what has no sign of serving anything and was
// seen to end by itself.

// done are the services whose containers have all done what they were to do.
func (e *Engine) done(ctx context.Context, p *Project, containers []Container) []string {
	well, rest := map[string]bool{}, map[string]bool{}
	noted := p.notedJobs()
	for _, c := range containers {
		if c.endedWell() && p.mayEnd(c.Service) &&
			(p.Job(c.Service) || slices.Contains(noted, c.ID) || e.endedByItself(ctx, c)) {
			well[c.Service] = true
		} else {
			rest[c.Service] = true
		}
	}
	var services []string
	for _, name := range p.ServiceNames() {
		if well[name] && !rest[name] {
			services = append(services, name)
		}
	}
	return services
}

// mayEnd tells whether the end of a service's container may be what is meant: it
// is not always started again, and nothing says that it serves.
func (p *Project) mayEnd(service string) bool {
	config, known := p.Services[service]
	switch {
	case !known || !staysEnded(config):
		return false
	case p.Job(service):
		return true
	}
	return service != LoadBalancer && service != Forwarder && !p.Routed(service) &&
		len(config.Ports) == 0 && len(config.Expose) == 0 && !checksHealth(config) && !p.awaitedHealthy(service)
}

// awaitedHealthy tells whether a service waits for another one to be healthy.
func (p *Project) awaitedHealthy(service string) bool {
	for _, other := range p.Services {
		if other.DependsOn[service].Condition == types.ServiceConditionHealthy {
			return true
		}
	}
	return false
}

// checksHealth tells whether a service has a health check.
func checksHealth(config types.ServiceConfig) bool {
	check := config.HealthCheck
	return check != nil && !check.Disable && len(check.Test) > 0 && check.Test[0] != "NONE"
}

// endedByItself tells whether a container was not stopped, as far as the engine
// remembers its last events.
func (e *Engine) endedByItself(ctx context.Context, c Container) bool {
	ctx, cancel := context.WithTimeout(ctx, eventsTimeout)
	defer cancel()
	ofContainer := make(client.Filters).Add("container", c.ID).
		Add("event", string(events.ActionStart), string(events.ActionKill), string(events.ActionDie))
	now := time.Now()
	stream := e.api().Events(ctx, client.EventsListOptions{
		Since: strconv.FormatInt(c.Created.Unix(), 10), Until: fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()), Filters: ofContainer,
	})
	ended, killed := false, false
	for {
		select {
		case event := <-stream.Messages:
			switch event.Action {
			case events.ActionStart:
				ended, killed = false, false
			case events.ActionKill: // be it a signal that it may have lived on with
				killed = true
			case events.ActionDie:
				ended = true
			}
		case <-stream.Err: //nolint:errcheck // the end of what there was, or of the time for it
			return ended && !killed
		}
	}
}

// eventsTimeout bounds the question for events that have been: the stream ends
// within the second.
const eventsTimeout = 3 * time.Second

// jobsNote is the file of the state folder that lists the containers that ended
// by themselves, by their IDs.
const jobsNote = "jobs.json"

func (p *Project) notedJobs() []string {
	var noted []string
	text, err := os.ReadFile(p.StateFile(jobsNote))
	if err != nil || json.Unmarshal(text, &noted) != nil {
		return nil
	}
	return noted
}

// noteJobs notes which containers have ended by themselves: at the end of a
// command that started all that did not run, what has ended since was not
// stopped. It is best effort, as Remember is.
func (p *Project) noteJobs(containers []Container) {
	var ended []string
	for _, c := range containers {
		if c.endedWell() && p.mayEnd(c.Service) && !p.Job(c.Service) {
			ended = append(ended, c.ID)
		}
	}
	slices.Sort(ended)
	if slices.Equal(ended, p.notedJobs()) {
		return
	}
	if text, err := json.MarshalIndent(ended, "", "  "); err == nil {
		_ = p.WriteState(jobsNote, string(text)+"\n")
	}
}

// start has Compose start what does not run of a model, jobs that are done apart.
func (e *Engine) start(ctx context.Context, p *Project, model *types.Project) error {
	containers, err := e.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	return e.sdk.Start(ctx, p.Name, api.StartOptions{Project: resting(model, e.done(ctx, p, containers))})
}

// resting is a model that Compose starts without some services, which others
// that wait for them are not kept from: it passes over what is to have no containers.
func resting(model *types.Project, services []string) *types.Project {
	started := *model
	started.Services = types.Services{}
	for name, config := range model.Services {
		if slices.Contains(services, name) {
			none, deploy := 0, types.DeployConfig{}
			if config.Deploy != nil {
				deploy = *config.Deploy
			}
			deploy.Replicas = &none
			config.Deploy, config.Scale = &deploy, &none
		}
		started.Services[name] = config
	}
	return &started
}
