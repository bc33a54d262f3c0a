package haproxy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestServingOfARealHAProxy(t *testing.T) {
	t.Parallel()
	for capturedIn, want := range map[string][]string{
		"show-stat-at-start-3.2": {
			"backend be: server s4 has no address: its name is not in the DNS; is its container running?",
			"backend be: server s2 waits for its first check",
			"backend be: server s6 waits for its first check",
			"backend be: server s8 waits for its first check",
		},
		"show-stat-3.4": {
			"backend be: server s2 is DOWN: connection refused (L4CON), after 0 ms",
			"backend be: server s6 is DOWN: connection refused (L4CON), after 0 ms",
			"backend be: server s4 has no address: its name is not in the DNS; is its container running?",
			"backend be: server s8 waits for its first check",
		},
		"show-stat-checks-3.2": {
			"backend be: server h500 is DOWN: 500 Internal Server Error (L7STS), after 0 ms",
			"backend be: server tmo is DOWN: layer7 timeout (L7TOUT), after 501 ms",
			"backend be: server refused is DOWN: connection refused (L4CON), after 0 ms",
			"backend be: server unreach is DOWN: network is unreachable (L4CON), after 0 ms",
			"backend tcp2 has no server that takes traffic: all are draining or in maintenance",
		},
	} {
		t.Run(capturedIn, func(t *testing.T) {
			t.Parallel()
			stats := parseStat(t, capture(t, capturedIn))
			if strings.HasPrefix(capturedIn, "show-stat-checks") { // a capture of servers only
				stats = append(stats, Stat{Proxy: "web", Type: StatFrontend, Status: "OPEN"})
			}
			readiness := Serving(stats)
			if got := readiness.Problems(); readiness.Ready() || !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestServing(t *testing.T) {
	t.Parallel()
	frontend := Stat{Proxy: "web", Server: "FRONTEND", Type: StatFrontend, Status: "OPEN"}
	server := func(name, status, check string) Stat {
		return Stat{
			Proxy: "be", Server: name, Type: StatServer, Status: status, CheckStatus: check, Weight: 1,
			CheckDesc: "Layer4 timeout", CheckDuration: 2 * time.Second,
		}
	}
	weightless := server("s1", "UP", "L4OK")
	weightless.Weight = 0
	stranger := server("s2", "DOWN", "L7STS")
	stranger.LastCheck, stranger.Addr = NotOurs, "192.0.2.7:80"
	for name, test := range map[string]struct {
		stats         []Stat
		ready, serves bool
		problem       string
	}{
		"nothing":                     {nil, false, false, "there is no frontend, so HAProxy accepts no connections"},
		"no backend":                  {[]Stat{frontend}, true, true, ""},
		"backend without servers":     {[]Stat{frontend, {Proxy: "be", Server: "BACKEND", Type: StatBackend, Status: "DOWN"}}, true, true, ""},
		"stopped frontend":            {[]Stat{{Proxy: "web", Type: StatFrontend, Status: "STOP"}, server("s1", "UP", "L4OK")}, false, false, "frontend web is STOP instead of OPEN"},
		"up":                          {[]Stat{frontend, server("s1", "UP", "L7OK")}, true, true, ""},
		"unchecked":                   {[]Stat{frontend, server("s1", "no check", "")}, true, true, ""},
		"recovering":                  {[]Stat{frontend, server("s1", "UP 2/3", "L7OK")}, true, true, ""},
		"waiting, takes traffic":      {[]Stat{frontend, server("s1", "UP 1/3", "INI")}, false, true, "backend be: server s1 waits for its first check"},
		"waiting, takes none":         {[]Stat{frontend, server("s1", "DOWN", "INI")}, false, false, "backend be: server s1 waits for its first check"},
		"one of two is down":          {[]Stat{frontend, server("s1", "UP", "L4OK"), server("s2", "DOWN", "L4TOUT")}, false, true, "backend be: server s2 is DOWN: layer4 timeout (L4TOUT), after 2000 ms"},
		"coming back":                 {[]Stat{frontend, server("s1", "DOWN 1/2", "L4OK")}, false, false, "backend be: server s1 is DOWN: layer4 timeout (L4OK), after 2000 ms"},
		"without address":             {[]Stat{frontend, server("s1", "UP", "L4OK"), server("s2", "MAINT (resolution)", "")}, false, true, "backend be: server s2 has no address: its name is not in the DNS; is its container running?"},
		"maintenance beside up":       {[]Stat{frontend, server("s1", "UP", "L4OK"), server("s2", "MAINT", "")}, true, true, ""},
		"drain beside up":             {[]Stat{frontend, server("s1", "UP", "L4OK"), server("s2", "DRAIN", "L4OK")}, true, true, ""},
		"maintenance of what it uses": {[]Stat{frontend, server("s1", "MAINT (via a/b)", "")}, false, false, "backend be has no server that takes traffic: all are draining or in maintenance"},
		"only draining":               {[]Stat{frontend, server("s1", "NOLB", "L7STS")}, false, false, "backend be has no server that takes traffic: all are draining or in maintenance"},
		"a stranger beside up":        {[]Stat{frontend, server("s1", "UP", "L4OK"), stranger}, true, true, "backend be: server s2 gets no requests: 192.0.2.7:80 is not a container of this service"},
		"only a stranger":             {[]Stat{frontend, stranger}, false, false, "backend be: server s2 gets no requests: 192.0.2.7:80 is not a container of this service"},
		"no weight":                   {[]Stat{frontend, weightless}, false, false, "backend be has no server that takes traffic: all are draining or in maintenance"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Serving(test.stats)
			if r.Ready() != test.ready || r.Serves() != test.serves {
				t.Errorf("ready %v, serves %v: %+v", r.Ready(), r.Serves(), r)
			}
			var want []string
			if test.problem != "" {
				want = []string{test.problem}
			}
			if got := r.Problems(); !slices.Equal(got, want) {
				t.Errorf("problems %q", got)
			}
		})
	}
}
