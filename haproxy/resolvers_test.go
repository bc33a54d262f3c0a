package haproxy

import (
	"maps"
	"slices"
	"testing"
)

// The answer's form is HAProxy 3.2.26's.
func TestParseResolversDead(t *testing.T) {
	t.Parallel()
	const answer = "Resolvers section docker\n nameserver dns:\n  sent:        8\n  snd_error:   0\n  valid:       7\n  update:      1\n  nx:          0\n" +
		"Resolvers section dead\n nameserver a:\n  sent:        9\n  snd_error:   0\n  valid:       0\n  nx:          0\n nameserver b:\n  sent:        0\n  snd_error:   3\n  valid:       0\n" +
		"Resolvers section young\n nameserver dns:\n  sent:        1\n  valid:       0\n" +
		"Resolvers section empty\n nameserver dns:\n  sent:        4\n  valid:       0\n  nx:          4\n" +
		"Resolvers section default\n nameserver 127.0.0.11:\n  sent:        0\n  valid:       0\n\n"
	if dead := slices.Sorted(maps.Keys(parseResolversDead(answer))); !slices.Equal(dead, []string{"dead"}) {
		t.Errorf("got %v", dead)
	}
}

func TestResolversOf(t *testing.T) {
	t.Parallel()
	const config = `
defaults base
    default-server check resolvers one
defaults
    mode http
backend a
    server s1 web:80 check
    server s2 web:80 check resolvers two init-addr none
    server-template t 3 web:80 resolvers three
backend b from base
    server s1 web:80
    default-server resolvers four
    server s2 web:80
listen c
    default-server inter 1s resolvers five
    server s1 web:80 resolvers six
`
	of := ResolversOf([]byte(config))
	for _, test := range []struct {
		backend, server, want string
		found                 bool
	}{
		{"a", "s1", "", true},
		{"a", "s2", "two", true},
		{"a", "t3", "three", true},
		{"a", "tx", "", false},
		{"a", "t", "", false},
		{"b", "s1", "one", true},
		{"b", "s2", "four", true},
		{"c", "s1", "six", true},
		{"none", "s1", "", false},
	} {
		section, found := of(test.backend, test.server)
		if section != test.want || found != test.found {
			t.Errorf("%v: got %q, %v", test, section, found)
		}
	}
}
