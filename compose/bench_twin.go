package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	mounttypes "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// Bridge against host networking is measured in turns, with a second HAProxy: the
// twin. It is made of the container that serves: the same image, user, limits and
// mounts, and what HAProxy has in memory; but on the host's network, where it
// listens on 127.0.0.1 only, at ports that nobody else has. Nobody but the
// measurement knows of it.
//
// Its servers have the addresses that the other one's have at this moment. With a
// Forwarder beside it as in host mode, it would follow them, at the price of one
// more container in the project's networks, and of a resolver that each kind of
// configuration names otherwise; for a measurement of a minute, in which no
// container is replaced, the addresses are all that the DNS has to give.

// twinFolder is where the twin's configuration and its other sockets are: in
// memory, for its user only.
const twinFolder = "/run/docker-haproxy"

// twinScript takes files from its input, as lines "SIZE PATH" with what belongs in
// them, up to an empty line. Then it starts the command in "$@". The input stays
// open: when it ends, be it that the one at its other end was killed, all ends.
//
// HAProxy is the first child of the first process, as with an init: that is where
// others look for it.
const twinScript = `umask 077
while read -r size file && [ -n "$size" ]; do dd "bs=$size" count=1 iflag=fullblock "of=$file" 2>/dev/null; done
exec 3<&0
"$@" </dev/null 3<&- & haproxy=$!
{ read -r _; while kill -9 "$haproxy"; do sleep 1; done; } <&3 2>/dev/null &
wait "$haproxy"`

// TwinPlan is a twin that can be started.
type TwinPlan struct {
	Entrance Entrance // where it is going to listen

	files  []haproxy.ConfigFile // in twinFolder
	config *container.Config
	host   *container.HostConfig
	goal   haproxy.Readiness // of the HAProxy that serves
}

// PlanTwin decides how the load balancer is served once more on the host's
// network. Where it cannot be, the error says why. Nothing is started yet.
func (l *Live) PlanTwin(ctx context.Context, m Measurable) (TwinPlan, error) {
	if err := l.engine.sharesNetwork(ctx); err != nil {
		return TwinPlan{}, err
	}
	now, states, err := l.lookForTwin(ctx)
	if err != nil {
		return TwinPlan{}, err
	}
	files, err := l.project.inMemory(l.running, now)
	if err != nil {
		return TwinPlan{}, err
	}
	ports, err := FreePorts(ctx, len(m.listeners))
	if err != nil {
		return TwinPlan{}, err
	}
	plan := TwinPlan{goal: now.Readiness()}
	entrances := map[haproxy.Listener]string{}
	for i, listener := range m.listeners {
		entrances[listener] = loopback(ports[i])
		plan.Entrance.add(listener, entrances[listener])
	}
	carriage := haproxy.Carriage{Entrances: entrances, Sockets: twinFolder, Servers: states}
	if generated, _, found := l.project.generatedFolder(); found {
		carriage.Script = path.Join(generated, routing.IdentityScript)
	}
	plan.files, err = carriage.Carry(files)
	if err != nil {
		return TwinPlan{}, l.project.notCarried(err)
	}
	inspected, err := l.engine.api().ContainerInspect(ctx, l.running.ID, client.ContainerInspectOptions{})
	if err != nil {
		return TwinPlan{}, l.engine.explain(ctx, err)
	}
	if err := plan.settle(l.project, inspected.Container); err != nil {
		return TwinPlan{}, err
	}
	return plan, nil
}

// lookForTwin is what the HAProxy that serves does at this moment.
func (l *Live) lookForTwin(ctx context.Context) (now Process, states []haproxy.ServerState, err error) {
	err = l.ask(ctx, func(session *haproxy.Session) (err error) {
		now, err = l.project.ask(ctx, session)
		return err
	})
	return now, now.Servers, err
}

// inMemory are the files that a HAProxy has loaded, as far as they are on disk.
func (p *Project) inMemory(running Balancer, now Process) ([]haproxy.ConfigFile, error) {
	config, err := p.ReadConfig()
	if err != nil {
		return nil, err
	}
	if p.Drift(running, now.Worker, now.Started, config) {
		return nil, errors.New(`HAProxy has not loaded what is on disk ("docker haproxy reload" does)`)
	}
	files, complete := p.configFiles()
	if !complete || len(files) == 0 {
		return nil, errors.New("the configuration is not all on this machine's disk")
	}
	return files, nil
}

// notCarried names the file as the person who edits it knows it.
func (p *Project) notCarried(err error) error {
	if n, is := errors.AsType[*haproxy.NotCarried](err); is {
		return &haproxy.NotCarried{File: p.DisplayPath(n.File), Line: n.Line, Why: n.Why}
	}
	return err
}

// sharesNetwork tells why the host's network is not that of this machine.
func (e *Engine) sharesNetwork(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return errVirtualHost
	}
	found, err := e.api().Info(ctx, client.InfoOptions{})
	if err != nil {
		return e.explain(ctx, err)
	}
	return sharesNetwork(found.Info)
}

var errVirtualHost = errors.New("the host's network is here that of the engine's virtual machine")

func sharesNetwork(info system.Info) error {
	switch {
	case info.OperatingSystem == dockerDesktop:
		return errVirtualHost
	case hasSecurity(info, "name=rootless"):
		return errors.New("the engine runs without root, and its host's network is one of its own")
	case hasSecurity(info, "name=userns"):
		return errors.New("the engine maps users (userns-remap), and has no host's network for them")
	}
	return nil
}

// settle decides about the container, which is that of the load balancer but for
// the network, and for what a minute's work does not need: nothing of this machine
// can be written to, and no capability is left.
func (t *TwinPlan) settle(p *Project, serving container.InspectResponse) error {
	var names []string
	for i := range t.files {
		t.files[i].Name = path.Join(twinFolder, fmt.Sprintf("%d.cfg", i))
		names = append(names, t.files[i].Name)
	}
	command, found := haproxy.CommandWith(append([]string{serving.Path}, serving.Args...), names)
	if !found {
		return fmt.Errorf("the command of service %s names no configuration with -f", LoadBalancer)
	}
	t.config = &container.Config{
		Image:      serving.Image,
		Entrypoint: []string{"sh", "-c", twinScript, "sh"},
		Cmd:        command,
		User:       serving.Config.User,
		Env:        serving.Config.Env,
		WorkingDir: serving.Config.WorkingDir,
		OpenStdin:  true,
		StdinOnce:  true,
		// Not the standard output: who reads the log of requests has less time to send them.
		AttachStdin: true, AttachStderr: true,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Labels:      oneOffLabels(p),
	}
	t.host = twinHost(serving)
	return nil
}

func twinHost(serving container.InspectResponse) *container.HostConfig {
	of := serving.HostConfig
	host := &container.HostConfig{
		NetworkMode:    HostNetwork,
		AutoRemove:     true,
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    withoutNewPrivileges(of.SecurityOpt),
		GroupAdd:       of.GroupAdd,
		Tmpfs:          map[string]string{twinFolder: "mode=1777,size=16m,noexec,nosuid,nodev"},
		LogConfig:      of.LogConfig,
		Resources:      of.Resources,
	}
	host.Devices, host.DeviceCgroupRules, host.DeviceRequests = nil, nil, nil
	for target, options := range of.Tmpfs {
		host.Tmpfs[target] = options
	}
	for _, m := range of.Mounts {
		if m.Type == mounttypes.TypeTmpfs {
			host.Mounts = append(host.Mounts, m)
		}
	}
	for _, m := range serving.Mounts {
		switch m.Type {
		case mounttypes.TypeBind:
			host.Mounts = append(host.Mounts, mounttypes.Mount{Type: m.Type, Source: m.Source, Target: m.Destination, ReadOnly: true})
		case mounttypes.TypeVolume:
			host.Mounts = append(host.Mounts, mounttypes.Mount{Type: m.Type, Source: m.Name, Target: m.Destination, ReadOnly: true})
		}
	}
	return host
}

func withoutNewPrivileges(options []string) []string {
	if slices.ContainsFunc(options, func(o string) bool { return o == "no-new-privileges" || o == "no-new-privileges:true" }) {
		return options
	}
	return append(slices.Clone(options), "no-new-privileges:true")
}

// Twin is a twin that runs.
type Twin struct {
	Balancer Balancer

	input  net.Conn
	said   *lastWords
	remove func() error
}

// StartTwin starts a twin, and gives it once its servers answer it as they answer
// the HAProxy that serves. It ends with the connection to it, and the engine
// removes it when it has ended: nothing stays, even if this process is killed. The
// caller closes it.
func (e *Engine) StartTwin(ctx context.Context, p *Project, plan TwinPlan) (*Twin, error) {
	id, remove, err := e.createOneOff(ctx, plan.config, plan.host)
	if err != nil {
		return nil, err
	}
	twin := &Twin{remove: func() error { return e.removed(ctx, id, remove) }}
	if err := e.startTwin(ctx, p, twin, id, plan); err != nil {
		return nil, errors.Join(err, twin.Close())
	}
	return twin, nil
}

func (e *Engine) startTwin(ctx context.Context, p *Project, twin *Twin, id string, plan TwinPlan) (err error) {
	attached, err := e.api().ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stderr: true})
	if err != nil {
		return e.explain(ctx, err)
	}
	twin.input, twin.said = attached.Conn, listenTo(attached.Reader)
	if _, err := e.api().ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return e.explain(ctx, err)
	}
	if err := plan.send(ctx, twin.input); err != nil {
		return err
	}
	if twin.Balancer, err = e.inspect(ctx, Container{ID: id}); err != nil && !isNotFound(err) {
		return err
	}
	if err == nil {
		err = e.likeTheOther(ctx, p, twin.Balancer, plan.goal)
	}
	if err != nil && ctx.Err() == nil {
		return twin.said.explain(err)
	}
	return err
}

// send hands over the files.
func (t TwinPlan) send(ctx context.Context, to net.Conn) error {
	defer context.AfterFunc(ctx, func() { _ = to.Close() })()
	var all bytes.Buffer
	for _, file := range t.files {
		if len(file.Content) > 0 {
			fmt.Fprintf(&all, "%d %s\n%s", len(file.Content), file.Name, file.Content)
		}
	}
	all.WriteByte('\n')
	_, err := to.Write(all.Bytes())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// likeTheOther waits until as many servers take requests from the twin as take
// them from the HAProxy that serves.
func (e *Engine) likeTheOther(ctx context.Context, p *Project, twin Balancer, goal haproxy.Readiness) error {
	session, err := e.openWhenUp(ctx, p, twin, socketTimeout)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	for deadline := time.Now().Add(twinTimeout); ; {
		stats, err := session.Stats(ctx)
		if err != nil {
			return err
		}
		now := haproxy.Serving(stats)
		missing := missing(goal, now)
		switch {
		case missing == nil && settled(now):
			return nil
		case time.Now().After(deadline):
			return errors.Join(missing, errors.New("their checks take too long"))
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// twinTimeout is how long the first checks of servers may take, which a check
// interval of some seconds and several of them in a row do.
const twinTimeout = 15 * time.Second

// missing tells of which backend the twin has fewer servers that take requests.
func missing(goal, now haproxy.Readiness) error {
	for _, want := range goal.Backends {
		wanted, found := taking(want), 0
		for _, has := range now.Backends {
			if has.Name == want.Name {
				found = taking(has)
			}
		}
		if found < wanted {
			return fmt.Errorf("from the host's network %d of %d servers of backend %s answer", found, wanted, want.Name)
		}
	}
	return nil
}

func taking(b haproxy.BackendReadiness) int { return len(b.Up) + len(b.Unchecked) }

// Close ends the twin and removes its container, which is gone then.
func (t *Twin) Close() error {
	if t.input != nil {
		_ = t.input.Close()
	}
	return t.remove()
}

// lastWords are what a twin says on its standard error, the beginning of it.
type lastWords struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ended chan struct{}
}

func listenTo(output io.Reader) *lastWords {
	w := &lastWords{ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		_, _ = stdcopy.StdCopy(w, w, output) // it ends with the twin
	}()
	return w
}

// heard is how much of what a twin says is kept.
const heard = 64 << 10

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p[:max(0, min(len(p), heard-w.text.Len()))])
	return len(p), nil
}

// explain puts what HAProxy complained of to an error.
func (w *lastWords) explain(err error) error {
	select {
	case <-w.ended: // it has said all
	case <-time.After(pollInterval):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(w.text.String()) {
		if strings.HasPrefix(line, "[ALERT]") {
			return fmt.Errorf("HAProxy does not start there: %s", strings.TrimSpace(line))
		}
	}
	return err
}
