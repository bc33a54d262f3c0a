package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// Quarantine is a service that is not served, because its labels cannot be
// meant so or HAProxy refuses what they make. Its routes answer 503; those of
// all others are served.
type Quarantine struct {
	Service string
	Why     []string // each in one or two lines
	Partly  bool     // only what Why names is not served
	Refused bool     // by HAProxy; else the labels themselves cannot be meant so
}

// String says it for people.
func (q Quarantine) String() string {
	how := "is not served"
	if q.Partly {
		how = "is served in part only"
	}
	return fmt.Sprintf("service %s %s: %s", q.Service, how, strings.Join(q.Why, "\n  "))
}

// wishes are what the labels of all services ask for, and the services that
// ask for something that cannot be.
type wishes struct {
	specs       []routing.Spec
	frontend    routing.Frontend
	quarantines []Quarantine
}

// quarantine takes a service out.
func (w *wishes) quarantine(service, format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	for i, spec := range w.specs {
		if spec.Service == service {
			w.specs[i].Quarantined = true
		}
	}
	for i, q := range w.quarantines {
		if q.Service == service {
			w.quarantines[i].Why = append(w.quarantines[i].Why, why)
			return
		}
	}
	w.quarantines = append(w.quarantines, Quarantine{Service: service, Why: []string{why}})
}

// usesLabels tells whether a service of the project asks to be routed.
func (p *Project) usesLabels() bool {
	for _, service := range p.routable() {
		if labels.Uses(service.Labels) {
			return true
		}
	}
	return false
}

// routable are the services that may receive traffic, those of profiles that
// are not enabled too: a route stays when "docker compose --profile" stops them.
func (p *Project) routable() []types.ServiceConfig {
	return slices.DeleteFunc(allServices(p.Project), func(s types.ServiceConfig) bool { return s.Name == LoadBalancer })
}

// wishes reads the labels of the project, and completes what they leave open:
// the port that an app listens on, and the name that HAProxy finds it by.
func (e *Engine) wishes(ctx context.Context, p *Project) wishes {
	var w wishes
	front := labels.ParseFrontend(LoadBalancer, p.balancer.Labels)
	w.frontend = routing.Frontend{Port: front.Port, IPv6: e.onIPv6(ctx, p), Snippet: front.Snippet}
	for _, problem := range front.Problems {
		w.quarantine(LoadBalancer, "%v", problem)
	}
	used := usedLabels(p.Project)
	for _, service := range p.routable() {
		said := labels.Parse(service.Name, service.Labels, p.readProjectFile)
		if said.Disabled {
			continue
		}
		w.specs = append(append(w.specs, said.Specs...), said.Quarantined...)
		for _, problem := range said.Problems {
			w.quarantine(service.Name, "%v", problem)
		}
		if len(said.Problems) == 0 && labels.Uses(service.Labels) {
			e.complete(ctx, p, service, said.Network, &w)
		}
		w.closeFor(misplaced(service, used))
	}
	if w.closeFor(misplaced(p.balancer, used)) || front.Closed {
		for i := range w.specs {
			w.specs[i].Quarantined = true
		}
		w.quarantine(LoadBalancer, "until that is right, all routes answer 503")
	}
	return w
}

// closeFor takes the services out of which a slip would have kept clients out.
func (w *wishes) closeFor(slips []labels.Slip) (closed bool) {
	for _, slip := range slips {
		if slip.Guards {
			w.quarantine(slip.Service, "%v", slip)
			closed = true
		}
	}
	return closed
}

// complete fills in port, address and slots of a service's wishes.
func (e *Engine) complete(ctx context.Context, p *Project, service types.ServiceConfig, network string, w *wishes) {
	address, err := p.addressOf(service, network)
	if err != nil {
		w.quarantine(service.Name, "%v", err)
		return
	}
	ports := portsOf(service)
	for i := range w.specs {
		spec := &w.specs[i]
		if spec.Service != service.Name {
			continue
		}
		spec.Address, spec.Containers = address, p.containerNames(service)
		spec.Slots = cmp.Or(spec.Slots, slotsFor(service))
		if spec.Port > 0 {
			continue
		}
		if len(ports) == 0 {
			ports = e.exposedPorts(ctx, api.GetImageNameOrDefault(service, p.Name))
		}
		if len(ports) != 1 {
			w.quarantine(service.Name, "which port its containers listen on is not known (%s)\n  say it with the label haproxy.port", knownPorts(ports))
			return
		}
		spec.Port = ports[0]
	}
}

func knownPorts(ports []int) string {
	if len(ports) == 0 {
		return "neither the Compose file nor its image names one"
	}
	return "there are " + joinInts(ports)
}

func joinInts(numbers []int) string {
	var words []string
	for _, n := range numbers {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ", ")
}

// usualSlots is how many containers of a service HAProxy is ready for at least,
// without a reload.
const usualSlots = 10

// slotsFor leaves room for twice the containers of now: a rollout puts the new
// ones beside the old.
func slotsFor(service types.ServiceConfig) int {
	return max(usualSlots, 2*service.GetScale())
}

// portsOf are the TCP ports that the Compose file says a service listens on.
func portsOf(service types.ServiceConfig) []int {
	ports := tcpPorts(service.Expose)
	for _, published := range service.Ports {
		if published.Protocol == "" || published.Protocol == "tcp" {
			ports = append(ports, int(published.Target))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// exposedPorts are the TCP ports that an image says it listens on; none where
// the image is not there.
func (e *Engine) exposedPorts(ctx context.Context, image string) []int {
	inspected, err := e.api().ImageInspect(ctx, image)
	if err != nil || inspected.Config == nil {
		return nil
	}
	return tcpPorts(slices.Collect(maps.Keys(inspected.Config.ExposedPorts)))
}

// tcpPorts reads ports as Compose and images write them, such as 8080 and
// 8080/tcp; those of other protocols are left out.
func tcpPorts(exposed []string) []int {
	var ports []int
	for _, text := range exposed {
		number, protocol, _ := strings.Cut(text, "/")
		if port, err := strconv.Atoi(number); err == nil && (protocol == "" || protocol == "tcp") {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}

// addressOf is the name by which HAProxy finds the containers of a service:
// Docker's DNS knows SERVICE.NETWORK on the networks that both are on.
func (p *Project) addressOf(service types.ServiceConfig, wanted string) (string, error) {
	if mode := service.NetworkMode; mode != "" && mode != "bridge" {
		return "", fmt.Errorf("it has network_mode: %s, where HAProxy cannot find it by name\n  give it networks: instead", mode)
	}
	if p.OnHost() && len(p.reach()) == 0 {
		return "", fmt.Errorf("HAProxy is on the host's network, where Docker's DNS does not answer\n  service %s is needed: \"docker haproxy init --network-mode host\" writes it", Forwarder)
	}
	if wanted != "" {
		return p.addressOn(service, wanted)
	}
	var shared []string
	for key := range service.Networks {
		if _, joined := p.reach()[key]; joined {
			shared = append(shared, key)
		}
	}
	if len(shared) == 0 {
		return "", fmt.Errorf("HAProxy is on none of its networks (%s)\n  add one of them to \"networks:\" of service %s", orNone(slices.Collect(maps.Keys(service.Networks))), p.finder())
	}
	// On a network of the project's own nobody else answers to the name.
	slices.SortFunc(shared, func(a, b string) int {
		return cmp.Or(compareBool(bool(p.Networks[a].External), bool(p.Networks[b].External)), strings.Compare(a, b))
	})
	return service.Name + "." + p.Networks[shared[0]].Name, nil
}

func (p *Project) addressOn(service types.ServiceConfig, key string) (string, error) {
	if _, has := service.Networks[key]; !has {
		return "", fmt.Errorf("label haproxy.network: it is not on a network %q (its networks: %s)", key, orNone(slices.Collect(maps.Keys(service.Networks))))
	}
	if _, joined := p.reach()[key]; !joined {
		return "", fmt.Errorf("HAProxy is not on the network %q\n  add it to \"networks:\" of service %s", key, p.finder())
	}
	return service.Name + "." + p.Networks[key].Name, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// readProjectFile reads a file that a label names, relative to the project's folder.
func (p *Project) readProjectFile(name string) ([]byte, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil, fmt.Errorf("%s is not below the project's folder", name)
	}
	content, err := regular.Read(filepath.Join(p.WorkingDir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s in the project's folder", name)
	}
	return content, err
}

// routing is what HAProxy is to do. refused are services whose configuration
// HAProxy does not accept, with its words.
func (e *Engine) routing(ctx context.Context, p *Project, refused []Quarantine) (routing.Routing, []Quarantine, error) {
	w := e.wishes(ctx, p)
	for _, q := range refused {
		w.quarantine(q.Service, "%s", strings.Join(q.Why, "; "))
		w.quarantines[len(w.quarantines)-1].Refused = true
	}
	if err := p.portIsFree(w.frontend.Port); err != nil {
		return routing.Routing{}, nil, err
	}
	r, conflicts := routing.Assemble(p.Name, w.frontend, w.specs)
	for _, conflict := range conflicts {
		w.quarantines = append(w.quarantines, Quarantine{
			Service: conflict.Service, Why: []string{conflict.What + "\n  " + conflict.Hint}, Partly: true,
		})
	}
	r.Gate = p.stateFile() != ""
	r.OnlyDNS = p.OnHost()
	r.PeersSocket = p.peersSocket()
	r.DNS = p.dns()
	base, _ := p.baseFiles()
	r.OtherLua = haproxy.DecidesOnLua(base)
	return r, w.quarantines, nil
}

// containerNames are the names that Compose gives the containers of a service, a
// "*" standing for a number; with underscores, where --compatibility or Compose v1
// made them. One-offs have others.
func (p *Project) containerNames(service types.ServiceConfig) []string {
	if service.ContainerName != "" {
		return []string{service.ContainerName}
	}
	return []string{p.Name + "-" + service.Name + "-*", p.Name + "_" + service.Name + "_*"}
}

// dns is where HAProxy's Lua reaches Docker's DNS.
func (p *Project) dns() routing.DNS {
	if p.OnHost() {
		return routing.DNS{Address: "unix@" + forwarderSocket}
	}
	return routing.DNS{Address: "127.0.0.11", Port: 53}
}

// portIsFree makes sure that the base config leaves the port of HTTP requests
// to the generated one.
func (p *Project) portIsFree(port int) error {
	files, _ := p.baseFiles()
	for _, file := range files {
		for _, listener := range haproxy.Listeners(file.Content) {
			if listener.Port == port {
				return &Problem{
					Summary: fmt.Sprintf("%s: frontend %s listens on port %d, where the routes of the labels haproxy.* are to be served", p.DisplayPath(file.Name), listener.Proxy, port),
					Advice:  fmt.Sprintf("Take that frontend out of %s, or give the labels another port: label haproxy.http-port on service %s.", p.DisplayPath(file.Name), LoadBalancer),
				}
			}
		}
	}
	return nil
}

// peersSocket is a path, in HAProxy's container, beside the socket of its master
// CLI: a folder that it may write to and that no other container has; "" where
// it has none.
func (p *Project) peersSocket() string {
	if p.MasterSocket() == "" {
		return ""
	}
	return path.Join(path.Dir(p.MasterSocket()), "peers.sock")
}

// stateFile is where, in its container, HAProxy looks for the state of its
// servers when it starts; "" where the base config names none.
func (p *Project) stateFile() string {
	files, _ := p.baseFiles()
	return haproxy.StateFile(files)
}
