package haproxy

import "testing"

func TestLimitsThatCannotBeHadAreSeenBeforehand(t *testing.T) {
	t.Parallel()
	has := Resources{Files: 20000, Memory: 512 << 20}
	const tls = "frontend f\n  bind :443 ssl crt /x.pem\n"
	for name, test := range map[string]struct {
		config, loaded string
		want           []string
	}{
		"as generated":             {"global\n  maxconn 9000\nfrontend f\n  bind :80\n  stick-table type ipv6 size 100k expire 1m store http_req_rate(10s)\n", "", nil},
		"maxconn":                  {"global\n  maxconn 100000000\n", "", []string{"/a.cfg:2 error 'maxconn 100000000' needs 200000000 open files, and HAProxy may have 20000"}},
		"a little too many":        {"global\n  maxconn 10001\n", "", []string{"/a.cfg:2 error 'maxconn 10001' needs 20002 open files"}},
		"in quotes":                {"global\n  maxconn \"100000000\"\n", "", []string{"/a.cfg:2 error"}},
		"a variable":               {"global\n  maxconn \"$MAX\"\n", "", nil},
		"not strict":               {"global\n  maxconn 1000000\n  no strict-limits\n", "", nil},
		"not strict, but huge":     {"global\n  no strict-limits\n  maxconn 100000000\n", "", []string{"/a.cfg:3 error 'maxconn 100000000' needs some 11.9 GB of memory at once, and the container may have 512 MB"}},
		"ulimit-n":                 {"global\n  ulimit-n 1000000\n", "", []string{"/a.cfg:2 error 'ulimit-n 1000000' needs 1000000 open files"}},
		"maxpipes":                 {"global\n  maxpipes 100000\n", "", []string{"/a.cfg:2 error 'maxpipes 100000' needs 200000 open files"}},
		"connections and pipes":    {"global\n  maxconn 8000\n  maxpipes 3000\n", "", []string{"/a.cfg:2 error the limits of the configuration need 22000 open files together"}},
		"a range of ports":         {"frontend f\n  bind :10000-65535\n", "", []string{"/a.cfg:2 error 'bind :10000-65535' needs 55536 open files"}},
		"maxsslconn takes nothing": {"global\n  maxsslconn 100000000\n" + tls, "", nil},
		"of a frontend":            {"frontend f\n  maxconn 100000000\n", "", []string{"/a.cfg:2 warning 'maxconn 100000000' limits nothing: with 20000 open files HAProxy as a whole takes some 10000"}},
		"of the defaults":          {"defaults\n  maxconn 100000000\n", "", []string{"/a.cfg:2 warning"}},
		"of a server":              {"backend b\n  server s 127.0.0.1:80 maxconn 100000000\n", "", nil},
		"buffers":                  {"global\n  tune.bufsize 100000000\n", "", []string{"/a.cfg:2 error 'tune.bufsize 100000000' needs some 18.6 GB of memory once it is used up"}},
		"a larger buffer":          {"global\n  tune.bufsize 64k\n", "", nil},
		"reserved buffers":         {"global\n  tune.buffers.reserve 10000000\n", "", []string{"/a.cfg:2 error 'tune.buffers.reserve 10000000' needs some 152.6 GB of memory at once"}},
		"reserved, larger":         {"global\n  tune.buffers.reserve 10000\n  tune.bufsize 1m\n", "", []string{"/a.cfg:2 error 'tune.buffers.reserve 10000' needs some 9.8 GB"}},
		"threads":                  {"global\n  nbthread 1024\n", "", nil},
		"a stick table":            {"backend b\n  stick-table type ip size 1000000000 expire 1m\n", "", []string{"/a.cfg:2 error 'stick-table type ip size 1000000000 expire 1m' needs some 122.9 GB of memory once it is used up"}},
		"with a unit":              {"backend b\n  stick-table type ip size 1g\n", "", []string{"/a.cfg:2 error"}},
		"of long keys":             {"backend b\n  stick-table type string len 10000 size 100k\n", "", []string{"/a.cfg:2 error"}},
		"of peers":                 {"peers p\n  table t type ip size 100m\n", "", []string{"/a.cfg:2 error 'table t type ip size 100m'"}},
		"a cache":                  {"cache c\n  total-max-size 4095\n", "", []string{"/a.cfg:2 error 'total-max-size 4095' needs some 4.0 GB of memory at once"}},
		"two caches":               {"cache c\n  total-max-size 300\ncache d\n  total-max-size 400\n", "", []string{"/a.cfg:4 error the limits of the configuration need some 700 MB of memory together"}},
		"a cache beside the old":   {"cache c\n  total-max-size 300\n", "cache c\n  total-max-size 300\n", []string{"/a.cfg:2 error the new worker needs some 300 MB of memory while the old one still has 300 MB"}},
		"a ring":                   {"ring r\n  size 3000000000\n", "", []string{"/a.cfg:2 error 'size 3000000000'"}},
		"TLS sessions":             {"global\n  tune.ssl.cachesize 10000000\n" + tls, "", []string{"/a.cfg:2 error 'tune.ssl.cachesize 10000000' needs some 2.3 GB of memory at once"}},
		"TLS sessions without TLS": {"global\n  tune.ssl.cachesize 10000000\n", "", nil},
		"a million servers":        {"backend b\n  server-template web 1000000 web:80\n", "", []string{"/a.cfg:2 error 'server-template web 1000000 web:80' needs some 5.6 GB"}},
		"a range of servers":       {"backend b\n  server-template web 5-1000000 web:80\n", "", []string{"/a.cfg:2 error"}},
		"lines that may not count": {".if defined(X)\nglobal\n  maxconn 100000000\n.endif\n", "", nil},
		"a comment":                {"global\n  # maxconn 100000000\n", "", nil},
		"nothing that is a number": {"global\n  maxconn many\n  tune.bufsize 1e9\n  ulimit-n -1\n", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var loaded []ConfigFile
			if test.loaded != "" {
				loaded = configs(test.loaded)
			}
			mustSay(t, Overcommitted(configs(test.config), loaded, func() Resources { return has }), test.want...)
			if found := Overcommitted(configs(test.config), loaded, func() Resources { return Resources{} }); len(found) > 0 {
				t.Errorf("where nothing is known, nothing is refused: %q", said(found))
			}
		})
	}
}

func TestTheContainerIsNotAskedAboutWhatFitsEverywhere(t *testing.T) {
	t.Parallel()
	asked := false
	Overcommitted(configs("frontend f\n  bind :80\n  stick-table type ipv6 size 100k\n"), nil, func() Resources { asked = true; return Resources{} })
	if asked {
		t.Error("asked")
	}
}

func TestParseResources(t *testing.T) {
	t.Parallel()
	const limits = "Max open files            1024                 20000                files     \n"
	const meminfo = "MemTotal:        2048000 kB\n"
	for name, test := range map[string]struct {
		limits, cgroups, meminfo string
		want                     Resources
	}{
		"nothing":               {"", "", "", Resources{}},
		"no limit of version 1": {limits, "9223372036854771712\n", meminfo, Resources{Files: 20000, Memory: 2048000 << 10, Machine: true}},
		"no limit of version 2": {limits, "max\n", meminfo, Resources{Files: 20000, Memory: 2048000 << 10, Machine: true}},
		"a limit":               {limits, "524288000\n", meminfo, Resources{Files: 20000, Memory: 524288000}},
		"files without end":     {"Max open files  1024  unlimited  files\n", "524288000\n", "", Resources{Memory: 524288000}},
	} {
		if got := ParseResources(test.limits, test.cgroups, test.meminfo); got != test.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
