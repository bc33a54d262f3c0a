package attach

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
	"github.com/docker-haproxy/docker-haproxy/templates"
)

// Options are what a person decides about HAProxy in front of a project that has
// none.
type Options struct {
	Routes       []Route // resolved ones; none where labels of the services say it all
	Network      string  // by which to reach services that are on several; "" goes by rule
	ClosePorts   bool    // take the published ports away to which routes lead
	Force        bool    // overwrite what an earlier init wrote
	Image        compose.Image
	HTTPPort     int
	StatsPort    int
	StatsAddress string
	NetworkMode  string // of the load balancer
}

// balancer describes the load balancer as that of the demo is described.
func (o Options) balancer() compose.Demo {
	return compose.Demo{
		Project: "x", ServerCount: 1, AppImage: "x", AppPort: 1, Network: "x",
		Image: o.Image, HTTPPort: o.HTTPPort, StatsPort: o.StatsPort, StatsAddress: o.StatsAddress, NetworkMode: o.NetworkMode,
	}
}

// Plan is what attaching HAProxy to a project comes down to: decided, and not
// done yet.
type Plan struct {
	Place    Place
	Routes   []Route
	Networks []string // that the load balancer joins
	Bypasses []Bypass // published ports by which clients still get past HAProxy
	Closed   []Bypass // those that are taken away
	Open     []Bypass // published ports of routed services to which no route leads, and which stay so
	Warnings []string // of what is done as asked, and may not be meant
	// AddByHand is the one line that the user has to add, and Where; "" where
	// Compose reads all files by itself.
	AddByHand, Where string
	// EnvFile tells that Compose reads our file because .env says so.
	EnvFile bool

	writes   []write
	file     string // the Compose file of ours
	routed   []routedService
	balancer compose.Demo // as it is described
}

// write is a file that is written, changed or taken away, and why.
type write struct {
	path          string
	before, after []byte // nil: there is none
	why           string
	carried       bool // some lines change, and all that was edited stays
}

func (w write) String() string {
	verb := "change"
	switch {
	case w.before == nil:
		verb = "write"
	case w.after == nil:
		verb = "remove"
	case compose.WrittenByInit(w.before) && !w.carried:
		verb = "overwrite"
	}
	return fmt.Sprintf("%s %s: %s", verb, compose.ShortPath(w.path), w.why)
}

// String is the plan, a step a line, each with its cause.
func (p Plan) String() string {
	var lines []string
	for _, w := range p.writes {
		lines = append(lines, w.String())
	}
	if p.AddByHand != "" {
		lines = append(lines, fmt.Sprintf("you add %s: %s", p.AddByHand, p.Where))
	}
	return strings.Join(lines, "\n")
}

// Files are what is written, for showing.
func (p Plan) Files() []compose.File { return files(p.Place, p.writes) }

func files(place Place, writes []write) []compose.File {
	var files []compose.File
	for _, w := range writes {
		if w.after != nil {
			files = append(files, compose.File{Path: place.entry(w.path), Content: w.after})
		}
	}
	return files
}

// Written are the paths of the files that are written, as the user knows them.
func (p Plan) Written() []string {
	var paths []string
	for _, w := range p.writes {
		paths = append(paths, compose.ShortPath(w.path))
	}
	return paths
}

// routedService is a service with what is written for it.
type routedService struct {
	Name   string
	Labels []label
	Close  bool // published ports, all but those that stay
	stay   []types.ServicePortConfig
}

// Stay are the published ports that stay, as entries of "ports".
func (r routedService) Stay() []string {
	var entries []string
	for _, port := range r.stay {
		entries = append(entries, portEntry(port))
	}
	return entries
}

type label struct{ Key, Value string }

// listen is a port of plain TCP that the load balancer publishes.
type listen struct {
	Port    int
	Service string
}

// Plan decides how HAProxy gets in front of the project. It reads files and
// changes none.
func (s Survey) Plan(opts Options) (Plan, error) {
	if err := opts.balancer().Validate(); err != nil {
		return Plan{}, err
	}
	if err := s.MayAttach(opts.Force); err != nil {
		return Plan{}, err
	}
	routed := s.routedNames(opts.Routes)
	if err := s.mayBeOnHost(opts); err != nil {
		return Plan{}, err
	}
	chosen, err := reachServices(s.Project, routed, func(service string) string {
		return cmp.Or(opts.Network, s.config(service).Labels["haproxy.network"])
	})
	if err == nil {
		err = chosen.enterable(s.Project, opts.balancer())
	}
	if err != nil {
		return Plan{}, err
	}
	listens := s.listens(opts.Routes)
	if err := s.conflict(opts.claims(listens), opts); err != nil {
		return Plan{}, err
	}
	p := Plan{Place: s.Place, Routes: opts.Routes, Warnings: s.warnings(opts.Routes, routed), Networks: chosen.all, file: s.Place.target(), balancer: opts.balancer()}
	if p.routed, err = s.describe(routed, opts, chosen); err != nil {
		return Plan{}, err
	}
	p.publishedPorts(s, routed, opts)
	joined, unknown, err := s.memberships(chosen.all)
	if err != nil {
		return Plan{}, err
	}
	p.Warnings = append(p.Warnings, unknown...)
	composeFile, err := renderAttached(attachedFile{
		Demo: opts.balancer(), Services: shortList(routed), Labelled: p.routed, Networks: joined, Listens: listens,
	})
	if err != nil {
		return Plan{}, err
	}
	err = p.decideWrites(composeFile, opts.Force)
	return p, err
}

// publishedPorts notes what becomes of the published ports of the routed services.
func (p *Plan) publishedPorts(s Survey, routed []string, opts Options) {
	for _, name := range routed {
		over, stay := s.split(name, opts.Routes)
		for _, port := range over {
			if opts.ClosePorts {
				p.Closed = append(p.Closed, bypass(name, port))
			} else {
				p.Bypasses = append(p.Bypasses, bypass(name, port))
			}
		}
		for _, port := range stay {
			if opts.ClosePorts {
				p.Open = append(p.Open, bypass(name, port))
			}
		}
	}
}

// MayAttach refuses where HAProxy is in front of the project already.
func (s Survey) MayAttach(force bool) error {
	target := s.Place.target()
	content, err := regular.Read(target)
	attached := err == nil && isAttached(content)
	if _, taken := s.Project.AllServices()[compose.LoadBalancer]; !taken {
		if attached && !force {
			return &compose.Problem{
				Summary: fmt.Sprintf("HAProxy is attached to this project already (%s); nothing was changed", compose.ShortPath(target)),
				Advice:  `Change its labels there and run "docker haproxy reload"; --force writes it anew, --remove takes it away.`,
			}
		}
		return nil
	}
	problem := &compose.Problem{
		Summary: fmt.Sprintf("project %q has a service named %s of its own; nothing was changed", s.Project.Name, compose.LoadBalancer),
		Advice:  `If it is a load balancer: "docker haproxy up" and the other commands work with it as it is. If not: give it another name.`,
	}
	if attached {
		problem.Summary = fmt.Sprintf("%s is included by a file of your own already; nothing was changed", compose.ShortPath(target))
		problem.Advice = "Change it there, or take the include away first."
	}
	return problem
}

// routedNames are the services that routes lead to, by flag or by label, in
// their order.
func (s Survey) routedNames(routes []Route) []string {
	names := s.labelled()
	for _, route := range routes {
		names = append(names, route.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// listens are the ports of plain TCP, by flag or by label.
func (s Survey) listens(routes []Route) []listen {
	var found []listen
	for _, route := range routes {
		if route.TCP() {
			found = append(found, listen{Port: route.Listen, Service: route.Service})
		}
	}
	return withListens(found, s.listensOf(s.labelled()))
}

// listensOf are the ports of plain TCP that labels of services ask for.
func (s Survey) listensOf(services []string) (found []listen) {
	for _, name := range services {
		for _, spec := range labels.Parse(name, s.config(name).Labels, s.readFile).Specs {
			if spec.Listen != 0 {
				found = append(found, listen{Port: spec.Listen, Service: name})
			}
		}
	}
	return withListens(found, nil)
}

// withListens are all of them, in the order of their ports, each once.
func withListens(some, more []listen) []listen {
	all := append(slices.Clone(some), more...)
	slices.SortStableFunc(all, func(a, b listen) int { return a.Port - b.Port })
	return slices.CompactFunc(all, func(a, b listen) bool { return a.Port == b.Port })
}

// readFile reads a file that a label names, relative to the project's folder.
func (s Survey) readFile(path string) ([]byte, error) {
	return regular.Read(pathIn(s.Place.Project, filepath.FromSlash(path)))
}

// claims are the ports of the host that the load balancer wants.
func (o Options) claims(listens []listen) []claim {
	flag := func(name string) func(int) string {
		return func(free int) string { return "--" + name + " " + strconv.Itoa(free) }
	}
	claims := []claim{
		claimed("0.0.0.0", o.HTTPPort, compose.BalancerHTTPPort, "requests", flag("http-port")),
		claimed(o.StatsAddress, o.StatsPort, compose.BalancerStatsPort, "its stats page", flag("stats-port")),
	}
	for _, l := range listens {
		claims = append(claims, claimed("0.0.0.0", l.Port, l.Port, "TCP to "+l.Service, func(free int) string {
			return Route{Service: l.Service, Listen: free}.Flag() + " in place of port " + strconv.Itoa(l.Port)
		}))
	}
	return claims
}

// describe decides what is written for each routed service.
func (s Survey) describe(routed []string, opts Options, chosen reach) ([]routedService, error) {
	var all []routedService
	for _, name := range routed {
		own := slices.DeleteFunc(slices.Clone(opts.Routes), func(r Route) bool { return r.Service != name })
		described := routedService{Name: name}
		ports := s.config(name).Ports
		if over, stay := s.split(name, opts.Routes); opts.ClosePorts && len(over) > 0 {
			described.Close, described.stay, ports = true, stay, stay
		}
		described.Labels = s.labelsOf(name, own, ports)
		if chosen.ambiguous(s.Project, name) && s.config(name).Labels["haproxy.network"] != chosen.of[name] {
			described.Labels = append(described.Labels, label{"haproxy.network", chosen.of[name]})
		}
		if err := s.readBack(name, own, described.Labels); err != nil {
			return nil, err
		}
		if len(described.Labels) > 0 || described.Close {
			all = append(all, described)
		}
	}
	return all, nil
}

// declaredPort is the port of a service that its Compose files tell by
// themselves, without its image: the only one; else 0.
func (s Survey) declaredPort(name string, publishing []types.ServicePortConfig) int {
	known := ports{}
	for _, port := range publishing {
		known.published(port)
	}
	for _, port := range s.config(name).Expose {
		known.exposed(port, "", rankExposed, true)
	}
	if len(known.list) != 1 {
		return 0
	}
	return known.list[0].Number
}

// labelsOf are the labels that say the routes of a service. The port stands
// there only where the Compose files do not tell it by themselves.
func (s Survey) labelsOf(name string, routes []Route, publishing []types.ServicePortConfig) []label {
	groups := grouped(routes)
	var all []label
	taken := map[string]bool{}
	for _, group := range groups {
		prefix := "haproxy."
		if len(groups) > 1 {
			prefix += routeName(group[0], taken) + "."
		}
		all = append(all, routeLabels(prefix, group, s.declaredPort(name, publishing))...)
	}
	return all
}

// grouped puts routes together that differ by their host only: they are one
// line of labels.
func grouped(routes []Route) [][]Route {
	var groups [][]Route
	for _, route := range routes {
		i := slices.IndexFunc(groups, func(g []Route) bool {
			return !route.TCP() && !g[0].TCP() && g[0].Path == route.Path && g[0].Port == route.Port && g[0].Host != "" && route.Host != ""
		})
		if i < 0 {
			groups = append(groups, []Route{route})
			continue
		}
		groups[i] = append(groups[i], route)
	}
	return groups
}

func routeLabels(prefix string, group []Route, declared int) []label {
	first := group[0]
	var all []label
	switch {
	case first.TCP():
		all = append(all, label{prefix + "listen", strconv.Itoa(first.Listen)})
	default:
		var hosts []string
		for _, route := range group {
			hosts = append(hosts, route.Host)
		}
		if first.Host == "" && first.Path == "" {
			hosts = []string{"*"}
		}
		if hosts[0] != "" {
			all = append(all, label{prefix + "host", strings.Join(hosts, ", ")})
		}
		if first.Path != "" {
			all = append(all, label{prefix + "path", first.Path})
		}
	}
	if first.Port != 0 && first.Port != declared {
		all = append(all, label{prefix + "port", strconv.Itoa(first.Port)})
	}
	return all
}

// routeName names a route after what it is for.
func routeName(route Route, taken map[string]bool) string {
	text := "any"
	switch {
	case route.TCP():
		text = "tcp-" + strconv.Itoa(route.Listen)
	case route.Path != "":
		text = route.Path
	case route.Host != "":
		text, _, _ = strings.Cut(strings.TrimPrefix(route.Host, "*."), ".")
	}
	name := strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-"), "-")
	if name == "" {
		name = "route"
	}
	if len(labels.Parse("", map[string]string{"haproxy." + name + ".host": "x.example"}, nil).Problems) > 0 {
		name += "-route" // the name of a label is no name for a route
	}
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	taken[unique] = true
	return unique
}

// readBack makes sure that the labels are read as they were meant, together
// with those that the service brings along.
func (s Survey) readBack(name string, routes []Route, written []label) error {
	all := map[string]string{}
	for key, value := range s.config(name).Labels {
		all[key] = value
	}
	for _, l := range written {
		all[l.Key] = l.Value
	}
	read := labels.Parse(name, all, s.readFile)
	if len(read.Problems) > 0 {
		problem := &compose.Problem{Summary: fmt.Sprintf("the labels of service %s do not go together; nothing was changed", name), Advice: "Mend them in the Compose file, or choose other routes."}
		for _, wrong := range read.Problems {
			problem.Details = append(problem.Details, wrong.Error())
		}
		return problem
	}
	for _, route := range routes {
		found := slices.ContainsFunc(read.Specs, func(spec routing.Spec) bool { return means(spec, route) })
		if !found {
			return &compose.Problem{
				Summary: fmt.Sprintf("%s cannot be added: labels that service %s has in your own files are in its way; nothing was changed", route.Flag(), name),
				Advice:  "Write the route into those labels, or take them away.",
			}
		}
	}
	return nil
}

// shortList is a list of names for the first line of a file.
func shortList(names []string) []string {
	const most = 6
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most-1]), fmt.Sprintf("%d more", len(names)-most+1))
}

// attachedFile is the data of the template of the Compose file.
type attachedFile struct {
	compose.Demo

	Services []string
	Labelled []routedService
	Networks compose.Memberships
	Listens  []listen
}

// ForwarderNetworks are those that HAProxy finds containers in.
func (f attachedFile) ForwarderNetworks() compose.Memberships { return f.Networks }

func renderAttached(data attachedFile) ([]byte, error) {
	file, err := compose.Render(FileName, templates.AttachedFile, data)
	return file.Content, err
}

// decideWrites decides which files are written so that Compose reads ours, and
// refuses to touch those of somebody else.
func (p *Plan) decideWrites(composeFile []byte, force bool) error {
	ours, err := planned(p.file, composeFile, "service haproxy and the labels of its routes", force)
	if err != nil {
		return err
	}
	if p.Place.way() == wayOverride {
		ours.why += "; Compose reads a file of this name by itself"
	}
	p.writes = []write{ours}
	if err := p.decideConfigs(force); err != nil {
		return err
	}
	switch {
	case slices.Contains(p.Place.Ours, p.file):
		p.EnvFile = p.Place.way() == wayEnvFile // Compose reads it already
	case p.Place.way() == wayEnvFile:
		return p.extendEnv()
	case p.Place.way() == wayByHand:
		p.AddByHand, p.Where = p.Place.byHand(p.file)
	}
	return nil
}

// decideConfigs decides which files of HAProxy's are written.
func (p *Plan) decideConfigs(force bool) error {
	file := filepath.Join(p.Place.Project, filepath.FromSlash(compose.BaseConfigName))
	base, err := plannedBase(file, p.balancer, force)
	if err != nil {
		return err
	}
	if base != nil {
		p.writes = append(p.writes, *base)
	}
	forwarder, err := plannedForwarder(p.Place.Project, p.balancer.OnHost())
	if forwarder != nil {
		p.writes = append(p.writes, *forwarder)
	}
	return err
}

// extendEnv makes .env name our file. Where that cannot be done safely, it is
// for the user to do.
func (p *Plan) extendEnv() error {
	file := filepath.Join(p.Place.Folder, envName)
	env, err := regular.Read(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &compose.Problem{Summary: fmt.Sprintf("%s cannot be read: %v; nothing was changed", compose.ShortPath(file), err), Advice: "Check its permissions.", Cause: err}
	}
	extended, changed, err := extendEnv(env, p.Place.entries(p.file), p.Place.entry(p.file), p.Place.separator)
	if err != nil {
		p.AddByHand, p.Where = "COMPOSE_FILE="+p.Place.entries(p.file), "in "+compose.ShortPath(file)
		return nil //nolint:nilerr // what cannot be done for the user is said to the user
	}
	why := fmt.Sprintf("two lines at its end set COMPOSE_FILE, so that Compose reads %s after your own files; the rest stays as it is", compose.ShortPath(p.file))
	if changed {
		why = fmt.Sprintf("%s is added at the end of your COMPOSE_FILE; the rest stays as it is", p.Place.separator+p.Place.entry(p.file))
	}
	p.writes = append(p.writes, write{path: file, before: env, after: extended, why: why})
	p.EnvFile = true
	return nil
}

// planned is the write of a file that must not be somebody else's.
func planned(file string, content []byte, why string, force bool) (write, error) {
	old, err := regular.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isLink(file):
		return write{path: file, after: content, why: why}, nil
	case err != nil:
		return write{}, &compose.Problem{Summary: fmt.Sprintf("%s cannot be read: %v; nothing was changed", compose.ShortPath(file), err), Advice: "Move it out of the way.", Cause: err}
	case !compose.WrittenByInit(old):
		return write{}, &compose.Problem{
			Summary: fmt.Sprintf("%s is there already, and is not from docker haproxy; nothing was changed", compose.ShortPath(file)),
			Advice:  "Move it out of the way, or give it another name.",
		}
	case !force:
		return write{}, &compose.Problem{
			Summary: fmt.Sprintf("%s is there already; nothing was changed", compose.ShortPath(file)),
			Advice:  "Overwrite it with --force.",
		}
	}
	return write{path: file, before: old, after: content, why: why}, nil
}

func isLink(file string) bool {
	info, err := os.Lstat(file)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// plannedBase is the write of the base config. One from an earlier attachment is
// the user's own: it stays (nil), or changes where the network mode does.
func plannedBase(file string, balancer compose.Demo, force bool) (*write, error) {
	content, err := attachedBase(balancer)
	if err != nil {
		return nil, err
	}
	if old, err := regular.Read(file); err == nil && isAttachedBase(old) {
		return switchedBase(file, balancer, attachedBase)
	}
	base, err := planned(file, content, "global settings, timeouts, the stats page; yours to edit", force)
	return &base, err
}

// attachedBase is the base config for a load balancer.
func attachedBase(balancer compose.Demo) ([]byte, error) {
	file, err := compose.Render(compose.BaseConfigName, templates.AttachedConfig, balancer)
	return file.Content, err
}
