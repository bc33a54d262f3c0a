package haproxy

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Proc is HAProxy's own list of its processes.
type Proc struct {
	Master     Process
	Workers    []Process // the current worker; empty after a failed reload
	OldWorkers []Process // those that finish their sessions, and the survivor of a failed reload
}

// Process is a process of HAProxy.
type Process struct {
	PID           int
	Reloads       int // since the process was started
	FailedReloads int // of the master: since the last successful one
	Uptime        time.Duration
	Version       string
}

// Proc asks the master for its processes.
func (s *Session) Proc(ctx context.Context) (Proc, error) {
	answer, err := s.Master(ctx, "show proc")
	if err != nil {
		return Proc{}, err
	}
	return ParseProc(answer)
}

// InCharge returns the worker that takes the traffic: the current one, or else the newest of the
// old ones, which has seen the fewest reloads.
func (p Proc) InCharge() (worker Process, ok bool) {
	candidates := p.Workers
	if len(candidates) == 0 {
		candidates = p.OldWorkers
	}
	for i, candidate := range candidates {
		if i == 0 || candidate.Reloads < worker.Reloads {
			worker = candidate
		}
	}
	return worker, len(candidates) > 0
}

var (
	// "1  master  10 [failed: 0]  0d00h04m13s  3.2.26-1": the failures are the master's only.
	processRow = regexp.MustCompile(`^([0-9]+) +(\w+) +([0-9]+)(?: \[failed: ([0-9]+)\])? +(\S+)(?: +(\S+))?`)
	uptime     = regexp.MustCompile(`^([0-9]+)d([0-9]+)h([0-9]+)m([0-9]+)s$`)
)

// ParseProc reads the answer of "show proc". Measured on 3.2.26 and 3.4.7.
func ParseProc(answer string) (Proc, error) {
	var proc Proc
	var section *[]Process
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#<PID>"):
			continue
		case line == "# workers":
			section = &proc.Workers
			continue
		case line == "# old workers":
			section = &proc.OldWorkers
			continue
		case strings.HasPrefix(line, "#"): // programs, of HAProxy before 3.3
			section = nil
			continue
		}
		m := processRow.FindStringSubmatch(line)
		if m == nil {
			return Proc{}, fmt.Errorf("%w: show proc has the line %q", ErrUnexpectedAnswer, line)
		}
		process := Process{
			PID:           number(m[1]),
			Reloads:       number(m[3]),
			FailedReloads: number(m[4]),
			Uptime:        parseUptime(m[5]),
			Version:       m[6],
		}
		switch {
		case m[2] == "master":
			proc.Master = process
		case m[2] == "worker" && section != nil:
			*section = append(*section, process)
		}
	}
	if proc.Master.PID == 0 {
		return Proc{}, fmt.Errorf("%w: show proc names no master process", ErrUnexpectedAnswer)
	}
	return proc, nil
}

func parseUptime(text string) time.Duration {
	m := uptime.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	hours := number(m[1])*24 + number(m[2])
	seconds := number(m[3])*60 + number(m[4])
	return time.Duration(hours)*time.Hour + time.Duration(seconds)*time.Second
}
