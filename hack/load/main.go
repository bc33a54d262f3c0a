// Command load shows whether something loses requests: it sends traffic that is
// never repeated through HAProxy, runs a command again and again meanwhile, and
// accounts for every request.
//
//	go run ./hack/load -addr 127.0.0.1:80 -times 20 -- docker haproxy reload
//	go run ./hack/load -addr 127.0.0.1:80 -duration 30s
//
// The app behind HAProxy must echo, as the demo's does. The exit code is 1 when
// a request was lost, a websocket was closed, or the command's exit code was not
// the expected one.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/hack/load/traffic"
)

type options struct {
	traffic.Options

	clients  int
	duration time.Duration
	times    int
	every    time.Duration
	expect   int
	argv     []string
}

func main() {
	var opts options
	flag.StringVar(&opts.Address, "addr", "127.0.0.1:80", "where HAProxy listens on this machine")
	flag.IntVar(&opts.clients, "clients", 2, "clients of each kind")
	flag.DurationVar(&opts.Pause, "pause", time.Millisecond, "between two requests of a client")
	flag.DurationVar(&opts.duration, "duration", 10*time.Second, "of the load, without a command")
	flag.IntVar(&opts.times, "times", 20, "how often the command is run")
	flag.DurationVar(&opts.every, "every", 100*time.Millisecond, "between two runs of the command")
	flag.IntVar(&opts.expect, "expect", 0, "the exit code that the command must have")
	flag.Parse()
	opts.argv = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, opts)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts options) error {
	opts.Clients = traffic.Same(opts.clients)
	load, err := traffic.Start(opts.Options)
	if err != nil {
		return err
	}
	took, err := opts.disturb(ctx)
	report := load.Stop()
	if len(took) > 0 {
		fmt.Printf("%d runs of %q: median %.2f s, fastest %.2f s, slowest %.2f s\n", len(took), strings.Join(opts.argv, " "),
			took[len(took)/2].Seconds(), took[0].Seconds(), took[len(took)-1].Seconds())
	}
	err = errors.Join(err, report.Write(os.Stdout))
	switch {
	case err != nil:
		return err
	case report.Lost() > 0:
		return fmt.Errorf("%d requests were lost", report.Lost())
	case report.Reconnected() > 0:
		return fmt.Errorf("%d websockets were closed", report.Reconnected())
	case report.Answered() == 0:
		return errors.New("nothing was answered")
	}
	return nil
}

// disturb runs the command while the load is on, and gives the times that it
// took, in order; without a command it waits.
func (o options) disturb(ctx context.Context) (took []time.Duration, err error) {
	if len(o.argv) == 0 {
		pause(ctx, o.duration)
		return nil, nil
	}
	pause(ctx, time.Second) // so that every client is at it
	for range o.times {
		if ctx.Err() != nil {
			break
		}
		began := time.Now()
		command := exec.CommandContext(ctx, o.argv[0], o.argv[1:]...)
		output, err := command.CombinedOutput()
		took = append(took, time.Since(began))
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			return nil, err
		}
		if code := command.ProcessState.ExitCode(); code != o.expect {
			return nil, fmt.Errorf("%s: exit code %d instead of %d\n%s", strings.Join(o.argv, " "), code, o.expect, output)
		}
		pause(ctx, o.every)
	}
	pause(ctx, time.Second) // so that what the last run did shows
	slices.SortFunc(took, cmp.Compare[time.Duration])
	return took, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
