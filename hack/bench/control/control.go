// Package control measures the control plane: what the commands of docker haproxy
// take, against Compose and against the docker commands that they replace, and
// how long a change takes until requests feel it.
package control

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

// Options say how much is measured.
type Options struct {
	// Rounds of what takes seconds; what takes less has three times as many, and
	// the start of a program at least 31.
	Rounds int
	Sizes  []int // servers of the projects that are rendered and checked
}

func (o Options) orDefaults() Options {
	if o.Rounds == 0 {
		o.Rounds = 7 // six are the fewest whose interval has 95%
	}
	if o.Sizes == nil {
		o.Sizes = []int{10, 100, 1000, 10000}
	}
	return o
}

func (o Options) many() int   { return 3 * o.Rounds }
func (o Options) starts() int { return max(31, o.Rounds) }

// Result is what was measured.
type Result struct {
	Compose  string // version of docker compose
	Rounds   int
	Commands []Comparison
	StartUp  []Comparison // of the plugins alone
	Sizes    []Size
	Replicas Replicas
}

// measurement is one run of the whole.
type measurement struct {
	*lab.Lab

	opts     Options
	progress func(string)
}

// Measure takes some minutes. What it makes goes when the lab closes.
func Measure(ctx context.Context, l *lab.Lab, opts Options, progress func(string)) (Result, error) {
	m := &measurement{Lab: l, opts: opts.orDefaults(), progress: progress}
	result := Result{Rounds: m.opts.Rounds}
	compose, err := l.Docker(ctx, "", "compose", "version", "--short")
	if err != nil {
		return Result{}, err
	}
	result.Compose = strings.TrimSpace(compose.Stdout)
	if result.StartUp, err = m.startUp(ctx); err != nil {
		return Result{}, fmt.Errorf("start-up: %w", err)
	}
	if result.Commands, err = m.commands(ctx); err != nil {
		return Result{}, fmt.Errorf("commands: %w", err)
	}
	if result.Sizes, err = m.sizes(ctx); err != nil {
		return Result{}, fmt.Errorf("sizes: %w", err)
	}
	if result.Replicas, err = m.replicas(ctx); err != nil {
		return Result{}, fmt.Errorf("replicas: %w", err)
	}
	return result, nil
}
