package haproxy

import (
	"fmt"
	"strings"
	"testing"
)

func TestForget(t *testing.T) {
	t.Parallel()
	plain := func(name string) ServerState {
		return ServerState{Backend: "be", Server: name, Addr: "10.0.0.1", Port: 80, Weight: 1, InitialWeight: 1}
	}
	with := func(s ServerState, change func(*ServerState)) ServerState { change(&s); return s }
	drained := func(s *ServerState) { s.AdminState = ForcedDrain }
	maintained := func(s *ServerState) { s.AdminState = ForcedMaintenance }
	weight := func(now, configured int64) func(*ServerState) {
		return func(s *ServerState) { s.Weight, s.InitialWeight = now, configured }
	}
	slot := func(name, address string) ServerState {
		return ServerState{Backend: "be", Server: name, FQDN: "app", Addr: address, Port: 80, Weight: 1, InitialWeight: 1}
	}
	unused := func(name string) ServerState {
		return with(slot(name, ""), func(s *ServerState) { s.AdminState = NoAddress })
	}

	for name, test := range map[string]struct {
		before, after []ServerState
		want          string // one line for each, in the order of Forgotten's fields
	}{
		"nothing was set":     {[]ServerState{plain("a")}, []ServerState{plain("a")}, ""},
		"drain":               {[]ServerState{with(plain("a"), drained)}, []ServerState{plain("a")}, "restore be/a drain"},
		"maintenance":         {[]ServerState{with(plain("a"), maintained)}, []ServerState{plain("a")}, "restore be/a maint"},
		"weight":              {[]ServerState{with(plain("a"), weight(5, 1))}, []ServerState{plain("a")}, "restore be/a weight 5"},
		"drain and weight":    {[]ServerState{with(with(plain("a"), weight(0, 1)), drained)}, []ServerState{plain("a")}, "restore be/a drain, weight 0"},
		"weight in the file":  {[]ServerState{with(plain("a"), weight(5, 1))}, []ServerState{with(plain("a"), weight(7, 7))}, "drop be/a weight 5 (the configuration now says weight 7)"},
		"as it was set":       {[]ServerState{with(plain("a"), weight(5, 1))}, []ServerState{with(plain("a"), weight(5, 1))}, ""},
		"drain in the file":   {[]ServerState{with(plain("a"), maintained)}, []ServerState{with(plain("a"), maintained)}, ""},
		"another address":     {[]ServerState{with(plain("a"), drained)}, []ServerState{with(plain("a"), func(s *ServerState) { s.Addr = "10.0.0.9" })}, "restore be/a drain"},
		"gone":                {[]ServerState{plain("a"), with(plain("b"), drained)}, []ServerState{plain("a")}, "gone be/b"},
		"new":                 {[]ServerState{plain("a")}, []ServerState{plain("a"), plain("c")}, "new be/c"},
		"another's namesake":  {[]ServerState{with(plain("a"), drained)}, []ServerState{with(plain("a"), func(s *ServerState) { s.Backend = "other" })}, "gone be/a; new other/a"},
		"slot, same place":    {[]ServerState{with(slot("a1", "10.0.0.1"), drained), slot("a2", "10.0.0.2")}, []ServerState{slot("a1", "10.0.0.1"), slot("a2", "10.0.0.2")}, "restore be/a1 drain"},
		"slot, another place": {[]ServerState{with(slot("a1", "10.0.0.1"), drained), slot("a2", "10.0.0.2")}, []ServerState{slot("a1", "10.0.0.2"), slot("a2", "10.0.0.1")}, "restore be/a2 drain"},
		"slot, container gone": {
			[]ServerState{with(slot("a1", "10.0.0.1"), drained), slot("a2", "10.0.0.2")},
			[]ServerState{slot("a1", "10.0.0.2"), unused("a2")},
			"drop be/a1 drain (its slot is another container's now)",
		},
		"slot that waits to be free": {
			[]ServerState{with(unused("a1"), func(s *ServerState) { s.AdminState |= ForcedMaintenance }), slot("a2", "10.0.0.2")},
			[]ServerState{slot("a1", "10.0.0.2"), unused("a2")},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := inLines(Forget(test.before, test.after)); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func inLines(f Forgotten) string {
	var lines []string
	for _, s := range f.Restore {
		lines = append(lines, "restore "+s.String())
	}
	for _, s := range f.Dropped {
		lines = append(lines, fmt.Sprintf("drop %s (%s)", s, s.Why))
	}
	for _, s := range f.Gone {
		lines = append(lines, "gone "+s.Backend+"/"+s.Server)
	}
	for _, s := range f.New {
		lines = append(lines, "new "+s.Backend+"/"+s.Server)
	}
	return strings.Join(lines, "; ")
}
