package e2e

import (
	"os"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// TestReload_hands_its_sockets_on: a new worker gets the sockets of the old one,
// and with them the connections that wait to be accepted. After a reload that
// HAProxy refused by itself, which only a signal by hand brings about, the next
// one opens the ports anew (docs/zero-loss.md, "What remains"). Once HAProxy does
// better, this test says so.
func TestReload_hands_its_sockets_on(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	socket := p.listeningSocket()
	good := p.read(configFile)
	reload := func(value string) {
		p.write(configFile, good)
		p.editConfig(addingHeader("X-Edit", value))
		p.mustSucceed(p.haproxy("reload"))
		assert.Equal(t, p.get("/").header.Get("X-Edit"), value)
	}
	reload("1")
	assert.Equal(t, p.listeningSocket(), socket)

	p.editConfig(addingHeader("X-Edit", "signal"))
	worker := p.worker()
	p.mustSucceed(p.docker("kill", "--signal", "HUP", p.container("haproxy").ID))
	p.eventually("the signal has reloaded the configuration", p.serves("X-Edit", "signal"))
	assert.Assert(t, p.worker() != worker)
	assert.Equal(t, p.listeningSocket(), socket)

	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	p.mustFail(p.haproxy("reload"), 1, "bimd") // checked before, and never given to HAProxy
	reload("2")
	assert.Equal(t, p.listeningSocket(), socket)

	p.editConfig(replacing("    bind :80\n", "    bimd :80\n"))
	p.hangUp("failed: 1")
	assert.Equal(t, p.listeningSocket(), socket)
	reload("3")
	anew := p.listeningSocket()
	assert.Assert(t, anew != socket, "HAProxy hands its sockets on after a failed reload too: take the limit out of docs/zero-loss.md")
	reload("4")
	assert.Equal(t, p.listeningSocket(), anew)
}

// listeningSocket is the inode of the socket that listens on port 80 in HAProxy's container.
func (p *project) listeningSocket() string {
	p.t.Helper()
	const local, state, inode, listens = 1, 3, 9, "0A"
	table := p.mustSucceed(p.docker("exec", p.container("haproxy").ID, "cat", "/proc/net/tcp")).stdout
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > inode && fields[state] == listens && strings.HasSuffix(fields[local], ":0050") {
			return fields[inode]
		}
	}
	p.t.Fatalf("port 80 has no listener:\n%s", table)
	return ""
}

// migrating is an edit of compose.yaml: the kernel hands the connections that wait at
// a socket over to another one of the same port, where it can (Linux 5.14).
func migrating(text string) string {
	if _, err := os.Stat("/proc/sys/net/ipv4/tcp_migrate_req"); err != nil {
		return text
	}
	return replacing("  haproxy:\n    image:", "  haproxy:\n    sysctls: { net.ipv4.tcp_migrate_req: 1 }\n    image:")(text)
}
