package compose

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v5/pkg/api"
	composesdk "github.com/docker/compose/v5/pkg/compose"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Compose notes on each container the hash of the definition that it was made
// from, and replaces one whose note is another than it computes now. Versions of
// Compose compute different hashes of one definition: what 2.40 writes out, such
// as "create_host_path: true", 5.6 leaves out. So that taking turns with the
// Compose that is installed replaces nothing, a container is known under both
// hashes, and is created with the one of the installed Compose.

// definitions tells which containers are made from what the Compose file says.
type definitions struct {
	project    *Project
	containers []Container // all of the project: "service:NAME" stands for one of them
	ask        hasher      // of the installed Compose

	mu    sync.Mutex
	asked map[string]string // its hashes by ours, in this process
	noted map[string]string // and as they were noted by earlier ones
}

func (e *Engine) definitions(p *Project, containers []Container) *definitions {
	return &definitions{project: p, containers: containers, ask: e.installed, asked: map[string]string{}, noted: p.notedHashes()}
}

// made tells whether a container is made from a definition of its service.
func (d *definitions) made(ctx context.Context, c Container, service types.ServiceConfig) (bool, error) {
	hash, err := hashOf(service, d.containers)
	if err != nil || c.configHash == hash {
		return err == nil, err
	}
	return d.known(ctx, service.Name, hash, c.configHash), nil
}

// known tells whether the installed Compose computes a hash where ours is another.
func (d *definitions) known(ctx context.Context, service, ours, theirs string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return theirs != "" && (d.noted[ours] == theirs || d.installed(ctx, service, ours, nil) == theirs)
}

// installed is the hash that the installed Compose computes where ours is the
// given one; "" where that is not known. A service may be given as a container of it was created.
func (d *definitions) installed(ctx context.Context, service, ours string, created *types.ServiceConfig) string {
	if theirs, done := d.asked[ours]; done || d.ask == nil {
		return theirs
	}
	d.asked[ours] = "" // also where it is no definition of the Compose file, such as that of an earlier image
	services := types.Services{}
	for name, config := range d.project.Services {
		services[name] = asNoted(config, d.containers)
	}
	if created != nil {
		services[service] = *created
	}
	if hash, err := composesdk.ServiceHash(services[service]); err != nil || hash != ours {
		return ""
	}
	for name, theirs := range d.ask(ctx, d.project.Project, services) {
		if hash, err := composesdk.ServiceHash(services[name]); err == nil {
			d.asked[hash] = withLabelFiles(services[name], hash, theirs)
		}
	}
	d.project.noteHashes(d.noted, d.asked)
	return d.asked[ours]
}

// withLabelFiles is the hash that the installed Compose computes in "up", by that
// of its "config", which 2.40 computes without the names of label files.
func withLabelFiles(service types.ServiceConfig, ours, theirs string) string {
	if len(service.LabelFiles) == 0 || theirs == ours {
		return theirs
	}
	service.LabelFiles = nil
	if without, err := composesdk.ServiceHash(service); err != nil || without != theirs {
		return ""
	}
	return ours
}

// hashNote is the file of the state folder that keeps which hash the installed
// Compose computes where ours is another.
const hashNote = "hashes.json"

func (p *Project) notedHashes() map[string]string {
	noted := map[string]string{}
	text, err := os.ReadFile(p.StateFile(hashNote))
	if err != nil || json.Unmarshal(text, &noted) != nil {
		return map[string]string{}
	}
	return noted
}

// noteHashes is best effort: without the note the installed Compose is asked again.
func (p *Project) noteHashes(before, asked map[string]string) {
	differ := map[string]string{}
	for ours, theirs := range asked {
		if theirs != "" && theirs != ours {
			differ[ours] = theirs
		}
	}
	if len(differ) == 0 || maps.Equal(before, differ) {
		return
	}
	if text, err := json.MarshalIndent(differ, "", "  "); err == nil {
		_ = p.WriteState(hashNote, string(text)+"\n")
	}
}

// bilingual is a docker CLI whose client lets the SDK read and write the hashes
// of the installed Compose, in calls whose context carries definitions.
type bilingual struct{ command.Cli }

// Client is the CLI's.
func (c bilingual) Client() client.APIClient { return bilingualClient{c.Cli.Client()} }

type definitionsKey struct{}

// knowing is the context for calls of the SDK that compare containers with definitions.
func (d *definitions) knowing(ctx context.Context) context.Context {
	return context.WithValue(ctx, definitionsKey{}, d)
}

type bilingualClient struct{ client.APIClient }

// ContainerList shows the hashes that the SDK computes on containers that the
// installed Compose has made from the same definitions.
func (c bilingualClient) ContainerList(ctx context.Context, opts client.ContainerListOptions) (client.ContainerListResult, error) {
	listed, err := c.APIClient.ContainerList(ctx, opts)
	if d, carried := ctx.Value(definitionsKey{}).(*definitions); carried && err == nil {
		for _, summary := range listed.Items {
			d.showOurs(ctx, summary.Labels)
		}
	}
	return listed, err
}

// ContainerCreate notes the hash of the installed Compose on the container.
func (c bilingualClient) ContainerCreate(ctx context.Context, opts client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	if d, carried := ctx.Value(definitionsKey{}).(*definitions); carried && opts.Config != nil {
		d.noteTheirs(ctx, opts.Config.Labels, opts.HostConfig)
	}
	return c.APIClient.ContainerCreate(ctx, opts)
}

func (d *definitions) showOurs(ctx context.Context, labels map[string]string) {
	service, is := d.project.Services[labels[api.ServiceLabel]]
	if !is || labels[api.ProjectLabel] != d.project.Name {
		return
	}
	ours, err := hashOf(service, d.containers)
	if noted := labels[api.ConfigHashLabel]; err == nil && noted != ours && d.known(ctx, service.Name, ours, noted) {
		labels[api.ConfigHashLabel] = ours
	}
}

func (d *definitions) noteTheirs(ctx context.Context, labels map[string]string, host *container.HostConfig) {
	service, is := d.project.Services[labels[api.ServiceLabel]]
	ours := labels[api.ConfigHashLabel]
	if !is || ours == "" {
		return
	}
	created := asCreated(service, host)
	d.mu.Lock()
	defer d.mu.Unlock()
	if theirs := d.installed(ctx, service.Name, ours, &created); theirs != "" {
		labels[api.ConfigHashLabel] = theirs
	}
}

// asCreated is a service with what a container of it shares with others.
func asCreated(service types.ServiceConfig, host *container.HostConfig) types.ServiceConfig {
	if host == nil {
		return service
	}
	for mode, made := range map[*string]string{
		&service.NetworkMode: string(host.NetworkMode), &service.Ipc: string(host.IpcMode), &service.Pid: string(host.PidMode),
	} {
		if strings.HasPrefix(*mode, types.ServicePrefix) {
			*mode = made
		}
	}
	if len(service.VolumesFrom) > 0 {
		service.VolumesFrom = host.VolumesFrom
	}
	return service
}
