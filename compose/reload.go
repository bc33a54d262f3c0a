package compose

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// ReloadOptions say how a configuration is applied.
type ReloadOptions struct {
	// Force keeps a configuration that HAProxy has loaded even if it then serves
	// less than before.
	Force bool
	// WaitTimeout bounds the wait for the servers' first checks by the new worker.
	WaitTimeout time.Duration
}

// Reloaded is what came of a reload.
type Reloaded struct {
	Verdict   haproxy.Verdict
	Process   Process           // the new worker
	Forgotten haproxy.Forgotten // the servers, before and after
	Restored  []haproxy.Setting // was set at run time, and is set again
	Failed    []string          // could not be set again, each with HAProxy's words
	// Unasked: what was set at run time is not known, for the worker before could
	// not be asked.
	Unasked bool
	// AtRunTime are the changes, where they could be made without a reload.
	AtRunTime []Step
	// Quarantines are the services that are not served.
	Quarantines []Quarantine
	// Strangers are the servers whose address is another container's.
	Strangers []Stranger
	// NotKept is why the configuration is not in the history; nil where it is.
	NotKept error
}

// Reload checks the configuration on disk inside the running container, lets
// the master process load it, and gives HAProxy's verdict; then it confirms
// that the new worker serves, and puts back what was set at run time: drains,
// maintenance, weights.
//
// A configuration that HAProxy refuses is an *InvalidError; the old one then
// goes on working. One with which HAProxy serves less than before is
// ErrServesWorse; the one before is loaded again then, and the files on disk
// stay as they are.
func (e *Engine) Reload(ctx context.Context, p *Project, running Balancer, opts ReloadOptions) (Reloaded, error) {
	release, err := e.lock(ctx, p)
	if err != nil {
		return Reloaded{}, err
	}
	defer release()
	return e.regenerateAndReload(ctx, p, running, "reload", opts)
}

// regenerateAndReload makes the generated config anew before a reload. Where the
// reload fails, it becomes what it was.
func (e *Engine) regenerateAndReload(ctx context.Context, p *Project, running Balancer, what string, opts ReloadOptions) (Reloaded, error) {
	generated, err := e.generated(ctx, p, &running, keepsRunning)
	if err != nil {
		return Reloaded{}, err
	}
	undo, err := p.apply(generated)
	if err != nil {
		return Reloaded{}, err
	}
	done, err := e.reload(ctx, p, running, what, opts)
	if err != nil {
		return done, errors.Join(err, undo())
	}
	p.noteQuarantines(generated)
	done.Quarantines = generated.quarantines()
	done.Strangers, err = e.expel(ctx, p, running, done.Process.Servers)
	return done, err
}

// generated is generate as a step that people see, where there is something to see.
func (e *Engine) generated(ctx context.Context, p *Project, running *Balancer, kept string) (generated *Generation, err error) {
	if _, _, loads := p.generatedFolder(); !loads && !p.usesLabels() {
		return nil, nil
	}
	err = e.events.step("Labels", "Reading", "Read", func() (err error) {
		generated, err = e.generate(ctx, p, running, kept)
		return err
	})
	return generated, err
}

// reloading is one reload on its way.
type reloading struct {
	*Engine

	p       *Project
	running Balancer
	what    string // "up", "reload" or "rollback"
	opts    ReloadOptions
	config  Config
	relay   *relay
	master  haproxy.Master
	before  snapshotOfServers
	left    bool // the servers' state waits for the new worker
	gated   bool // and servers are in it that must pass a check first

	checkTook time.Duration
	warnings  []haproxy.Diagnostic // of what HAProxy itself overlooks
}

// reload is Reload for those who hold the lock. All of it goes through one exec
// in the container.
func (e *Engine) reload(ctx context.Context, p *Project, running Balancer, what string, opts ReloadOptions) (Reloaded, error) {
	if p.MasterSocket() == "" {
		return Reloaded{}, noMasterSocket(p)
	}
	r := reloading{Engine: e, p: p, running: running, what: what, opts: opts}
	var err error
	if r.config, err = p.ReadConfig(); err != nil {
		return Reloaded{}, err
	}
	if r.relay, err = e.openRelay(ctx, running.ID, p.MasterSocket(), p.command.Check()); err != nil {
		return Reloaded{}, e.explainSession(ctx, p, running, err)
	}
	defer func() { _ = r.relay.Close() }()

	if err := e.events.step("Config "+p.ConfigName(), "Checking", "Valid", func() error { return r.accepted(ctx) }); err != nil {
		return Reloaded{}, err
	}
	var done Reloaded
	err = e.events.step("HAProxy "+running.Name, "Reloading", "Reloaded", func() error {
		if r.master.Fragile() && !p.knowsFailure(running, r.master) {
			done, err = r.bySignal(ctx)
		} else {
			done, err = r.throughMaster(ctx)
		}
		return err
	})
	return done, err
}

// accepted lets HAProxy check the configuration.
func (r *reloading) accepted(ctx context.Context) (err error) {
	if r.master, err = r.relay.steadyMaster(ctx); err != nil {
		return r.explainSession(ctx, r.p, r.running, err)
	}
	if err := r.seen(ctx); err != nil {
		return err
	}
	report, ours, err := r.judge(ctx)
	if err != nil {
		return err
	}
	if report = r.p.located(report.Add(ours), nil); !report.Valid {
		r.note(haproxy.Verdict{Diagnostics: report.Diagnostics}, false)
		return &InvalidError{Report: report, What: r.p.ConfigName(), Kept: keepsRunning}
	}
	r.warnings = r.p.located(haproxy.Report{Diagnostics: ours}, nil).Diagnostics
	return r.unchanged()
}

// judge has the configuration checked: by HAProxy itself, and before and after
// for what HAProxy overlooks, which is ours to say.
func (r *reloading) judge(ctx context.Context) (report haproxy.Report, ours []haproxy.Diagnostic, err error) {
	loaded, worker := r.p.loadedFiles(r.running)
	ground := ground{ctx: ctx, relay: r.relay, onHost: r.p.OnHost(), loaded: loaded, worker: worker}
	first := r.p.lookFirst(nil, ground.container())
	report = haproxy.Report{Valid: true}
	if first.Valid && ground.failed == nil {
		began := time.Now()
		output, exitCode, err := r.relay.check(ctx)
		r.checkTook = time.Since(began)
		if errors.Is(err, errSilent) {
			r.endCheck(ctx, r.running.ID, r.p.command.Check())
		}
		if err != nil {
			return report, nil, r.explainSession(ctx, r.p, r.running, err)
		}
		if err := notHAProxy(r.p, exitCode, output); err != nil {
			return report, nil, err
		}
		report = haproxy.ParseCheck(exitCode, output)
		ours = r.p.overlooked(nil, report, ground.container())
	}
	if ground.failed != nil {
		return report, nil, r.explainSession(ctx, r.p, r.running, ground.failed)
	}
	return report, append(first.Diagnostics, ours...), nil
}

// unchanged tells that the configuration was edited since it was read.
func (r *reloading) unchanged() error {
	if now, err := r.p.ReadConfig(); err != nil || now.Hash != r.config.Hash {
		return &Problem{
			Summary: fmt.Sprintf("%s was edited while it was being checked; nothing was applied", r.p.ConfigName()),
			Advice:  `Run "docker haproxy reload" again once it is saved.`,
			Cause:   errors.Join(ErrConfigChanged, err),
		}
	}
	return nil
}

// throughMaster reloads by the master CLI, whose answer is the verdict.
func (r *reloading) throughMaster(ctx context.Context) (Reloaded, error) {
	session, err := r.relay.client().Open(ctx)
	if err != nil {
		return Reloaded{}, r.explainSession(ctx, r.p, r.running, err)
	}
	if r.before, err = snapshotServers(ctx, r.p, session); err != nil && !isRefusal(err) {
		return Reloaded{}, r.explainSession(ctx, r.p, r.running, err)
	}
	r.before.hash = r.p.memory(r.running, r.before.worker)
	if ctx.Err() != nil {
		return Reloaded{}, ctx.Err()
	}
	// Once asked, HAProxy does it: not to see it through would save nobody anything.
	asked, cancel := r.seeThrough(ctx)
	defer cancel()
	if steps, possible := r.p.atRunTime(r.before.hash, r.config); possible {
		if done, err := r.atRunTime(asked, session, steps); !isRefusal(err) {
			return done, err
		} // what HAProxy does not take at run time, it takes by a reload
	}
	if session, err = r.leaveState(ctx, session); err != nil {
		return Reloaded{}, r.explainSession(ctx, r.p, r.running, err)
	}
	if err := r.unchanged(); err != nil {
		r.takeStateAway(asked)
		return Reloaded{}, err
	}
	verdict, err := r.load(asked, session)
	switch {
	case errors.Is(err, ErrStuck):
		return Reloaded{}, err
	case err != nil:
		return Reloaded{}, r.explainSession(asked, r.p, r.running, err)
	case !verdict.Loaded:
		verdict.Diagnostics = r.p.located(haproxy.Report{Diagnostics: verdict.Diagnostics}, nil).Diagnostics
		r.note(verdict, true)
		return Reloaded{}, &InvalidError{Report: haproxy.Report{Diagnostics: verdict.Diagnostics}, What: r.p.ConfigName(), Kept: keepsRunning}
	}
	return r.confirmed(asked, ctx.Done(), verdict)
}

// seeThrough is the time that a reload has once HAProxy is asked, whatever the
// person does.
func (r *reloading) seeThrough(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), verdictTimeout+2*r.loadTimeout()+r.opts.WaitTimeout)
}

// bySignal reloads a master that must not be talked to. Its verdict is not to
// be had then, but the configuration has passed its check, and whether a new
// worker takes over can be seen.
func (r *reloading) bySignal(ctx context.Context) (Reloaded, error) {
	asked, cancel := r.seeThrough(ctx)
	defer cancel()
	if err := r.unchanged(); err != nil {
		return Reloaded{}, err
	}
	if _, err := r.api().ContainerKill(asked, r.running.ID, client.ContainerKillOptions{Signal: "SIGHUP"}); err != nil {
		return Reloaded{}, r.explain(asked, err)
	}
	for deadline := time.Now().Add(signalTimeout); ; {
		master, err := r.relay.look(asked)
		if err != nil {
			return Reloaded{}, r.explainSession(asked, r.p, r.running, err)
		}
		if master.Reloads > r.master.Reloads && !master.ReloadFailed {
			break
		}
		if time.Now().After(deadline) {
			return Reloaded{}, fragile(r.running, master)
		}
		if err := Pause(asked, pollInterval); err != nil {
			return Reloaded{}, err
		}
	}
	if err := r.cameUp(asked); err != nil {
		return Reloaded{}, err
	}
	return r.confirmed(asked, ctx.Done(), haproxy.Verdict{Loaded: true})
}

// cameUp waits until a new worker answers. After a signal it may still be starting.
func (r *reloading) cameUp(ctx context.Context) error {
	for deadline := time.Now().Add(r.loadTimeout()); ; {
		session, _, err := r.newWorker(ctx)
		switch {
		case err == nil:
			return session.Close()
		case !errors.Is(err, haproxy.ErrNoWorker):
			return r.explainSession(ctx, r.p, r.running, err)
		case time.Now().After(deadline):
			return r.stuck(ctx)
		}
	}
}

// signalTimeout bounds the wait for a new worker after a signal.
const signalTimeout = 10 * time.Second

// confirmed makes sure that the new worker serves, and puts back what was set
// at run time. The wait for servers' checks ends early with interrupted.
func (r *reloading) confirmed(ctx context.Context, interrupted <-chan struct{}, verdict haproxy.Verdict) (Reloaded, error) {
	verdict.Diagnostics = append(r.warnings, verdict.Diagnostics...)
	done := Reloaded{Verdict: verdict, Unasked: r.before.servers == nil}
	session, info, err := r.newWorker(ctx)
	if err != nil {
		return done, r.explainSession(ctx, r.p, r.running, err)
	}
	done.Verdict.Worker = info.PID
	_ = r.p.Remember(r.running, info.PID, r.config) // best effort, see there

	servers, err := session.ServersState(ctx, "")
	if err != nil {
		return done, r.explainSession(ctx, r.p, r.running, err)
	}
	if r.before.servers != nil {
		done.Forgotten = haproxy.Forget(r.before.servers, servers)
		done.Restored, done.Failed = putBack(ctx, session, done.Forgotten.Restore)
	}
	if done.Process, err = r.settledProcess(ctx, interrupted, session); err != nil {
		return done, r.explainSession(ctx, r.p, r.running, err)
	}
	if worse := haproxy.Worse(r.before.readiness, done.Process.Readiness()); len(worse) > 0 && !r.opts.Force {
		return done, r.goBack(ctx, worse, done)
	}
	done.NotKept = r.p.keep(r.what, r.config, true)
	r.note(done.Verdict, true)
	r.takeStateAway(ctx)
	return done, nil
}

// newWorker opens a session in which the new worker answers: the master knows
// it a moment before it can pass commands on to it.
func (r *reloading) newWorker(ctx context.Context) (*haproxy.Session, haproxy.Info, error) {
	for deadline := time.Now().Add(socketTimeout); ; {
		session, err := r.relay.client().Open(ctx)
		if err == nil {
			var info haproxy.Info
			if info, err = session.Info(ctx); err == nil {
				return session, info, nil
			}
			_ = session.Close()
		}
		if time.Now().After(deadline) || errors.Is(err, errCutOff) {
			return nil, haproxy.Info{}, err
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return nil, haproxy.Info{}, err
		}
	}
}

// settledProcess waits until every server's first check has come to a result.
func (r *reloading) settledProcess(ctx context.Context, interrupted <-chan struct{}, session *haproxy.Session) (Process, error) {
	enough := time.NewTimer(r.opts.WaitTimeout)
	defer enough.Stop()
	earliest := time.Now()
	if r.gated {
		earliest = earliest.Add(firstChecks)
	}
	for {
		process, err := r.p.ask(ctx, session)
		if err != nil {
			return process, err
		}
		if settled(process.Readiness()) && !time.Now().Before(earliest) {
			return process, nil
		}
		select {
		case <-enough.C:
			return process, nil
		case <-interrupted:
			return process, nil
		case <-time.After(pollInterval):
		}
	}
}

// goBack loads the configuration again that HAProxy had before, because with
// the new one it serves less. The files on disk are as they were in the end.
func (r *reloading) goBack(ctx context.Context, worse []string, done Reloaded) error {
	problem := &Problem{
		Summary: fmt.Sprintf("with %s HAProxy serves less than before", r.p.ConfigName()),
		Details: append(worse, done.Process.Readiness().Problems()...),
		Cause:   ErrServesWorse,
	}
	note := done.Verdict
	note.Loaded = false
	r.noteWords(note, true, problem.Summary+": "+worse[0])

	previous, found := r.p.lastLoaded(r.before.hash)
	switch {
	case r.before.hash == r.config.Hash && r.before.hash != "":
		problem.Advice = `The configuration is the one that it had before: look at the servers with "docker haproxy status".`
		return problem
	case !found:
		problem.Advice = `It is loaded all the same, for the one before is not known. Mend it and run "docker haproxy reload".`
		return problem
	}
	began := time.Now()
	_ = r.p.keep(r.what, r.config, false) // so that it is not lost should we be killed now
	restored, err := r.again(ctx, previous)
	if err != nil {
		problem.Details = append(problem.Details, "the configuration before could not be loaded again: "+err.Error())
		problem.Advice = `Mend it and run "docker haproxy reload", or go back with "docker haproxy rollback".`
		return problem
	}
	_ = r.p.Remember(r.running, restored, Config{Hash: previous.Hash})
	problem.Summary += fmt.Sprintf("; the configuration before was loaded again after %.1f s", time.Since(began).Seconds())
	problem.Advice = `Your edit is still on disk: mend it and run "docker haproxy reload", or apply it anyway with --force.`
	return problem
}

// note keeps the verdict for "status". reloaded tells whether HAProxy was asked
// to reload.
func (r *reloading) note(verdict haproxy.Verdict, reloaded bool) {
	words := "HAProxy loaded " + r.p.ConfigName()
	if !verdict.Loaded {
		words = "HAProxy refused " + r.p.ConfigName()
	}
	r.noteWords(verdict, reloaded, words)
}

func (r *reloading) noteWords(verdict haproxy.Verdict, reloaded bool, words string) {
	note := verdictNote{
		LastVerdict: LastVerdict{Loaded: verdict.Loaded, What: r.what, Summary: words, Diagnostics: verdict.Diagnostics},
		Container:   r.running.ID,
		StartedAt:   r.running.StartedAt,
	}
	switch {
	case reloaded:
		note.Reloads = r.master.Reloads + 1
	case r.p.knowsFailure(r.running, r.master):
		note.Reloads = r.master.Reloads // the failure that HAProxy has told us of is still the last
	}
	_ = r.p.noteVerdict(note) // best effort, see there
}

// snapshotOfServers is what is compared after a reload.
type snapshotOfServers struct {
	servers   []haproxy.ServerState // nil where it could not be asked
	state     string                // the servers as HAProxy wrote them
	readiness haproxy.Readiness
	worker    int
	hash      string // of the configuration in memory, "" where it is not known
}

func snapshotServers(ctx context.Context, p *Project, session *haproxy.Session) (snapshotOfServers, error) {
	process, err := p.ask(ctx, session)
	if err != nil {
		return snapshotOfServers{}, err
	}
	state, err := session.Worker(ctx, "show servers state")
	if err != nil {
		return snapshotOfServers{}, err
	}
	servers, err := haproxy.ParseServersState(state)
	return snapshotOfServers{servers: servers, state: state, readiness: process.Readiness(), worker: process.Worker}, err
}

// putBack sets again what was set at run time. What fails is said in words.
func putBack(ctx context.Context, session *haproxy.Session, settings []haproxy.Setting) (restored []haproxy.Setting, failed []string) {
	for _, s := range settings {
		var err error
		if s.Mode != "" {
			err = session.SetServerMode(ctx, s.Backend, s.Server, s.Mode)
		}
		if s.Weight >= 0 {
			err = errors.Join(err, session.SetServerWeight(ctx, s.Backend, s.Server, int(s.Weight)))
		}
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v", s, err))
		} else {
			restored = append(restored, s)
		}
	}
	return restored, failed
}

func isRefusal(err error) bool {
	_, refused := errors.AsType[*haproxy.Refusal](err)
	return refused || errors.Is(err, haproxy.ErrNoWorker)
}

// keepsRunning says what a refused configuration does to the one in use.
const keepsRunning = "nothing was touched: the configuration that was running keeps running"

// verdictTimeout bounds what is to be done in a reload beside the waits for a new
// worker and for its servers, which have limits of their own.
const verdictTimeout = 2 * time.Minute
