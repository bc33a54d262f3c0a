package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// hostNetwork is --network-mode host.
var hostNetwork = []string{"--network-mode", "host"}

const forwarder = "haproxy-dns"

// TestHostNetwork: HAProxy on the host's network does all that it does in a
// network of its own, and what others on the machine must not see they do not.
func TestHostNetwork(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newRunningProject(t, hostNetwork...)
	balancer := p.container("haproxy")
	assert.Equal(t, balancer.Inspect.HostConfig.NetworkMode, "host")
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
	for _, c := range p.containers() {
		assert.Equal(t, len(c.Ports), 0, "%s must publish nothing: %v", c.Name, c.Ports)
	}

	t.Run("is hardened as in bridge mode", func(t *testing.T) {
		for _, service := range []string{"haproxy", forwarder} {
			c := p.container(service).Inspect
			assert.DeepEqual(t, c.HostConfig.CapDrop, []string{"ALL"})
			assert.Equal(t, len(c.HostConfig.CapAdd), 0)
			assert.Assert(t, c.HostConfig.ReadonlyRootfs && !c.HostConfig.Privileged && c.HostConfig.PidMode == "", service)
			assert.Assert(t, c.Config.User != "" && c.Config.User[0] != '0', "%s must not run as root: %q", service, c.Config.User)
		}
	})
	t.Run("listens where it should and nowhere else", func(t *testing.T) {
		p := p.within(t)
		assert.Assert(t, listensOn(t, p.stats, "0100007F"), "the stats page is for this machine")
		assert.Assert(t, !listensOn(t, p.stats, "00000000"), "and for nobody else")
		assert.Assert(t, listensOn(t, p.http, "00000000"))
		for _, name := range unixSockets(t) {
			if strings.HasPrefix(name, "@docker-haproxy-identity.") && !strings.HasSuffix(name, "."+p.name) {
				continue // of another scenario's project, which has labels
			}
			assert.Assert(t, !strings.HasPrefix(name, "@") || !strings.Contains(name, "haproxy"), "the sockets' names are those of the whole machine: %s", name)
		}
		for _, name := range []string{"/var/run/haproxy/master.sock", "/var/run/haproxy-dns/dns.sock"} {
			_, err := os.Stat(name)
			assert.Assert(t, errors.Is(err, os.ErrNotExist), "%s must not be a file of this machine", name)
		}
		folder := p.mustSucceed(p.docker("exec", balancer.ID, "stat", "-c", "%a", "/var/run/haproxy-dns", "/var/run/haproxy")).stdout
		assert.Equal(t, folder, "700\n700\n")
	})
	t.Run("shows its state", func(t *testing.T) {
		p := p.within(t)
		r := p.mustSucceed(p.haproxy("status"))
		p.mustSay(r, r.stdout, fmt.Sprintf("http://localhost:%d", p.http), fmt.Sprintf("http://localhost:%d", p.stats), p.name+"-web1-1", "L7OK")
		assert.Equal(t, strings.TrimSpace(p.mustSucceed(p.haproxy("open", "--print")).stdout), fmt.Sprintf("http://localhost:%d", p.stats))
		assert.Equal(t, p.getStats("/healthz").body, "ok\n")
	})
	t.Run("is left alone by another up", func(t *testing.T) {
		p := p.within(t)
		before := p.everything()
		p.up()
		p.mustStillServe(before)
	})
	t.Run("reloads and rolls out without a loss", func(t *testing.T) {
		p := p.within(t)
		worker := p.worker()
		load := p.startRolloutLoad()
		load.goOn(30)
		for i := range 5 {
			p.editConfig(addingHeader("X-Edit", strconv.Itoa(i)))
			p.mustSucceed(p.haproxy("reload"))
			load.goOn(10)
		}
		old := p.container("web1")
		p.mustSucceed(p.haproxy("rollout", "web1", "--force"))
		load.goOn(30)
		load.mustLoseNothing()
		assert.Assert(t, p.worker() != worker && p.container("web1").ID != old.ID)
		assert.Equal(t, p.container("haproxy").ID, balancer.ID)
		assert.DeepEqual(t, p.servedBy(9), threeWebs)
	})
	t.Run("serves while nobody answers for names", func(t *testing.T) {
		p := p.within(t)
		p.mustSucceed(p.docker("stop", "-t", "1", p.container(forwarder).ID))
		assert.DeepEqual(t, p.servedBy(9), threeWebs)
		p.mustSucceed(p.docker("start", p.container(forwarder).ID))
		p.mustSucceed(p.docker("restart", "-t", "1", p.container("web2").ID))
		p.eventually("all are served again", func() error {
			for range 9 {
				if a, err := tryGet(p.http, "/"); err != nil || a.status != http.StatusOK {
					return fmt.Errorf("%d: %w", a.status, err)
				}
			}
			return nil
		})
	})

	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
	assert.Assert(t, !listensOn(t, p.http, "00000000"))
}

// listensOn tells whether somebody listens on a port at an IPv4 address, as the
// kernel writes it.
func listensOn(t *testing.T, port int, address string) bool {
	t.Helper()
	for _, fields := range procNet(t, "tcp") {
		if len(fields) > 3 && fields[3] == "0A" && fields[1] == fmt.Sprintf("%s:%04X", address, port) {
			return true
		}
	}
	return false
}

// unixSockets are the names of this machine's UNIX sockets.
func unixSockets(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, fields := range procNet(t, "unix") {
		if len(fields) > 7 {
			names = append(names, fields[7])
		}
	}
	return names
}

// procNet are the lines of a table of the kernel, in words.
func procNet(t *testing.T, table string) [][]string {
	t.Helper()
	file, err := os.Open("/proc/net/" + table)
	assert.NilError(t, err)
	defer file.Close()
	var rows [][]string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		rows = append(rows, strings.Fields(lines.Text()))
	}
	return rows
}

// TestHostNetwork_port_taken: whoever holds a port must be named, with the line
// that moves it, and nothing must be created.
func TestHostNetwork_port_taken(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	for _, holder := range []struct {
		name string
		take func(t *testing.T, port int) []string
	}{
		{"by a container", func(t *testing.T, port int) []string {
			t.Helper()
			return []string{"container " + runContainer(t, "-p", fmt.Sprintf("127.0.0.1:%d:8080", port), prepared.echoImage)}
		}},
		{"by a process", func(t *testing.T, port int) []string {
			t.Helper()
			listenOn(t, "127.0.0.1", port)
			return thisProcess(t)
		}},
	} {
		t.Run(holder.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.init(hostNetwork...)
			words := append(holder.take(t, p.stats), fmt.Sprintf("port %d", p.stats), "--stats-port", "frontend stats", configFile)
			p.refuses([]string{"up"}, words...)
			p.mustLeaveNothing()
		})
	}
	t.Run("by another project's HAProxy", func(t *testing.T) {
		t.Parallel()
		first, second := newRunningProject(t, hostNetwork...), newProject(t)
		before := first.everything()
		second.init("--network-mode", "host", "--http-port", strconv.Itoa(first.http))
		second.refuses([]string{"up"}, fmt.Sprintf("port %d", first.http), first.name+"-haproxy-1", `"`+first.name+`"`, "--http-port")
		second.mustLeaveNothing()
		first.mustStillServe(before)
	})
}

// TestHostNetwork_low_port: what only root may do is told by init, check and up,
// before anything is created, with both ways out.
func TestHostNetwork_low_port(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil || strings.TrimSpace(string(text)) == "0" {
		t.Skip("every user of this machine may listen on all ports")
	}
	p := newProject(t)
	ways := []string{"sysctl -w net.ipv4.ip_unprivileged_port_start=80", "8080"}
	r := p.init("--network-mode", "host", "--http-port", "80")
	p.mustSay(r, r.stderr, append(ways, "port 80")...)
	r = p.mustFail(p.haproxy("check"), 1, configFile)
	p.mustSay(r, r.stdout, append(ways, "':80'", configFile)...)
	p.mustFail(p.haproxy("up"), 1, append(ways, "nothing was created")...)
	p.mustLeaveNothing()
}

// TestHostNetwork_of_an_existing_project: HAProxy in front of a project of
// somebody's own, scaled by plain Compose, and taken away again.
func TestHostNetwork_of_an_existing_project(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newProject(t)
	p.copyProject("shop")
	before := p.snapshot()
	p.attach("--network-mode", "host", "--route", "shop.example.com=web")
	p.mustHoldStill(before, ".")
	p.up()
	assert.Equal(t, p.container("haproxy").Inspect.HostConfig.NetworkMode, "host")
	assert.Equal(t, p.ask(request{host: "shop.example.com"}).status, http.StatusOK)

	if prepared.noCompose == "" {
		p.mustSucceed(p.compose("up", "-d", "--scale", "web=3"))
		p.eventually("all three are served", func() error {
			if n := len(p.replicas(request{host: "shop.example.com"}, 12)); n != 3 {
				return fmt.Errorf("%d containers answer", n)
			}
			return nil
		})
	}
	p.mustSucceed(p.haproxy("down"))
	p.mustSucceed(p.haproxy("init", "--remove"))
	assert.DeepEqual(t, p.snapshot(), before)
	p.mustLeaveNothing()
}

// TestHostNetwork_there_and_back: a project that runs changes its network mode and
// keeps what was edited in its files.
func TestHostNetwork_there_and_back(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newRunningProject(t)
	p.editConfig(addingHeader("X-Mine", "kept"))
	p.editCompose(replacing("  web2:\n", "  web2:\n    environment: { MINE: \"1\" }\n"))
	config, compose := p.read(configFile), p.read(composeFile)
	for _, mode := range []string{"host", "bridge"} {
		p.mustSucceed(p.haproxy("init", "--network-mode", mode, "--force"))
		r := p.up()
		assert.Assert(t, !strings.Contains(r.stderr, "orphan"), "%s", r)
		inspected := p.container("haproxy").Inspect
		assert.Equal(t, inspected.HostConfig.NetworkMode == "host", mode == "host")
		assert.DeepEqual(t, p.servedBy(9), threeWebs)
		assert.Equal(t, p.get("/").header.Get("X-Mine"), "kept")
		assert.Equal(t, p.getStats("/healthz").body, "ok\n")
	}
	assert.Equal(t, p.read(configFile), config)
	assert.Equal(t, p.read(composeFile), compose)
	for _, c := range p.containers() {
		assert.Assert(t, c.Service != forwarder, "what bridge mode does not need must go")
	}
	p.mustSucceed(p.haproxy("init", "--network-mode", "host", "--force"))
	p.up()
	p.mustSucceed(p.haproxy("init", "--network-mode", "bridge", "--force"))
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
}
