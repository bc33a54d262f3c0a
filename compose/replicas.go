package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// ImageRef is an image as a Compose file names it, and what the name stood for.
type ImageRef struct {
	Name string
	ID   string
}

// Definition is what containers of a service are to be made from.
type Definition struct {
	Service types.ServiceConfig
	ImageID string
	hash    string
	known   func(hash string) bool // as one that the installed Compose computes of the definition; nil where no one is
	like    *containerSpec         // of the version that runs or ran; nil where the Compose file says it
}

// Definition is what the Compose file says of a service now, or, where version is
// not empty, what it was made from then. Of a version of which only the image is
// known, the rest is the Compose file's. The image is fetched if it is not there.
func (e *Engine) Definition(ctx context.Context, p *Project, service string, version Version) (Definition, error) {
	config, known := p.Services[service]
	if !known {
		return Definition{}, p.unknownService(service)
	}
	d := Definition{Service: config}
	if version == (Version{}) {
		images, err := e.FetchImages(ctx, p, service)
		if err != nil {
			return Definition{}, err
		}
		d.ImageID = images[api.GetImageNameOrDefault(config, p.Name)]
		return e.hashed(ctx, p, d)
	}
	if _, err := e.api().ImageInspect(ctx, version.Image.ID); err != nil {
		return Definition{}, &Problem{
			Summary: fmt.Sprintf("the image %s that service %s had before is gone from the engine", version.Image.Name, service),
			Advice:  "Name it in the Compose file, then run \"docker haproxy rollout\".",
			Cause:   err,
		}
	}
	spec, found, err := p.keptSpec(service, version)
	if err != nil {
		return Definition{}, err
	}
	if found {
		return spec.definition(config), nil
	}
	d.Service.Image, d.ImageID = version.Image.Name, version.Image.ID
	if inspected, err := e.api().ImageInspect(ctx, version.Image.Name); err != nil || inspected.ID != version.Image.ID {
		d.Service.Image = version.Image.ID // the name stands for something else by now
	}
	d.Service.PullPolicy = types.PullPolicyNever
	return e.hashed(ctx, p, d)
}

// hashed is a definition with what Compose records of it in its containers.
func (e *Engine) hashed(ctx context.Context, p *Project, d Definition) (Definition, error) {
	all, err := e.containers(ctx, p.Name) // of all services: it may share something with them
	if err != nil {
		return d, err
	}
	definitions := e.definitions(p, all)
	d.hash, err = hashOf(d.Service, all)
	d.known = func(hash string) bool { return definitions.known(ctx, d.Service.Name, d.hash, hash) }
	return d, err
}

// DefinitionOf is what a container was made from.
func (e *Engine) DefinitionOf(ctx context.Context, p *Project, c Container) (Definition, error) {
	spec, err := e.specOf(ctx, p, c)
	if err != nil {
		return Definition{}, err
	}
	return spec.definition(p.Services[c.Service]), nil
}

func (s containerSpec) definition(service types.ServiceConfig) Definition {
	return Definition{Service: s.over(service), ImageID: s.ImageID, hash: s.Config.Labels[api.ConfigHashLabel], like: &s}
}

// Whole tells whether the definition is all that containers were made from, and not
// the Compose file's with another image.
func (d Definition) Whole() bool { return d.like != nil }

// Aliases are the other names, beside the service's, by which the DNS knows its
// containers.
func (d Definition) Aliases() []string {
	var names []string
	if d.Service.ContainerName != "" {
		names = append(names, d.Service.ContainerName)
	}
	for _, network := range d.Service.Networks {
		if network != nil {
			names = append(names, network.Aliases...)
		}
	}
	return names
}

// Addresses are those that each container of the definition has, as the Compose
// file fixes them.
func (d Definition) Addresses() []string {
	var fixed []string
	for _, network := range d.Service.Networks {
		if network != nil {
			fixed = append(fixed, nonEmpty(network.Ipv4Address, network.Ipv6Address)...)
		}
	}
	return fixed
}

// Made tells whether a container is made from the definition.
func (d Definition) Made(c Container) bool {
	return c.ImageID == d.ImageID && d.has(c.configHash)
}

// Same tells whether two definitions make the same containers.
func (d Definition) Same(other Definition) bool {
	return d.ImageID == other.ImageID && (d.has(other.hash) || other.has(d.hash))
}

// has tells whether a hash is one of the definition.
func (d Definition) has(hash string) bool {
	return hash == d.hash || d.known != nil && d.known(hash)
}

// UpdateRules are how a service wants its containers to be replaced: what its
// deploy.update_config says.
type UpdateRules struct {
	Batch     int  // containers at a time; 0 where it is not said
	All       bool // all of them at one time: parallelism: 0
	StopFirst bool
	Pause     time.Duration // between two batches
	Monitor   time.Duration // how long a new container is watched
}

// UpdateRules reads the service's deploy.update_config; false where it has none.
func (d Definition) UpdateRules() (UpdateRules, bool) {
	if d.Service.Deploy == nil || d.Service.Deploy.UpdateConfig == nil {
		return UpdateRules{}, false
	}
	c := d.Service.Deploy.UpdateConfig
	rules := UpdateRules{StopFirst: c.Order == "stop-first", Pause: time.Duration(c.Delay), Monitor: time.Duration(c.Monitor)}
	if c.Parallelism != nil {
		rules.Batch, rules.All = int(*c.Parallelism), *c.Parallelism == 0 //nolint:gosec // a number of containers
	}
	return rules, true
}

func (p *Project) unknownService(service string) error {
	problem := &Problem{
		Summary: fmt.Sprintf("project %q has no service named %s", p.Name, service),
		Advice:  "Its services: " + orNone(p.ServiceNames()) + ".",
	}
	if near := Nearest(service, p.ServiceNames()); near != "" {
		problem.Advice = fmt.Sprintf("Did you mean %s? %s", near, problem.Advice)
	}
	return problem
}

// Replicas are the containers of a service, by their numbers.
func (e *Engine) Replicas(ctx context.Context, p *Project, service string) ([]Container, error) {
	found, err := e.containers(ctx, p.Name, service)
	slices.SortStableFunc(found, func(a, b Container) int { return a.Number - b.Number })
	return found, err
}

// AddReplicas creates and starts containers of a definition beside those that
// there are, as many as count. The others are not touched, those of other services
// neither. The note goes into their labels.
func (e *Engine) AddReplicas(ctx context.Context, p *Project, d Definition, count int, note RolloutNote) error {
	if d.like != nil {
		return e.addLike(ctx, p, *d.like, d.Service.Name, count, note.labels())
	}
	there, err := e.Replicas(ctx, p, d.Service.Name)
	if err != nil {
		return err
	}
	ctx = untouched(ctx, there)
	model, err := p.WithSelectedServices([]string{d.Service.Name}, types.IgnoreDependencies)
	if err != nil {
		return err
	}
	service := scaled(d.Service, len(there)+count)
	if err := e.keepNetworks(ctx, p, model); err != nil {
		return err
	}
	service.CustomLabels = withLabels(service.CustomLabels, note.labels())
	service.DependsOn = nil // they run; it is no part of the definition's hash
	model.Services = types.Services{service.Name: service}
	err = e.converge(ctx, p, model, api.CreateOptions{
		Services:             []string{service.Name},
		Recreate:             api.RecreateNever,
		RecreateDependencies: api.RecreateNever,
		Inherit:              true,
	})
	if err != nil {
		return e.explainUp(ctx, p, err)
	}
	return nil
}

// scaled is a service with another number of containers.
func scaled(service types.ServiceConfig, count int) types.ServiceConfig {
	if service.Deploy != nil {
		deploy := *service.Deploy // SetScale writes through the pointer, into the project
		service.Deploy = &deploy
	}
	service.SetScale(count)
	return service
}

// withLabels adds labels to others, which stay as they are.
func withLabels(labels, more types.Labels) types.Labels {
	all := types.Labels{}
	maps.Copy(all, labels)
	maps.Copy(all, more)
	return all
}

// keepNetworks has Compose take the project's networks as they are: where their
// definition was edited, it would stop containers in order to make them anew.
func (e *Engine) keepNetworks(ctx context.Context, p *Project, model *types.Project) error {
	state, err := e.Observe(ctx, p.Name)
	if err != nil {
		return err
	}
	networks := types.Networks{}
	for key, network := range model.Networks {
		if slices.ContainsFunc(state.networks, func(r resource) bool { return r.name == network.Name }) {
			network.External = true
		}
		networks[key] = network
	}
	model.Networks = networks
	return nil
}

// Routed tells whether a service's labels ask for requests.
func (p *Project) Routed(service string) bool { return labels.Uses(p.Services[service].Labels) }

// Recreate has Compose bring a service to what its definition says, as a plain
// "up" does, but with another number of containers: for one that receives no
// traffic. The note goes into the labels of those that are made.
func (e *Engine) Recreate(ctx context.Context, p *Project, service string, count int, force bool, note RolloutNote) error {
	model, create, err := p.alone(service, force)
	if err == nil {
		config := scaled(model.Services[service], count)
		config.CustomLabels = withLabels(config.CustomLabels, note.labels())
		model.Services[service] = config
		err = e.converge(ctx, p, model, create)
	}
	if err != nil {
		return e.explainUp(ctx, p, err)
	}
	return nil
}

// Renew has Compose replace the containers of a service that does not run, and
// start none.
func (e *Engine) Renew(ctx context.Context, p *Project, service string) error {
	model, create, err := p.alone(service, true)
	if err == nil {
		err = e.create(ctx, p, model, create)
	}
	if err != nil {
		return e.explainUp(ctx, p, err)
	}
	return nil
}

// alone is the project with one service, without what it depends on, and how
// Compose is to create its containers.
func (p *Project) alone(service string, force bool) (*types.Project, api.CreateOptions, error) {
	model, err := p.WithSelectedServices([]string{service}, types.IgnoreDependencies)
	if err != nil {
		return nil, api.CreateOptions{}, err
	}
	config := model.Services[service]
	config.DependsOn = nil // the caller has seen to it
	model.Services = types.Services{service: config}
	return model, api.CreateOptions{
		Services: []string{service}, Recreate: UpOptions{ForceRecreate: force}.recreate(),
		RecreateDependencies: api.RecreateNever, Inherit: true,
	}, nil
}

// Restart restarts the containers of a service.
func (e *Engine) Restart(ctx context.Context, p *Project, service string) error {
	err := e.sdk.Restart(ctx, p.Name, api.RestartOptions{Project: p.Project, Services: []string{service}, NoDeps: true})
	if err != nil {
		return e.explainUp(ctx, p, err)
	}
	return nil
}

// StopReplica stops a container, which has its stop_grace_period to end by
// itself, and removes it. One that is gone already is no error.
func (e *Engine) StopReplica(ctx context.Context, c Container) error {
	_, err := e.api().ContainerStop(ctx, c.ID, client.ContainerStopOptions{})
	if err == nil || errdefs.IsNotModified(err) {
		_, err = e.api().ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{}) // its volumes stay, as when Compose scales down
	}
	if err != nil && !isNotFound(err) {
		return e.explain(ctx, err)
	}
	return nil
}

// RemoveReplica removes a container that has received no traffic, at once.
func (e *Engine) RemoveReplica(ctx context.Context, c Container) error {
	_, err := e.api().ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !isNotFound(err) {
		return e.explain(ctx, err)
	}
	return nil
}

// Ill says what is wrong with a container that was started since, with its last
// words; nil while nothing is.
func (e *Engine) Ill(ctx context.Context, c Container) error {
	now, err := e.inspect(ctx, c)
	switch {
	case isNotFound(err):
		return &Problem{Summary: fmt.Sprintf("container %s is gone", c.Name), Cause: err}
	case err != nil:
		return err
	case now.Restarts > 0:
		return e.Failed(ctx, c, fmt.Sprintf("ended with exit code %d and was started again", now.ExitCode))
	case !now.Running() && now.State != "created":
		return e.Failed(ctx, c, fmt.Sprintf("ended with exit code %d", now.ExitCode))
	case c.Health == "unhealthy":
		return e.Failed(ctx, c, "is unhealthy")
	}
	return nil
}

// Failed is the error of a container that did not become what it should, with
// its health check's answer and its last lines.
func (e *Engine) Failed(ctx context.Context, c Container, how string) error {
	problem := e.failed(ctx, c.Name, how)
	problem.Advice = `Correct the service in the Compose file or its image, then run "docker haproxy rollout" again.`
	return problem
}

// Late is the error of a container that was not ready in time.
func (e *Engine) Late(ctx context.Context, c Container, how string) error {
	problem := e.failed(ctx, c.Name, how)
	problem.Advice = "Give it more time with --wait-timeout, or correct the service in the Compose file or its image."
	return problem
}

// Exclusive makes sure that nobody else changes the project's HAProxy for as long
// as something is under way. Unlike others it does not wait for its turn: where
// somebody else is at it, ErrBusy says so.
func (e *Engine) Exclusive(p *Project) (release func(), err error) { return p.tryLock() }

// Tell shows the state of something in the progress display: it is being worked
// at, done, or has failed.
func (e *Engine) Tell(id string, progress Progress, text string) {
	status := map[Progress]api.EventStatus{Working: api.Working, Finished: api.Done, Broken: api.Error}[progress]
	e.events.On(api.Resource{ID: id, Status: status, Text: text})
}

// Progress is how far something is.
type Progress int

// The states of progress.
const (
	Working Progress = iota
	Finished
	Broken
)

// Names tells whether a host name is one by which containers of a service are
// found, such as web or web.backend.
func Names(fqdn, service string) bool { return names(fqdn, service) }

// DynamicOptions are the options for a server at run time that stands in for one
// of the configuration.
func (p *Project) DynamicOptions(backend, server string) (options string, found bool) {
	return haproxy.DynamicOptions(p.wholeConfig(), backend, server)
}

// ResolversOf tells which resolvers section moves a server of the configuration; see
// haproxy.ResolversOf.
func (p *Project) ResolversOf() func(backend, server string) (section string, found bool) {
	return haproxy.ResolversOf(p.wholeConfig())
}

// wholeConfig are all files of the configuration, one behind the other.
func (p *Project) wholeConfig() []byte {
	files, _ := p.configFiles()
	var all []byte
	for _, file := range files {
		all = append(append(all, file.Content...), '\n')
	}
	return all
}

// Apply has HAProxy take over a configuration that was edited since, its labels
// included, as "reload" does. The caller holds Exclusive. Where nothing was
// edited, nothing is done.
func (e *Engine) Apply(ctx context.Context, p *Project, running Balancer, opts ReloadOptions) (Reloaded, error) {
	plan, err := e.PlanReload(ctx, p, running)
	if err == nil && len(plan.Quarantines) > 0 {
		err = &QuarantineError{Quarantines: plan.Quarantines} // it would be taken out of the traffic
	}
	if err != nil || len(plan.Steps) == 0 || plan.Unknown != "" {
		return Reloaded{}, err
	}
	return e.regenerateAndReload(ctx, p, running, "rollout", opts)
}

// InOrder orders services so that each comes behind those that it depends on. No
// names mean all services but the load balancer, those of profiles that are not
// enabled apart.
func (p *Project) InOrder(names []string) ([]string, error) {
	for _, name := range names {
		if _, known := p.Services[name]; !known {
			return nil, p.unknownService(name)
		}
		if name == LoadBalancer {
			return nil, &Problem{
				Summary: "the load balancer itself is not rolled out: its connections would be cut",
				Advice:  `"docker haproxy reload" applies an edited configuration, "docker haproxy up" replaces its container.`,
			}
		}
	}
	var ordered []string
	var visit func(name string)
	visit = func(name string) {
		if slices.Contains(ordered, name) || name == LoadBalancer || name == Forwarder {
			return
		}
		service, enabled := p.Services[name]
		if !enabled {
			return
		}
		for _, dependency := range slices.Sorted(maps.Keys(service.DependsOn)) {
			visit(dependency)
		}
		if !slices.Contains(ordered, name) {
			ordered = append(ordered, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) { // the loader refuses circles
		visit(name)
	}
	if len(names) == 0 {
		return ordered, nil
	}
	return slices.DeleteFunc(ordered, func(name string) bool { return !slices.Contains(names, name) }), nil
}
