package haproxy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Master is what the kernel tells of HAProxy's master process. Reading it needs no connection to
// the master CLI, which is not always safe: see [Master.Fragile].
type Master struct {
	// Version is HAProxy's, "" until its first reload.
	Version string

	// Reloads counts the reloads, failed ones too, since the process was started.
	Reloads int

	// ReloadFailed: the last reload started no new worker; those that it was to replace serve on.
	ReloadFailed bool

	// NewWorker is the worker that the last reload has started, by its PID; 0 where it has started
	// none, or has ended. It may not have come up yet.
	NewWorker int
}

var (
	masterReloads = regexp.MustCompile(`type=m;[^|]*\breloads=([0-9]+)`)
	branch        = regexp.MustCompile(`^([0-9]+)\.([0-9]+)`)
)

// ParseMaster reads /proc/PID/cmdline, environ and task/PID/children of the master process.
//
// A reload makes the master execute itself again, as "haproxy -sf OLDWORKERS ...", with its
// counters in HAPROXY_PROCESSES. When no child is there but those, the reload has failed.
// Measured on 3.2.26 and 3.4.7.
func ParseMaster(cmdline, environ, children string) Master {
	var m Master
	for variable := range strings.SplitSeq(environ, "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		switch name {
		case "HAPROXY_STARTUP_VERSION":
			m.Version = value
		case "HAPROXY_PROCESSES":
			if match := masterReloads.FindStringSubmatch(value); match != nil {
				m.Reloads = number(match[1])
			}
		}
	}
	replaced, found := finishing(strings.Split(cmdline, "\x00"))
	workers := strings.Fields(children)
	for _, pid := range workers {
		if found && !slices.Contains(replaced, pid) {
			m.NewWorker = number(pid)
		}
	}
	m.ReloadFailed = found && len(workers) > 0 && m.NewWorker == 0
	return m
}

// finishing is the list of process IDs behind -sf.
func finishing(argv []string) (pids []string, found bool) {
	i := slices.Index(argv, "-sf")
	if i < 0 {
		return nil, false
	}
	for _, argument := range argv[i+1:] {
		if _, err := strconv.Atoi(argument); err != nil {
			break
		}
		pids = append(pids, argument)
	}
	return pids, true
}

// Fragile tells whether the next connection to the master CLI may crash the master, and with it the
// container. It does so from 3.4 on after a reload that failed because the master itself could not
// read the configuration (no line feed at the end, a quote that is not closed). Seen on 3.4.0, 3.4.7
// and 3.5-dev5, not on 3.2.26. A reload with a valid configuration, by signal, mends it.
func (m Master) Fragile() bool {
	match := branch.FindStringSubmatch(m.Version)
	if !m.ReloadFailed || match == nil {
		return false
	}
	major, minor := number(match[1]), number(match[2])
	return major > 3 || major == 3 && minor >= 4
}
