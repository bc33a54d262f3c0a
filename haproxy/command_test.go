package haproxy

import (
	"slices"
	"strings"
	"testing"
)

func TestParseCommand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args    string // separated by spaces
		configs string
		socket  string
		check   string
	}{
		{"", defaultConfig, "", "haproxy -c -f " + defaultConfig},
		{"haproxy -S /var/run/haproxy/master.sock,mode,600 -f /a.cfg", "/a.cfg", "/var/run/haproxy/master.sock", "haproxy -c -f /a.cfg"},
		{"/usr/local/sbin/haproxy -W -db -f /a.cfg -f /b", "/a.cfg /b", "", "haproxy -c -f /a.cfg -f /b"},
		{"-f /a.cfg -S unix@/m.sock,mode,600", "/a.cfg", "/m.sock", "haproxy -c -f /a.cfg"},
		{"-S uxst@/m.sock -- /a.cfg /b.cfg -x", "/a.cfg /b.cfg -x", "/m.sock", "haproxy -c -f /a.cfg -f /b.cfg -f -x"},
		{"-S -f /a.cfg", "/a.cfg", "", "haproxy -c -f /a.cfg"},
		{"-S ipv4@127.0.0.1:9999 -S /m.sock -f /a.cfg", "/a.cfg", "/m.sock", "haproxy -c -f /a.cfg"},
		{"-S abns@master -f /a.cfg", "/a.cfg", "", "haproxy -c -f /a.cfg"},
		{"haproxy -C /etc/haproxy -L peer -n 100 -m 64 -dr -4 -f a.cfg", "a.cfg", "", "haproxy -c -C /etc/haproxy -L peer -n 100 -m 64 -dr -4 -f a.cfg"},
		{"haproxy -W -Ws -D -d -db -q -V -p /pid -sf 1 2 -st 3 -x /old.sock -f /a.cfg -dW", "/a.cfg", "", "haproxy -c -dW -f /a.cfg"},
		{"/docker-entrypoint.sh haproxy -f /a.cfg", "/a.cfg", "", "haproxy -c -f /a.cfg"},
		{"/docker-entrypoint.sh -f /a.cfg -C /etc/haproxy", "/a.cfg", "", "haproxy -c -C /etc/haproxy -f /a.cfg"},
		{"tini -- haproxy -f /a.cfg", "/a.cfg", "", "haproxy -c -f /a.cfg"},
		{"haproxy", "", "", "haproxy -c"},
		{"haproxy -f", "", "", "haproxy -c"},
		{"haproxy -S", "", "", "haproxy -c"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			c := ParseCommand(strings.Fields(test.args))
			if got := strings.Join(c.Configs, " "); got != test.configs {
				t.Errorf("configs %q, want %q", got, test.configs)
			}
			if c.MasterSocket != test.socket {
				t.Errorf("socket %q, want %q", c.MasterSocket, test.socket)
			}
			if got := strings.Join(c.Check(), " "); got != test.check {
				t.Errorf("check %q, want %q", got, test.check)
			}
		})
	}
}

func TestCheckOfOtherConfigs(t *testing.T) {
	t.Parallel()
	c := ParseCommand([]string{"haproxy", "-f", "/a.cfg", "-dr"})
	want := []string{"haproxy", "-c", "-dr", "-f", "/dev/stdin"}
	for range 2 { // the command itself does not change
		if got := c.Check("/dev/stdin"); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add("haproxy -f a -S /m.sock,mode,600 -sf 1 -- b")
	f.Fuzz(func(t *testing.T, args string) {
		c := ParseCommand(strings.Fields(args))
		again := ParseCommand(c.Check())
		if len(c.Configs) > 0 && c.Configs[0] != "" && !slices.Equal(again.Check(), c.Check()) {
			for _, config := range c.Configs {
				if strings.HasPrefix(config, "-") {
					return // only possible after "--"
				}
			}
			t.Errorf("%q checks %q, which checks %q", args, c.Check(), again.Check())
		}
	})
}
