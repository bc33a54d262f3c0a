package e2e

import (
	"fmt"
	"testing"

	"gotest.tools/v3/assert"
)

// TestLimitsThatCannotBeHadAreRefused: "haproxy -c" accepts a number of
// connections that no machine can hold, and a worker that starts with it takes
// memory until the kernel ends it. The memory is limited, should it come to that.
func TestLimitsThatCannotBeHadAreRefused(t *testing.T) {
	t.Parallel()
	inGlobal := func(line string) func(string) string {
		return replacing("\nglobal\n", "\nglobal\n    "+line+"\n")
	}
	p := newProject(t)
	p.init("--servers", "3")
	p.edit(composeFile, configured("haproxy", "mem_limit: 300m"))
	good := p.read(configFile)
	p.editConfig(inGlobal("maxconn 100000000"))
	p.refuses([]string{"up"}, "haproxy/haproxy.cfg", "maxconn 100000000", "open files", "nothing was created")
	p.mustLeaveNothing()

	p.write(configFile, good)
	p.up()
	before, worker := p.everything(), p.worker()
	for edit, words := range map[string]string{
		"maxconn 100000000":             "needs 200000000 open files",
		"ulimit-n 100000000":            "needs 100000000 open files",
		"tune.bufsize 100000000":        "of memory once it is used up, and the container may have 300 MB",
		"tune.buffers.reserve 10000000": "of memory at once, and the container may have 300 MB",
	} {
		p.write(configFile, good)
		p.editConfig(inGlobal(edit))
		for _, command := range []string{"reload", "check"} {
			r := p.refuses([]string{command})
			p.mustSay(r, r.output(), edit, words, "take a lower number")
			p.mustStillServe(before)
		}
	}
	for _, section := range []string{
		"\ncache big\n    total-max-size 4095\n",
		"\nbackend big\n    stick-table type ip size 1000000000 expire 1m\n",
		"\nbackend big\n    server-template web 1000000 127.0.0.1:80\n", // the check itself would take the memory
	} {
		p.write(configFile, good+section)
		p.refuses([]string{"reload"}, "of memory", "300 MB")
		p.mustStillServe(before)
	}
	assert.Equal(t, p.worker(), worker, "HAProxy must not have been asked to reload")
	p.write(configFile, good)
	p.mustSucceed(p.haproxy("reload"))
}

// TestPortsAndSocketsAreNotShared: what "haproxy -c" accepts, and what sends
// requests astray or takes HAProxy out of reach.
func TestPortsAndSocketsAreNotShared(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before, good, worker := p.everything(), p.read(configFile), p.worker()
	for name, test := range map[string]struct {
		edit  func(string) string
		words []string
	}{
		"a published port that nothing listens on": {
			replacing("    bind :80\n", "    bind :81\n"),
			[]string{"listens on no port 80", fmt.Sprintf("%d:80", p.http), "bind :80"},
		},
		"loopback only": {
			replacing("    bind :80\n", "    bind 127.0.0.1:80\n"),
			[]string{"listens on no port 80"},
		},
		"two frontends on one port": {
			appending("\nfrontend other\n    bind *:80\n    http-request return status 404\n"),
			[]string{"'*:80' listens on the port of frontend myfrontend", "by chance"},
		},
		"the Runtime API on the master CLI's path": {
			replacing("/var/run/haproxy/api.sock", "/run/haproxy/master.sock"),
			[]string{"is the socket of the master CLI"},
		},
		"a frontend on the Runtime API's path": {
			appending("\nfrontend other\n    bind unix@/var/run/haproxy/api.sock\n    http-request return status 404\n"),
			[]string{"is the socket of the Runtime API"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := p.within(t)
			defer p.write(configFile, good)
			p.editConfig(test.edit)
			for _, command := range []string{"reload", "up"} {
				p.refuses([]string{command}, test.words...)
				p.mustStillServe(before)
			}
			r := p.refuses([]string{"check"})
			p.mustSay(r, r.output(), test.words...)
		})
	}
	assert.Equal(t, p.worker(), worker, "HAProxy must not have been asked to reload")

	p.editConfig(replacing("\nglobal\n", "\nglobal\n    stats socket ipv4@*:9999 level admin\n"))
	for _, command := range []string{"check", "reload"} {
		r := p.mustSucceed(p.haproxy(command))
		p.mustSay(r, r.output(), "warning", "opens the Runtime API at level admin to everybody who reaches it")
	}
}

// appending is an edit that adds text at the end.
func appending(added string) func(string) string {
	return func(text string) string { return text + added }
}
