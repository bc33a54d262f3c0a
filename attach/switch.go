package attach

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
	"github.com/docker-haproxy/docker-haproxy/templates"
)

// A project goes from one network mode to the other with all that was edited in
// its files since: what init would write in the one mode and in the other differs
// in a few places, and only those are changed. Where one of them was edited as
// well, its lines are told, and nothing is changed.

// change is a place in which two texts differ.
type change struct {
	from        []string // the lines of the text before
	first, last int      // those that go: from[first:last]
	after       []string // the lines that come
}

// changesBetween are the places in which two texts differ, in their order.
func changesBetween(from, to string) []change {
	var all []change
	lines := linesOf(from)
	for _, edit := range udiff.Lines(from, to) {
		first := strings.Count(from[:edit.Start], "\n")
		last := first + strings.Count(from[edit.Start:edit.End], "\n")
		all = append(all, change{from: lines, first: first, last: last, after: linesOf(edit.New)})
	}
	return all
}

// linesOf are the lines of a text, each with its end.
func linesOf(text string) []string { return slices.Collect(strings.Lines(text)) }

// widestContext is how many lines around a change tell its place at most.
const widestContext = 3

// carriedOver makes the changes from one text to another in a third, which was the
// first until somebody edited it. left are those whose place is no longer there, or
// there more than once.
func carriedOver(text, from, to string) (result string, left []change) {
	lines := linesOf(text)
	for _, c := range changesBetween(from, to) {
		if place, old, found := c.place(lines, c.from[c.first:c.last]); found {
			lines = slices.Replace(slices.Clone(lines), place, place+old, c.after...)
		} else if _, _, done := c.place(lines, c.after); !done {
			left = append(left, c)
		}
	}
	return strings.Join(lines, ""), left
}

// place finds the lines of a change, by themselves and by those around them; the
// more of these are the same, the better.
func (c change) place(lines, own []string) (at, length int, found bool) {
	for around := widestContext; around >= 0; around-- {
		above := c.from[max(0, c.first-around):c.first]
		below := c.from[c.last:min(len(c.from), c.last+around)]
		block := slices.Concat(above, own, below)
		if around == 0 && len(own) == 0 {
			break
		}
		if at, once := onlyPlace(lines, block); once {
			return at + len(above), len(own), true
		}
	}
	return 0, 0, false
}

// onlyPlace is where a block of lines stands, if it stands there once.
func onlyPlace(lines, block []string) (at int, once bool) {
	n := 0
	for i := 0; i+len(block) <= len(lines); i++ {
		if slices.Equal(lines[i:i+len(block)], block) {
			at, n = i, n+1
		}
	}
	return at, n == 1
}

// String is the change as a person makes it.
func (c change) String() string {
	indented := func(lines []string) string {
		var out strings.Builder
		for _, line := range lines {
			out.WriteString("    " + strings.TrimSuffix(line, "\n") + "\n")
		}
		return strings.TrimSuffix(out.String(), "\n")
	}
	gone := c.from[c.first:c.last]
	switch {
	case len(gone) == 0:
		return "behind the line\n" + indented(c.from[max(0, c.first-1):c.first]) + "\nwrite\n" + indented(c.after)
	case len(c.after) == 0:
		return "take out\n" + indented(gone)
	default:
		return "in place of\n" + indented(gone) + "\nwrite\n" + indented(c.after)
	}
}

// switched is the write of a file with the changes from one text to another.
func switched(file string, from, to []byte) (*write, error) {
	old, err := regular.Read(file)
	if err != nil {
		return nil, &compose.Problem{Summary: fmt.Sprintf("%s cannot be read: %v; nothing was changed", compose.ShortPath(file), err), Advice: "Bring it back, or check its permissions.", Cause: err}
	}
	text, left := carriedOver(string(old), string(from), string(to))
	if len(left) > 0 {
		problem := &compose.Problem{
			Summary: fmt.Sprintf("%s was edited where the network mode stands; nothing was changed", compose.ShortPath(file)),
			Advice:  "Make these changes there, then run this again.",
		}
		for _, c := range left {
			problem.Details = append(problem.Details, c.String())
		}
		return nil, problem
	}
	if text == string(old) {
		return nil, nil
	}
	return &write{path: file, before: old, after: []byte(text), why: "the network mode is another one; your edits stay", carried: true}, nil
}

// forwarderSocket is how a base config asks the Forwarder.
const forwarderSocket = "stream+unix@/var/run/haproxy-dns/dns.sock"

// asIn is the load balancer as far as a base config tells of it: its network mode,
// and on the host's network its ports.
func asIn(d compose.Demo, config []byte) compose.Demo {
	d.NetworkMode, d.IPv6 = compose.BridgeNetwork, requestsOnIPv6.Match(config)
	if !bytes.Contains(config, []byte(forwarderSocket)) {
		return d
	}
	d.NetworkMode = compose.HostNetwork
	for _, listener := range haproxy.Listeners(config) {
		addr, err := netip.ParseAddr(cmp.Or(listener.Host, "0.0.0.0"))
		switch {
		case listener.StatsURI != "" && err == nil:
			d.StatsAddress, d.StatsPort = addr.String(), listener.Port
		case listener.StatsURI == "" && listener.Proxy == demoFrontend:
			d.HTTPPort = listener.Port
		}
	}
	return d
}

// requestsOnIPv6 is the line by which a base config listens for requests on IPv6 too.
var requestsOnIPv6 = regexp.MustCompile(`(?m)^\s*bind \[::\]:\d+ v6only # IPv6, `)

// demoFrontend is where the requests of a demo come in.
const demoFrontend = "myfrontend"

// switchedBase is the write of a base config that is there already; nil where it
// stays as it is.
func switchedBase(file string, balancer compose.Demo, render func(compose.Demo) ([]byte, error)) (*write, error) {
	old, err := regular.Read(file)
	if err != nil {
		return nil, err
	}
	from, err := render(asIn(balancer, old))
	if err != nil {
		return nil, err
	}
	to, err := render(balancer)
	if err != nil || bytes.Equal(from, to) {
		return nil, err
	}
	return switched(file, from, to)
}

// untouchedBase tells whether a base config is as init wrote it.
func untouchedBase(config []byte) bool {
	written, err := attachedBase(asIn(compose.Demo{StatsAddress: "127.0.0.1", StatsPort: compose.BalancerStatsPort}, config))
	return err == nil && bytes.Equal(config, written)
}

// plannedForwarder is the write of the Forwarder's config: it is there on the
// host's network only. nil is nothing to be done.
func plannedForwarder(project string, wanted bool) (*write, error) {
	file := filepath.Join(project, filepath.FromSlash(compose.DNSConfigName))
	old, err := regular.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !wanted, err == nil && !wanted && !compose.WrittenByInit(old):
		return nil, nil
	case err == nil && !wanted:
		return &write{path: file, before: old, why: "in bridge mode HAProxy asks Docker's DNS itself"}, nil
	case err == nil && bytes.Equal(old, []byte(templates.ForwarderConfig)):
		return nil, nil
	}
	planned, err := planned(file, []byte(templates.ForwarderConfig), "how service "+compose.Forwarder+" answers HAProxy's questions for names", true)
	return &planned, err
}

// Switch is a project's way to another network mode: decided, and not done yet.
type Switch struct {
	Place  Place
	file   string // the Compose file that has the load balancer
	writes []write
	to     compose.Demo // what the load balancer is to be
}

// Ports are those of this machine that HAProxy is going to have.
func (s Switch) Ports() []int { return []int{s.to.HTTPPort, s.to.StatsPort} }

// Files are what is written, for showing.
func (s Switch) Files() []compose.File { return files(s.Place, s.writes) }

// Changed are the paths of the files that are written or removed.
func (s Switch) Changed() []string { return Plan{writes: s.writes}.Written() }

// String is the plan, a step a line, each with its cause.
func (s Switch) String() string { return Plan{writes: s.writes}.String() }

// PlanSwitch decides how a project that init made, or put HAProxy in front of,
// gets to the network mode of opts with all else as it is. found is false where
// there is nothing to switch.
func PlanSwitch(ctx context.Context, engine *compose.Engine, place Place, load compose.LoadOptions, opts SwitchOptions) (s Switch, found bool, err error) {
	s = Switch{Place: place, file: place.balancerFile()}
	if s.file == "" {
		return s, false, nil
	}
	loaded, err := engine.LoadModel(ctx, place.loadOptions(load, s.files()))
	if err != nil {
		return s, false, err
	}
	balancer, err := loaded.GetService(compose.LoadBalancer)
	if err != nil || cmp.Or(balancer.NetworkMode, compose.BridgeNetwork) == opts.NetworkMode {
		return s, false, nil //nolint:nilerr // without a load balancer there is nothing to switch
	}
	config, err := regular.Read(s.base())
	if err != nil {
		return s, false, err
	}
	from := describe(loaded, balancer, config)
	s.to = opts.applied(from)
	if err := s.to.Validate(); err != nil {
		return s, false, err
	}
	err = s.decide(from, loaded, balancer)
	return s, true, err
}

// decide decides which files are changed, and to what.
func (s *Switch) decide(from compose.Demo, loaded *types.Project, balancer types.ServiceConfig) error {
	composeFile, baseConfig := demoCompose, demoBase
	if !s.Place.IsDemo() {
		composeFile, baseConfig = attachedCompose(loaded, balancer), attachedBase
	}
	if err := s.carryOver(s.file, from, composeFile); err != nil {
		return err
	}
	if err := s.carryOver(s.base(), from, baseConfig); err != nil {
		return err
	}
	forwarder, err := plannedForwarder(s.Place.Project, s.to.OnHost())
	s.add(forwarder)
	return err
}

// carryOver makes in a file the changes between what init would write.
func (s *Switch) carryOver(file string, from compose.Demo, render func(compose.Demo) ([]byte, error)) error {
	before, err := render(from)
	if err != nil {
		return err
	}
	after, err := render(s.to)
	if err != nil {
		return err
	}
	changed, err := switched(file, before, after)
	s.add(changed)
	return err
}

func (s *Switch) add(w *write) {
	if w != nil {
		s.writes = append(s.writes, *w)
	}
}

// base is the base config.
func (s Switch) base() string {
	return filepath.Join(s.Place.Project, filepath.FromSlash(compose.BaseConfigName))
}

// files are all Compose files of the project.
func (s Switch) files() []string {
	if slices.Contains(s.Place.Files, s.file) {
		return s.Place.Files
	}
	return append(slices.Clone(s.Place.Files), s.file)
}

// balancerFile is the Compose file in which init wrote the load balancer; "" where
// it wrote none.
func (p Place) balancerFile() string {
	if p.IsDemo() {
		return p.Files[0]
	}
	if content, err := regular.Read(p.target()); err != nil || !isAttached(content) {
		return ""
	}
	return p.target()
}

// SwitchOptions are what a switch may change; what is zero stays as it is.
type SwitchOptions struct {
	NetworkMode  string
	HTTPPort     int
	StatsPort    int
	StatsAddress string
}

func (o SwitchOptions) applied(d compose.Demo) compose.Demo {
	d.NetworkMode = o.NetworkMode
	if o.HTTPPort != 0 {
		d.HTTPPort = o.HTTPPort
	} else if usual := compose.UsualHTTPPort(compose.HostNetwork); d.OnHost() && d.HTTPPort < 1024 {
		d.HTTPPort = usual
	}
	if o.StatsPort != 0 {
		d.StatsPort = o.StatsPort
	}
	d.StatsAddress = cmp.Or(o.StatsAddress, d.StatsAddress)
	return d
}

// describe is the description by which init would write a project that is there.
func describe(project *types.Project, balancer types.ServiceConfig, config []byte) compose.Demo {
	d := asIn(compose.Demo{
		Project: project.Name, Image: compose.ImageOf(balancer.Image), AppImage: "x", AppPort: compose.DefaultAppPort, Network: "x",
		HTTPPort: 80, StatsPort: compose.BalancerStatsPort, StatsAddress: "127.0.0.1",
	}, config)
	d.NetworkMode = cmp.Or(balancer.NetworkMode, compose.BridgeNetwork)
	user, _, _ := strings.Cut(balancer.User, ":")
	if uid, err := strconv.Atoi(user); err == nil {
		d.Image.UID = uid
	}
	if port, err := strconv.Atoi(balancer.Labels["haproxy.http-port"]); err == nil {
		d.HTTPPort = port
	}
	for _, port := range compose.Published(balancer) {
		switch port.Target {
		case compose.BalancerHTTPPort:
			d.HTTPPort = int(port.Port)
		case compose.BalancerStatsPort:
			d.StatsPort, d.StatsAddress = int(port.Port), port.Addr.String()
		}
	}
	for {
		web, there := project.Services["web"+strconv.Itoa(d.ServerCount+1)]
		if !there {
			break
		}
		d.ServerCount++
		d.AppImage = web.Image
		if networks := slices.Sorted(maps.Keys(web.Networks)); len(networks) == 1 {
			d.Network = networks[0]
		}
	}
	d.ServerCount = max(d.ServerCount, 1)
	return d
}

func demoCompose(d compose.Demo) ([]byte, error) {
	file, err := compose.Render(compose.ComposeFileName, templates.ComposeFile, d)
	return file.Content, err
}

func demoBase(d compose.Demo) ([]byte, error) {
	file, err := compose.Render(compose.BaseConfigName, templates.BaseConfig, d)
	return file.Content, err
}

// attachedCompose renders the Compose file that init writes beside a project, less
// the labels of the services: they do not depend on the network mode.
func attachedCompose(project *types.Project, balancer types.ServiceConfig) func(compose.Demo) ([]byte, error) {
	finder := balancer
	if balancer.NetworkMode == compose.HostNetwork {
		finder = project.Services[compose.Forwarder]
	}
	survey := Survey{Project: project, Place: Place{Project: project.WorkingDir}, Services: findServices(project, nil)}
	data := attachedFile{Services: []string{"x"}, Networks: compose.MembershipsOf(finder), Listens: survey.listensOf(survey.names())}
	return func(d compose.Demo) ([]byte, error) {
		data.Demo = d
		return renderAttached(data)
	}
}

// Do does what was planned, and proves it by loading the project as Compose is
// going to. What cannot be proven is taken back.
func (s Switch) Do(ctx context.Context, engine *compose.Engine, load compose.LoadOptions) (err error) {
	undo, err := carryOut(s.writes)
	defer func() {
		if err != nil {
			err = errors.Join(err, undo())
		}
	}()
	if err != nil {
		return err
	}
	loaded, err := engine.LoadModel(ctx, s.Place.loadOptions(load, s.files()))
	if err != nil {
		return fmt.Errorf("in the other network mode the project no longer loads, so that all was taken back: %w", err)
	}
	if err := s.proven(loaded); err != nil {
		return fmt.Errorf("%s does not do what it should, so that all was taken back: %w", compose.ShortPath(s.file), err)
	}
	return engine.WriteGenerated(ctx, loaded)
}

// proven compares what Compose understands with what was meant.
func (s Switch) proven(loaded *types.Project) error {
	balancer, err := loaded.GetService(compose.LoadBalancer)
	switch {
	case err != nil:
		return err
	case s.to.OnHost():
		return compose.ProvenOnHost(balancer, loaded.Services[compose.Forwarder])
	case balancer.NetworkMode != "":
		return fmt.Errorf("service %s has network_mode %q", compose.LoadBalancer, balancer.NetworkMode)
	}
	return nil
}
