// Command bench makes the project's own benchmarks, in one run, and writes them
// to docs/benchmarks.md: see "make bench". It needs Linux, an engine on this
// machine, and the images of hack/images.sh.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/control"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/data"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

type options struct {
	images  lab.Images
	plugin  string
	compose string
	data    data.Options
	control control.Options
	only    string
	out     string
}

// The parts of the benchmarks.
const (
	dataPlane    = "data"
	controlPlane = "control"
)

func main() {
	var opts options
	flag.StringVar(&opts.images.HAProxy, "haproxy-image", "localhost/docker-haproxy/haproxy:3.2", "image of HAProxy")
	flag.StringVar(&opts.images.Echo, "echo-image", "localhost/docker-haproxy/echo:1", "image of the app")
	flag.StringVar(&opts.images.Peers, "peers-image", "localhost/docker-haproxy/peers:1", "image with nginx and Caddy")
	flag.StringVar(&opts.plugin, "plugin", "bin/docker-haproxy", "the plugin")
	flag.StringVar(&opts.compose, "compose", "", "plain Compose's plugin (hack/compose.sh prints its path)")
	flag.DurationVar(&opts.data.Slice, "slice", time.Second, "data plane: time of each contender in a round")
	flag.IntVar(&opts.data.Rounds, "rounds", 9, "data plane: rounds")
	flag.IntVar(&opts.data.Clients, "clients", 32, "data plane: connections at a time")
	flag.IntVar(&opts.control.Rounds, "control-rounds", 7, "control plane: rounds of what takes seconds; three times as many of the rest")
	flag.StringVar(&opts.only, "only", "", "measure only data or control, and print it")
	flag.StringVar(&opts.out, "out", "docs/benchmarks.md", "where the whole is written")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, opts)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts options) error {
	if !slices.Contains([]string{"", dataPlane, controlPlane}, opts.only) {
		return fmt.Errorf("-only %s: choose %s or %s", opts.only, dataPlane, controlPlane)
	}
	if opts.data.Rounds < fewestRounds || opts.control.Rounds < fewestRounds {
		return fmt.Errorf("at least %d rounds, or no interval holds the true median with 95 %%", fewestRounds)
	}
	page, err := measure(ctx, opts)
	if err != nil {
		return err
	}
	var text strings.Builder
	if opts.only != "" {
		err := page.writeMeasured(&text)
		_, printErr := fmt.Print(text.String())
		return errors.Join(err, printErr)
	}
	if err := page.write(&text); err != nil {
		return err
	}
	return os.WriteFile(opts.out, []byte(text.String()), 0o644)
}

// fewestRounds is from when on the interval between the least and the greatest
// value has 95%: see bench.IntervalOf.
const fewestRounds = 6

func measure(ctx context.Context, opts options) (p page, err error) {
	l, err := lab.New(opts.images, opts.plugin, opts.compose)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if p.Machine, err = machine(ctx, l); err != nil {
		return p, err
	}
	if opts.only != controlPlane {
		measured, err := data.Measure(ctx, l, opts.data, progress)
		if err != nil {
			return p, fmt.Errorf("data plane: %w", err)
		}
		p.Data = &measured
	}
	if opts.only != dataPlane {
		measured, err := control.Measure(ctx, l, opts.control, progress)
		if err != nil {
			return p, fmt.Errorf("control plane: %w", err)
		}
		p.Control = &measured
	}
	return p, nil
}

func progress(what string) { fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), what) }
