// Package data measures the data plane: what becomes of requests on their way
// through the generated configuration, through HAProxy as somebody would write it
// by hand, nginx and Caddy.
package data

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

// Options say how much is measured.
type Options struct {
	Slice   time.Duration // of a contender in a round
	Rounds  int
	Clients int // connections at a time
}

// wantedPorts is more than all of the contenders take.
const wantedPorts = 48

// Measure sets the contenders up and sends them load, in turns.
func Measure(ctx context.Context, l *lab.Lab, opts Options, progress func(string)) (Result, error) {
	ports, err := compose.FreePorts(ctx, wantedPorts)
	if err != nil {
		return Result{}, err
	}
	s := &stage{lab: l, ports: ports}
	progress("data plane: starting the contenders")
	contenders, generated, err := s.contenders(ctx)
	if err != nil {
		return Result{}, err
	}
	m := measurement{lab: l, opts: opts, progress: progress}
	result := Result{Options: opts}
	if result.Versions, err = s.versions(ctx); err != nil {
		return result, err
	}
	if result.KeepAlive, err = m.of(ctx, "keep-alive", contenders, bench.Variant{Protocol: bench.H1, KeepAlive: true, Clients: opts.Clients}); err != nil {
		return result, err
	}
	if result.NewConnections, err = m.of(ctx, "new connections", contenders, bench.Variant{Protocol: bench.H1, Clients: opts.Clients}); err != nil {
		return result, err
	}
	rate := result.KeepAlive.halfOfTheSlowest()
	if result.Paced, err = m.of(ctx, "at a fixed rate", contenders, bench.Variant{Protocol: bench.H1, KeepAlive: true, Clients: opts.Clients, Rate: rate}); err != nil {
		return result, err
	}
	progress("data plane: starting the generated configuration without its parts")
	parts, err := s.ablated(ctx, contenders[1], generated)
	if err != nil {
		return result, err
	}
	result.Parts, err = m.of(ctx, "parts of the configuration", parts, bench.Variant{Protocol: bench.H1, KeepAlive: true, Clients: opts.Clients})
	return result, err
}

// contenders are all of them, the app itself first and hand-tuned HAProxy on the
// host's network second; generated is the project of ours there.
func (s *stage) contenders(ctx context.Context) (all []contender, generated project, err error) {
	host, err := s.onHost(ctx)
	if err != nil {
		return nil, host, err
	}
	bridge, err := s.onBridge(ctx)
	if err != nil {
		return nil, host, err
	}
	routed, err := s.routed(ctx)
	if err != nil {
		return nil, host, err
	}
	if err := s.lab.Own(ctx, proxies); err != nil { // last, as they are in the networks of the others
		return nil, host, err
	}
	all = []contender{{Name: "the app alone", Network: hostNetwork, Listen: host.apps[0]}}
	for _, start := range []func() (contender, error){
		func() (contender, error) { return s.tuned(ctx, handTuned, false, host.apps) },
		func() (contender, error) { return s.tuned(ctx, withLog, true, host.apps) },
		func() (contender, error) { return host.contender, nil },
		func() (contender, error) { return s.loud(ctx, host) },
		func() (contender, error) { return s.nginx(ctx, host.apps) },
		func() (contender, error) { return s.caddy(ctx, host.apps) },
		func() (contender, error) { return s.tunedBridge(ctx, handTuned, false, bridge) },
		func() (contender, error) { return s.tunedBridge(ctx, withLog, true, bridge) },
		func() (contender, error) { return bridge.contender, nil },
		func() (contender, error) { return s.loudBridge(ctx, bridge) },
		func() (contender, error) { return routed.contender, nil },
	} {
		c, err := start()
		if err != nil {
			return nil, host, err
		}
		all = append(all, c)
	}
	return all, host, nil
}

// The contenders that the others are compared with, and what is.
const (
	handTuned = "HAProxy, hand-tuned"
	withLog   = "HAProxy, hand-tuned, with a log of requests"
	ours      = "docker haproxy init"
	loud      = "docker haproxy init, logging every request"
)

func (s *stage) tuned(ctx context.Context, name string, log bool, apps []string) (contender, error) {
	listen := s.listen()
	text, err := setting{Listen: listen, Apps: apps, Log: log}.render("tuned.cfg")
	if err != nil {
		return contender{}, err
	}
	return s.haproxy(ctx, name, fmt.Sprintf("tuned-log-%t", log), listen, text)
}

// tunedBridge is in the network of a project, as its HAProxy is.
func (s *stage) tunedBridge(ctx context.Context, name string, log bool, p project) (contender, error) {
	c := contender{Name: name, Network: bridgeNetwork, Listen: s.listen(), Container: fmt.Sprintf("tuned-bridge-log-%t", log)}
	text, err := setting{Listen: ":8000", Apps: p.apps, Log: log}.render("tuned.cfg")
	if err != nil {
		return c, err
	}
	return s.inBridge(ctx, c, p, "8000", text)
}

// loud is the generated configuration without a line, as that line's comment says.
func (s *stage) loud(ctx context.Context, p project) (contender, error) {
	listen := s.listen()
	text, err := everyRequest(p.config)
	if err != nil {
		return contender{}, err
	}
	if text, err = movedTo(text, listen, s.listen()); err != nil {
		return contender{}, err
	}
	return s.haproxy(ctx, loud, "loud", listen, text)
}

func (s *stage) loudBridge(ctx context.Context, p project) (contender, error) {
	c := contender{Name: loud, Network: bridgeNetwork, Listen: s.listen(), Container: "loud-bridge"}
	text, err := everyRequest(p.config)
	if err != nil {
		return c, err
	}
	return s.inBridge(ctx, c, p, "80", text)
}

// everyRequest is logged then.
func everyRequest(config string) (string, error) {
	return ablation{Name: loud, lines: []string{`    option dontlog-normal\n`}}.of(config)
}

// inBridge runs HAProxy in the network of a project, with a port published.
func (s *stage) inBridge(ctx context.Context, c contender, p project, port, config string) (contender, error) {
	options := append(hardened(), "--network", p.name+"_mynetwork", "--publish", c.Listen+":"+port)
	return s.start(ctx, c, s.lab.Images.HAProxy, "haproxy.cfg", config, options, []string{"haproxy", "-f", "/etc/bench/haproxy.cfg"})
}

// ablated are the hand-tuned configuration, the generated one, and that without
// each of its parts, all of them run in the same way.
func (s *stage) ablated(ctx context.Context, tuned contender, p project) ([]contender, error) {
	parts := []contender{tuned}
	for i, a := range append([]ablation{{Name: ours}}, ablations()...) {
		text, err := a.of(p.config)
		if err != nil {
			return nil, err
		}
		listen := s.listen()
		text, err = movedTo(text, listen, s.listen())
		if err != nil {
			return nil, err
		}
		c, err := s.haproxy(ctx, a.Name, fmt.Sprintf("part-%d", i), listen, text)
		if err != nil {
			return nil, err
		}
		parts = append(parts, c)
	}
	return parts, nil
}

// measurement is what all measuring has in common.
type measurement struct {
	lab      *lab.Lab
	opts     Options
	progress func(string)
}

// request is what is asked for.
func request() bench.Options { return bench.Options{Host: "localhost", Path: "/"} }

// of sends one kind of load to contenders, in turns.
func (m measurement) of(ctx context.Context, what string, contenders []contender, load bench.Variant) (Table, error) {
	plan := bench.Plan{Options: request(), Rounds: m.opts.Rounds, Slice: m.opts.Slice}
	plan.WarmUp = time.Duration(len(contenders)) * time.Second
	used := map[string]processes{}
	for _, c := range contenders {
		way := c.way()
		plan.Rows = append(plan.Rows, bench.Row{Way: way, Variant: load})
		if c.Container == "" {
			continue
		}
		found, err := processesOf(ctx, m.lab, c.Container)
		if err != nil {
			return Table{}, err
		}
		used[way.String()] = found
	}
	usage := func(_ context.Context, way bench.Way) (bench.Usage, error) {
		cpu, err := used[way.String()].cpu()
		return bench.Usage{CPU: cpu}, err
	}
	samples, err := plan.Measure(ctx, bench.Clients{}, usage, func(done, all int, row bench.Row) {
		m.progress(fmt.Sprintf("data plane, %s: %d/%d, %s", what, done+1, all, row.Way))
	})
	if err != nil {
		return Table{}, err
	}
	table := Table{Load: load, Lines: lines(contenders, plan.Summarize(samples), samples)}
	for i, c := range contenders {
		if c.Container == "" {
			continue
		}
		if table.Lines[i].Memory, err = memoryOf(ctx, m.lab, c.Container); err != nil {
			return table, err
		}
	}
	return table, table.failed()
}

// failed tells of requests that were not answered: then the rest means nothing.
func (t Table) failed() error {
	var errs []error
	for _, line := range t.Lines {
		if line.Errors > 0 {
			errs = append(errs, fmt.Errorf("%s, %s: %d requests failed: %v", line.Name, line.Network, line.Errors, line.Complaints))
		}
	}
	return errors.Join(errs...)
}

// lines are what was measured, each compared with the hand-tuned HAProxy of the
// same network, round by round.
func lines(contenders []contender, summary bench.Summary, samples []bench.Sample) []Line {
	var all []Line
	for i, c := range contenders {
		row := summary.Rows[i]
		line := Line{
			Name: c.Name, Network: c.Network,
			Rate: row.Rate, P50: row.P50, P99: row.P99, CPUPer1000: row.CPUPer1000,
			Errors: row.Errors, Complaints: row.Complaints,
		}
		line.ToTuned = ratioTo(handTuned, contenders, i, samples)
		line.ToTunedWithLog = ratioTo(withLog, contenders, i, samples)
		line.ToOurs = ratioTo(ours, contenders, i, samples)
		all = append(all, line)
	}
	return all
}

// ratioTo is the ratio to the contender of a name in the same network, round by
// round; nothing where there is none.
func ratioTo(name string, contenders []contender, row int, samples []bench.Sample) bench.Interval {
	base := slices.IndexFunc(contenders, func(c contender) bool { return c.Name == name && c.Network == contenders[row].Network })
	if base < 0 {
		return bench.Interval{}
	}
	return bench.RateRatio(samples, row, base)
}
