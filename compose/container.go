package compose

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Container is what we need to know of a container of the project.
type Container struct {
	ID         string
	Name       string // without the leading slash
	Service    string
	State      string // Docker's: running, exited, restarting, ...
	Health     string // healthy, unhealthy, starting, or "" without a health check
	ExitCode   int    // of one that has ended
	ImageID    string
	Image      string    // the reference that it was created from
	Number     int       // Compose's, within the service
	Created    time.Time // to the second
	configHash string    // what Compose recorded of the service's definition
	addresses  string    // IP addresses in its networks, separated by spaces
	networks   string    // the same with their networks, as NETWORK/ADDRESS
	published  string    // ports of the host that it has while it runs, as PORT/PROTOCOL, separated by spaces
	rollout    RolloutNote
	oneOff     bool // of "docker compose run"
}

// replaces tells whether Compose has created a container to take another one's
// place, and has not renamed it yet: "0123456789ab_demo-haproxy-1".
func (c Container) replaces(other Container) bool {
	return len(other.ID) >= 12 && c.Name == other.ID[:12]+"_"+other.Name
}

// AddressBeside is a container's IP address in the network in which another one
// has a certain address; "" where they share none.
func (c Container) AddressBeside(other Container, ip string) string {
	for pair := range strings.FieldsSeq(other.networks) {
		network, address, _ := strings.Cut(pair, "/")
		if address != ip {
			continue
		}
		for pair := range strings.FieldsSeq(c.networks) {
			if name, address, _ := strings.Cut(pair, "/"); name == network {
				return address
			}
		}
	}
	return ""
}

// AddressFor is a container's IP address in a network that another one is in, too;
// "" where they share none. Where the other one is on the host's network, any will do.
func (c Container) AddressFor(other Container) string {
	for pair := range strings.FieldsSeq(c.networks) {
		network, address, _ := strings.Cut(pair, "/")
		shared := slices.ContainsFunc(strings.Fields(other.networks), func(theirs string) bool { return strings.HasPrefix(theirs, network+"/") })
		if shared || other.networks == "" {
			return address
		}
	}
	return ""
}

// At is the container with one more address, in some network.
func (c Container) At(network, address string) Container {
	c.addresses = strings.TrimSpace(c.addresses + " " + address)
	c.networks = strings.TrimSpace(c.networks + " " + network + "/" + address)
	return c
}

// HasAddress tells whether an IP address is one of the container's.
func (c Container) HasAddress(ip string) bool {
	return ip != "" && slices.Contains(strings.Fields(c.addresses), ip)
}

// Running tells whether the container's process runs.
func (c Container) Running() bool { return c.State == string(container.StateRunning) }

// Ended tells whether the container has ended and is not about to be started again.
func (c Container) Ended() bool {
	return c.State == string(container.StateExited) || c.State == string(container.StateDead)
}

// endedWell tells whether the container's process has ended with exit code 0.
func (c Container) endedWell() bool {
	return c.State == string(container.StateExited) && c.ExitCode == 0
}

// containers lists the project's containers, stopped ones too, without
// one-off ones, in the order of their names. services narrows the list.
func (e *Engine) containers(ctx context.Context, projectName string, services ...string) ([]Container, error) {
	return e.labelled(ctx, projectName, "False", services)
}

// oneOffs are the containers left by a check that was killed, or by others'
// "docker compose run".
func (e *Engine) oneOffs(ctx context.Context, projectName string) (State, error) {
	found, err := e.labelled(ctx, projectName, "True", nil)
	return State{project: projectName, containers: found}, err
}

func (e *Engine) labelled(ctx context.Context, projectName, oneOff string, services []string) ([]Container, error) {
	filters := make(client.Filters).Add("label", api.ProjectLabel+"="+projectName, api.OneoffLabel+"="+oneOff)
	listed, err := e.api().ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	var containers []Container
	for _, summary := range listed.Items {
		if c := containerOf(summary); len(services) == 0 || slices.Contains(services, c.Service) {
			containers = append(containers, c)
		}
	}
	slices.SortFunc(containers, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	return containers, nil
}

// containerOf reads a container off a list, which is much cheaper than to
// inspect it.
func containerOf(summary container.Summary) Container {
	c := Container{
		ID:         summary.ID,
		Service:    summary.Labels[api.ServiceLabel],
		State:      string(summary.State),
		Health:     healthOf(summary),
		ImageID:    summary.ImageID,
		Image:      summary.Image,
		Created:    time.Unix(summary.Created, 0),
		configHash: summary.Labels[api.ConfigHashLabel],
		rollout:    readRolloutNote(summary.Labels),
		oneOff:     summary.Labels[api.OneoffLabel] == "True",
	}
	c.Number, _ = strconv.Atoi(summary.Labels[api.ContainerNumberLabel])
	c.ExitCode = exitCodeOf(summary.Status)
	c.published = publishedPorts(summary.Ports)
	if summary.NetworkSettings != nil {
		var addresses, pairs []string
		for name, network := range summary.NetworkSettings.Networks {
			for _, address := range []netip.Addr{network.IPAddress, network.GlobalIPv6Address} {
				if address.IsValid() {
					addresses, pairs = append(addresses, address.String()), append(pairs, name+"/"+address.String())
				}
			}
		}
		slices.Sort(addresses)
		slices.Sort(pairs)
		c.addresses, c.networks = strings.Join(addresses, " "), strings.Join(pairs, " ")
	}
	if len(summary.Names) > 0 {
		c.Name = strings.TrimPrefix(summary.Names[0], "/")
	}
	return c
}

func publishedPorts(all []container.PortSummary) string {
	var ports []string
	for _, port := range all {
		if port.PublicPort != 0 {
			ports = append(ports, fmt.Sprintf("%d/%s", port.PublicPort, port.Type))
		}
	}
	slices.Sort(ports)
	return strings.Join(slices.Compact(ports), " ")
}

// healthOf takes the health from where the engine has it: a field of its own
// since API 1.52, and before that words in the status, such as
// "Up 3 seconds (health: starting)".
func healthOf(summary container.Summary) string {
	if summary.Health != nil && summary.Health.Status != container.NoHealthcheck {
		return string(summary.Health.Status)
	}
	switch {
	case strings.HasSuffix(summary.Status, "(healthy)"):
		return string(container.Healthy)
	case strings.HasSuffix(summary.Status, "(unhealthy)"):
		return string(container.Unhealthy)
	case strings.HasSuffix(summary.Status, "(health: starting)"):
		return string(container.Starting)
	}
	return ""
}

// exitCodeOf reads a status such as "Exited (137) 3 seconds ago".
func exitCodeOf(status string) int {
	_, rest, _ := strings.Cut(status, "(")
	digits, _, _ := strings.Cut(rest, ")")
	code, _ := strconv.Atoi(digits) // 0 of one that runs
	return code
}

// Balancer is a container that was looked at one by one, as the load balancer's
// always is: since when it runs, and how it ended.
type Balancer struct {
	Container

	StartedAt time.Time
	Restarts  int // how often its restart policy has started it again

	networkMode string
	user        string
	grace       time.Duration       // between the signal to stop and SIGKILL
	aliases     map[string][]string // its names on each of its networks
}

// crashing tells whether a container has ended since it was looked at, be it
// that it runs again.
func (b Balancer) crashing(since Balancer) bool {
	return !b.Running() || b.Restarts > since.Restarts || !b.StartedAt.Equal(since.StartedAt)
}

// inspect looks at one container.
func (e *Engine) inspect(ctx context.Context, c Container) (Balancer, error) {
	inspected, err := e.api().ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	if err != nil {
		return Balancer{}, e.explain(ctx, err)
	}
	b := Balancer{Container: c, Restarts: inspected.Container.RestartCount}
	if state := inspected.Container.State; state != nil {
		b.State = string(state.Status)
		b.ExitCode = state.ExitCode
		b.StartedAt, _ = time.Parse(time.RFC3339Nano, state.StartedAt) // "" of one that never ran is the zero time
	}
	b.grace = engineGrace
	if config := inspected.Container.Config; config != nil {
		b.user = config.User
		if config.StopTimeout != nil {
			b.grace = time.Duration(*config.StopTimeout) * time.Second
		}
	}
	if host := inspected.Container.HostConfig; host != nil {
		b.networkMode = string(host.NetworkMode)
	}
	if settings := inspected.Container.NetworkSettings; settings != nil {
		b.aliases = map[string][]string{}
		for name, endpoint := range settings.Networks {
			b.aliases[name] = endpoint.Aliases
		}
	}
	return b, nil
}

// engineGrace is what the engine gives a container to end in that asks for no other time.
const engineGrace = 10 * time.Second

// inspected looks at each container that requests depend on; one that is removed
// meanwhile is left out.
func (e *Engine) inspected(ctx context.Context, p *Project) ([]Balancer, error) {
	containers, err := e.containers(ctx, p.Name, p.needed()...)
	if err != nil {
		return nil, err
	}
	var inspected []Balancer
	for _, c := range containers {
		now, err := e.inspect(ctx, c)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		inspected = append(inspected, now)
	}
	return inspected, nil
}

// Balancer finds the load balancer's container, which may be stopped; nil
// where the project has none yet.
func (e *Engine) Balancer(ctx context.Context, p *Project) (*Balancer, error) {
	found, err := e.containers(ctx, p.Name, LoadBalancer)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	balancer, err := e.inspect(ctx, *foremost(found))
	return &balancer, err
}

// RunningBalancer is the load balancer's container, or the reason why there is
// none that runs (ErrNotRunning).
func (e *Engine) RunningBalancer(ctx context.Context, p *Project) (Balancer, error) {
	balancer, err := e.Balancer(ctx, p)
	if err != nil {
		return Balancer{}, err
	}
	if balancer == nil || !balancer.Running() {
		return Balancer{}, e.notRunning(ctx, p, balancer)
	}
	return *balancer, nil
}

// notRunning says that nobody balances, with the last words of the container
// that did.
func (e *Engine) notRunning(ctx context.Context, p *Project, balancer *Balancer) error {
	problem := &Problem{
		Summary: fmt.Sprintf("the load balancer of project %q is not running", p.Name),
		Advice:  `Start it with "docker haproxy up".`,
		Cause:   ErrNotRunning,
	}
	if balancer != nil {
		problem.Summary += fmt.Sprintf(" (container %s: %s)", balancer.Name, balancer.State)
		problem.Details = e.lastLines(ctx, balancer.ID)
	}
	return problem
}

// shownLines is how many of a failed container's last lines a message shows.
const shownLines = 10

// lastLines is what a container said last. It is best effort: a failure to
// read them must not hide what they should explain.
func (e *Engine) lastLines(ctx context.Context, id string) []string {
	logs, err := e.api().ContainerLogs(ctx, id, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: fmt.Sprint(shownLines),
	})
	if err != nil {
		return nil
	}
	defer logs.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, io.LimitReader(logs, 64<<10)); err != nil && out.Len() == 0 {
		return nil
	}
	text := strings.TrimRight(out.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
