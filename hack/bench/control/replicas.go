package control

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/bench"
)

// Replicas is how long requests need to feel a change, in milliseconds.
type Replicas struct {
	Every    time.Duration // between two requests, which is how exact the times can be
	Rounds   int
	Growth   []Growth // by way
	Drain    []Drain  // by way; the first is ours
	Requests int64
	Lost     int64
}

// Growth is a service that gets one container more.
type Growth struct {
	Name        string
	FromStart   bench.Interval // from the container's start, as the engine tells it, to its first answer
	FromCommand bench.Interval // from the command's start to the same
	Exit        bench.Interval // from the command's start to its exit
}

// Drain is a server that is to get nothing new.
type Drain struct {
	Name string
	Raw  bool
	Last bench.Interval // from the command's start to the last request that was sent to it
	Exit bench.Interval // from the command's start to its exit
	// Ratio is how many times as long ours took as this one until the last request,
	// of the pairs of the rounds; 0 for ours.
	Ratio bench.Interval
}

// replicas adds containers to a service and drains one of them, under requests.
func (m *measurement) replicas(ctx context.Context) (Replicas, error) {
	p, err := m.newProject(ctx, "replicas")
	if err != nil {
		return Replicas{}, err
	}
	if err := p.write("compose.yaml", fmt.Sprintf(replicated, m.Images.Echo)); err != nil {
		return Replicas{}, err
	}
	if err := p.init(ctx); err != nil {
		return Replicas{}, err
	}
	if _, err := p.haproxy("up")(ctx); err != nil {
		return Replicas{}, err
	}
	requests := p.send(ctx)
	defer requests.stop()

	r := Replicas{Every: pause, Rounds: m.opts.Rounds}
	s := scenario{project: p, requests: requests}
	if r.Growth, err = m.growth(ctx, s); err != nil {
		return Replicas{}, err
	}
	if r.Drain, err = m.drains(ctx, s); err != nil {
		return Replicas{}, err
	}
	r.Requests, r.Lost = requests.account()
	return r, nil
}

const replicated = `services:
  web:
    image: %s
    scale: 2
    labels:
      haproxy.host: "*"
      haproxy.port: "8080"
`

// scenario is a project under requests.
type scenario struct {
	project

	requests *requests
}

// ---------------------------------------------------------------- one more

type grown struct{ fromStart, fromCommand, exit float64 }

func (m *measurement) growth(ctx context.Context, s scenario) ([]Growth, error) {
	ways := []way{
		{name: "`docker haproxy scale web=3`", run: s.haproxy("scale", "web=3")},
		{name: "`docker compose up -d --no-recreate --scale web=3`", run: s.compose("up", "-d", "--no-recreate", "--scale", "web=3")},
	}
	rounds := make([][]grown, len(ways))
	for round := range m.opts.Rounds {
		m.progress(fmt.Sprintf("a container more: round %d of %d", round+1, m.opts.Rounds))
		for _, w := range order(len(ways), round) {
			g, err := s.grow(ctx, ways[w])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[w].name, err)
			}
			rounds[w] = append(rounds[w], g)
			if _, err := s.haproxy("scale", "web=2")(ctx); err != nil {
				return nil, err
			}
		}
	}
	var all []Growth
	for w, way := range ways {
		all = append(all, Growth{
			Name:        way.name,
			FromStart:   bench.IntervalOf(each(rounds[w], func(g grown) float64 { return g.fromStart })),
			FromCommand: bench.IntervalOf(each(rounds[w], func(g grown) float64 { return g.fromCommand })),
			Exit:        bench.IntervalOf(each(rounds[w], func(g grown) float64 { return g.exit })),
		})
	}
	return all, nil
}

func (s scenario) grow(ctx context.Context, w way) (grown, error) {
	before, err := s.webs(ctx)
	if err != nil {
		return grown{}, err
	}
	began := time.Now()
	command, err := w.run(ctx)
	if err != nil {
		return grown{}, err
	}
	now, err := s.webs(ctx)
	if err != nil {
		return grown{}, err
	}
	fresh := slices.DeleteFunc(now, func(c container) bool { return slices.ContainsFunc(before, c.same) })
	if len(fresh) != 1 {
		return grown{}, fmt.Errorf("one new container was expected, and these are: %+v", fresh)
	}
	first, err := s.requests.first(ctx, fresh[0].host())
	return grown{
		fromStart:   milliseconds(first.Sub(fresh[0].State.StartedAt)),
		fromCommand: milliseconds(first.Sub(began)),
		exit:        milliseconds(command.Took),
	}, err
}

// container is what the engine says of a container.
type container struct {
	ID    string `json:"Id"`
	Name  string
	State struct{ StartedAt time.Time }
}

// host is the name under which the app in the container answers.
func (c container) host() string { return c.ID[:12] }

func (c container) same(other container) bool { return c.ID == other.ID }

// webs are the containers of the service.
func (s scenario) webs(ctx context.Context) ([]container, error) {
	ids, err := s.docker("ps", "-q", "--filter", "label=com.docker.compose.project="+s.name, "--filter", "label=com.docker.compose.service=web")(ctx)
	if err != nil {
		return nil, err
	}
	told, err := s.docker(append([]string{"inspect", "--type", "container"}, strings.Fields(ids.Stdout)...)...)(ctx)
	if err != nil {
		return nil, err
	}
	var all []container
	err = json.Unmarshal([]byte(told.Stdout), &all)
	return all, err
}

// ---------------------------------------------------------------- one less

type drained struct{ last, exit float64 }

func (m *measurement) drains(ctx context.Context, s scenario) ([]Drain, error) {
	webs, err := s.webs(ctx)
	if err != nil {
		return nil, err
	}
	balancer, err := s.docker("ps", "-q", "--filter", "label=com.docker.compose.project="+s.name, "--filter", "label=com.docker.compose.service=haproxy")(ctx)
	if err != nil {
		return nil, err
	}
	server, err := s.server(ctx, webs[0])
	if err != nil {
		return nil, err
	}
	byHand := fmt.Sprintf("echo 'set server %s state drain' | socat - /var/run/haproxy/api.sock", server)
	ways := []way{
		{name: "`docker haproxy server drain`", run: s.haproxy("server", "drain", server)},
		{name: "`docker exec`, `set server` through socat", raw: true, run: s.docker("exec", strings.TrimSpace(balancer.Stdout), "sh", "-c", byHand)},
	}
	rounds := make([][]drained, len(ways))
	for round := range m.opts.Rounds {
		m.progress(fmt.Sprintf("a drain: round %d of %d", round+1, m.opts.Rounds))
		for _, w := range order(len(ways), round) {
			d, err := s.drain(ctx, ways[w], server, webs[0].host())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[w].name, err)
			}
			rounds[w] = append(rounds[w], d)
		}
	}
	var all []Drain
	ours := each(rounds[0], func(d drained) float64 { return d.last })
	for w, way := range ways {
		last := each(rounds[w], func(d drained) float64 { return d.last })
		sum := Drain{
			Name: way.name,
			Raw:  way.raw,
			Last: bench.IntervalOf(last),
			Exit: bench.IntervalOf(each(rounds[w], func(d drained) float64 { return d.exit })),
		}
		if w > 0 {
			sum.Ratio = bench.IntervalOf(ratios(ours, last))
		}
		all = append(all, sum)
	}
	return all, nil
}

// server is HAProxy's name for a container: BACKEND/SERVER.
func (s scenario) server(ctx context.Context, c container) (string, error) {
	told, err := s.haproxy("server", "ls", "--format", "json")(ctx)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(told.Stdout) {
		var row struct{ Name, Container string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return "", err
		}
		if row.Container == strings.TrimPrefix(c.Name, "/") {
			return row.Name, nil
		}
	}
	return "", fmt.Errorf("no server is container %s:\n%s", c.Name, told.Stdout)
}

// drain drains a server that gets requests, and gives it back.
func (s scenario) drain(ctx context.Context, w way, server, host string) (drained, error) {
	began := time.Now()
	if _, err := s.requests.firstSince(ctx, host, began); err != nil {
		return drained{}, err
	}
	began = time.Now()
	command, err := w.run(ctx)
	if err != nil {
		return drained{}, err
	}
	last, err := s.requests.last(ctx, host)
	if err != nil {
		return drained{}, err
	}
	_, err = s.haproxy("server", "ready", server)(ctx)
	return drained{last: milliseconds(last.Sub(began)), exit: milliseconds(command.Took)}, err
}
