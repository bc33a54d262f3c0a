package compose

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// containerSpec is what a container was made from, as the engine knows it: enough
// to make another one, whatever the Compose file says by now.
type containerSpec struct {
	Name     string
	ImageID  string
	Config   *container.Config
	Host     *container.HostConfig
	Networks map[string]*network.EndpointSettings
	// Files are what Compose wrote into the container before its start, configs and
	// secrets that are no files on the host, as tar archives by their folders.
	Files map[string][]byte `json:",omitempty"`
	// Shares are the services of the containers, by their IDs, whose namespaces or
	// volumes the container shares.
	Shares map[string]string `json:",omitempty"`
}

// specOf reads what a container was made from.
func (e *Engine) specOf(ctx context.Context, p *Project, c Container) (containerSpec, error) {
	inspected, err := e.api().ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	if err != nil {
		return containerSpec{}, e.explain(ctx, err)
	}
	found := inspected.Container
	spec := containerSpec{Name: strings.TrimPrefix(found.Name, "/"), ImageID: found.Image, Config: found.Config, Host: found.HostConfig, Networks: map[string]*network.EndpointSettings{}}
	if found.Config == nil || found.HostConfig == nil || found.NetworkSettings == nil {
		return spec, fmt.Errorf("the engine does not say what container %s was made from", c.Name)
	}
	for name, endpoint := range found.NetworkSettings.Networks {
		spec.Networks[name] = &network.EndpointSettings{ // the rest belongs to this container alone
			Aliases: endpoint.Aliases, Links: endpoint.Links, IPAMConfig: endpoint.IPAMConfig,
			DriverOpts: endpoint.DriverOpts, GwPriority: endpoint.GwPriority,
		}
	}
	if spec.Files, err = e.writtenFiles(ctx, p, c); err != nil {
		return spec, err
	}
	all, err := e.containers(ctx, p.Name)
	spec.Shares = spec.sharedWith(all)
	return spec, err
}

// sharedWith finds the services of the containers that the container shares something with.
func (s containerSpec) sharedWith(all []Container) map[string]string {
	services := map[string]string{}
	s.rebound(func(id string) string {
		for _, c := range all {
			if c.ID == id || c.Name == id {
				services[id] = c.Service
			}
		}
		return id
	})
	return services
}

// rebound is the same with other containers whose namespaces and volumes it shares.
func (s containerSpec) rebound(to func(id string) string) *container.HostConfig {
	host := *s.Host
	if id := host.NetworkMode.ConnectedContainer(); id != "" {
		host.NetworkMode = container.NetworkMode("container:" + to(id))
	}
	if id := host.IpcMode.Container(); id != "" {
		host.IpcMode = container.IpcMode("container:" + to(id))
	}
	if id := host.PidMode.Container(); id != "" {
		host.PidMode = container.PidMode("container:" + to(id))
	}
	host.VolumesFrom = slices.Clone(host.VolumesFrom)
	for i, from := range host.VolumesFrom {
		id, mode, _ := strings.Cut(from, ":")
		host.VolumesFrom[i] = strings.TrimSuffix(to(id)+":"+mode, ":")
	}
	return &host
}

// successor is the container that a service has by now in the place of one that is gone.
func (s containerSpec) successor(all []Container) func(id string) string {
	return func(id string) string {
		for _, c := range all { // by their names, as Compose chooses
			if c.Service == s.Shares[id] && c.Service != "" {
				return c.ID
			}
		}
		return id
	}
}

// writtenFiles are those files that Compose has written into a container.
func (e *Engine) writtenFiles(ctx context.Context, p *Project, c Container) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, target := range p.written(p.Services[c.Service]) {
		copied, err := e.api().CopyFromContainer(ctx, c.ID, client.CopyFromContainerOptions{SourcePath: target})
		if isNotFound(err) {
			continue // it came into the Compose file since
		}
		if err != nil {
			return nil, e.explain(ctx, err)
		}
		content, err := io.ReadAll(copied.Content)
		_ = copied.Content.Close()
		if err != nil {
			return nil, e.explain(ctx, err)
		}
		files[target] = content
	}
	return files, nil
}

// written are the paths of the configs and secrets that Compose writes into a
// service's containers, since they are in the Compose file or in the environment.
func (p *Project) written(service types.ServiceConfig) (targets []string) {
	for _, c := range service.Configs {
		if source := p.Configs[c.Source]; source.Content != "" || source.Environment != "" {
			targets = append(targets, cmp.Or(c.Target, "/"+c.Source))
		}
	}
	for _, s := range service.Secrets {
		if source := p.Secrets[s.Source]; source.Content != "" || source.Environment != "" {
			target := cmp.Or(s.Target, s.Source)
			if !path.IsAbs(target) {
				target = "/run/secrets/" + target
			}
			targets = append(targets, target)
		}
	}
	return targets
}

// copyNumber is what another container is made from: the service's one of that
// number, with labels of its own for a rollout.
func (s containerSpec) copyNumber(number int, rollout types.Labels) containerSpec {
	name := s.nameOf(number)
	config, host := *s.Config, *s.Host
	shortID := config.Hostname // the engine's choice, unless the definition has one
	if anonymous.MatchString(shortID) || host.NetworkMode.IsContainer() || host.NetworkMode.IsHost() {
		config.Hostname = ""
	}
	if host.NetworkMode.IsContainer() {
		config.Domainname, config.ExposedPorts = "", nil
	}
	config.Labels = maps.Clone(config.Labels)
	for _, label := range rolloutLabels() {
		delete(config.Labels, label)
	}
	maps.Copy(config.Labels, rollout)
	config.Labels[api.ContainerNumberLabel] = strconv.Itoa(number)
	config.Volumes = maps.Clone(config.Volumes)
	host.Binds = slices.DeleteFunc(slices.Clone(host.Binds), func(bind string) bool {
		volume, rest, _ := strings.Cut(bind, ":")
		target, _, _ := strings.Cut(rest, ":")
		if !anonymousVolume.MatchString(volume) {
			return false
		}
		if config.Volumes == nil {
			config.Volumes = map[string]struct{}{}
		}
		config.Volumes[target] = struct{}{}
		return true
	})
	host.Mounts = slices.Clone(host.Mounts)
	for i := range host.Mounts {
		if anonymousVolume.MatchString(host.Mounts[i].Source) {
			host.Mounts[i].Source = ""
		}
	}
	networks := map[string]*network.EndpointSettings{}
	for key, endpoint := range s.Networks {
		own := endpoint.Copy()
		own.Aliases = slices.DeleteFunc(own.Aliases, func(alias string) bool {
			return alias == s.Name || alias == name || anonymous.MatchString(alias)
		})
		if host.NetworkMode.IsUserDefined() {
			own.Aliases = append(own.Aliases, name)
		}
		networks[key] = own
	}
	return containerSpec{Name: name, ImageID: s.ImageID, Config: &config, Host: &host, Networks: networks, Files: s.Files}
}

// What the engine and Compose name by chance: host names and aliases by a
// container's ID, and volumes without a name.
var (
	anonymous       = regexp.MustCompile(`^[0-9a-f]{12}$`)
	anonymousVolume = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// nameOf is the name of the service's container of a number: what container_name
// says, or one with the number in it.
func (s containerSpec) nameOf(number int) string {
	name := halfReplacement.ReplaceAllString(s.Name, "")
	if prefix, numbered := strings.CutSuffix(name, api.Separator+s.Config.Labels[api.ContainerNumberLabel]); numbered {
		return prefix + api.Separator + strconv.Itoa(number)
	}
	return name
}

// over is the Compose file's definition with what the container was made from, as
// far as a rollout asks for it.
func (s containerSpec) over(service types.ServiceConfig) types.ServiceConfig {
	service.Image, service.ContainerName, service.NetworkMode = s.Config.Image, "", ""
	if s.nameOf(1) == s.nameOf(2) {
		service.ContainerName = s.nameOf(1)
	}
	if s.Host.NetworkMode.IsHost() {
		service.NetworkMode = "host"
	}
	service.Ports = nil
	for port, bindings := range s.Host.PortBindings {
		for _, binding := range bindings {
			config := types.ServicePortConfig{Target: uint32(port.Num()), Published: binding.HostPort, Protocol: string(port.Proto())}
			if binding.HostIP.IsValid() {
				config.HostIP = binding.HostIP.String()
			}
			service.Ports = append(service.Ports, config)
		}
	}
	service.Networks = map[string]*types.ServiceNetworkConfig{}
	for name, endpoint := range s.Networks {
		config := &types.ServiceNetworkConfig{}
		if ipam := endpoint.IPAMConfig; ipam != nil && ipam.IPv4Address.IsValid() {
			config.Ipv4Address = ipam.IPv4Address.String()
		}
		if ipam := endpoint.IPAMConfig; ipam != nil && ipam.IPv6Address.IsValid() {
			config.Ipv6Address = ipam.IPv6Address.String()
		}
		service.Networks[name] = config
	}
	service.HealthCheck = nil
	if check := s.Config.Healthcheck; check != nil {
		retries := uint64(check.Retries) //nolint:gosec // not negative
		service.HealthCheck = &types.HealthCheckConfig{
			Test: check.Test, Interval: duration(check.Interval), Timeout: duration(check.Timeout),
			StartPeriod: duration(check.StartPeriod), StartInterval: duration(check.StartInterval), Retries: &retries,
		}
	}
	return service
}

func duration(d time.Duration) *types.Duration {
	converted := types.Duration(d)
	return &converted
}

// addLike creates and starts containers that are like another one, beside those
// that there are.
func (e *Engine) addLike(ctx context.Context, p *Project, spec containerSpec, service string, count int, rollout types.Labels) error {
	there, err := e.Replicas(ctx, p, service)
	if err != nil {
		return err
	}
	all, err := e.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	spec.Host = spec.rebound(spec.successor(all))
	next := 1
	for _, c := range there {
		next = max(next, c.Number+1)
	}
	for number := next; number < next+count; number++ {
		if err := e.addOneLike(ctx, spec.copyNumber(number, rollout)); err != nil {
			return e.explainUp(ctx, p, err)
		}
	}
	return nil
}

func (e *Engine) addOneLike(ctx context.Context, spec containerSpec) error {
	if inspected, err := e.api().ImageInspect(ctx, spec.Config.Image); err != nil || inspected.ID != spec.ImageID {
		spec.Config.Image = spec.ImageID // the name stands for something else by now
	}
	e.Tell("Container "+spec.Name, Working, "Creating")
	atOnce, later := spec.Networks, map[string]*network.EndpointSettings{}
	switch {
	case !spec.Host.NetworkMode.IsUserDefined():
		atOnce = nil // the mode says it all
	case versions.LessThan(e.api().ClientVersion(), severalNetworksAPIVersion):
		atOnce = map[string]*network.EndpointSettings{}
		for name, endpoint := range spec.Networks {
			if name == string(spec.Host.NetworkMode) {
				atOnce[name] = endpoint
			} else {
				later[name] = endpoint
			}
		}
	}
	created, err := e.api().ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: spec.Name, Config: spec.Config, HostConfig: spec.Host,
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: atOnce},
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(later)) {
		if _, err := e.api().NetworkConnect(ctx, name, client.NetworkConnectOptions{Container: created.ID, EndpointConfig: later[name]}); err != nil {
			return err
		}
	}
	for _, target := range slices.Sorted(maps.Keys(spec.Files)) {
		if _, err := e.api().CopyToContainer(ctx, created.ID, client.CopyToContainerOptions{
			DestinationPath: path.Dir(target), Content: bytes.NewReader(spec.Files[target]), CopyUIDGID: true,
		}); err != nil {
			return err
		}
	}
	e.Tell("Container "+spec.Name, Working, "Starting")
	if _, err := e.api().ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	e.Tell("Container "+spec.Name, Finished, "Started")
	return nil
}

// severalNetworksAPIVersion is the first in which a container is created with more
// than one network.
const severalNetworksAPIVersion = "1.44"
