package e2e

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// portFlags are init's flags that move the two ports.
var portFlags = []string{"--http-port", "--stats-port"}

// listenOn makes this very process the holder of a port.
func listenOn(t *testing.T, address string, port int) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	assert.NilError(t, err)
	t.Cleanup(func() { listener.Close() })
}

// thisProcess are the words that name the test itself.
func thisProcess(t *testing.T) []string {
	t.Helper()
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return []string{"process"} // nobody can tell which one
	}
	return []string{strings.TrimSpace(string(name)), fmt.Sprintf("PID %d", os.Getpid())}
}

// TestPortTaken: whoever holds a port must be named, with the flag that moves
// the port, and nothing must be created.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	// Each holder takes a port and gives the words that name it.
	for _, holder := range []struct {
		name string
		take func(t *testing.T, port int) []string
	}{
		{"by a container without project", func(t *testing.T, port int) []string {
			t.Helper()
			return []string{"container " + runContainer(t, "-p", fmt.Sprintf("%d:8080", port), prepared.echoImage)}
		}},
		{"by a container on loopback only", func(t *testing.T, port int) []string {
			t.Helper()
			return []string{"container " + runContainer(t, "-p", fmt.Sprintf("127.0.0.1:%d:8080", port), prepared.echoImage)}
		}},
		{"by a process", func(t *testing.T, port int) []string {
			t.Helper()
			listenOn(t, "", port)
			return thisProcess(t)
		}},
		{"by a process on loopback only", func(t *testing.T, port int) []string {
			t.Helper()
			listenOn(t, "127.0.0.1", port)
			return thisProcess(t)
		}},
	} {
		for i, flag := range portFlags {
			t.Run(holder.name+" "+flag, func(t *testing.T) {
				t.Parallel()
				p := newProject(t)
				p.init()
				port := []int{p.http, p.stats}[i]
				words := append(holder.take(t, port), fmt.Sprintf("port %d", port), flag, "ports:", composeFile)
				p.refuses([]string{"up"}, words...)
				p.mustLeaveNothing()
			})
		}
	}
}

// TestPortTakenByAnotherProject: the second project must name the first one,
// which goes on, and the named flag must be the way out.
func TestPortTakenByAnotherProject(t *testing.T) {
	t.Parallel()
	first := newRunningProject(t)
	before := first.everything()
	second := newProject(t)

	second.init("--http-port", strconv.Itoa(first.http))
	second.refuses([]string{"up"}, fmt.Sprintf("port %d", first.http), first.name+"-haproxy-1", "project", `"`+first.name+`"`, "--http-port")
	second.mustLeaveNothing()
	first.mustStillServe(before)

	second.init("--force", "--stats-port", strconv.Itoa(first.stats))
	second.refuses([]string{"up"}, fmt.Sprintf("port %d", first.stats), first.name+"-haproxy-1", "project", `"`+first.name+`"`, "--stats-port")
	second.mustLeaveNothing()
	first.mustStillServe(before)

	second.init("--force")
	second.up()
	assert.DeepEqual(t, second.servedBy(9), threeWebs)
	first.mustStillServe(before)
}

// TestPortOfAnotherAddress: a listener on another address of this machine is
// in nobody's way.
func TestPortOfAnotherAddress(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t) // elsewhere 127.0.0.2 is not there by itself
	p := newProject(t)
	p.init()
	listenOn(t, "127.0.0.2", p.stats)
	p.up()
	assert.Equal(t, p.getStats("/healthz").body, "ok\n")
}

// TestPortLostInAnUpgrade: a running project that is to move to a taken port
// must go on where it is.
func TestPortLostInAnUpgrade(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.everything()
	compose := p.read(composeFile)
	taken := freePorts(t, 2)
	holder := runContainer(t, "-p", fmt.Sprintf("%d:8080", taken[0]), prepared.echoImage)
	listenOn(t, "", taken[1])

	for i, port := range taken {
		words := [][]string{{"container " + holder}, thisProcess(t)}[i]
		words = append(words, fmt.Sprintf("port %d", port), "ports:")
		p.write(composeFile, compose)
		p.editCompose(replacing(fmt.Sprintf("%d:80\"", p.http), fmt.Sprintf("%d:80\"", port)))
		p.refuses([]string{"up"}, append(words, "--http-port")...)
		p.mustStillServe(before)

		p.write(composeFile, compose)
		p.editCompose(replacing(fmt.Sprintf("%d:8404\"", p.stats), fmt.Sprintf("%d:8404\"", port)))
		p.refuses([]string{"up"}, append(words, "--stats-port")...)
		p.mustStillServe(before)
	}

	p.write(composeFile, compose)
	p.up()
	p.mustStillServe(before)
}

// TestPortTakenWhileStopped: a stopped project may have lost its port meanwhile;
// it must say to whom, and stay as it is.
func TestPortTakenWhileStopped(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	p.mustSucceed(p.haproxy("stop"))
	before := p.everything()
	listenOn(t, "", p.http)
	for _, command := range []string{"up", "start"} {
		t.Run(command, func(t *testing.T) {
			p := p.within(t)
			p.refuses([]string{command}, append(thisProcess(t), fmt.Sprintf("port %d", p.http))...)
			for i, c := range p.containers() {
				assert.Assert(t, strings.Contains(before[i], c.ID[:12]), "no container must be lost or replaced: %v", before)
			}
		})
	}
}

// TestPortPublishedTwice: two services of one project want the same port.
func TestPortPublishedTwice(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editCompose(configured("web1", fmt.Sprintf(`ports: ["%d:8080"]`, p.http)))
	p.refuses([]string{"up"}, fmt.Sprintf("port %d", p.http), "web1", "haproxy")
	p.mustLeaveNothing()
}
