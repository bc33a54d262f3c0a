package haproxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestKeptAddresses(t *testing.T) {
	t.Parallel()
	const resolvers = "resolvers docker\n  nameserver dns 127.0.0.11:53\n"
	for name, test := range map[string]struct {
		config string
		want   []string // LINE: what the hint says last
	}{
		"a container's name":              {"backend b\n  server s1 web:8080 check\n", []string{"2: (a line each)"}},
		"with a section of resolvers":     {resolvers + "backend b\n  server s1 web:8080\n", []string{"4: last,libc,none"}},
		"in a listen section":             {"listen b\n  bind :80\n  server s1 web:8080\n", []string{"3: (a line each)"}},
		"with the protocol before it":     {"backend b\n  server s1 ipv4@web:8080\n", []string{"2: (a line each)"}},
		"without a port":                  {"backend b\n  server s1 web\n", []string{"2: (a line each)"}},
		"one of two":                      {"backend b\n  server s1 web:80 resolvers docker\n  server s2 web:80\n", []string{"3: (a line each)"}},
		"resolvers in the line":           {"backend b\n  server s1 web:8080 resolvers docker\n", nil},
		"in default-server":               {"backend b\n  default-server check resolvers docker\n  server s1 web:8080\n", nil},
		"in defaults":                     {"defaults\n  default-server resolvers docker\nbackend b\n  server s1 web:8080\n", nil},
		"in the defaults before":          {"defaults\n  default-server resolvers docker\ndefaults\n  mode http\nbackend b\n  server s1 web:8080\n", []string{"6: (a line each)"}},
		"in another backend's":            {"backend a\n  default-server resolvers docker\nbackend b\n  server s1 web:8080\n", []string{"4: (a line each)"}},
		"a name of no container":          {"backend b\n  server s1 example.com:8080\n", nil},
		"an address":                      {"backend b\n  server s1 192.0.2.1:8080\n  server s2 [2001:db8::1]:80\n", nil},
		"a socket, a variable, a comment": {"backend b\n  server s1 unix@/web\n  server s2 \"$WEB:80\"\n  # server s3 web:80\n", nil},
		"a ring's":                        {"ring r\n  server s1 web:514\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := KeptAddresses([]ConfigFile{{Name: "h.cfg", Content: []byte(test.config)}}, func(host string) bool { return host == "web" })
			if !slices.EqualFunc(found, test.want, func(d Diagnostic, want string) bool {
				line, end, _ := strings.Cut(want, ": ")
				return fmt.Sprint(d.Line) == line && strings.HasSuffix(d.Hint, end) && d.Severity == Warning
			}) {
				t.Errorf("got %+v", found)
			}
		})
	}
}
