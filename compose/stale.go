package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// ErrStaleMount means that the load balancer's container does not see the files
// that are on disk.
var ErrStaleMount = errors.New("the container has other files mounted than are on disk")

// seen makes sure that the container sees the configuration that is on disk. A
// mount holds on to the folder or the file that was there when the container was
// made: where another one has taken its name since, as after "mv" and "cp -r" of
// a folder, or "sed -i" of a file that is mounted alone, HAProxy would go on
// reading the old one, and call it valid.
func (r *reloading) seen(ctx context.Context) error {
	places := r.p.inContainer(r.config)
	if len(places) == 0 {
		return nil
	}
	for deadline := time.Now().Add(mountTimeout); ; {
		stale, err := r.firstUnseen(ctx, places)
		switch {
		case err != nil:
			return r.explainSession(ctx, r.p, r.running, err)
		case stale == "":
			return nil
		}
		if err := r.unchanged(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return staleMount(r.running, stale)
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// mountTimeout is how long an edit may take to be seen in the container: none on
// Linux, a moment where a virtual machine lies between.
const mountTimeout = time.Second

// place is a file of the configuration as the container should see it.
type place struct {
	inContainer string
	onDisk      string
	sum         string // SHA-256, in hexadecimal
	config      bool   // HAProxy reads it as configuration: it has to be there
}

// firstUnseen is the first file that the container does not see as it is on
// disk; "" where there is none. Of other files than configuration one that is
// missing there says nothing: HAProxy's user may not look into every folder.
func (r *reloading) firstUnseen(ctx context.Context, places []place) (string, error) {
	var names []string
	for _, place := range places {
		names = append(names, place.inContainer)
	}
	sums, err := r.relay.sums(ctx, names)
	if err != nil {
		return "", err
	}
	for _, place := range places {
		sum, readable := sums[place.inContainer]
		if !readable && place.config {
			if readable, err = r.relay.exists(ctx, place.inContainer); err != nil {
				return "", err
			}
			if readable {
				continue // what HAProxy's user cannot read, its check tells
			}
			return place.onDisk, nil
		}
		if readable && sum != place.sum {
			return place.onDisk, nil
		}
	}
	return "", nil
}

// inContainer are the files of a configuration that a mount brings into the
// container. Those that a link leads to outside of the mount are not among them.
func (p *Project) inContainer(config Config) []place {
	files, _ := p.configFiles()
	configs := map[string]bool{}
	for _, file := range files {
		if host, ok := p.hostPath(file.Name); ok {
			configs[host] = true
		}
	}
	var places []place
	for _, file := range config.files {
		name, found := p.containerPath(file.Name)
		if !found || strings.ContainsAny(name, "\n\\") {
			continue
		}
		sum := sha256.Sum256(file.Content)
		places = append(places, place{inContainer: name, onDisk: file.Name, sum: hex.EncodeToString(sum[:]), config: configs[file.Name]})
	}
	return places
}

// containerPath is where a file on this machine's disk is in the container:
// hostPath the other way round.
func (p *Project) containerPath(file string) (inContainer string, found bool) {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return "", false
	}
	for _, m := range p.mounts() {
		source, err := filepath.EvalSymlinks(m.source)
		if err != nil {
			continue
		}
		if _, inside := below(filepath.ToSlash(source), filepath.ToSlash(target)); !inside {
			continue
		}
		rest, inside := below(filepath.ToSlash(m.source), filepath.ToSlash(file))
		if !inside {
			continue
		}
		inContainer := strings.TrimSuffix(m.target+"/"+rest, "/")
		if host, ok := p.hostPath(inContainer); ok && host == file && !p.covered(inContainer) {
			return inContainer, true
		}
	}
	return "", false
}

// covered tells whether something that is not on this machine's disk is mounted
// over a place in the container.
func (p *Project) covered(inContainer string) bool {
	others := slices.Clone(p.balancer.Tmpfs)
	for _, v := range p.balancer.Volumes {
		if v.Type != types.VolumeTypeBind {
			others = append(others, v.Target)
		}
	}
	return slices.ContainsFunc(others, func(target string) bool {
		target, _, _ = strings.Cut(target, ":")
		_, inside := below(target, inContainer)
		return inside
	})
}

func staleMount(running Balancer, file string) *Problem {
	return &Problem{
		Summary: fmt.Sprintf("container %s does not see %s as it is on disk; nothing was applied", running.Name, ShortPath(file)),
		Details: []string{"it was made with the folder or file that had this name then, and another one has taken its place since"},
		Advice:  fmt.Sprintf(`Make the container anew with "docker haproxy up --force-recreate", or its mounts with "docker restart %s"; either interrupts what HAProxy serves.`, running.Name),
		Cause:   ErrStaleMount,
	}
}
