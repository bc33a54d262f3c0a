package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Version is what containers of a service were made from: their image, and the
// name under which the whole definition is kept in the state folder.
type Version struct {
	Image      ImageRef
	Definition string // "" where only the image is known
}

// SameVersion tells whether two containers are made from the same definition and image.
func (c Container) SameVersion(other Container) bool {
	return c.configHash == other.configHash && c.ImageID == other.ImageID
}

// The labels that a rollout leaves on the containers it starts. They are no
// part of the service's definition, so that Compose finds nothing changed.
const (
	rolloutLabel            = "com.docker-haproxy.rollout"             // which one: they sort by time
	previousImageLabel      = "com.docker-haproxy.previous.image"      // the reference of those before
	previousImageIDLabel    = "com.docker-haproxy.previous.image-id"   // and what it stood for
	previousDefinitionLabel = "com.docker-haproxy.previous.definition" // the name of what they were made from
	undoneLabel             = "com.docker-haproxy.undone"              // the rollout went back
)

func rolloutLabels() []string {
	return []string{rolloutLabel, previousImageLabel, previousImageIDLabel, previousDefinitionLabel, undoneLabel}
}

// RolloutNote is what those labels say of a container.
type RolloutNote struct {
	ID       string
	Previous Version // of the containers that the rollout has replaced
	Undone   bool    // the rollout went back: the Compose file is ahead of the container
}

func readRolloutNote(labels map[string]string) RolloutNote {
	return RolloutNote{
		ID: labels[rolloutLabel],
		Previous: Version{
			Image:      ImageRef{Name: labels[previousImageLabel], ID: labels[previousImageIDLabel]},
			Definition: labels[previousDefinitionLabel],
		},
		Undone: labels[undoneLabel] != "",
	}
}

func (n RolloutNote) labels() types.Labels {
	labels := types.Labels{}
	for name, value := range map[string]string{
		rolloutLabel: n.ID, previousImageLabel: n.Previous.Image.Name, previousImageIDLabel: n.Previous.Image.ID,
		previousDefinitionLabel: n.Previous.Definition,
	} {
		if value != "" {
			labels[name] = value
		}
	}
	if n.Undone {
		labels[undoneLabel] = "true"
	}
	return labels
}

// RolloutID is the rollout that started a container; "" where another command did.
func (c Container) RolloutID() string { return c.rollout.ID }

// Previous is what the containers were made from that the container's rollout has
// replaced; empty where none did.
func (c Container) Previous() Version { return c.rollout.Previous }

// Undone tells whether "rollout undo" has started a container.
func (c Container) Undone() bool { return c.rollout.Undone }

// NewRolloutID names a rollout that begins now.
func NewRolloutID() string { return time.Now().UTC().Format("20060102T150405.000Z") }

// definitionsFolder keeps what replaced containers were made from, for the way back.
// A definition may hold passwords: the files are their owner's alone, as the history is.
const definitionsFolder = "definitions"

// keptDefinitions is how many are kept of a service.
const keptDefinitions = 10

func (p *Project) definitionFile(service, name string) string {
	return filepath.Join(p.statePath(), definitionsFolder, service+"-"+name+".json")
}

// KeepVersion keeps what a container was made from. Where that fails, the image is
// known all the same, and the error tells why not the rest.
func (e *Engine) KeepVersion(ctx context.Context, p *Project, c Container) (Version, error) {
	version := Version{Image: ImageRef{Name: c.Image, ID: c.ImageID}}
	spec, err := e.specOf(ctx, p, c)
	if err != nil {
		return version, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return version, err
	}
	if _, err := p.stateFolder(); err != nil {
		return version, err
	}
	sum := sha256.Sum256([]byte(c.configHash + " " + c.ImageID))
	name := hex.EncodeToString(sum[:6])
	file := p.definitionFile(c.Service, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return version, err
	}
	if err := WriteFileMode(file, text, 0o600); err != nil {
		return version, err
	}
	version.Definition = name
	return version, forgetOldest(filepath.Join(filepath.Dir(file), c.Service+"-*.json"), keptDefinitions)
}

// forgetOldest removes the files of a pattern that were written first.
func forgetOldest(pattern string, kept int) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	written := map[string]time.Time{}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			written[file] = info.ModTime()
		}
	}
	slices.SortFunc(files, func(a, b string) int { return written[b].Compare(written[a]) })
	for _, file := range files[min(kept, len(files)):] {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// keptSpec is what was kept of a version.
func (p *Project) keptSpec(service string, version Version) (spec containerSpec, found bool, err error) {
	if version.Definition == "" || strings.ContainsAny(version.Definition, `/\`) {
		return spec, false, nil
	}
	text, err := os.ReadFile(p.definitionFile(service, version.Definition))
	if errors.Is(err, fs.ErrNotExist) {
		return spec, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	if err == nil && (spec.Config == nil || spec.Host == nil) {
		err = fmt.Errorf("%s is damaged", ShortPath(p.definitionFile(service, version.Definition)))
	}
	return spec, err == nil, err
}

// Keeps tells whether the whole definition of a version is known here.
func (p *Project) Keeps(service string, version Version) bool {
	_, found, err := p.keptSpec(service, version)
	return found && err == nil
}
