package haproxy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Report is what HAProxy says of a configuration that it only checks (haproxy -c).
type Report struct {
	Valid       bool
	Version     string       `json:",omitempty"` // such as "3.2.26-1"; a check without remarks does not name it
	Diagnostics []Diagnostic `json:",omitempty"`
}

// Exit codes of haproxy -c. Measured on 3.2.26 and 3.4.7.
const (
	exitValid      = 0 // perhaps with warnings
	exitNoListener = 2 // nothing wrong, and nothing to listen on; an empty file is such a case
)

// IsCheckExit tells whether an exit code is one of haproxy -c: any other comes from whatever kept it
// from running to its end.
func IsCheckExit(code int) bool { return code >= exitValid && code <= exitNoListener }

// noListener is said of a configuration that opens no port.
var noListener = Diagnostic{ //nolint:gochecknoglobals // a text that nobody writes to
	Severity: Error,
	Message:  "the configuration has no listener, so HAProxy has nothing to serve",
	Hint:     "add a frontend with a bind line, such as: frontend web, bind :80, default_backend app",
}

// ParseCheck reads the result of haproxy -c: its exit code, which alone decides whether the
// configuration is valid, and what it wrote on both outputs. A report that is not valid has at
// least one diagnostic of severity Error.
func ParseCheck(exitCode int, output string) Report {
	said := readMessages(output)
	report := Report{
		Valid:       exitCode == exitValid,
		Version:     said.version,
		Diagnostics: said.diagnostics,
	}
	if exitCode == exitNoListener {
		report.Diagnostics = append(report.Diagnostics, noListener)
	}
	if !report.Valid {
		report.Diagnostics = withError(report.Diagnostics, said, fmt.Sprintf("haproxy ended with exit code %d", exitCode))
	}
	return report
}

// Locate returns the report with Source, Column and Length filled in, as far as the lines can be
// read and the words of a message be found in them. read gets file names as HAProxy gave them.
// What cannot be read stays without a source.
func (r Report) Locate(read func(file string) ([]byte, error)) Report {
	r.Diagnostics = locate(r.Diagnostics, read)
	return r
}

// messages is what HAProxy wrote at startup, in a check or in a reload.
type messages struct {
	version     string
	diagnostics []Diagnostic
	summaries   []string // alerts that only conclude what others have said
	lastLine    string
	usage       bool // HAProxy printed its usage text
}

var (
	// Old branches have a date between tag and PID.
	taggedLine = regexp.MustCompile(`^\[([A-Z]+)\][^(]*\([0-9]+\) : (.*)$`)

	leadingPosition = regexp.MustCompile(`^(?:[Pp]arsing )?\[([^\]]+):([0-9]+)\] ?: *`)
	bindingPosition = regexp.MustCompile(`^Binding (\[([^\]]+):([0-9]+)\] )`)
	innerPosition   = regexp.MustCompile(`' \(([^)]+):([0-9]+)\)`)
	column          = regexp.MustCompile(` at position ([0-9]+)[.:]?$`)
	didYouMean      = regexp.MustCompile(`[;.] [Dd]id you mean ('[^']*') maybe \?$`)

	// What follows from other messages, and what is no news of the configuration: the end of a former
	// worker; servers that are as they were, by the state that a reload finds; cookies of server slots
	// that have no address yet, and so all the same one.
	summary = regexp.MustCompile(`^(?:Error\(s\) found in configuration file|Fatal errors found in configuration|` +
		`Failed to initialize server\(s\) addr|Some protocols failed to start|` +
		`Master failed to parse new configuration|Failed to load worker|Former worker|` +
		`Server \S+ is (?:UP|DOWN)|Server \S+ was DOWN and now enters maintenance|` +
		`(?:\[[^\]]+\] : 'server [^']+' : )?We generated two equal cookies for two different servers)`)
)

func readMessages(output string) messages {
	var said messages
	var current *Diagnostic // the one that the next indented lines belong to
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) != "" {
			said.lastLine = strings.TrimSpace(line)
		}
		tagged := taggedLine.FindStringSubmatch(line)
		if tagged == nil {
			said.usage = said.usage || strings.HasPrefix(line, "Usage : haproxy")
			if advice, ok := strings.CutPrefix(strings.TrimSpace(line), "| "); ok && current != nil {
				current.Hint = strings.TrimSpace(current.Hint + " " + advice)
			}
			continue
		}

		current = nil
		tag, text := tagged[1], tagged[2]
		for _, origin := range []string{"config : ", "[haproxy.main()] "} {
			text = strings.TrimPrefix(text, origin)
		}
		severity := Error
		switch tag {
		case "ALERT", "EMERG":
		case "WARNING":
			severity = Warning
		default:
			if version, ok := strings.CutPrefix(text, "haproxy version is "); ok {
				said.version = version
			}
			continue
		}
		if summary.MatchString(text) {
			if severity == Error {
				said.summaries = append(said.summaries, text)
			}
			continue
		}
		said.diagnostics = append(said.diagnostics, parseDiagnostic(severity, text))
		current = &said.diagnostics[len(said.diagnostics)-1]
	}
	return said
}

// parseDiagnostic takes a message apart: where, what, and what to do.
func parseDiagnostic(severity Severity, text string) Diagnostic {
	d := Diagnostic{Severity: severity, Message: text}
	if m := leadingPosition.FindStringSubmatch(text); m != nil {
		d.File, d.Line = m[1], number(m[2])
		d.Message = text[len(m[0]):]
	} else if m := bindingPosition.FindStringSubmatch(text); m != nil {
		d.File, d.Line = m[2], number(m[3])
		d.Message = strings.Replace(text, m[1], "", 1)
	} else if m := innerPosition.FindStringSubmatch(text); m != nil {
		d.File, d.Line = m[1], number(m[2]) // the words around it need it: they may name two positions
	}
	if m := column.FindStringSubmatch(d.Message); m != nil {
		d.Column, d.Length = number(m[1]), 1
		d.Message = strings.TrimSuffix(d.Message, m[0])
	}
	if m := didYouMean.FindStringSubmatch(d.Message); m != nil {
		d.Hint = "did you mean " + m[1] + "?"
		d.Message = strings.TrimSuffix(d.Message, m[0])
	} else {
		d.Hint = advise(d.Message)
	}
	return d
}

// number reads digits; one beyond an int counts as unknown.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// withError makes sure that a failure has an error among its diagnostics, the most telling that
// there is.
func withError(diagnostics []Diagnostic, said messages, fallback string) []Diagnostic {
	for _, d := range diagnostics {
		if d.Severity == Error {
			return diagnostics
		}
	}
	d := Diagnostic{Severity: Error, Message: fallback}
	switch {
	case len(said.summaries) > 0:
		d.Message = said.summaries[0]
	case said.usage:
		d.Message = "HAProxy does not understand its command line"
		d.Hint = "look for an unknown option, or a file without -f, in the command of the service"
	case said.lastLine != "" && !taggedLine.MatchString(said.lastLine):
		d.Message += ": " + said.lastLine
	}
	return append(diagnostics, d)
}
