package compose

import (
	"encoding/json"
	"fmt"
	"os"

	composesdk "github.com/docker/compose/v5/pkg/compose"
)

// asked is how many containers of a service were asked for last, by whatever
// command, and what the Compose file said then.
type asked struct{ Wanted, File int }

// now is how many are wanted by now, of which some number runs: an edit of the file
// counts as asked later, and so do containers that another command has added since.
// Those that are fewer have failed or were removed by hand.
func (a asked) now(file, running int) int {
	if a.File != file {
		return file
	}
	return max(a.Wanted, running)
}

const scaleFile = "scale.json"

// Wanted is how many containers of a service there are to be; running is how many
// run, all of one version: those that a rollout has doubled do not count. Where no
// command of ours has noted anything yet, none is given up.
func (p *Project) Wanted(service string, running int) int {
	config := p.Services[service]
	file := config.GetScale()
	last, known := p.askedFor()[service]
	if !known {
		return max(file, running)
	}
	return last.now(file, running)
}

// NoteScale notes how many containers of services were asked for. It is best
// effort, as Remember is: where it fails, the Compose file counts.
func (p *Project) NoteScale(wanted map[string]int) {
	all := p.askedFor()
	for service, n := range wanted {
		config := p.Services[service]
		all[service] = asked{Wanted: n, File: config.GetScale()}
	}
	if text, err := json.MarshalIndent(all, "", "  "); err == nil {
		_ = p.WriteState(scaleFile, string(text)+"\n")
	}
}

// noteScales notes that all services have as many containers as the Compose file says.
func (p *Project) noteScales() {
	wanted := map[string]int{}
	for name, config := range p.Services {
		wanted[name] = config.GetScale()
	}
	p.NoteScale(wanted)
}

func (p *Project) askedFor() map[string]asked {
	all := map[string]asked{}
	if text, err := os.ReadFile(p.StateFile(scaleFile)); err != nil || json.Unmarshal(text, &all) != nil {
		return map[string]asked{}
	}
	return all
}

// beyondFile says which services had more containers, or another version, than the
// Compose file says, since another command had made them so: "up" has taken it back.
func (p *Project) beyondFile(before State) (notes []string) {
	for _, name := range p.ServiceNames() {
		config := p.Services[name]
		have, undone := 0, false
		hash, err := composesdk.ServiceHash(config)
		for _, c := range before.containers {
			if c.Service == name {
				have++
				undone = undone || c.Undone() && err == nil && c.configHash != hash
			}
		}
		if file := config.GetScale(); have > file {
			notes = append(notes, fmt.Sprintf(`Service %s has %d containers, as the Compose file says, instead of %d. "docker haproxy scale %s=%d" starts the others again.`, name, file, have, name, have))
		}
		if undone {
			notes = append(notes, fmt.Sprintf(`Service %s is of the Compose file's version again: "rollout undo" had gone back.`, name))
		}
	}
	return notes
}
