package compose

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/history"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// History keeps the configurations that HAProxy accepted of this project.
func (p *Project) History() history.Store {
	return history.Store{Folder: filepath.Join(p.statePath(), "history"), InPlace: p.mountedAlone}
}

// mountedAlone tells whether a file on this machine's disk is mounted by itself.
func (p *Project) mountedAlone(file string) bool {
	return slices.ContainsFunc(p.mounts(), func(m mount) bool { return filepath.Clean(m.source) == filepath.Clean(file) })
}

// keep adds a configuration to the history, as it was when it was read: by now
// the disk may hold another one. accepted tells whether HAProxy has loaded it.
func (p *Project) keep(how string, config Config, accepted bool) error {
	_, err := p.keepIn(p.History(), how, config, accepted)
	return err
}

// setAside keeps what a rollback takes off the disk, and what it goes back to.
func (p *Project) setAside(disk Config, target history.Entry) (history.Entry, error) {
	store := p.History()
	store.Pinned = target.Hash
	return p.keepIn(store, "rollback", disk, false)
}

func (p *Project) keepIn(store history.Store, how string, config Config, accepted bool) (history.Entry, error) {
	if config.Hash == "" {
		return history.Entry{}, nil
	}
	if _, err := p.stateFolder(); err != nil {
		return history.Entry{}, err
	}
	entry := history.Entry{At: time.Now().UTC().Truncate(time.Second), Hash: config.Hash, Accepted: accepted, How: how}
	return store.Keep(entry, p.WorkingDir, config.files)
}

// restore puts a configuration of the history on disk. undo takes it off again.
func (p *Project) restore(entry history.Entry) (undo func() error, err error) {
	now, err := snapshot(p.configRoots())
	if err != nil {
		return nil, err
	}
	undo, err = p.History().Restore(entry, p.WorkingDir, now.names())
	if err != nil {
		return nil, err
	}
	return undo, p.giveSecrets()
}

// giveSecrets makes files of the generated config that only HAProxy may read its
// own again: one that is put where there was none belongs to whoever put it.
func (p *Project) giveSecrets() error {
	_, folder, _ := p.generatedFolder()
	file := filepath.Join(folder, routing.UsersName)
	content, err := regular.Read(file)
	if folder == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.writeSecret(file, content)
}
