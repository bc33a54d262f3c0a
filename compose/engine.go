package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/compose/v5/pkg/api"
	composesdk "github.com/docker/compose/v5/pkg/compose"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// minAPIVersion is that of Docker 20.10, the first engine whose containers let
// a user without root bind port 80 (net.ipv4.ip_unprivileged_port_start=0).
const minAPIVersion = "1.41"

// Engine is the Docker engine of the chosen context, together with the
// Compose SDK on top of it. It prints nothing: progress goes to the event
// processor that it is given.
type Engine struct {
	cli       command.Cli
	sdk       api.Compose
	events    *progress
	waiting   *waiting
	installed hasher // the Compose that people use beside us
	stops     *handovers
}

// New prepares an engine. No request is sent yet. With dryRun the SDK's
// operations report what they would do and do nothing.
func New(cli command.Cli, events api.EventProcessor, dryRun bool) (*Engine, error) {
	stops := &handovers{}
	bus := newProgress(events)
	waiting := newWaiting(bus)
	cli = bilingual{takingTurns(cli, stops, waiting)}
	opts := []composesdk.Option{
		composesdk.WithEventProcessor(bus),
		composesdk.WithPrompt(bus.refuse),
	}
	if dryRun {
		opts = append(opts, composesdk.WithDryRun)
	}
	sdk, err := composesdk.NewComposeService(cli, opts...)
	if err != nil {
		return nil, err
	}
	return &Engine{cli: cli, sdk: sdk, events: bus, waiting: waiting, installed: nothingInstalled, stops: stops}, nil
}

// OnSilence has lines said about what is waited for: where no progress is shown,
// and with always in place of it.
func (e *Engine) OnSilence(tell func(line string), always bool) {
	e.waiting.tell, e.waiting.lines = tell, always
}

// Operation brackets work as one operation of the progress display, whatever
// number of SDK operations it holds.
func (e *Engine) Operation(ctx context.Context, name string, work func(context.Context) error) error {
	return composesdk.Run(ctx, work, name, e.events)
}

func (e *Engine) api() client.APIClient { return e.cli.Client() }

// Ready makes sure that the engine answers and is new enough.
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.connect(ctx); err != nil {
		return err
	}
	ping, err := e.api().Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil {
		return e.notReady(ctx, err)
	}
	if ping.APIVersion != "" && versions.LessThan(ping.APIVersion, minAPIVersion) {
		return e.tooOld(ping.APIVersion, nil)
	}
	return nil
}

// connect makes the client, which asks the engine for its version: over ssh that
// takes as long as the other machine likes.
func (e *Engine) connect(ctx context.Context) error {
	x := exchange{whom: fmt.Sprintf("the Docker engine (context %s)", e.cli.CurrentContext()), what: "to answer", limit: answerLimit}
	_, err := await(ctx, e.waiting, x, func(context.Context) (client.APIClient, error) { return e.api(), nil })
	return err
}

func (e *Engine) tooOld(version string, cause error) error {
	return &Problem{
		Summary: fmt.Sprintf("the Docker engine at %s is too old: it speaks API %s, and docker haproxy needs %s (Docker 20.10)", e.host(), version, minAPIVersion),
		Advice:  "Upgrade the engine; before 20.10 a HAProxy without root cannot listen on port 80.",
		Cause:   cause,
	}
}

// negotiated finds the engine's version in the client's refusal to talk to it:
// "API version 1.38 is not supported by this client: the minimum supported API version is 1.40".
var negotiated = regexp.MustCompile(`API version (\d+\.\d+) is not supported by this client`)

// notReady explains why no engine answers a ping.
func (e *Engine) notReady(ctx context.Context, cause error) error {
	if match := negotiated.FindStringSubmatch(cause.Error()); match != nil {
		return e.tooOld(match[1], cause)
	}
	explained := e.explain(ctx, cause)
	if _, known := errors.AsType[*Problem](explained); known || ctx.Err() != nil {
		return explained
	}
	return &Problem{
		Summary: fmt.Sprintf("what answers at %s is no Docker engine: %v", e.host(), cause),
		Advice:  `Choose another one with "docker --context", or mend DOCKER_HOST.`,
		Cause:   cause,
	}
}

// host is the engine's address as the person wrote it in the context or in
// DOCKER_HOST. It is looked up in the context store: to ask the CLI for its
// endpoint would connect to it, and an address that leads nowhere takes a while.
func (e *Engine) host() string {
	metadata, err := e.cli.ContextStore().GetMetadata(e.cli.CurrentContext())
	if err == nil {
		if endpoint, err := docker.EndpointFromContext(metadata); err == nil {
			return endpoint.Host
		}
	}
	return e.cli.DockerEndpoint().Host
}

// Reachable refuses a project that cannot work on the chosen engine: bind
// mounts are looked up on the engine's machine, and where that is another one
// the files of this machine never get there. No request is sent.
func (e *Engine) Reachable(p *Project) error {
	if !isRemote(e.host()) {
		return nil
	}
	mounts := p.mounts()
	if len(mounts) == 0 {
		return nil
	}
	return &Problem{
		Summary: fmt.Sprintf("the engine of context %q runs on another machine (%s), and %s is on this one: it cannot be mounted there", e.cli.CurrentContext(), e.host(), ShortPath(mounts[0].source)),
		Advice:  "Nothing was touched. Run docker haproxy on that machine, beside the project, or " + e.useLocal() + ".",
	}
}

// useLocal says how to get to the local engine from where the remote one was
// chosen: a context, or DOCKER_HOST and -H, which come as the context "default".
func (e *Engine) useLocal() string {
	if e.cli.CurrentContext() == "default" {
		return "use the local engine: unset DOCKER_HOST, leave -H out"
	}
	return `use the local engine: "docker --context default haproxy ..."`
}

// isRemote tells by the address whether an engine runs on another machine.
// An engine behind a local socket or the loopback interface counts as local.
func isRemote(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "", "unix", "npipe", "fd":
		return false
	}
	name := u.Hostname()
	if ip := net.ParseIP(name); ip != nil {
		return !ip.IsLoopback()
	}
	return name != "localhost" || u.Scheme == "ssh"
}

// explain turns an error of the engine into one that says the way out, where
// it is of a known kind.
func (e *Engine) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case client.IsErrConnectionFailed(err):
		return &Problem{
			Summary: fmt.Sprintf("no Docker engine answers at %s", e.host()),
			Advice:  `Start it (Linux: "sudo systemctl start docker"; else Docker Desktop), or choose another one with "docker --context".`,
			Cause:   err,
		}
	case isPermissionDenied(err):
		return &Problem{
			Summary: fmt.Sprintf("this user may not use the Docker engine at %s", e.host()),
			Advice:  `Add the user to the group "docker" and log in again, or use sudo.`,
			Cause:   err,
		}
	default:
		return err
	}
}

func isPermissionDenied(err error) bool {
	var opErr *net.OpError
	return strings.Contains(err.Error(), "permission denied while trying to connect") ||
		errors.As(err, &opErr) && strings.Contains(opErr.Error(), "permission denied")
}
