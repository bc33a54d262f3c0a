package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// options is how one echo server behaves.
type options struct {
	listen  string // address, as net.Listen takes it; HTTP/1.1, and HTTP/2 in clear text for those who know (h2c)
	name    string // who the answers say served the request
	version string // which release of the app the answers say it is

	// What else is spoken, each at an address of its own; "" for not at all.
	tcpListen  string // plain TCP: lines are echoed, see tcp.go
	tlsListen  string // HTTPS, see tls.go
	tlsNames   string // of the certificate, separated by commas
	grpcListen string // gRPC's health service, see grpc.go

	status     int           // status of every answer that is not about health; 0 for none
	failHealth bool          // start with a failing health check
	startDelay time.Duration // how long the app needs to start
	crashAfter time.Duration // exit with 1 after this time; 0 for never

	drain time.Duration // how long a stopping server keeps accepting connections
	grace time.Duration // how long it then waits for the running requests

	healthcheck bool // do not serve: ask the running server for its health
}

// parseOptions reads the command line and the environment. A variable that is
// set to nothing counts as not set. The returned error is flag.ErrHelp after -h.
func parseOptions(args []string, getenv func(string) string, stderr io.Writer) (options, error) {
	var o options
	hostname, _ := os.Hostname()
	fs := flag.NewFlagSet("echo-server", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.listen, "listen", ":8080", "`address` to listen on")
	fs.StringVar(&o.name, "name", hostname, "`name` of this server in its answers")
	fs.StringVar(&o.version, "version", "dev", "`version` of the app in its answers")
	fs.StringVar(&o.tcpListen, "tcp-listen", "", "`address` to echo lines on, over plain TCP")
	fs.StringVar(&o.tlsListen, "tls-listen", "", "`address` to listen on for HTTPS")
	fs.StringVar(&o.tlsNames, "tls-names", "localhost", "`names` of the certificate for HTTPS, which is made at start, separated by commas")
	fs.StringVar(&o.grpcListen, "grpc-listen", "", "`address` to listen on for gRPC, with its health service")
	fs.IntVar(&o.status, "status", 0, "answer everything but health checks with this `code`")
	fs.BoolVar(&o.failHealth, "fail-health", false, "start with a failing health check")
	fs.DurationVar(&o.startDelay, "start-delay", 0, "wait this `long` before listening")
	fs.DurationVar(&o.crashAfter, "crash-after", 0, "exit with 1 after this `long`")
	fs.DurationVar(&o.drain, "drain", 0, "when stopping, fail the health check and accept connections for this `long`")
	fs.DurationVar(&o.grace, "grace", 10*time.Second, "when stopping, wait at most this `long` for running requests")
	fs.BoolVar(&o.healthcheck, "healthcheck", false, "ask the server that runs here for its health, exit 0 or 1")

	// The environment first, so that a flag overwrites it.
	var envErr error
	fs.VisitAll(func(f *flag.Flag) {
		name := strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if value == "" || f.Name == "healthcheck" || envErr != nil {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			envErr = fmt.Errorf("%s=%s: %w", name, value, err)
		}
	})
	if envErr != nil {
		return options{}, envErr
	}
	if err := fs.Parse(args); err != nil {
		return options{}, err
	}
	if fs.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.status != 0 && !validStatus(o.status) {
		return options{}, fmt.Errorf("status %d: want 200 to 599", o.status)
	}
	return o, nil
}
