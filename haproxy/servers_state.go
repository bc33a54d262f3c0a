package haproxy

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// OpState is how a server runs (HAProxy management guide, "show servers state").
type OpState int

// The operational states, in HAProxy's numbers.
const (
	OpStopped  OpState = iota // down
	OpStarting                // up, in slow start
	OpRunning                 // up
	OpStopping                // up, takes no new sessions
)

// AdminState is a set of reasons for which a server takes no traffic, or no new one (HAProxy
// management guide, "show servers state").
type AdminState int

// The reasons, in HAProxy's bits.
const (
	ForcedMaintenance     AdminState = 1 << iota // by the Runtime API
	InheritedMaintenance                         // of the server that this one tracks
	ConfiguredMaintenance                        // "disabled" in the configuration
	ForcedDrain                                  // by the Runtime API
	InheritedDrain                               // of the server that this one tracks
	NoAddress                                    // its name is not (or no longer) resolved
	NameChanged                                  // its name was set by the Runtime API

	Maintenance = ForcedMaintenance | InheritedMaintenance | ConfiguredMaintenance
	Drain       = ForcedDrain | InheritedDrain
)

// ServerState is the state of a server, with what decides whether it gets traffic.
type ServerState struct {
	Backend, Server string
	Addr            string // without port; empty when the server has none (yet)
	Port            int
	FQDN            string // the name that Addr comes from; empty when it was an address

	OpState       OpState
	AdminState    AdminState
	Weight        int64         // now
	InitialWeight int64         // in the configuration
	LastChange    time.Duration // since OpState changed

	CheckStatus, CheckResult, CheckHealth, CheckState int64 // HAProxy's own numbers

	Values map[string]string // all other columns, by HAProxy's names
}

// ServersState asks the worker in charge for the servers of a backend, or of all backends when
// backend is empty.
func (s *Session) ServersState(ctx context.Context, backend string) ([]ServerState, error) {
	answer, err := s.show(ctx, "show servers state", backend)
	if err != nil {
		return nil, err
	}
	return ParseServersState(answer)
}

// show sends a command that may be about a single backend. An answer that is no table (neither a
// version nor column names) is a *Refusal.
func (s *Session) show(ctx context.Context, command, backend string) (string, error) {
	if backend != "" {
		command += " " + Quote(backend)
	}
	answer, err := s.Worker(ctx, command)
	if err != nil {
		return "", err
	}
	if refusal := (&Refusal{Command: command, Answer: answer}); refusal.Unwrap() != nil && !strings.Contains(answer, "#") {
		return "", refusal
	}
	return answer, nil
}

// ParseServersState reads the answer of "show servers state".
func ParseServersState(answer string) ([]ServerState, error) {
	version, table, _ := strings.Cut(answer, "\n")
	if version != "1" {
		return nil, fmt.Errorf("%w: show servers state has format %q instead of 1", ErrUnexpectedAnswer, version)
	}
	return parseTable(table, "be_id", func(r *record) (ServerState, error) {
		state := ServerState{
			Backend: r.text("be_name"),
			Server:  r.text("srv_name"),
			Addr:    r.textOrDash("srv_addr"),
			Port:    int(r.number("srv_port")),
			FQDN:    r.textOrDash("srv_fqdn"),

			OpState:       OpState(r.number("srv_op_state")),
			AdminState:    AdminState(r.number("srv_admin_state")),
			Weight:        r.number("srv_uweight"),
			InitialWeight: r.number("srv_iweight"),
			LastChange:    time.Duration(r.number("srv_time_since_last_change")) * time.Second,

			CheckStatus: r.number("srv_check_status"),
			CheckResult: r.number("srv_check_result"),
			CheckHealth: r.number("srv_check_health"),
			CheckState:  r.number("srv_check_state"),
		}
		if state.Backend == "" || state.Server == "" {
			return state, fmt.Errorf("%w: a row lacks its backend or its server", ErrUnexpectedAnswer)
		}
		state.Values = r.rest()
		return state, r.err
	})
}

// parseTable reads a table whose fields are separated by spaces and whose column names follow "# "
// and begin with the given one.
func parseTable[T any](table, firstColumn string, row func(*record) (T, error)) ([]T, error) {
	header, body, _ := strings.Cut(table, "\n")
	names := strings.Fields(strings.TrimPrefix(header, "#"))
	if len(names) == 0 || names[0] != firstColumn {
		return nil, fmt.Errorf("%w: a table begins with %q instead of the column %s", ErrUnexpectedAnswer, header, firstColumn)
	}
	var rows []T
	for line := range strings.Lines(body) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		parsed, err := row(newRecord(names, fields))
		if err != nil {
			return nil, fmt.Errorf("%w, in %q", err, strings.TrimSpace(line))
		}
		rows = append(rows, parsed)
	}
	return rows, nil
}
