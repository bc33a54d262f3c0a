package compose

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// loaded is our note of which configuration a HAProxy process has in memory.
// HAProxy itself cannot be asked. The note holds for exactly one worker process
// of one start of one container: as soon as somebody else reloads or restarts
// HAProxy, it says nothing any more, and the files' dates must do.
type loaded struct {
	Container string
	StartedAt time.Time
	Worker    int // PID in the container
	Hash      string
}

func (p *Project) loadedNote() string { return filepath.Join(p.statePath(), "loaded.json") }

// Remember notes that a worker runs a configuration. It is best effort: a
// folder that cannot be written to must not fail a reload that succeeded.
func (p *Project) Remember(b Balancer, worker int, config Config) error {
	if config.Hash == "" {
		return nil
	}
	fresh := loaded{Container: b.ID, StartedAt: b.StartedAt, Worker: worker, Hash: config.Hash}
	if p.note() == fresh {
		return nil
	}
	note, err := json.MarshalIndent(fresh, "", "  ")
	if err != nil {
		return err
	}
	if _, err := p.stateFolder(); err != nil {
		return err
	}
	return writeFile(p.loadedNote(), append(note, '\n'))
}

// note reads what was remembered; the zero value where nothing was.
func (p *Project) note() loaded {
	var note loaded
	text, err := regular.Read(p.loadedNote())
	if err != nil || json.Unmarshal(text, &note) != nil {
		return loaded{}
	}
	return note
}

// notedAs tells whether, as far as the note goes, a container has loaded a
// configuration: enough not to check that configuration again.
func (p *Project) notedAs(b Balancer, config Config) bool {
	note := p.note()
	return note.Container == b.ID && note.StartedAt.Equal(b.StartedAt) && note.Hash == config.Hash
}

// memory is the hash of the configuration that a worker has in memory; "" where
// that is not known.
func (p *Project) memory(b Balancer, worker int) string {
	note := p.note()
	if note.Container != b.ID || !note.StartedAt.Equal(b.StartedAt) || note.Worker != worker {
		return ""
	}
	return note.Hash
}

// Drift tells whether the disk holds another configuration than HAProxy has in
// memory. worker is the PID of its worker process, and started when that
// process began, to the second.
func (p *Project) Drift(b Balancer, worker int, started time.Time, config Config) bool {
	if config.Hash == "" {
		return false
	}
	if loaded := p.memory(b, worker); loaded != "" {
		return loaded != config.Hash
	}
	return !config.Changed.Before(started)
}
