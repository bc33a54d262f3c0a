package compose

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
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

// errCutOff tells that the output of a process ended before the process did:
// what was read is not all, whatever it looks like.
var errCutOff = errors.New("the connection to the engine broke in the middle of its output")

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
		if err := pause(ctx, pollInterval); err != nil {
			return 0, err
		}
	}
}

// exitGrace is how long the engine may take to notice that a process whose
// output has ended has ended itself.
const exitGrace = 2 * time.Second

// connect joins the standard streams of a shell to the UNIX socket in $socket.
// The images hold either socat (official, haproxytech's Debian and Ubuntu
// ones) or busybox with "nc local:" (haproxytech's Alpine).
const connect = `if command -v socat >/dev/null 2>&1; then exec socat -t1 - "UNIX-CONNECT:$socket"; else exec nc "local:$socket"; fi`

// connectSocket is a shell command that connects to the socket in $0.
const connectSocket = `socket=$0; ` + connect

// checkThenConnect is a shell command that runs the command behind the socket
// in $1, says how it ended in a line that begins with $0, waits for a line,
// and connects. The engine starts one exec of a container after the other, at
// some 0.1 s each: a reload needs one instead of two.
const checkThenConnect = `socket=$1; shift; "$@" </dev/null 2>&1; printf '\n%s %d\n' "$0" "$?"; read -r _ || exit 0; ` + connect

// checked is a command that has run in a container, and the connection to what
// waits behind it.
type checked struct {
	net.Conn

	output   string
	exitCode int
	rest     *bufio.Reader
}

// Read reads what comes behind the command's output.
func (c *checked) Read(p []byte) (int, error) { return c.rest.Read(p) }

// checkThenDial runs a command in a container whose process then waits to be
// connected to a socket: client does it. The caller closes the connection.
func (e *Engine) checkThenDial(ctx context.Context, containerID, socket string, argv []string) (*checked, error) {
	mark := rand.Text()
	conn, err := e.attach(ctx, containerID, append([]string{"sh", "-c", checkThenConnect, mark, socket}, argv...))
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	c := &checked{Conn: conn, rest: bufio.NewReader(conn)}
	var output strings.Builder
	for {
		line, err := c.rest.ReadString('\n')
		if code, found := strings.CutPrefix(line, mark+" "); found && err == nil {
			c.output = output.String()
			c.exitCode, err = strconv.Atoi(strings.TrimSpace(code))
			return c, err
		}
		output.WriteString(line)
		if err != nil {
			_ = conn.Close()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%w: %s (%w)", errCutOff, strings.TrimSpace(output.String()), err)
		}
	}
}

// client makes the waiting process connect, and speaks with what is there.
func (c *checked) client() *haproxy.Client {
	return &haproxy.Client{Dial: func(context.Context) (net.Conn, error) {
		_, err := c.Write([]byte("\n"))
		return c, err
	}}
}

// Runtime is a client of the master CLI of a running load balancer. The
// connection is an exec session in the container: no port is opened, no
// socket is shared, and it works on every context.
func (e *Engine) Runtime(c Container, masterSocket string) *haproxy.Client {
	return &haproxy.Client{Dial: func(ctx context.Context) (net.Conn, error) {
		return e.dial(ctx, c.ID, masterSocket)
	}}
}

func (e *Engine) dial(ctx context.Context, containerID, socket string) (net.Conn, error) {
	return e.attach(ctx, containerID, []string{"sh", "-c", connectSocket, socket})
}

// attach starts a command in a container and gives the connection to it.
func (e *Engine) attach(ctx context.Context, containerID string, argv []string) (net.Conn, error) {
	exec, err := e.api().ExecCreate(ctx, containerID, client.ExecCreateOptions{
		Cmd:         argv,
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	attached, err := e.api().ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	return newExecConn(attached.HijackedResponse), nil
}

// execConn is the connection to a process in a container: what is written
// goes to its standard input, what is read is its standard output. What it
// says on standard error becomes the error of the read that meets its end.
type execConn struct {
	net.Conn

	hijacked client.HijackedResponse
	output   *io.PipeReader
}

func newExecConn(hijacked client.HijackedResponse) *execConn {
	output, feed := io.Pipe()
	go func() {
		var complaint bytes.Buffer
		_, err := stdcopy.StdCopy(feed, &complaint, hijacked.Reader)
		if said := strings.TrimSpace(complaint.String()); said != "" && err == nil {
			err = fmt.Errorf("%w: %s", io.EOF, said)
		}
		feed.CloseWithError(err) // a nil error reads as io.EOF
	}()
	return &execConn{Conn: hijacked.Conn, hijacked: hijacked, output: output}
}

// Read reads the process's standard output.
func (c *execConn) Read(p []byte) (int, error) { return c.output.Read(p) }

// Close ends the connection; the process sees the end of its input.
func (c *execConn) Close() error {
	c.hijacked.Close()
	return c.output.Close()
}
