package haproxy

import (
	"slices"
	"testing"
)

func TestWorse(t *testing.T) {
	t.Parallel()
	frontend := func(name, status string) Stat { return Stat{Proxy: name, Type: StatFrontend, Status: status} }
	server := func(backend, status, check string) Stat {
		return Stat{Proxy: backend, Server: "s", Type: StatServer, Status: status, CheckStatus: check, Weight: 1}
	}
	front := frontend("web", "OPEN")
	for name, test := range map[string]struct {
		before, after []Stat
		want          []string
	}{
		"nothing changed":                 {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("a", "UP", "L4OK")}, nil},
		"was down already":                {[]Stat{front, server("a", "DOWN", "L4CON")}, []Stat{front, server("a", "DOWN", "L4CON")}, nil},
		"one of two servers is down":      {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("a", "UP", "L4OK"), server("a", "DOWN", "L4CON")}, nil},
		"not checked yet":                 {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("a", "UP 1/3", "INI")}, nil},
		"not checked yet, and not served": {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("a", "DOWN", "INI")}, []string{"backend a: no server takes requests any more"}},
		"the check fails":                 {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("a", "DOWN", "L4CON")}, []string{"backend a: no server takes requests any more"}},
		"the name is wrong":               {[]Stat{front, server("a", "no check", "")}, []Stat{front, server("a", "MAINT (resolution)", "")}, []string{"backend a: no server takes requests any more"}},
		"one backend of two": {
			[]Stat{front, server("a", "UP", "L4OK"), server("b", "UP", "L4OK")},
			[]Stat{front, server("a", "UP", "L4OK"), server("b", "DOWN", "L4CON")},
			[]string{"backend b: no server takes requests any more"},
		},
		"a new backend does not serve yet": {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("a", "UP", "L4OK"), server("new", "DOWN", "L4CON")}, nil},
		"renamed, and serves":              {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("b", "UP", "L4OK")}, nil},
		"renamed, and does not serve":      {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front, server("b", "DOWN", "L4CON")}, []string{"no backend has a server that takes requests any more"}},
		"a backend was removed":            {[]Stat{front, server("a", "UP", "L4OK"), server("b", "UP", "L4OK")}, []Stat{front, server("a", "UP", "L4OK")}, nil},
		"only answers by itself now":       {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{front}, nil},
		"no frontend any more":             {[]Stat{front, server("a", "UP", "L4OK")}, []Stat{server("a", "UP", "L4OK")}, []string{"there is no frontend any more"}},
		"a frontend is closed":             {[]Stat{front}, []Stat{frontend("web", "STOP")}, []string{"frontend web is STOP instead of OPEN"}},
		"a frontend was closed before":     {[]Stat{frontend("web", "STOP")}, []Stat{frontend("web", "STOP")}, nil},
		"nobody could be asked before":     {nil, []Stat{front, server("a", "DOWN", "L4CON")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Worse(Serving(test.before), Serving(test.after)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
