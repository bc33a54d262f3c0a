// Package compose is the Compose project: it loads and generates its files,
// and it is the only package that touches the Compose SDK and the engine's API.
// It prints nothing: it returns values and emits progress events.
package compose

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Problem is a failure that a person can act on: what failed and why in one
// line, what is known beside it, and the way out.
type Problem struct {
	Summary string   // what failed, and why
	Details []string // lines that show it: a container's last words, HAProxy's own
	Advice  string   // what to do next
	Cause   error    // for errors.Is; may be nil
}

// Error is the whole message, ready to print after "Error: ".
func (p *Problem) Error() string {
	lines := []string{p.Summary}
	for _, detail := range p.Details {
		lines = append(lines, "  "+detail)
	}
	if p.Advice != "" {
		lines = append(lines, p.Advice)
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Errors that callers tell apart.
var (
	// ErrNoComposeFile: neither the folder nor one above it holds a Compose file.
	ErrNoComposeFile = errors.New("no Compose file")
	// ErrNoLoadBalancer: the project has no service named haproxy.
	ErrNoLoadBalancer = errors.New("no haproxy service")
	// ErrNotLoaded: services have labels, and the load balancer does not load what they make.
	ErrNotLoaded = errors.New("the load balancer does not load the generated config")
	// ErrBusy: another process changes the project.
	ErrBusy = errors.New("another docker haproxy is at it")
	// ErrTied: a container that is to go shares something with one that cannot go with it.
	ErrTied = errors.New("another container hangs on this one")
	// ErrNotRunning: the load balancer has no running container.
	ErrNotRunning = errors.New("the load balancer is not running")
	// ErrNoMasterSocket: HAProxy was started without -S.
	ErrNoMasterSocket = errors.New("HAProxy has no master CLI socket")
	// ErrFragile: a connection to HAProxy's master CLI may crash HAProxy.
	ErrFragile = errors.New("HAProxy's master process is fragile")
	// ErrStuck: a new worker process does not come up.
	ErrStuck = errors.New("HAProxy's new worker does not come up")
	// ErrServesWorse: a configuration that HAProxy loaded made it serve less than before.
	ErrServesWorse = errors.New("HAProxy serves less than before")
	// ErrConfigChanged: the configuration was edited between its check and its load.
	ErrConfigChanged = errors.New("the configuration changed while it was being checked")
)

// InvalidError is a configuration that HAProxy refuses, with what it said.
type InvalidError struct {
	Report haproxy.Report
	What   string // what was refused, as its owner knows it
	Kept   string // what goes on working
}

// Error is the summary; the report is rendered apart.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("HAProxy refuses %s; %s", e.What, e.Kept)
}
