package haproxy

import "testing"

func TestStateFile(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		"global\n  server-state-file /run/s\n":                                   "/run/s",
		"global\n  server-state-base /run\n  server-state-file s # of servers\n": "/run/s",
		"global\n  server-state-file s\n":                                        "",
		"global\n  maxconn 9\n":                                                  "",
		"defaults\n  server-state-file /run/s\n":                                 "",
		"":                                                                       "",
	} {
		if got := StateFile([]ConfigFile{{Content: []byte(config)}}); got != want {
			t.Errorf("%q: got %q, want %q", config, got, want)
		}
	}
}
