package compose

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// verdictNote is the last verdict as it is kept in the project's state folder.
type verdictNote struct {
	LastVerdict

	Container string
	StartedAt time.Time
	// Reloads is the master's count with this attempt; 0 where HAProxy was not
	// asked to reload.
	Reloads int
}

// LastVerdict is the verdict noted last, if it was on this container: another
// project with the same folder may have noted its own. It is nil where none is.
func (p *Project) LastVerdict(balancer Balancer) *LastVerdict {
	note, found := p.verdict()
	if !found || note.Container != balancer.ID {
		return nil
	}
	return &note.LastVerdict
}

func (p *Project) verdict() (verdictNote, bool) {
	var note verdictNote
	text, err := regular.Read(filepath.Join(p.statePath(), "verdict.json"))
	if err != nil || json.Unmarshal(text, &note) != nil {
		return verdictNote{}, false
	}
	return note, true
}

// knowsFailure tells whether a failed reload was ours, and HAProxy has told us
// why: then it can be talked to.
func (p *Project) knowsFailure(running Balancer, master haproxy.Master) bool {
	note, found := p.verdict()
	return found && !note.Loaded && note.Container == running.ID && note.StartedAt.Equal(running.StartedAt) && note.Reloads == master.Reloads
}

// noteVerdict keeps a verdict. The lines of the file that a diagnostic shows
// are left out: they may hold a password. It is best effort, as Remember is.
func (p *Project) noteVerdict(note verdictNote) error {
	said := note.Diagnostics
	note.Diagnostics = nil
	for _, d := range said {
		d.Source = ""
		note.Diagnostics = append(note.Diagnostics, d)
	}
	note.At = time.Now().UTC().Truncate(time.Millisecond)
	text, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		return err
	}
	folder, err := p.stateFolder()
	if err != nil {
		return err
	}
	return WriteFileMode(filepath.Join(folder, "verdict.json"), append(text, '\n'), 0o600)
}

// noteStarted notes what a HAProxy loaded that was started a moment ago. All of
// it is best effort; notKept is why it is not in the history.
func (p *Project) noteStarted(b Balancer, worker int, config Config) (notKept error) {
	_ = p.Remember(b, worker, config)
	notKept = p.keep("up", config, true)
	_ = p.noteVerdict(verdictNote{
		LastVerdict: LastVerdict{Loaded: true, What: "up", Summary: "HAProxy started with " + p.ConfigName()},
		Container:   b.ID,
		StartedAt:   b.StartedAt,
	})
	return notKept
}
