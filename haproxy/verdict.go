package haproxy

import (
	"regexp"
	"strings"
)

// Verdict is what HAProxy says of a reload: whether it runs the new configuration or kept the old
// one, and why.
type Verdict struct {
	Loaded bool

	// Busy: another reload is under way, whose new worker has not come up yet. Nothing was done.
	Busy bool `json:",omitempty"`

	// Worker is the PID of the new worker, 0 when none was started.
	Worker int `json:",omitempty"`

	// Diagnostics has an error when the configuration was not loaded. It may have one when it
	// was: HAProxy can start and still have failed at something, such as taking over sockets.
	Diagnostics []Diagnostic `json:",omitempty"`

	Output string // the startup log as HAProxy wrote it
}

var newWorker = regexp.MustCompile(`(?m)\) : (?:Initializing new worker \(([0-9]+)\)|New worker \(([0-9]+)\) forked)`)

// parseVerdict reads the answer of the master CLI's reload, which begins with "Success=1" or
// "Success=0"; ok is false when it does not.
func parseVerdict(answer string) (v Verdict, ok bool) {
	result, output, ended := strings.Cut(answer, "\n")
	if !ended || result != "Success=0" && result != "Success=1" {
		return Verdict{}, false
	}
	v.Loaded = result == "Success=1"
	v.Output = strings.TrimPrefix(output, "--\n")
	if m := newWorker.FindStringSubmatch(v.Output); m != nil {
		v.Worker = number(m[1] + m[2])
	}
	v.Busy = !v.Loaded && strings.HasPrefix(v.Output, "Another reload is still in progress.")
	said := readMessages(v.Output)
	v.Diagnostics = said.diagnostics
	if !v.Loaded {
		v.Diagnostics = withError(v.Diagnostics, said, "HAProxy kept the old configuration")
	}
	return v, true
}

// Locate does for a verdict what [Report.Locate] does for a report.
func (v Verdict) Locate(read func(file string) ([]byte, error)) Verdict {
	v.Diagnostics = locate(v.Diagnostics, read)
	return v
}
