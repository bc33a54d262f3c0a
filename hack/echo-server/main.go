// Command echo-server is the app behind the demo and the tests: it answers any
// request with the details of the request it received, and misbehaves on demand.
//
// Every setting is a flag, or the environment variable of the same name in
// capitals (-start-delay is START_DELAY); a flag wins over the environment.
// See options.go for the settings and answer.go for the query parameters.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// errCrash is why the server ends after -crash-after.
var errCrash = errors.New("crashing on request (-crash-after)")

func main() {
	opts, err := parseOptions(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo-server:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if opts.healthcheck {
		err = checkHealth(ctx, opts.listen)
	} else {
		err = run(ctx, opts, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo-server:", err)
		os.Exit(1)
	}
}

// run listens after -start-delay and serves until ctx ends, or until -crash-after
// has passed: then it returns errCrash at once and every connection is cut.
func run(ctx context.Context, opts options, stderr io.Writer) error {
	serveCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- listenAndServe(serveCtx, opts, stderr) }()

	var crash <-chan time.Time // never, unless asked for
	if opts.crashAfter > 0 {
		crash = time.After(opts.crashAfter)
	}
	select {
	case err := <-done:
		return err
	case <-crash:
		return errCrash
	}
}

func listenAndServe(ctx context.Context, opts options, stderr io.Writer) error {
	if !sleep(ctx, opts.startDelay) {
		return nil // stopped before it listened
	}
	open, err := openListeners(opts)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "echo-server: %s, version %s, listening on %s\n", opts.name, opts.version, open)
	err = open.serve(ctx, opts)
	if err == nil {
		fmt.Fprintf(stderr, "echo-server: %s stopped\n", opts.name)
	}
	return err
}

// sleep waits for d and says whether it did: false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
