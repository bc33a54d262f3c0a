package compose

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/history"
)

// How a step is done.
type How string

// The ways, from the lightest to the heaviest.
const (
	AtRunTime How = "at run time" // by the Runtime API, in the process that runs
	ByReload  How = "by reload"   // by a new worker process of HAProxy
	ByCompose How = "by Compose"  // containers are created, replaced, started or removed
)

// Step is one change that is to be made, and why.
type Step struct {
	What  string
	How   How
	Cause string

	commands    []string     // of the Runtime API
	certificate *certificate // that is served instead of its predecessor
}

// certificate is the file of a certificate, with its key.
type certificate struct {
	name string // of the file in the container
	pem  []byte
}

// Plan is what "up" or "reload" would do, decided before anything is touched.
type Plan struct {
	Steps       []Step
	Quarantines []Quarantine
	Warnings    []haproxy.Diagnostic `json:",omitempty"` // HAProxy's, of the configuration
	// Unknown says why it is not known what HAProxy has in memory; "" where it is.
	// Everything is loaded anew then.
	Unknown string
}

// How is the heaviest way of the steps; "" where there is nothing to do.
func (p Plan) How() How {
	heaviest := How("")
	for _, how := range []How{AtRunTime, ByReload, ByCompose} {
		if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.How == how }) {
			heaviest = how
		}
	}
	return heaviest
}

// String is the plan for people, a line a step.
func (p Plan) String() string {
	var out strings.Builder
	for _, step := range p.Steps {
		fmt.Fprintf(&out, "%s %s: %s\n", step.How, step.What, step.Cause)
	}
	return out.String()
}

// PlanReload tells what a reload would do to the running load balancer. The
// candidate is checked; nothing is touched.
func (e *Engine) PlanReload(ctx context.Context, p *Project, running Balancer) (Plan, error) {
	generated, report, err := e.checkNow(ctx, p, &running, "a reload would change nothing")
	if err != nil {
		return Plan{}, err
	}
	plan, err := e.planConfig(ctx, p, running, generated)
	plan.Warnings = report.Diagnostics
	return plan, err
}

// PlanUp tells what "up" would do: to containers, and to the configuration of a
// load balancer that runs.
func (e *Engine) PlanUp(ctx context.Context, p *Project, opts UpOptions) (Plan, error) {
	state, err := e.Observe(ctx, p.Name)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{}
	known := e.definitions(p, state.containers)
	if err := e.ownTies(ctx, p, known, opts); err != nil {
		return plan, err
	}
	if plan.Steps, err = p.planContainers(ctx, known, e.done(ctx, p, state.containers), opts); err != nil {
		return plan, err
	}
	containers, err := e.inspected(ctx, p)
	if err != nil {
		return plan, err
	}
	networks, err := p.planNetworks(state)
	if err != nil {
		return plan, err
	}
	plan.Steps = slices.Concat(networks, plan.Steps, planAttachments(p.lacks(containers), plan.Steps))
	var running *Balancer
	if found := state.of(LoadBalancer); found != nil && found.Running() {
		balancer, err := e.inspect(ctx, *found)
		if err != nil {
			return plan, err
		}
		replaced := slices.IndexFunc(plan.Steps, func(s Step) bool { return s.What == "service "+LoadBalancer })
		if replaced < 0 {
			running = &balancer
		} else {
			plan.Steps[replaced].Cause += "; " + e.planReplacement(ctx, p, balancer).String()
		}
	}
	if running == nil {
		if _, err := e.FetchImages(ctx, p, LoadBalancer); err != nil {
			return plan, err
		}
	}
	generated, report, err := e.checkNow(ctx, p.awaiting(state.containers), running, "nothing would be touched")
	if err != nil {
		return plan, err
	}
	plan.Quarantines, plan.Warnings = generated.quarantines(), report.Diagnostics
	if running == nil {
		return plan, nil
	}
	config, err := e.planConfig(ctx, p, *running, generated)
	config.Steps, config.Warnings = append(plan.Steps, config.Steps...), report.Diagnostics
	return config, err
}

// planContainers compares the Compose file with the containers that there are.
func (p *Project) planContainers(ctx context.Context, known *definitions, done []string, opts UpOptions) ([]Step, error) {
	var steps []Step
	for _, name := range p.ServiceNames() {
		service := p.Services[name]
		have, stale, stopped, undone := 0, 0, 0, false
		for _, c := range known.containers {
			if c.Service != name {
				continue
			}
			have++
			made, err := known.made(ctx, c, service)
			if err != nil {
				return nil, err
			}
			switch {
			case !made || opts.ForceRecreate:
				stale++
				undone = undone || c.Undone()
			case !c.Running() && !slices.Contains(done, name):
				stopped++
			}
		}
		if cause := containerCause(have, stale, stopped, service.GetScale(), opts.ForceRecreate); cause != "" {
			if undone {
				cause += ` ("rollout undo" had gone back)`
			}
			steps = append(steps, Step{What: "service " + name, How: ByCompose, Cause: cause})
		}
	}
	going, err := p.replacedBy(ctx, known, opts)
	if err != nil {
		return nil, err
	}
	steps = append(steps, p.alongSteps(State{containers: known.containers}, going)...)
	for _, c := range known.containers {
		_, enabled := p.Services[c.Service]
		_, disabled := p.DisabledServices[c.Service]
		if !enabled && !disabled && opts.RemoveOrphans {
			steps = append(steps, Step{What: "container " + c.Name, How: ByCompose, Cause: "removed: its service is gone from the file"})
		}
	}
	return steps, nil
}

func containerCause(have, stale, stopped, want int, force bool) string {
	var causes []string
	say := func(format string, args ...any) { causes = append(causes, fmt.Sprintf(format, args...)) }
	switch {
	case stale > 0 && force:
		say("%d to be replaced, as asked", stale)
	case stale > 0:
		say("%d to be replaced: the definition changed", stale)
	}
	if want > have {
		say("%d to be created", want-have)
	}
	if want < have {
		say("%d to be removed: the Compose file asks for %d", have-want, want)
	}
	if stopped > 0 && want >= have {
		say("%d to be started", stopped)
	}
	return strings.Join(causes, ", ")
}

// planConfig compares what HAProxy has in memory with what is to be.
func (e *Engine) planConfig(ctx context.Context, p *Project, running Balancer, generated *Generation) (Plan, error) {
	plan := Plan{Quarantines: generated.quarantines()}
	config, err := p.ReadConfig()
	if err != nil && !generated.isNew() {
		return plan, err
	}
	hash := p.note().Hash
	if _, known := p.lastLoaded(hash); !known || !p.runs(ctx, e, running, hash) {
		plan.Unknown = "somebody else has started or reloaded HAProxy"
		plan.Steps = []Step{{What: p.ConfigName(), How: ByReload, Cause: "it is not known what HAProxy has in memory: " + plan.Unknown}}
		return plan, nil
	}
	plan.Steps, _ = p.stepsFrom(hash, generated.over(config))
	return plan, nil
}

// over is the configuration on disk with the generated files in their places.
func (g *Generation) over(config Config) Config {
	if g == nil {
		return config
	}
	merged := Config{}
	for _, source := range config.files {
		if filepath.Dir(source.Name) != g.folder {
			merged.files = append(merged.files, source)
		}
	}
	for _, file := range g.files {
		merged.files = append(merged.files, history.Source{Name: filepath.Join(g.folder, file.Name), Content: file.Content})
	}
	return merged
}

func (g *Generation) quarantines() []Quarantine {
	if g == nil {
		return nil
	}
	return g.Quarantines
}

// isNew tells whether the generated config is to be written for the first time.
func (g *Generation) isNew() bool {
	if g == nil {
		return false
	}
	present, err := filesIn(g.folder)
	return err == nil && len(present) == 0
}

// atRunTime gives the steps from a configuration that HAProxy has in memory to
// another one, if none of them needs a reload and there is one at all.
func (p *Project) atRunTime(loaded string, config Config) (steps []Step, possible bool) {
	if loaded == "" || loaded == config.Hash {
		return nil, false
	}
	steps, known := p.stepsFrom(loaded, config)
	return steps, known && len(steps) > 0 && (Plan{Steps: steps}).How() == AtRunTime
}

// stepsFrom compares a configuration of the history with another one.
func (p *Project) stepsFrom(loaded string, config Config) (steps []Step, known bool) {
	entry, found := p.lastLoaded(loaded)
	if !found {
		return nil, false
	}
	inContainer, folder, _ := p.generatedFolder()
	was := map[string][]byte{}
	var wasGenerated, isGenerated []routing.File
	for _, file := range entry.Files {
		content, err := p.History().Read(file)
		if err != nil {
			return nil, false
		}
		place := file.Place(p.WorkingDir)
		if folder != "" && filepath.Dir(place) == folder {
			wasGenerated = append(wasGenerated, routing.File{Name: filepath.Base(place), Content: content, Secret: filepath.Base(place) == routing.UsersName})
			continue
		}
		was[place] = content
	}
	for _, source := range config.files {
		name := filepath.Base(source.Name)
		if folder != "" && filepath.Dir(source.Name) == folder {
			isGenerated = append(isGenerated, routing.File{Name: name, Content: source.Content, Secret: name == routing.UsersName})
			continue
		}
		old, had := was[source.Name]
		delete(was, source.Name)
		switch {
		case !had:
			steps = append(steps, Step{What: ShortPath(source.Name), How: ByReload, Cause: "it is new"})
		case !bytes.Equal(old, source.Content):
			steps = append(steps, p.edited(source, old))
		}
	}
	for name := range was {
		steps = append(steps, Step{What: ShortPath(name), How: ByReload, Cause: "it is gone"})
	}
	for _, change := range routing.Compare(wasGenerated, isGenerated, inContainer) {
		step := Step{What: change.What, How: ByReload, Cause: change.Cause, commands: change.Commands}
		if change.Runtime() {
			step.How = AtRunTime
		}
		steps = append(steps, step)
	}
	return steps, true
}

// edited is what the edit of a file takes: a reload, unless it is a certificate
// that its listeners can change for another.
func (p *Project) edited(source history.Source, old []byte) Step {
	name, mounted := p.containerPath(source.Name)
	if !mounted || !haproxy.IsCertificate(old) || !haproxy.IsCertificate(source.Content) {
		return Step{What: ShortPath(source.Name), How: ByReload, Cause: "it was edited"}
	}
	return Step{
		What: ShortPath(source.Name), How: AtRunTime, Cause: "the certificate is another one",
		certificate: &certificate{name, source.Content},
	}
}

// atRunTime makes changes in the HAProxy that runs. A *haproxy.Refusal means
// that it does not take one of them so.
func (r *reloading) atRunTime(ctx context.Context, session *haproxy.Session, steps []Step) (Reloaded, error) {
	for _, step := range steps {
		for _, command := range step.commands {
			if err := session.Do(ctx, command); err != nil {
				return Reloaded{}, err
			}
		}
		if renewed := step.certificate; renewed != nil {
			if err := session.SetCertificate(ctx, renewed.name, renewed.pem); err != nil {
				return Reloaded{}, err
			}
		}
	}
	done := Reloaded{Verdict: haproxy.Verdict{Loaded: true, Worker: r.before.worker}, AtRunTime: steps}
	process, err := r.p.ask(ctx, session)
	if err != nil {
		return done, r.explainSession(ctx, r.p, r.running, err)
	}
	done.Process = process
	_ = r.p.Remember(r.running, r.before.worker, r.config) // best effort, see there
	done.NotKept = r.p.keep(r.what, r.config, true)
	r.noteWords(done.Verdict, false, "HAProxy took over changes of "+r.p.ConfigName()+" at run time")
	return done, nil
}
