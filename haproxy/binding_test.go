package haproxy

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestWhatANewWorkerCannotListenOnIsSeenBeforehand(t *testing.T) {
	t.Parallel()
	usual := Network{Addresses: []netip.Addr{netip.MustParseAddr("172.30.0.5"), netip.MustParseAddr("fd00::5")}, Ports: []int{80, 8404, 9999}, MayBind: true, Worker: 9}
	loaded := "frontend f\n  bind :80\n  bind 192.0.2.1:81 transparent\nglobal\n  stats socket /gone/api.sock\n"
	for bind, test := range map[string]struct {
		network Network
		loaded  bool
		why     string
	}{
		":80":                            {usual, true, ""},
		"*:8080":                         {usual, true, ""},
		"0.0.0.0:8080":                   {usual, true, ""},
		"[::]:8080":                      {usual, true, ""},
		":::8080":                        {usual, true, ""},
		"127.0.0.1:8080":                 {usual, true, ""},
		"172.30.0.5:8080":                {usual, true, ""},
		"ipv4@172.30.0.5:80":             {usual, true, ""},
		"[fd00::5]:80":                   {usual, true, ""},
		"localhost:8080":                 {usual, true, ""},
		"192.0.2.1:80":                   {usual, true, "cannot listen on '192.0.2.1:80': 192.0.2.1 is not an address of the container"},
		"ipv6@[2001:db8::1]:80":          {usual, true, "cannot listen on 'ipv6@[2001:db8::1]:80': 2001:db8::1 is not an address of the container"},
		"quic4@192.0.2.1:443":            {usual, true, "cannot listen on 'quic4@192.0.2.1:443': 192.0.2.1 is not an address of the container"},
		"192.0.2.1:80 transparent":       {usual, true, ""},
		"192.0.2.1:81":                   {usual, true, ""}, // HAProxy listens there: no mistake that a reload could make worse
		"192.0.2.1:82":                   {Network{Addresses: usual.Addresses, Foreign: true, MayBind: true}, true, ""},
		"192.0.2.1:83":                   {Network{MayBind: true}, true, ""}, // the container could not be asked
		":9999":                          {usual, true, "cannot listen on ':9999': another process listens on that port"},
		"quic4@:9999":                    {usual, true, ""},
		"*:9999":                         {Network{Ports: []int{9999}, MayBind: true, Worker: 12}, true, ""}, // somebody reloaded since: it may be HAProxy
		":9999 ":                         {usual, false, ""},                                                 // it may be HAProxy that listens
		":8080,:9999":                    {usual, true, "cannot listen on ':9999': another process listens on that port"},
		":443":                           {Network{LowPorts: 1024}, true, "cannot listen on ':443': HAProxy's user may not listen on ports below 1024"},
		":443 ":                          {Network{LowPorts: 1024, MayBind: true}, true, ""},
		":443  ":                         {Network{LowPorts: 1024, Host: true}, true, "cannot listen on ':443': HAProxy's user may not listen on ports below 1024 of this machine"},
		"/var/run/haproxy/app.sock":      {usual, true, ""},
		"unix@/var/run/haproxy/app.sock": {usual, true, ""},
		"/nowhere/app.sock":              {usual, true, "cannot listen on '/nowhere/app.sock': HAProxy may not write to /nowhere in its container"},
		"/gone/api.sock":                 {usual, true, ""},
		"abns@app":                       {usual, true, ""},
		"fd@3":                           {usual, true, ""},
		"\"$ADDRESS:80\"":                {usual, true, ""},
		":http":                          {usual, true, ""}, // HAProxy's check says so
	} {
		in := Container{
			Writable: func(folder string) bool { return folder == "/var/run/haproxy" },
			Network:  func() Network { return test.network },
		}
		if test.loaded {
			in.Loaded, in.LoadedBy = []ConfigFile{{Name: "/loaded.cfg", Content: []byte(loaded)}}, 9
		}
		found := Overlooked([]ConfigFile{{Name: "/new.cfg", Content: []byte("frontend f\n  bind " + bind + "\n")}}, in)
		var why string
		if len(found) > 0 {
			why = found[0].Message
		}
		if why != test.why || len(found) > 1 || why != "" && (found[0].Line != 2 || found[0].Hint == "") {
			t.Errorf("bind %s: got %+v", bind, found)
		}
	}
}

func TestPathsBehindAPrefixAreNotJudged(t *testing.T) {
	t.Parallel()
	in := Container{Writable: func(string) bool { return false }}
	if found := Overlooked([]ConfigFile{{Content: []byte("global\n  unix-bind prefix /x\nfrontend f\n  bind /app.sock\n")}}, in); len(found) > 0 {
		t.Errorf("got %+v", found)
	}
}

func TestLinesThatMayNotCountAreNotJudged(t *testing.T) {
	t.Parallel()
	in := Container{Writable: func(string) bool { return false }}
	if found := Overlooked([]ConfigFile{{Content: []byte("frontend f\n  bind :80\n.if defined(EXTRA)\n  bind /nowhere/app.sock\n.endif\n")}}, in); len(found) > 0 {
		t.Errorf("got %+v", found)
	}
}

func TestAPortThatMayBeHAProxysOwnIsNotTakenForAnothers(t *testing.T) {
	t.Parallel()
	network := Network{Ports: []int{80, 81, 82, 9999}, MayBind: true, Worker: 9}
	const anothers = "another process listens on that port"
	for name, test := range map[string]struct {
		loaded, bind string
		why          string
	}{
		"a variable":            {"frontend f\n  bind \":${WEBPORT}\"\n", ":81", ""},
		"lines that may count":  {".if defined(X)\nfrontend f\n  bind :80\n.endif\n", ":81", ""},
		"a prefix of sockets":   {"global\n  unix-bind mode 600\nfrontend f\n  bind :81\n", ":81", ""},
		"an inherited socket":   {"frontend f\n  bind fd@3\n", ":81", ""},
		"a peer":                {"peers p\n  peer here :81\nfrontend f\n  bind :80\n", ":81", ""},
		"inside of a range":     {"frontend f\n  bind :80-82\n", ":81", ""},
		"a range of its own":    {"frontend f\n  bind :80\n  bind :81\n  bind :82\n", ":80-82", ""},
		"a wider range":         {"frontend f\n  bind :80-82\n", ":80-90", ""},
		"a range with another":  {"frontend f\n  bind :80-82\n", ":9990-9999", anothers},
		"a whole range of them": {"frontend f\n  bind :80-82\n", ":83-65535", anothers},
		"beside a range":        {"frontend f\n  bind :80-82\n", ":9999", anothers},
		"a range the wrong way": {"frontend f\n  bind :80-82\n", ":9999-9990", ""}, // HAProxy's check says so
	} {
		in := Container{
			Loaded:   []ConfigFile{{Name: "/loaded.cfg", Content: []byte(test.loaded)}},
			LoadedBy: 9,
			Network:  func() Network { return network },
		}
		found := Overlooked([]ConfigFile{{Name: "/new.cfg", Content: []byte("frontend f\n  bind " + test.bind + "\n")}}, in)
		var said string
		for _, d := range found {
			said += d.Message
		}
		if !strings.HasSuffix(said, test.why) || (said == "") != (test.why == "") {
			t.Errorf("%s: got %+v", name, found)
		}
	}
}

func FuzzOverlooked(f *testing.F) {
	for _, config := range []string{"", "frontend f\n bind :80\n", "global\n pidfile /x\n stats socket /a/b level admin\n", "frontend f\n bind ipv6@[::1]:80-90,/x,unix@y transparent\n"} {
		f.Add(config)
	}
	f.Fuzz(func(t *testing.T, config string) {
		in := Container{
			Writable: func(folder string) bool { return len(folder)%2 == 0 },
			Network: func() Network {
				return Network{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, LowPorts: 1024}
			},
		}
		for _, d := range Overlooked([]ConfigFile{{Name: "/x.cfg", Content: []byte(config)}}, in) {
			if d.Severity != Error || d.Message == "" || d.Hint == "" || d.Line < 0 || d.Line > strings.Count(config, "\n")+1 {
				t.Errorf("got %+v", d)
			}
		}
	})
}

func TestParseNetwork(t *testing.T) {
	t.Parallel()
	trie, err := os.ReadFile("testdata/proc/fib_trie.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := ParseNetwork(string(trie),
		"00000000000000000000000000000001 01 80 10 80       lo\nfd000000000000000000000000000005 02 40 00 80     eth0\n",
		"   0: 00000000:0050 00000000:0000 0A 0 0 0 1000 0 772981\n   0: 00000000000000000000000000000000:20D4 00000000000000000000000000000000:0000 0A 0\n",
		"0\n", "1024\n", "Name:\thaproxy\nCapEff:\t0000000000000400\n", "9 12 ")
	addresses := []string{"127.0.0.1", "172.30.0.5", "127.0.0.1", "172.30.0.5", "::1", "fd00::5"}
	same := slices.EqualFunc(n.Addresses, addresses, func(ip netip.Addr, text string) bool { return ip.String() == text })
	if !same || !slices.Equal(n.Ports, []int{80, 8404}) || n.Foreign || n.LowPorts != 1024 || !n.MayBind || n.Worker != 12 {
		t.Errorf("got %+v", n)
	}
	n = ParseNetwork("", "", "", "1\n", "0\n", "CapEff:\t0000000000000000\n", "")
	if len(n.Addresses)+len(n.Ports) > 0 || !n.Foreign || n.LowPorts != 0 || n.MayBind {
		t.Errorf("got %+v", n)
	}
	if n = ParseNetwork("", "", "", "", "", "", ""); !n.MayBind || n.Foreign {
		t.Errorf("what is not known is harmless: %+v", n)
	}
}
