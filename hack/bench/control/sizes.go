package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// Size is what a project of so many servers takes.
type Size struct {
	Servers int
	Render  bench.Interval // from labels to the text that HAProxy reads, in this process, in milliseconds
	Check   bench.Interval // docker haproxy check, in milliseconds: the first one, in a container of its own
	CPU     bench.Interval // of its clients, in milliseconds
	Memory  bench.Interval // the most that docker or the plugin had, in megabytes
}

// slots are the containers that a service may have.
const slots = 10

// sizes checks projects of so many servers, none of which runs, and renders what
// their labels ask for. The sizes have their turns as ways have.
func (m *measurement) sizes(ctx context.Context) ([]Size, error) {
	projects := make([]project, len(m.opts.Sizes))
	for i, servers := range m.opts.Sizes {
		m.progress(fmt.Sprintf("a project of %d servers", servers))
		var err error
		if projects[i], err = m.sized(ctx, servers); err != nil {
			return nil, err
		}
	}
	checks := make([][]check, len(projects))
	for round := range m.opts.Rounds {
		m.progress(fmt.Sprintf("check of all sizes: round %d of %d", round+1, m.opts.Rounds))
		for _, i := range order(len(projects), round) {
			c, err := projects[i].check(ctx)
			if err != nil {
				return nil, err
			}
			checks[i] = append(checks[i], c)
		}
	}
	var all []Size
	for i, servers := range m.opts.Sizes {
		rendering, err := rendering(ctx, servers/slots) // last: what this process has had counts for those that it starts
		if err != nil {
			return nil, err
		}
		all = append(all, Size{
			Servers: servers,
			Render:  bench.IntervalOf(rendering),
			Check:   bench.IntervalOf(each(checks[i], func(c check) float64 { return c.took })),
			CPU:     bench.IntervalOf(each(checks[i], func(c check) float64 { return c.cpu })),
			Memory:  bench.IntervalOf(each(checks[i], func(c check) float64 { return c.memory })),
		})
	}
	return all, nil
}

// sized is a project with HAProxy in front of it: a service and a route for every
// ten servers, all but one of them in a profile that is not enabled.
func (m *measurement) sized(ctx context.Context, servers int) (project, error) {
	p, err := m.newProject(ctx, fmt.Sprintf("size-%d", servers))
	if err != nil {
		return p, err
	}
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range servers / slots {
		fmt.Fprintf(&text, "  svc%d:\n    image: %s\n    labels:\n", i, m.Images.Echo)
		said := labelsOf(i)
		for _, label := range slices.Sorted(maps.Keys(said)) {
			fmt.Fprintf(&text, "      %s: '%s'\n", label, said[label])
		}
		if i > 0 {
			text.WriteString("    profiles: [later]\n")
		}
	}
	if err := p.write("compose.yaml", text.String()); err != nil {
		return p, err
	}
	return p, p.init(ctx)
}

// labelsOf are those of one service.
func labelsOf(service int) map[string]string {
	return map[string]string{
		"haproxy.host":           fmt.Sprintf("svc%d.example.com", service),
		"haproxy.port":           "8080",
		"haproxy.check":          "/healthz",
		"haproxy.timeout-server": "1m",
	}
}

type check struct{ took, cpu, memory float64 }

func (p project) check(ctx context.Context) (check, error) {
	const megabyte = 1 << 20
	command, err := p.haproxy("check", "--progress", "quiet")(ctx)
	return check{took: milliseconds(command.Took), cpu: milliseconds(command.CPU), memory: float64(command.Memory) / megabyte}, err
}

// rendering is how long it takes to go from the labels of so many services to
// the files, in milliseconds, again and again.
func rendering(ctx context.Context, services int) ([]float64, error) {
	const (
		times  = 9
		enough = 50 * time.Millisecond // what is too short for the clock is done several times
	)
	var took []float64
	for len(took) < times && ctx.Err() == nil {
		n, began := 0, time.Now()
		for ; n == 0 || time.Since(began) < enough; n++ {
			if err := render(services); err != nil {
				return nil, err
			}
		}
		took = append(took, milliseconds(time.Since(began))/float64(n))
	}
	return took, ctx.Err()
}

func render(services int) error {
	var specs []routing.Spec
	for i := range services {
		name := fmt.Sprintf("svc%d", i)
		said := labels.Parse(name, labelsOf(i), os.ReadFile)
		if len(said.Problems) > 0 {
			return said.Problems[0]
		}
		for _, spec := range said.Specs {
			spec.Address = name + ".shop"
			specs = append(specs, spec)
		}
	}
	r, conflicts := routing.Assemble("shop", routing.Frontend{Port: 80}, specs)
	if len(conflicts) > 0 {
		return conflicts[0]
	}
	if len(r.Render("/usr/local/etc/haproxy/generated").Files) == 0 {
		return errors.New("nothing was rendered")
	}
	return nil
}
