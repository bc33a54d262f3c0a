package haproxy

import "testing"

func TestDynamicOptions(t *testing.T) {
	t.Parallel()
	const config = `
defaults
    default-server check inter 2s fall 2 resolvers docker resolve-prefer ipv4 init-addr last,libc,none
backend web
    default-server inter 1s
    server s1 web1:8080 check weight 5 cookie s1
    server s2 web2:8080 inter 3s # resolvers other
backend other
    server s1 other:80 ssl verify none sni str(example.com)
defaults
backend plain
    server s1 plain:80
`
	for _, test := range []struct {
		backend, server, want string
		found                 bool
	}{
		{"web", "s1", "fall 2 inter 1s check weight 5 cookie s1", true},
		{"web", "s2", "check fall 2 inter 3s", true},
		{"other", "s1", "check inter 2s fall 2 ssl verify none sni str(example.com)", true},
		{"plain", "s1", "", true},
		{"web", "s3", "", false},
		{"none", "s1", "", false},
	} {
		got, found := DynamicOptions([]byte(config), test.backend, test.server)
		if got != test.want || found != test.found {
			t.Errorf("%s/%s: got %q, %v, want %q, %v", test.backend, test.server, got, found, test.want, test.found)
		}
	}
}
