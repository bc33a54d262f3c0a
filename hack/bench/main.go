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
	"syscall"
	"time"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/data"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

type options struct {
	images  lab.Images
	plugin  string
	compose string
	data    data.Options
	out     string
}

func main() {
	var opts options
	flag.StringVar(&opts.images.HAProxy, "haproxy-image", "localhost/docker-haproxy/haproxy:3.2", "image of HAProxy")
	flag.StringVar(&opts.images.Echo, "echo-image", "localhost/docker-haproxy/echo:1", "image of the app")
	flag.StringVar(&opts.images.Peers, "peers-image", "localhost/docker-haproxy/peers:1", "image with nginx and Caddy")
	flag.StringVar(&opts.plugin, "plugin", "bin/docker-haproxy", "the plugin")
	flag.StringVar(&opts.compose, "compose", "", "plain Compose's plugin (hack/compose.sh prints its path)")
	flag.StringVar(&opts.out, "out", "docs/benchmarks.md", "where to write the result")
	flag.DurationVar(&opts.data.Slice, "slice", time.Second, "data plane: time of each contender in a round")
	flag.IntVar(&opts.data.Rounds, "rounds", 9, "data plane: rounds")
	flag.IntVar(&opts.data.Clients, "clients", 32, "data plane: connections at a time")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, opts)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts options) (err error) {
	l, err := lab.New(opts.images, opts.plugin, opts.compose)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	result, err := data.Measure(ctx, l, opts.data, progress)
	if err != nil {
		return err
	}
	return result.Markdown(os.Stdout)
}

func progress(what string) { fmt.Fprintln(os.Stderr, what) }
