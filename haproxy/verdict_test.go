package haproxy

import "testing"

func TestParseVerdict(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		want   Verdict
		first  string // message of the first diagnostic
		count  int
	}{
		"former worker is no warning": {
			"Success=1\n--\n[NOTICE]   (1) : Initializing new worker (83)\n[NOTICE]   (83) : [/usr/local/etc/haproxy/haproxy.cfg:22] : 'server be/s4' : could not resolve address 'nosuchhost', disabling server.\n[NOTICE]   (1) : Loading success.\n[NOTICE]   (1) : haproxy version is 3.2.26-1\n[NOTICE]   (1) : path to executable is /usr/local/sbin/haproxy\n[WARNING]  (1) : Former worker (43) exited with code 0 (Exit)\n\n",
			Verdict{Loaded: true, Worker: 83},
			"", 0,
		},
		"refused by the worker": {
			"Success=0\n--\n[NOTICE]   (1) : Initializing new worker (57)\n[NOTICE]   (57) : haproxy version is 3.2.26-1\n[ALERT]    (57) : config : parsing [/usr/local/etc/haproxy/haproxy.cfg:4] : unknown keyword 'bimd' in 'frontend' section; did you mean 'bind' maybe ?\n[ALERT]    (57) : config : Error(s) found in configuration file : /usr/local/etc/haproxy/haproxy.cfg\n[ALERT]    (57) : config : Fatal errors found in configuration.\n[WARNING]  (1) : Failed to load worker (57) exited with code 1 (Exit)\n\n",
			Verdict{Worker: 57},
			"unknown keyword 'bimd' in 'frontend' section", 1,
		},
		"refused by the master": {
			"Success=0\n--\n[NOTICE]   (1) : haproxy version is 3.2.26-1\n[ALERT]    (1) : config : parsing [/usr/local/etc/haproxy/haproxy.cfg:5]: unmatched quote at position 15:\n  use_backend \"a if TRUE\n              ^\n[ALERT]    (1) : config : Error(s) found in configuration file : /usr/local/etc/haproxy/haproxy.cfg\n[ALERT]    (1) : config : Fatal errors found in configuration.\n[WARNING]  (1) : config : Master failed to parse new configuration and can't start a new worker. Already running worker will be kept. Please, check global section settings and memory limits and reload haproxy.\n\n",
			Verdict{},
			"unmatched quote", 1,
		},
		"cannot bind": {
			"Success=0\n--\n[NOTICE]   (1) : Initializing new worker (101)\n[ALERT]    (101) : Binding [/usr/local/etc/haproxy/haproxy.cfg:4] for frontend x: protocol tcpv4: cannot bind socket (Cannot assign requested address) for [1.2.3.4:80].\n[ALERT]    (101) : [haproxy.main()] Some protocols failed to start their listeners! Exiting.\n[WARNING]  (1) : Failed to load worker (101) exited with code 1 (Exit)\n\n",
			Verdict{Worker: 101},
			"Binding for frontend x: protocol tcpv4: cannot bind socket (Cannot assign requested address) for [1.2.3.4:80].", 1,
		},
		"no log": {"Success=0\n\n", Verdict{}, "HAProxy kept the old configuration", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := parseVerdict(test.answer)
			if !ok || got.Loaded != test.want.Loaded || got.Worker != test.want.Worker || len(got.Diagnostics) != test.count {
				t.Fatalf("got %+v", got)
			}
			if test.count > 0 && got.Diagnostics[0].Message != test.first {
				t.Errorf("got %q", got.Diagnostics[0].Message)
			}
		})
	}
	for _, answer := range []string{"", "Success=1", "Success=2\n", "Unknown command\n"} {
		if got, ok := parseVerdict(answer); ok {
			t.Errorf("%q is no verdict, got %+v", answer, got)
		}
	}
}

func TestLocateVerdict(t *testing.T) {
	t.Parallel()
	verdict, _ := parseVerdict("Success=0\n--\n[ALERT]    (7) : Binding [/a.cfg:2] for frontend x: cannot bind socket (Address already in use) for [:80]\n\n")
	d := verdict.Locate(func(string) ([]byte, error) { return []byte("frontend x\n    bind :80\n"), nil }).Diagnostics[0]
	if d.Line != 2 || d.Column != 10 || d.Length != 3 || d.Hint == "" {
		t.Errorf("got %+v", d)
	}
}
