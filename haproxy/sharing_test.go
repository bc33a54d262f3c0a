package haproxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// said are the findings as "FILE:LINE severity message".
func said(found []Diagnostic) []string {
	var lines []string
	for _, d := range found {
		lines = append(lines, fmt.Sprintf("%s:%d %s %s", d.File, d.Line, d.Severity, d.Message))
	}
	return lines
}

// mustSay compares findings with the beginnings of what they are to say; all give a hint.
func mustSay(t *testing.T, found []Diagnostic, want ...string) {
	t.Helper()
	got := said(found)
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, d := range found {
		if d.Hint == "" {
			t.Errorf("no hint: %+v", d)
		}
	}
}

func configs(texts ...string) (files []ConfigFile) {
	for i, text := range texts {
		files = append(files, ConfigFile{Name: fmt.Sprintf("/%c.cfg", 'a'+i), Content: []byte(text)})
	}
	return files
}

func TestTwoListenersNeverShareAPort(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		one, other string // what stands behind "bind"; other is of another section
		shared     bool
	}{
		"alike":                      {":80", ":80", true},
		"an asterisk":                {":80", "*:80", true},
		"zeros":                      {":80", "0.0.0.0:80", true},
		"named by its family":        {":80", "ipv4@:80", true},
		"TCP by name":                {":80", "tcp4@*:80", true},
		"other options":              {":443", ":443 ssl crt /x.pem", true},
		"a list":                     {":80", ":81,:80", true},
		"a range":                    {":80", ":79-81", true},
		"ranges that meet":           {":70-80", ":80-90", true},
		"ranges that do not":         {":70-79", ":80-90", false},
		"another port":               {":80", ":81", false},
		"quotes":                     {":80", `":80"`, true},
		"IPv6":                       {":::80", "[::]:80", true},
		"IPv6 alone":                 {":::80 v6only", "ipv6@:80", true},
		"both families of their own": {":80", "[::]:80 v6only", false},
		"the kernel prefers IPv4":    {":80", "[::]:80", false},
		"both asked for":             {":80", "[::]:80 v4v6", true},
		"one address":                {"172.18.0.2:80", "172.18.0.2:80", true},
		"one address, spelled twice": {"[::1]:80", "[0:0:0::1]:80", true},
		"two addresses":              {"172.18.0.2:80", "172.18.0.3:80", false},
		"an address is preferred":    {":80", "172.18.0.2:80", false},
		"one name":                   {"localhost:80", "localhost:80", true},
		"two interfaces":             {":80 interface eth0", ":80 interface eth1", false},
		"an interface is preferred":  {":80", ":80 interface eth0", false},
		"one interface":              {":80 interface eth0", ":80 interface eth0", true},
		"QUIC beside TCP":            {":443 ssl crt /x.pem", "quic4@:443 ssl crt /x.pem", false},
		"QUIC twice":                 {"quic4@:443", "quic4@:443", true},
		"not understood":             {":80", "\":${PORT}\"", false},
		"a name for one path":        {"/run/a.sock", "unix@/var/run/a.sock", true},
		"one path in a roundabout":   {"/run/a.sock", "/run//b/../a.sock", true},
		"two paths":                  {"/run/a.sock", "/run/b.sock", false},
		"abstract":                   {"abns@a", "abns@a", true},
		"two of them":                {"abns@a", "abns@b", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := "frontend one\n  bind "+test.one+"\n", "listen other\n  bind "+test.other+"\n"
			for _, files := range [][]ConfigFile{configs(one + other), configs(one, other), configs(other, one)} {
				found := shared(files, Container{})
				if (len(found) == 1) != test.shared || len(found) > 1 {
					t.Errorf("got %q", said(found))
				}
			}
			if found := shared(configs(one+"listen other\n  disabled\n  bind "+test.other+"\n"), Container{}); len(found) > 0 {
				t.Errorf("a section that is disabled shares nothing: %q", said(found))
			}
		})
	}
	mustSay(t, shared(configs("frontend one\n  bind :80\n", "frontend two\n\n  bind *:80\n"), Container{}),
		"/b.cfg:3 error '*:80' listens on the port of frontend one (a.cfg, line 2) (':80'): each connection would go to one of them by chance")
}

func TestLinesOfOneSectionMayShareAPortWhereNoClientNotices(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		binds  []string
		shared bool
	}{
		"one for each thread":     {[]string{":80 thread 1", ":80 thread 2 name x"}, false},
		"the same once more":      {[]string{":80", "*:80"}, false},
		"TLS by chance":           {[]string{":443", ":443 ssl crt /x.pem"}, true},
		"PROXY by chance":         {[]string{":80", ":80 accept-proxy"}, true},
		"a certificate by chance": {[]string{":443 ssl crt /x.pem thread 1", ":443 ssl crt /y.pem thread 2"}, true},
	} {
		files := configs("frontend f\n  bind " + strings.Join(test.binds, "\n  bind ") + "\n")
		if found := shared(files, Container{}); (len(found) > 0) != test.shared {
			t.Errorf("%s: got %q", name, said(found))
		}
	}
}

func TestASocketIsNotTakenOverByAnotherLine(t *testing.T) {
	t.Parallel()
	in := Container{Masters: []string{"/var/run/haproxy/master.sock,mode,600"}}
	const api = "global\n  stats socket /var/run/haproxy/api.sock mode 600 level admin\n"
	for name, test := range map[string]struct {
		config string
		want   []string
	}{
		"as generated":                 {api, nil},
		"the API on the master CLI":    {"global\n  stats socket /var/run/haproxy/master.sock level admin\n", []string{"/a.cfg:2 error '/var/run/haproxy/master.sock' is the socket of the master CLI"}},
		"through the link":             {"global\n  stats socket unix@/run/haproxy/master.sock\n", []string{"/a.cfg:2 error 'unix@/run/haproxy/master.sock' is the socket of the master CLI"}},
		"a frontend on the master CLI": {"frontend f\n  bind unix@/var/run/haproxy/master.sock accept-proxy\n", []string{"/a.cfg:2 error 'unix@/var/run/haproxy/master.sock' is the socket of the master CLI"}},
		"a frontend on the API":        {api + "frontend f\n  bind /run/haproxy/./api.sock\n", []string{"/a.cfg:4 error '/run/haproxy/./api.sock' is the socket of the Runtime API (line 2)"}},
		"the API twice":                {api + "  stats socket /var/run/haproxy/api.sock level user\n", []string{"/a.cfg:3 error '/var/run/haproxy/api.sock' is the socket of the Runtime API (line 2)"}},
		"a pidfile":                    {api + "  pidfile /var/run/haproxy/api.sock\n", []string{"/a.cfg:3 error '/var/run/haproxy/api.sock' is the socket of the Runtime API (line 2): a file would take its place"}},
		"a pidfile on the master CLI":  {"global\n  pidfile \"/run/haproxy/master.sock\"\n", []string{"/a.cfg:2 error '\"/run/haproxy/master.sock\"' is the socket of the master CLI: a file"}},
		"the state of servers":         {api + "  server-state-file /var/run/haproxy/master.sock\n", []string{"/a.cfg:3 error '/var/run/haproxy/master.sock' is the socket of the master CLI: a file"}},
		"files of their own":           {api + "  pidfile /run/haproxy/pid\n  server-state-file /run/haproxy/state\n", nil},
		"the API on the CLI's port":    {"global\n  stats socket 127.0.0.1:9999\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustSay(t, shared(configs(test.config), in), test.want...)
		})
	}
	mustSay(t, shared(configs("global\n  stats socket 127.0.0.1:9999\n"), Container{Masters: []string{"127.0.0.1:9999"}}), "/a.cfg:2 error '127.0.0.1:9999' listens on the port of the master CLI")
}

func TestARuntimeAPIThatEverybodyReachesIsWarnedOf(t *testing.T) {
	t.Parallel()
	for line, level := range map[string]string{
		"stats socket ipv4@*:9999 level admin":           "admin",
		"stats socket :9999":                             "operator",
		"stats socket 172.18.0.2:9999 level operator":    "operator",
		"stats socket [::]:9999 level admin":             "admin",
		"stats socket /run/a.sock,*:9999 level admin":    "admin",
		"stats socket ipv4@*:9999 level user":            "",
		"stats socket ipv4@127.0.0.1:9999 level admin":   "",
		"stats socket [::1]:9999 level admin":            "",
		"stats socket localhost:9999 level admin":        "",
		"stats socket /var/run/api.sock level admin":     "",
		"stats socket ipv4@*:9999 level admin # comment": "admin",
	} {
		found := exposed(configs("global\n  "+line+"\n"), Container{})
		if len(found) > 1 || (len(found) == 1) != (level != "") {
			t.Errorf("%s: got %q", line, said(found))
		}
		for _, d := range found {
			if d.Severity != Warning || d.Line != 2 || d.Hint == "" || !strings.Contains(d.Message, "the Runtime API at level "+level+" ") {
				t.Errorf("%s: got %+v", line, d)
			}
		}
	}
	mustSay(t, exposed(nil, Container{Masters: []string{"0.0.0.0:9000,level,admin"}}), ":0 warning '0.0.0.0:9000' opens the master CLI at level admin")
	mustSay(t, exposed(nil, Container{Masters: []string{"/run/m.sock,mode,600", "ipv4@127.0.0.1:9000"}}))
}

func TestHAProxyListensOnEveryPortThatIsPublished(t *testing.T) {
	t.Parallel()
	published := []PublishedPort{{Port: 80, Text: "8080:80"}, {Port: 443, UDP: true, Text: "443:443/udp"}}
	const quic = "  bind quic4@:443 ssl crt /x.pem\n"
	const missing = ":0 error HAProxy listens on no port 80, which the Compose file publishes (8080:80)"
	for name, test := range map[string]struct {
		loaded, config string
		want           []string
	}{
		"both":                       {"", "frontend f\n  bind :80\n" + quic, nil},
		"an address":                 {"", "frontend f\n  bind 172.18.0.2:80\n" + quic, nil},
		"a range":                    {"", "frontend f\n  bind :70-90\n" + quic, nil},
		"IPv6":                       {"", "frontend f\n  bind [::]:80 v4v6\n" + quic, nil},
		"IPv6 alone":                 {"", "frontend f\n  bind [::]:80 v6only\n" + quic, []string{missing}},
		"another port":               {"", "frontend f\n  bind :81\n" + quic, []string{missing}},
		"loopback":                   {"", "frontend f\n  bind 127.0.0.1:80\n" + quic, []string{missing}},
		"loopback by name":           {"", "frontend f\n  bind localhost:80\n" + quic, []string{missing}},
		"UDP is not TCP":             {"", "frontend f\n  bind quic4@:80\n" + quic, []string{missing}},
		"TCP is not UDP":             {"", "frontend f\n  bind :80\n  bind :443\n", []string{":0 error HAProxy listens on no port 443/udp"}},
		"a section that is disabled": {"", "frontend f\n  disabled\n  bind :80\nfrontend g\n" + quic, []string{missing}},
		"a variable":                 {"", "frontend f\n  bind \":$PORT\"\n" + quic, nil},
		"a condition":                {"", ".if defined(X)\nfrontend f\n  bind :81\n.endif\n" + quic, nil},
		"a peer on a socket":         {"", "peers p\n  peer a unix@/run/p.sock\nfrontend f\n  bind :81\n" + quic, []string{missing}},
		"a peer on a port":           {"", "peers p\n  peer a :80\n" + quic, nil},
		"it was so before":           {"frontend f\n  bind :81\n", "frontend f\n  bind :81\n" + quic, []string{":0 warning HAProxy listens on no port 80"}},
		"it was not":                 {"frontend f\n  bind :80\n", "frontend f\n  bind :81\n" + quic, []string{missing}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := Container{Published: published}
			if test.loaded != "" {
				in.Loaded = configs(test.loaded)
			}
			mustSay(t, unpublished(configs(test.config), in), test.want...)
		})
	}
}
