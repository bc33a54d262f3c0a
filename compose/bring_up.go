package compose

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Outcome is what BringUp found and did.
type Outcome struct {
	Balancer Balancer
	Process  Process
	Changed  bool     // containers were created, replaced or started
	Reloaded Reloaded // if an edited configuration was loaded
	Warnings []haproxy.Diagnostic
	Notes    []string // what the project had otherwise before, by another command than "up"; how long nothing answered
	// Quarantines are the services that are not served.
	Quarantines []Quarantine
	// Strangers are the servers whose address is another container's.
	Strangers []Stranger
	// Ailing is what is wrong with services that no request depends on.
	Ailing []error
}

// BringUp takes a project to where its files say it should be: the
// configuration is checked before anything is touched, the containers are
// created or replaced as Compose does, an edited configuration is loaded into
// a HAProxy that runs, and HAProxy confirms that it serves.
//
// Where it fails or is interrupted, what it created is removed again; what
// stood before stays, and what clients reached before is reached.
func (e *Engine) BringUp(ctx context.Context, p *Project, opts UpOptions) (Outcome, error) {
	release, err := e.lock(ctx, p)
	if err != nil {
		return Outcome{}, err
	}
	defer release()
	if err := p.baseReadable(); err != nil {
		return Outcome{}, err
	}
	before, err := e.Observe(ctx, p.Name)
	if err != nil {
		return Outcome{}, err
	}
	before.publishers = e.publishers(ctx, p, before)
	undo := func() error { return nil }
	outcome, err := e.bringUp(ctx, p, before, opts, &undo)
	if err == nil {
		outcome.Ailing, err = e.UpOthers(ctx, p, opts.WaitTimeout)
	}
	if err != nil {
		if undoErr := undo(); undoErr != nil {
			err = errors.Join(err, undoErr)
		}
	}
	switch {
	case err == nil:
		outcome.Notes = append(p.beyondFile(before), outcome.Notes...)
		p.noteScales()
		e.retireForwarder(ctx, p.Project, before)
		if containers, err := e.containers(ctx, p.Name); err == nil {
			p.noteJobs(containers)
		}
		outcome.Strangers, err = e.expel(ctx, p, outcome.Balancer, outcome.Process.Servers)
		return outcome, err
	case outcome.Changed:
		return outcome, e.undone(ctx, before, err)
	case errors.Is(err, context.Canceled):
		return outcome, &Problem{Summary: "interrupted; nothing was touched", Cause: err}
	default:
		return outcome, err
	}
}

// bringUp does the work. Where it fails, Outcome.Changed tells whether
// something may have been created or replaced by then, and undo takes back what
// became of the generated config.
func (e *Engine) bringUp(ctx context.Context, p *Project, before State, opts UpOptions, undo *func() error) (outcome Outcome, err error) {
	if err := e.ownTies(ctx, p, e.definitions(p, before.containers), opts); err != nil {
		return outcome, err
	}
	if err := e.PortsFree(ctx, p); err != nil {
		return outcome, err
	}
	images, err := e.FetchImages(ctx, p)
	if err != nil {
		return outcome, err
	}
	running, err := e.staysRunning(ctx, p, before, images, opts)
	if err != nil {
		return outcome, err
	}
	candidate := p.awaiting(before.containers)
	generated, err := e.generated(ctx, candidate, running, nothingTouched(before))
	if err != nil {
		return outcome, err
	}
	outcome.Quarantines = generated.quarantines()
	if *undo, err = p.apply(generated); err != nil {
		return outcome, err
	}
	defer func() {
		if err == nil {
			p.noteQuarantines(generated)
		}
	}()
	config, err := p.ReadConfig()
	if err != nil {
		return outcome, err
	}

	if running == nil || !p.notedAs(*running, config) {
		if outcome.Warnings, err = e.accepted(ctx, candidate, running, nothingTouched(before)); err != nil {
			return outcome, err
		}
	} else {
		outcome.Warnings = p.keptAddresses()
	}
	if err := e.sweep(ctx, p, before); err != nil {
		return outcome, err
	}
	var handover *handover
	if serving := before.of(LoadBalancer); running == nil && serving != nil && serving.Running() {
		if err := e.rehearse(ctx, p); err != nil {
			return outcome, err
		}
		if handover, err = e.handOver(ctx, p, *serving); err != nil {
			return outcome, err
		}
	}
	if err := e.announceNetworks(p, before); err != nil {
		return outcome, err
	}
	session := e.openAhead(ctx, p, running)
	defer session.close()
	if outcome.Changed, err = e.Up(ctx, p, before, opts, handover); err != nil {
		return outcome, err
	}
	if running != nil && !outcome.Changed {
		outcome.Balancer = *running
	} else if outcome.Balancer, err = e.cameUp(ctx, p); err != nil {
		return outcome, err
	}
	if handover != nil {
		if done := handover.ended(ctx, outcome.Balancer); done != nil {
			outcome.Notes = append(outcome.Notes, done.String())
		}
	}
	if p.MasterSocket() == "" {
		return outcome, nil // nobody can be asked
	}
	if running != nil && outcome.Balancer.StartedAt.Equal(running.StartedAt) {
		err = e.refresh(ctx, p, config, session, opts, &outcome)
	} else {
		err = e.started(ctx, p, config, opts, &outcome)
	}
	return outcome, err
}

// cameUp is the load balancer's container after Up. One that the engine is
// about to restart, because it ended as soon as it was started, did not come up.
func (e *Engine) cameUp(ctx context.Context, p *Project) (Balancer, error) {
	found, err := e.Balancer(ctx, p)
	if err == nil && found != nil && !found.Running() {
		return Balancer{}, e.failed(ctx, found.Name, fmt.Sprintf("ends as soon as it starts (%s)", found.State))
	}
	if err != nil || found == nil {
		return e.RunningBalancer(ctx, p)
	}
	return *found, nil
}

// halfReplacement matches the name that Compose gives a container until it has
// taken the place of another: "0123456789ab_demo-web1-1".
var halfReplacement = regexp.MustCompile(`^[0-9a-f]{12}_`)

// sweep removes the replacements that a killed run of Compose created and never
// started, which Compose would start as they are. A load balancer that such a run
// did start serves: what it replaces is removed, and it gets the name.
func (e *Engine) sweep(ctx context.Context, p *Project, before State) error {
	for _, c := range before.containers {
		var err error
		switch {
		case !halfReplacement.MatchString(c.Name) || c.Name == p.Services[c.Service].ContainerName || strings.HasPrefix(c.Name, p.Name+"-"):
		case c.State == string(container.StateCreated):
			_, err = e.api().ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{})
		case c.Service == LoadBalancer && c.Running():
			err = e.takePlace(ctx, c, before)
		}
		if err != nil && !isNotFound(err) {
			return e.explain(ctx, err)
		}
	}
	return nil
}

// takePlace removes the container that another one replaces, and gives that one its name.
func (e *Engine) takePlace(ctx context.Context, c Container, before State) error {
	_, name, _ := strings.Cut(c.Name, "_")
	for _, old := range before.containers {
		if c.replaces(old) {
			if err := e.StopReplica(ctx, old); err != nil {
				return err
			}
		}
	}
	_, err := e.api().ContainerRename(ctx, c.ID, client.ContainerRenameOptions{NewName: name})
	return err
}

// staysRunning is the load balancer's container, if it runs and "up" lets it run on.
func (e *Engine) staysRunning(ctx context.Context, p *Project, before State, images ImageIDs, opts UpOptions) (*Balancer, error) {
	found := before.of(LoadBalancer)
	if found == nil || !found.Running() || opts.ForceRecreate {
		return nil, nil
	}
	replaced, err := e.replaces(ctx, p, before, *found, images)
	if err != nil || replaced {
		return nil, err
	}
	running, err := e.inspect(ctx, *found)
	return &running, err
}

// accepted lets HAProxy check the configuration, as a step that people see;
// one that it refuses is an *InvalidError. It gives the warnings.
func (e *Engine) accepted(ctx context.Context, p *Project, running *Balancer, kept string) ([]haproxy.Diagnostic, error) {
	var report haproxy.Report
	err := e.events.step("Config "+p.ConfigName(), "Checking", "Valid", func() (err error) {
		if report, err = e.Check(ctx, p, running, nil); err != nil {
			return err
		}
		if !report.Valid {
			return &InvalidError{Report: report, What: p.ConfigName(), Kept: kept}
		}
		return nil
	})
	return report.Diagnostics, err
}

// started confirms a HAProxy that this run has started, and notes what it loaded.
func (e *Engine) started(ctx context.Context, p *Project, config Config, opts UpOptions, outcome *Outcome) error {
	err := e.events.step("HAProxy "+outcome.Balancer.Name, "Waiting for servers", "Serving", func() (err error) {
		nobody := e.openAhead(ctx, p, nil)
		if outcome.Process, err = e.Confirm(ctx, p, outcome.Balancer, nobody, ready, opts.WaitTimeout); err != nil {
			return err
		}
		return serves(p, outcome.Process)
	})
	if err != nil {
		return err
	}
	if now, err := p.ReadConfig(); err == nil && now.Hash == config.Hash {
		outcome.Reloaded.NotKept = p.noteStarted(outcome.Balancer, outcome.Process.Worker, config)
	}
	return nil
}

// refresh confirms a HAProxy that ran before, and gives it the configuration
// on disk if that is another one than it has.
func (e *Engine) refresh(ctx context.Context, p *Project, config Config, opened *ahead, opts UpOptions, outcome *Outcome) (err error) {
	goal := known
	if outcome.Changed { // servers were started
		goal = e.readyAgain(p)
	}
	if outcome.Process, err = e.Confirm(ctx, p, outcome.Balancer, opened, goal, opts.WaitTimeout); err != nil {
		return err
	}
	if !p.Drift(outcome.Balancer, outcome.Process.Worker, outcome.Process.Started, config) {
		_ = p.Remember(outcome.Balancer, outcome.Process.Worker, config) // best effort, see there
		if _, kept := p.lastLoaded(config.Hash); !kept {
			outcome.Reloaded.NotKept = p.keep("up", config, true)
		}
		return serves(p, outcome.Process)
	}
	opened.close() // a reload ends all sessions
	outcome.Reloaded, err = e.reload(ctx, p, outcome.Balancer, "up", ReloadOptions{WaitTimeout: opts.WaitTimeout})
	if err != nil {
		return err
	}
	outcome.Process = outcome.Reloaded.Process
	return serves(p, outcome.Process)
}

// nothingTouched says what a configuration refused by "up" leaves behind.
func nothingTouched(before State) string {
	if len(before.containers) > 0 {
		return keepsRunning
	}
	return "nothing was created"
}

// undone removes what a failed run made, and says so.
func (e *Engine) undone(ctx context.Context, before State, cause error) error {
	removed, left := e.Undo(ctx, before)
	again := e.runAgain(ctx, before)
	if len(again.services) > 0 && len(left) > 0 { // what has replaced them was in the new networks
		_, left = e.Undo(ctx, before)
	}
	if !errors.Is(cause, context.Canceled) {
		lines := again.lines
		if len(left) > 0 {
			lines = append(lines, "Could not be removed again: "+strings.Join(left, ", "))
		}
		if len(lines) == 0 {
			return cause
		}
		return fmt.Errorf("%w\n%s", cause, strings.Join(lines, "\n"))
	}
	if len(left) > 0 {
		return &Problem{Summary: "interrupted; left behind: " + strings.Join(left, ", "), Details: again.lines, Advice: `Remove it with "docker haproxy down".`, Cause: cause}
	}
	said := []string{"interrupted"}
	if removed {
		said = append(said, "what this run had created was removed again")
	}
	if len(before.containers) > 0 {
		said = append(said, e.remains(ctx, before, again.services))
	} else if !removed {
		said = append(said, "nothing was created")
	}
	return &Problem{Summary: strings.Join(said, "; "), Details: again.lines, Cause: cause}
}

// remains says what an interrupted run leaves of a project that was there before.
// Containers of the services that run again as before are not replaced ones.
func (e *Engine) remains(ctx context.Context, before State, again []string) string {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	now, err := e.containers(look, before.project)
	if err != nil {
		return "what is left could not be found out"
	}
	var replaced []string
	for _, c := range now {
		old := slices.ContainsFunc(before.containers, func(old Container) bool { return old.ID == c.ID })
		if !old && !slices.Contains(again, c.Service) {
			replaced = append(replaced, c.Name)
		}
	}
	if len(replaced) == 0 {
		return "what ran before was left as it is"
	}
	return "replaced already: " + strings.Join(replaced, ", ") + "; the rest was left as it is"
}

// of is the container of a service; nil where it had none.
func (s State) of(service string) *Container {
	return foremost(slices.DeleteFunc(slices.Clone(s.containers), func(c Container) bool { return c.Service != service }))
}

// foremost is the first of some containers, or the one that takes its place: of
// two load balancers side by side, the one that runs and was created last.
func foremost(containers []Container) *Container {
	var first *Container
	for i, c := range containers {
		if first == nil || c.Running() && (!first.Running() || c.Created.After(first.Created)) {
			first = &containers[i]
		}
	}
	return first
}
