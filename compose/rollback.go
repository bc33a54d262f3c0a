package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/history"
)

// RolledBack is what came of a rollback.
type RolledBack struct {
	To       history.Entry
	SetAside history.Entry // what was on disk and had never been loaded; zero where there was none
	// Loaded: HAProxy loaded it. False where it runs it already, or does not run.
	Loaded   bool
	Running  bool
	Reloaded Reloaded
}

// Rollback brings back a configuration that HAProxy accepted before: the one
// with an ID of the history, or with "" the newest that is not on disk. Its files
// take the place of those on disk, and HAProxy loads them if it runs. What was on
// disk and is in no history is set aside there first. Where HAProxy refuses, the
// files are put back as they were.
func (e *Engine) Rollback(ctx context.Context, p *Project, running *Balancer, id string, opts ReloadOptions) (RolledBack, error) {
	release, err := e.lock(ctx, p)
	if err != nil {
		return RolledBack{}, err
	}
	defer release()

	entries, err := p.History().List()
	if err != nil {
		return RolledBack{}, err
	}
	disk, diskErr := p.ReadConfig() // one that is missing or unreadable is what a rollback mends
	target, err := rollbackTarget(entries, disk.Hash, id)
	if err != nil {
		return RolledBack{}, err
	}
	done := RolledBack{To: target, Running: running != nil}
	if diskErr == nil && disk.Hash != "" && !slices.ContainsFunc(entries, func(entry history.Entry) bool { return entry.Hash == disk.Hash }) {
		if done.SetAside, err = p.setAside(disk, target); err != nil {
			return done, fmt.Errorf("what is on disk could not be set aside, so that nothing was touched: %w", err)
		}
	}
	undo, err := p.restore(target)
	if err != nil {
		return done, err
	}
	if err := e.applyRestored(ctx, p, running, target, opts, &done); err != nil {
		return done, errors.Join(err, undo())
	}
	return done, nil
}

// applyRestored has HAProxy take what a rollback put on disk.
func (e *Engine) applyRestored(ctx context.Context, p *Project, running *Balancer, target history.Entry, opts ReloadOptions, done *RolledBack) (err error) {
	switch {
	case running == nil:
		_, err = e.accepted(ctx, p, nil, "the files are as they were")
		return err
	case p.runs(ctx, e, *running, target.Hash):
		return nil
	}
	done.Loaded = true
	done.Reloaded, err = e.reload(ctx, p, *running, "rollback", opts)
	return err
}

// runs tells whether HAProxy has a configuration in memory already.
func (p *Project) runs(ctx context.Context, e *Engine, running Balancer, hash string) bool {
	if !p.notedAs(running, Config{Hash: hash}) {
		return false
	}
	session, err := e.openReady(ctx, p, running)
	if err != nil {
		return false
	}
	defer func() { _ = session.Close() }()
	info, err := session.Info(ctx)
	return err == nil && p.memory(running, info.PID) == hash
}

// RollbackTarget is what Rollback would bring back.
func (p *Project) RollbackTarget(id string) (history.Entry, error) {
	entries, err := p.History().List()
	if err != nil {
		return history.Entry{}, err
	}
	disk, _ := p.ReadConfig() // one that cannot be read is none of them
	return rollbackTarget(entries, disk.Hash, id)
}

// rollbackTarget chooses what to go back to.
func rollbackTarget(entries []history.Entry, onDisk, id string) (history.Entry, error) {
	for _, entry := range entries {
		switch {
		case id != "" && entry.ID == id && entry.Hash == onDisk:
			return entry, &Problem{Summary: fmt.Sprintf("configuration %s is what is on disk already", id), Advice: `"docker haproxy reload" applies it.`}
		case id != "" && entry.ID == id, id == "" && entry.Accepted && entry.Hash != onDisk:
			return entry, nil
		}
	}
	if id != "" {
		return history.Entry{}, &Problem{
			Summary: fmt.Sprintf("there is no configuration %s", id),
			Advice:  `"docker haproxy rollback --list" shows those that can be brought back.`,
			Cause:   history.ErrUnknown,
		}
	}
	return history.Entry{}, &Problem{
		Summary: "there is nothing to go back to: no other configuration that HAProxy accepted is known",
		Advice:  `Those that "docker haproxy up" and "reload" apply are kept from now on.`,
		Cause:   history.ErrUnknown,
	}
}

// lastLoaded finds a configuration of the past by its hash.
func (p *Project) lastLoaded(hash string) (history.Entry, bool) {
	if hash == "" {
		return history.Entry{}, false
	}
	entry, found, err := p.History().ByHash(hash)
	return entry, found && err == nil
}

// again loads a configuration of the past and leaves the files on disk as they
// are: they are replaced for as long as it takes.
func (r *reloading) again(ctx context.Context, previous history.Entry) (worker int, err error) {
	undo, err := r.p.restore(previous)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	session, err := r.relay.client().Open(ctx)
	if err != nil {
		return 0, err
	}
	verdict, err := r.load(ctx, session)
	if err != nil {
		return 0, err
	}
	if !verdict.Loaded {
		return 0, fmt.Errorf("HAProxy refused it: %s", verdict.Output)
	}
	session, info, err := r.newWorker(ctx)
	if err != nil {
		return 0, err
	}
	servers, err := session.ServersState(ctx, "")
	if err != nil {
		return 0, err
	}
	_, _ = putBack(ctx, session, haproxy.Forget(r.before.servers, servers).Restore)
	return info.PID, nil
}

// Kept is a configuration of the history, and where it is besides.
type Kept struct {
	history.Entry

	OnDisk bool
	Loaded bool // noted as the one that HAProxy loaded last
}

// State says in words where a configuration is.
func (k Kept) State() string {
	switch {
	case k.OnDisk && k.Loaded:
		return "loaded"
	case k.OnDisk:
		return "on disk, not loaded"
	case k.Loaded:
		return "loaded, not on disk"
	case k.Accepted:
		return "accepted"
	default:
		return "never loaded"
	}
}

// Kept lists what a rollback can bring back, newest first.
func (p *Project) Kept() ([]Kept, error) {
	entries, err := p.History().List()
	if err != nil {
		return nil, err
	}
	disk, _ := p.ReadConfig() // one that cannot be read is none of them
	loaded := p.note().Hash
	var kept []Kept
	seen := map[string]bool{} // the newest of equal ones is the one that is meant
	for _, entry := range entries {
		kept = append(kept, Kept{
			Entry:  entry,
			OnDisk: !seen[entry.Hash] && entry.Hash == disk.Hash,
			Loaded: !seen[entry.Hash] && entry.Hash == loaded,
		})
		seen[entry.Hash] = true
	}
	return kept, nil
}
