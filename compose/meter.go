package compose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
)

// Meter reads what the load balancer's container has used, as often as it is
// asked: the kernel's own counters of its control group, through a shell in the
// container that starts no process for it.
//
// The engine's statistics are the same counters, but it hands them out once a
// second and no sooner, "one-shot" or not (measured on 20.10): between two runs of
// a measurement it would take longer than the runs.
type Meter struct {
	conn   io.WriteCloser
	output *bufio.Reader
}

// meterScript answers each line with nanoseconds of CPU, and bytes of memory, in
// all and of these what is only cached ("docker stats" leaves that out as well).
//
// $1 is where control groups are mounted: version 2 has one folder for a container,
// version 1 one for each kind of resource.
const meterScript = `g=$1
while read -r _; do
  if [ -r $g/cpu.stat ]; then
    read -r _ cpu <$g/cpu.stat && cpu=${cpu}000
    m=$g; read -r memory <$m/memory.current
  else
    read -r cpu <$g/cpuacct/cpuacct.usage
    m=$g/memory; read -r memory <$m/memory.usage_in_bytes
  fi
  cached=0
  while read -r name value; do
    case $name in inactive_file|total_inactive_file) cached=$value ;; esac
  done <$m/memory.stat
  echo "$cpu $memory $cached"
done 2>&1`

// controlGroup is where a container sees its own.
const controlGroup = "/sys/fs/cgroup"

// Meter begins to meter. The caller closes it.
func (e *Engine) Meter(ctx context.Context, running Balancer) (*Meter, error) {
	attached, err := e.attach(ctx, running.ID, []string{"sh", "-c", meterScript, "sh", controlGroup})
	if err != nil {
		return nil, err
	}
	output, feed := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(feed, feed, attached.Reader)
		feed.CloseWithError(err) // a nil error reads as io.EOF
	}()
	m := &Meter{conn: attached.Conn, output: bufio.NewReader(output)}
	if _, _, err := m.Read(ctx); err != nil { // an image without a shell, a container without its control group
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Read tells what was used: of CPU since the container began, of memory now.
func (m *Meter) Read(ctx context.Context) (cpu time.Duration, memory int64, err error) {
	defer context.AfterFunc(ctx, func() { _ = m.Close() })()
	if _, err := io.WriteString(m.conn, "\n"); err != nil {
		return 0, 0, err
	}
	line, err := m.output.ReadString('\n')
	if ctx.Err() != nil {
		return 0, 0, ctx.Err()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w (%w)", errCutOff, err)
	}
	return parseUsage(line)
}

func parseUsage(line string) (cpu time.Duration, memory int64, err error) {
	var cached int64
	if n, _ := fmt.Sscan(line, &cpu, &memory, &cached); n < 3 {
		return 0, 0, fmt.Errorf("the container does not tell what it uses: %q", line)
	}
	return cpu, memory - cached, nil
}

// Close ends it.
func (m *Meter) Close() error { return m.conn.Close() }
