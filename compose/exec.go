package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// run runs a command in a running container and gives what it wrote on both
// streams and its exit code. input may be nil.
func (e *Engine) run(ctx context.Context, containerID string, argv []string, input []byte) (output string, exitCode int, err error) {
	exec, err := e.api().ExecCreate(ctx, containerID, client.ExecCreateOptions{
		Cmd: argv, AttachStdout: true, AttachStderr: true, AttachStdin: input != nil,
	})
	if err != nil {
		return "", 0, e.explain(ctx, err)
	}
	attached, err := e.api().ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", 0, e.explain(ctx, err)
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()

	feed(attached.HijackedResponse, input)
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, attached.Reader); err != nil {
		return "", 0, e.explain(ctx, fmt.Errorf("the connection to the engine broke while %s ran: %w", argv[0], err))
	}
	if ctx.Err() != nil {
		return "", 0, ctx.Err()
	}
	exitCode, err = e.execExit(ctx, exec.ID)
	if err != nil {
		return "", 0, e.explain(ctx, fmt.Errorf("%s did not end as it should: %w", argv[0], err))
	}
	return out.String(), exitCode, nil
}

// feed writes a process's standard input while its output is read; nil is none.
// A process that ends before it has read all is its own affair.
func feed(attached client.HijackedResponse, input []byte) {
	if input == nil {
		return
	}
	go func() {
		_, _ = attached.Conn.Write(input)
		_ = attached.CloseWrite()
	}()
}

// execExit gives the exit code of a process whose output has ended. The engine
// notes the end of a process a moment after that of its output.
func (e *Engine) execExit(ctx context.Context, execID string) (int, error) {
	for deadline := time.Now().Add(exitGrace); ; {
		inspected, err := e.api().ExecInspect(ctx, execID, client.ExecInspectOptions{})
		if err != nil || !inspected.Running {
			return inspected.ExitCode, err
		}
		if time.Now().After(deadline) {
			return 0, errCutOff
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return 0, err
		}
	}
}

// exitGrace is how long the engine may take to notice that a process whose
// output has ended has ended itself.
const exitGrace = 2 * time.Second

// Runtime is a client of the master CLI of a running load balancer. The
// connection is an exec session in the container: no port is opened, no
// socket is shared, and it works on every context. A master that a connection
// may crash is left alone (ErrFragile).
func (e *Engine) Runtime(p *Project, running Balancer) *haproxy.Client {
	asking := (&relay{waiting: e.waiting, whom: "HAProxy in " + running.Name}).asking
	return &haproxy.Client{Asking: asking, Dial: func(ctx context.Context) (net.Conn, error) {
		relay, err := e.openRelay(ctx, running.ID, p.MasterSocket(), nil)
		if err != nil {
			return nil, err
		}
		conn, err := e.dialUnlessFragile(ctx, p, running, relay)
		if err != nil {
			return nil, errors.Join(err, relay.Close())
		}
		return whole{Conn: conn, relay: relay}, nil
	}}
}

// whole is a connection to HAProxy that takes its shell along when it ends.
type whole struct {
	net.Conn

	relay *relay
}

// Close ends the connection and the shell.
func (w whole) Close() error { return errors.Join(w.Conn.Close(), w.relay.Close()) }

func (e *Engine) dialUnlessFragile(ctx context.Context, p *Project, running Balancer, relay *relay) (net.Conn, error) {
	master, err := relay.steadyMaster(ctx)
	if err != nil {
		return nil, err
	}
	if master.Fragile() && !p.knowsFailure(running, master) {
		return nil, fragile(running, master)
	}
	return relay.dial(ctx)
}

// steadyMaster looks at the master process. While a reload is under way, it
// looks like one that failed: that is looked at again.
func (r *relay) steadyMaster(ctx context.Context) (haproxy.Master, error) {
	for deadline := time.Now().Add(reloadTime); ; {
		master, err := r.look(ctx)
		if err != nil || !master.Fragile() || time.Now().After(deadline) {
			return master, err
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return master, err
		}
	}
}

// reloadTime is how long a reload may leave the master without a new worker:
// 0.1 s as a rule (measured on 3.4.7).
const reloadTime = time.Second

// fragile is the refusal to connect to a master that a connection may crash.
func fragile(running Balancer, master haproxy.Master) error {
	return &Problem{
		Summary: fmt.Sprintf("HAProxy %s in %s failed to reload, and not through docker haproxy (docker kill -s HUP?): its master process may crash when it is talked to", master.Version, running.Name),
		Advice:  `Requests are still served, with the configuration before. Mend the configuration and run "docker haproxy reload": it gets HAProxy out of this without a restart.`,
		Cause:   ErrFragile,
	}
}
