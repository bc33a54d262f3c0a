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
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// relay is a shell in the load balancer's container that takes orders: to look
// at the master process from outside, to run the check, to connect to the
// master CLI, again and again. The engine starts the execs of a container one
// after the other, at some 0.1 s each: one action is one exec.
//
// The shell ends with its input, that is, with the connection to it.
type relay struct {
	conn   io.WriteCloser
	output *bufio.Reader
	mark   string

	waiting *waiting // nil waits without limits
	whom    string   // "HAProxy in demo-haproxy-1"

	mu        sync.Mutex
	complaint bytes.Buffer // what came on standard error
	dialled   *relayed     // the connection to HAProxy, nil before the first
}

// relayScript is the shell's program: $0 is the mark that tells the end of an
// order's output, with its exit code; $1 is HAProxy's socket; what follows is
// the command of the check. 0x01 appears in no output of HAProxy.
//
// The images hold either socat (official, haproxytech's Debian and Ubuntu
// ones) or busybox with "nc local:" (haproxytech's Alpine). socat ends as soon
// as HAProxy hangs up (-t0); nc only when it is given something to write then.
//
// The master is process 1, or the child of an init (Compose's "init: true"). Its
// workers are those children that are HAProxy: process 1 inherits what others in
// the container leave behind.
const relayScript = limitsScript + `mark=$0 socket=$1; shift
find_master() { m=1; read -r name </proc/1/comm && case $name in haproxy*) ;; *) read -r m rest </proc/1/task/1/children;; esac; }
find_workers() {
  read -r children <"/proc/$m/task/$m/children"
  for p in $children; do read -r name <"/proc/$p/comm" && case $name in haproxy*) printf '%s ' "$p";; esac; done 2>/dev/null
}
while read -r order argument; do
  case $order in
  look)
    find_master
    printf '\001' | cat "/proc/$m/cmdline" - "/proc/$m/environ"
    printf '\001'; find_workers ;;
  writable) [ -w "$argument" ] ;;
  save)
    size=${argument%% *} file=${argument#* }
    if [ "$size" = 0 ]; then rm -f "$file"; else dd "bs=$size" count=1 iflag=fullblock "of=$file" 2>/dev/null; fi ;;
  exists) [ -e "$argument" ] ;;
  sums) dd "bs=$argument" count=1 iflag=fullblock 2>/dev/null | tr '\n' '\000' | xargs -0 sha256sum 2>/dev/null ;;
  network)
    find_master
    cat /proc/net/fib_trie; printf '\001'; cat /proc/net/if_inet6; printf '\001'
    grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6; printf '\001'
    cat /proc/sys/net/ipv4/ip_nonlocal_bind; printf '\001'; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; printf '\001'
    cat "/proc/$m/status"; printf '\001'; find_workers ;;
  limits) find_master; limits "$m" ;;
  end) kill -9 "$argument" 2>/dev/null ;;
  check) "$@" </dev/null 2>&1 ;;
  connect)
    if command -v socat >/dev/null 2>&1; then socat -t0 - "UNIX-CONNECT:$socket"; else nc "local:$socket"; fi ;;
  *) continue ;;
  esac
  printf '\001%s %d\n' "$mark" "$?"
done`

// limitsScript says what a process may use in its container.
const limitsScript = `limits() {
  grep 'Max open files' "/proc/$1/limits"; printf '\001'
  cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; printf '\001'
  grep MemTotal /proc/meminfo
}
`

func parseResources(output string) haproxy.Resources {
	parts := append(strings.SplitN(output, "\x01", 3), make([]string, 3)...)
	return haproxy.ParseResources(parts[0], parts[1], parts[2])
}

// openRelay starts the shell. The caller closes it.
func (e *Engine) openRelay(ctx context.Context, containerID, socket string, check []string) (*relay, error) {
	mark := rand.Text()
	hijacked, err := e.attach(ctx, containerID, append([]string{"sh", "-c", relayScript, mark, socket}, check...))
	if err != nil {
		return nil, err
	}
	r := newRelay(hijacked.Conn, mark)
	r.waiting, r.whom = e.waiting, "HAProxy in container "+short(containerID)
	output, feed := io.Pipe()
	r.output = bufio.NewReader(output)
	go func() {
		_, err := stdcopy.StdCopy(feed, r, hijacked.Reader)
		feed.CloseWithError(err) // a nil error reads as io.EOF
	}()
	return r, nil
}

func newRelay(conn io.WriteCloser, mark string) *relay {
	return &relay{conn: conn, mark: mark}
}

// Write collects what the shell says on standard error.
func (r *relay) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.complaint.Write(p)
}

// Close ends the shell, and whatever it is at.
func (r *relay) Close() error { return r.conn.Close() }

// errCutOff tells that the output of a process ended before the process did:
// what was read is not all, whatever it looks like.
var errCutOff = errors.New("the connection to the engine broke in the middle of its output")

// order has the shell do something that ends by itself, and gives its output.
func (r *relay) order(ctx context.Context, order string) (output string, exitCode int, err error) {
	ctx, answered := r.waiting.begin(ctx, r.exchange(order))
	defer func() { err = answered(err) }()
	defer context.AfterFunc(ctx, func() { _ = r.Close() })()
	if _, err := io.WriteString(r.conn, order+"\n"); err != nil {
		return "", 0, r.broken(ctx, err)
	}
	var said strings.Builder
	exitCode, err = r.until(&said)
	if err != nil {
		return "", 0, r.broken(ctx, err)
	}
	return said.String(), exitCode, nil
}

// exchange says what an order waits for.
func (r *relay) exchange(order string) exchange {
	if order == "check" {
		return checking(r.whom)
	}
	word, _, _ := strings.Cut(order, " ")
	return exchange{whom: r.whom, what: fmt.Sprintf("to tell about its container (%s)", word), limit: answerLimit, advice: seeContainer}
}

// checking is HAProxy's own check.
func checking(whom string) exchange {
	return exchange{whom: whom, what: "to check the configuration", limit: checkLimit, advice: "Look for a file that it waits for (a FIFO, a device) or that does not end, such as a script in Lua; nothing was applied."}
}

const seeContainer = `See "docker haproxy logs", and whether "docker exec" gets into the container.`

// broken says why the shell's output ended: Ctrl-C, or something worse.
func (r *relay) broken(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if words := strings.TrimSpace(r.complaint.String()); words != "" {
		return fmt.Errorf("%w: %s (%w)", errCutOff, words, cause)
	}
	return fmt.Errorf("%w (%w)", errCutOff, cause)
}

// until copies what the shell writes, until an order has ended, and gives its
// exit code. Nothing is held back, but for what may be the mark.
func (r *relay) until(to io.Writer) (exitCode int, err error) {
	for {
		if _, err := r.output.Peek(1); err != nil {
			return 0, err
		}
		ready, _ := r.output.Peek(r.output.Buffered())
		text, _, marked := bytes.Cut(ready, []byte{markByte})
		if len(text) > 0 {
			_, writeErr := to.Write(text)
			_, err := r.output.Discard(len(text))
			if err := errors.Join(writeErr, err); err != nil {
				return 0, err
			}
		}
		if !marked {
			continue
		}
		if code, found, err := r.readMark(); err != nil || found {
			return code, err
		}
		if _, err := to.Write([]byte{markByte}); err != nil {
			return 0, err
		}
	}
}

const markByte = 1

// readMark reads a mark, or nothing but the byte that it begins with.
func (r *relay) readMark() (exitCode int, found bool, err error) {
	whole, err := r.output.Peek(1 + len(r.mark))
	if string(whole[1:]) != r.mark[:len(whole)-1] {
		_, err := r.output.Discard(1)
		return 0, false, err
	}
	if err != nil {
		return 0, false, err
	}
	line, err := r.output.ReadString('\n')
	if err != nil {
		return 0, false, err
	}
	exitCode, err = strconv.Atoi(strings.TrimSpace(line[1+len(r.mark):]))
	return exitCode, true, err
}

// look reads what the kernel knows of HAProxy's master process: that never
// disturbs it.
func (r *relay) look(ctx context.Context) (haproxy.Master, error) {
	output, _, err := r.order(ctx, "look")
	if err != nil {
		return haproxy.Master{}, err
	}
	parts := append(strings.SplitN(output, "\x01", 3), "", "")
	return haproxy.ParseMaster(parts[0], parts[1], parts[2]), nil
}

// check lets HAProxy judge the configuration on disk.
func (r *relay) check(ctx context.Context) (output string, exitCode int, err error) {
	return r.order(ctx, "check")
}

// writable tells whether HAProxy may create files in a folder.
func (r *relay) writable(ctx context.Context, folder string) (bool, error) {
	if strings.ContainsAny(folder, "\n\\") {
		return false, nil
	}
	_, exitCode, err := r.order(ctx, "writable "+folder)
	return exitCode == 0, err
}

// save writes a file in the container; an empty content removes it. The content
// follows the order on the shell's input, of which dd takes exactly its length.
func (r *relay) save(ctx context.Context, file, content string) error {
	if strings.ContainsAny(file, "\n\\") {
		return fmt.Errorf("%q is no path to write to", file)
	}
	if err := r.free(ctx); err != nil {
		return err
	}
	_, exitCode, err := r.order(ctx, fmt.Sprintf("save %d %s\n%s", len(content), file, content))
	if err == nil && exitCode != 0 {
		err = fmt.Errorf("%s cannot be written in the container", file)
	}
	return err
}

// exists tells whether there is something of a name in the container.
func (r *relay) exists(ctx context.Context, file string) (bool, error) {
	_, exitCode, err := r.order(ctx, "exists "+file)
	return exitCode == 0, err
}

// sums are the SHA-256 sums of files in the container, in hexadecimal, by their
// names. Those that HAProxy's user cannot read are left out.
func (r *relay) sums(ctx context.Context, files []string) (map[string]string, error) {
	names := strings.Join(files, "\n") + "\n"
	output, _, err := r.order(ctx, fmt.Sprintf("sums %d\n%s", len(names), strings.TrimSuffix(names, "\n")))
	sums := map[string]string{}
	for line := range strings.Lines(output) {
		if sum, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); found {
			sums[name] = sum
		}
	}
	return sums, err
}

// network reads what the kernel tells of the container's network.
func (r *relay) network(ctx context.Context) (haproxy.Network, error) {
	output, _, err := r.order(ctx, "network")
	if err != nil {
		return haproxy.Network{}, err
	}
	parts := append(strings.SplitN(output, "\x01", 7), make([]string, 7)...)
	return haproxy.ParseNetwork(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]), nil
}

// resources reads what HAProxy may use in its container.
func (r *relay) resources(ctx context.Context) (haproxy.Resources, error) {
	output, _, err := r.order(ctx, "limits")
	return parseResources(output), err
}

// end ends a process at once.
func (r *relay) end(ctx context.Context, pid int) error {
	_, _, err := r.order(ctx, fmt.Sprintf("end %d", pid))
	return err
}

// client speaks with the master CLI. One session can be open at a time; the
// next one may be opened once HAProxy has ended the one before, as a reload does.
func (r *relay) client() *haproxy.Client {
	return &haproxy.Client{Dial: r.dial, Asking: r.asking}
}

// asking bounds a command to HAProxy, but for those that wait for something.
func (r *relay) asking(ctx context.Context, command string) (context.Context, func(error) error) {
	if word, rest, _ := strings.Cut(command, " "); strings.HasPrefix(word, "@") {
		command = rest // what stands before is whom it is for
	}
	x := exchange{whom: r.whom, what: fmt.Sprintf("to answer %q", command), limit: answerLimit, advice: seeContainer}
	switch haproxy.Keyword(command) {
	case "reload":
		x.what, x.limit = "to load the configuration", noLimit
	case "wait":
		x.limit = noLimit
	}
	return r.waiting.begin(ctx, x)
}

func (r *relay) dial(ctx context.Context) (net.Conn, error) {
	defer context.AfterFunc(ctx, func() { _ = r.Close() })()
	if err := r.free(ctx); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(r.conn, "connect\n"); err != nil {
		return nil, r.broken(ctx, err)
	}
	output, feed := io.Pipe()
	r.dialled = &relayed{relay: r, output: output, ended: make(chan struct{})}
	go r.dialled.pump(feed)
	return r.dialled, nil
}

// free makes the shell take orders again, if it is connected.
func (r *relay) free(ctx context.Context) error {
	if r.dialled == nil {
		return nil
	}
	_ = r.dialled.Close() // nobody reads what it still has to say
	if err := r.hangUp(ctx); err != nil {
		return err
	}
	r.dialled = nil
	return nil
}

// hangUp ends the connection to HAProxy. "quit" ends a session that is open, lets
// nc find out that HAProxy has gone, and is no order to the shell. It is said
// again and again: what nc writes to a HAProxy that is just about to close the
// connection, as in a reload, fails only the next time.
func (r *relay) hangUp(ctx context.Context) error {
	again := time.NewTicker(hangUpInterval)
	defer again.Stop()
	for timeout := time.After(hangUpTimeout); ; {
		if _, err := io.WriteString(r.conn, "quit\n"); err != nil {
			return r.broken(ctx, err)
		}
		select {
		case <-r.dialled.ended:
			if r.dialled.lost {
				return r.broken(ctx, io.ErrUnexpectedEOF)
			}
			return nil
		case <-again.C:
		case <-timeout:
			return fmt.Errorf("%w: the session before did not end", errCutOff)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hangUpTimeout bounds the wait for a session that HAProxy has ended, and
// hangUpInterval is how often its end is asked for.
const (
	hangUpTimeout  = 5 * time.Second
	hangUpInterval = 50 * time.Millisecond
)

// relayed is a connection to HAProxy through the shell.
type relayed struct {
	relay  *relay
	output *io.PipeReader
	ended  chan struct{} // closed when the shell takes orders again, or is gone
	lost   bool          // the shell is gone
}

func (c *relayed) pump(feed *io.PipeWriter) {
	defer close(c.ended)
	exitCode, err := c.relay.until(forgiving{feed})
	switch {
	case err != nil:
		c.lost = true
		err = c.relay.broken(context.Background(), err)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // HAProxy did not hang up: we lost the way to it
		}
	case exitCode != 0:
		c.relay.mu.Lock()
		err = fmt.Errorf("%w: %s", io.EOF, strings.TrimSpace(c.relay.complaint.String()))
		c.relay.mu.Unlock()
	}
	feed.CloseWithError(err) // a nil error reads as io.EOF
}

// forgiving writes to a pipe for as long as somebody reads it: what nobody
// reads any more must still be taken off the shell's output.
type forgiving struct{ *io.PipeWriter }

func (f forgiving) Write(p []byte) (int, error) {
	_, _ = f.PipeWriter.Write(p)
	return len(p), nil
}

func (c *relayed) Read(p []byte) (int, error)  { return c.output.Read(p) }
func (c *relayed) Write(p []byte) (int, error) { return c.relay.conn.Write(p) }

// Close stops reading. The connection itself ends with its relay, or when the
// next one is asked for.
func (c *relayed) Close() error { return c.output.Close() }

// The rest of net.Conn. Nobody sets deadlines on it: closing ends a read.

func (c *relayed) LocalAddr() net.Addr              { return shellAddr{} }
func (c *relayed) RemoteAddr() net.Addr             { return shellAddr{} }
func (c *relayed) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (c *relayed) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (c *relayed) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

type shellAddr struct{}

func (shellAddr) Network() string { return "exec" }
func (shellAddr) String() string  { return "exec" }

// attach starts a command in a container and gives the connection to it.
func (e *Engine) attach(ctx context.Context, containerID string, argv []string) (client.HijackedResponse, error) {
	exec, err := e.api().ExecCreate(ctx, containerID, client.ExecCreateOptions{
		Cmd:         argv,
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return client.HijackedResponse{}, e.explain(ctx, err)
	}
	attached, err := e.api().ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	if err != nil {
		return client.HijackedResponse{}, e.explain(ctx, err)
	}
	return attached.HijackedResponse, nil
}
