package data

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

// processes are those of a container, by their IDs on this machine.
type processes []int

func processesOf(ctx context.Context, l *lab.Lab, container string) (processes, error) {
	top, err := l.Docker(ctx, "", "top", container, "-eo", "pid")
	if err != nil {
		return nil, err
	}
	var found processes
	for _, word := range strings.Fields(top.Stdout)[1:] { // a title is first
		pid, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("docker top %s: %w", container, err)
		}
		found = append(found, pid)
	}
	return found, nil
}

// clockTick is the unit of times in /proc/PID/stat: 100 in a second on every
// architecture that Docker runs on (proc(5), sysconf(3)).
const clockTick = 10 * time.Millisecond

// cpu is the time that the processes have used until now.
func (p processes) cpu() (time.Duration, error) {
	var total time.Duration
	for _, pid := range p {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// What is before the last parenthesis is the program's name.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] { // utime and stime
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			total += time.Duration(ticks) * clockTick
		}
	}
	return total, nil
}

// memoryOf is what "docker stats" says that a container uses, in bytes.
func memoryOf(ctx context.Context, l *lab.Lab, container string) (int64, error) {
	stats, err := l.Docker(ctx, "", "stats", "--no-stream", "--format", "{{.MemUsage}}", container)
	if err != nil {
		return 0, err
	}
	used, _, _ := strings.Cut(stats.Stdout, "/")
	return units.RAMInBytes(strings.TrimSpace(used))
}
