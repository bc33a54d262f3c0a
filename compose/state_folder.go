package compose

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// StateFolderName is the folder, beside the Compose file, that keeps what docker
// haproxy remembers of a project: which configuration HAProxy has loaded, the
// ones that it accepted before, its last verdict. Losing it costs the way back,
// and nothing that runs.
const StateFolderName = ".docker-haproxy"

func (p *Project) statePath() string { return filepath.Join(p.WorkingDir, StateFolderName) }

// stateFolder makes the folder where it is missing. It keeps itself out of Git.
func (p *Project) stateFolder() (string, error) {
	folder := p.statePath()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	ignore := filepath.Join(folder, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		return folder, writeFile(ignore, []byte("*\n"))
	}
	return folder, nil
}

// StateFile is the place of a file in the state folder.
func (p *Project) StateFile(name string) string { return filepath.Join(p.statePath(), name) }

// WriteState writes a file of the state folder, readable by its owner only.
func (p *Project) WriteState(name, text string) error {
	if _, err := p.stateFolder(); err != nil {
		return err
	}
	return WriteFileMode(p.StateFile(name), []byte(text), 0o600)
}
