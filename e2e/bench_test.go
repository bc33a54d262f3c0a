package e2e

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// benchmark is the part of "bench --format json" that scenarios look at.
type benchmark struct {
	HAProxy string
	Rounds  int
	LeftOut []string
	Target  struct{ Frontend, Backend string }
	Summary struct {
		Rows        []measuredRow
		Comparisons []struct {
			What              string
			Base, Other       string
			AddedMicroseconds struct{ Median, Low, High, Confidence float64 }
			Rate              struct{ Median, Low, High, Confidence float64 }
		}
	}
}

type measuredRow struct {
	Row struct {
		Way struct {
			Name, From      string
			Inside, Proxied bool
			Published       bool
			Plain, TLS      []string
		}
		Variant struct {
			Protocol  string
			TLS       bool
			KeepAlive bool
			Clients   int
			Rate      float64
		}
	}
	Rate                     struct{ Median, Low, High, Confidence float64 }
	P50, P90, P99, P999, Max int64
	Answered, Errors         int64
	Complaints               []string
	CPUPer1000               int64
	Memory                   int64
}

// withTLS makes the frontend listen with TLS as well, on a port of its own.
func (p *project) withTLS() {
	p.t.Helper()
	port := freePorts(p.t, 1)[0]
	p.write("haproxy/certs/site.pem", newCertificate(p.t, "localhost"))
	p.editConfig(replacing("    bind :80\n", "    bind :80\n    bind :443 ssl crt /usr/local/etc/haproxy/certs/ alpn h2,http/1.1\n"))
	p.editCompose(replacing("    ports:\n", fmt.Sprintf("    ports:\n      - \"127.0.0.1:%d:443\"\n", port)))
}

func TestBench_measures_every_way_and_leaves_nothing(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "2")
	p.withTLS()
	p.up()
	before := p.ids()

	r := p.mustSucceed(p.haproxy("bench", "--dry-run"))
	p.mustSay(r, r.stdout, "app alone, from inside the network", "HAProxy, from this machine", "new connections", "h2", "TLS", "Nothing was sent")
	r = p.mustSucceed(p.haproxy("status", "--format", `{{range .Frontends}}{{.Name}} {{.Total}} {{end}}`))
	p.mustSay(r, r.stdout, "myfrontend 0 ") // a dry run sends nothing

	r = p.mustSucceed(p.haproxy("bench", "--duration", "5s", "--warm-up", "200ms", "--format", "json", "--plot", "bench.svg"))
	var b benchmark
	p.decode(r, &b)
	assert.Equal(t, b.Target.Frontend, "myfrontend")
	assert.Equal(t, b.Target.Backend, "webservers")
	var rows []string
	for _, row := range b.Summary.Rows {
		v, w := row.Row.Variant, row.Row.Way
		assert.Assert(t, row.Answered > 0 && row.Errors == 0 && row.Rate.Median > 0, "%+v", row)
		assert.Assert(t, row.P50 > 0 && row.P50 <= row.P90 && row.P90 <= row.P99 && row.P99 <= row.Max, "%+v", row)
		assert.Equal(t, row.CPUPer1000 > 0 && row.Memory > 0, w.Proxied, "HAProxy's part in it: %+v", row)
		for _, address := range slices.Concat(w.Plain, w.TLS) {
			assert.Equal(t, strings.HasPrefix(address, "127.0.0.1:"), !w.Inside, "this machine sends to loopback only")
		}
		rows = append(rows, fmt.Sprintf("%s tls=%t kept=%t from %s to %s", v.Protocol, v.TLS, v.KeepAlive, w.From, w.Name))
	}
	for _, secured := range []string{"false", "true"} {
		for _, load := range []string{"h1 tls=%s kept=true", "h1 tls=%s kept=false", "h2 tls=%s kept=true"} {
			for _, way := range []string{"from inside the network to HAProxy", "from this machine to HAProxy"} {
				row := fmt.Sprintf(load, secured) + " " + way
				assert.Assert(t, slices.Contains(rows, row), "%s is not in\n%s", row, strings.Join(rows, "\n"))
			}
		}
	}
	assert.Assert(t, slices.Contains(rows, "h1 tls=false kept=true from inside the network to app alone"), "%v", rows)
	assert.Assert(t, len(b.Summary.Comparisons) > 0)
	drawn := xml.NewDecoder(strings.NewReader(p.read("bench.svg")))
	for {
		_, err := drawn.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		assert.NilError(t, err)
	}
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, len(p.containers()), len(before), "the client must be gone")

	// At a rate, for people.
	r = p.mustSucceed(p.haproxy("bench", "--duration", "1s", "--warm-up", "0", "--rate", "50", "-c", "2", "--plot", "bench.png"))
	p.mustSay(r, r.stdout, "REQ/S", "P99.9", "h1, keep-alive, 50 requests/s", "h1, TLS, keep-alive", "coordinated omission", "HAProxy: ", "the published port", "35 µs", b.HAProxy)
	assert.Assert(t, strings.HasPrefix(p.read("bench.png"), "\x89PNG"))
	assert.Equal(t, len(p.containers()), len(before))
}

// onHostNetwork is HAProxy there, as bench names it.
const onHostNetwork = "HAProxy (host network)"

// comparesNetworks measures, and makes sure that HAProxy on the host's network
// was in the same run as the one that serves, which is as it was before.
func (p *project) comparesNetworks(flags ...string) benchmark {
	p.t.Helper()
	before, worker := p.everything(), p.worker()
	served := p.mustSucceed(p.haproxy("status", "--format", "json")).stdout
	r := p.mustSucceed(p.haproxy(append([]string{"bench", "--duration", "5s", "--warm-up", "200ms", "--format", "json"}, flags...)...))
	p.mustStandAs(before)
	assert.Equal(p.t, p.worker(), worker, "it must not be reloaded")
	assert.Equal(p.t, strings.Count(p.mustSucceed(p.haproxy("status", "--format", "json")).stdout, "\n"), strings.Count(served, "\n"))
	var b benchmark
	p.decode(r, &b)
	rows := 0
	for _, row := range b.Summary.Rows {
		if row.Row.Way.Name != onHostNetwork {
			continue
		}
		rows++
		assert.Assert(p.t, row.Answered > 0 && row.Errors == 0 && row.CPUPer1000 > 0 && row.Memory > 0, "%+v", row)
		for _, address := range slices.Concat(row.Row.Way.Plain, row.Row.Way.TLS) {
			assert.Assert(p.t, strings.HasPrefix(address, "127.0.0.1:"), address)
		}
	}
	assert.Assert(p.t, rows >= 4, "%d rows; left out: %v", rows, b.LeftOut)
	compared := 0
	for _, c := range b.Summary.Comparisons {
		if c.What == "bridge networking" {
			compared++
			assert.Equal(p.t, c.Base+" < "+c.Other, onHostNetwork+", from this machine < HAProxy, from this machine")
			assert.Assert(p.t, c.AddedMicroseconds.High >= c.AddedMicroseconds.Low && c.Rate.Median > 0, "%+v", c)
		}
	}
	assert.Equal(p.t, compared, rows, "each load is compared")
	return b
}

func TestBench_compares_bridge_with_host_networking(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	t.Run("of a project that init made", func(t *testing.T) {
		t.Parallel()
		p := newProject(t)
		p.init("--servers", "2")
		p.withTLS()
		p.up()
		b := p.comparesNetworks()
		assert.Assert(t, slices.ContainsFunc(b.Summary.Rows, func(row measuredRow) bool {
			return row.Row.Way.Name == onHostNetwork && row.Row.Variant.TLS
		}), "certificates are there too: %v", b.LeftOut)

		r := p.mustSucceed(p.haproxy("bench", "--dry-run"))
		p.mustSay(r, r.stdout, onHostNetwork+", from this machine", "A second HAProxy would be started")
		r = p.mustSucceed(p.haproxy("bench", "--duration", "4s", "--warm-up", "200ms"))
		p.mustSay(r, r.stdout, "bridge in place of host networking", "on the host's network → ", "in bridge mode", "requests/s", "70 µs")
		r = p.mustSucceed(p.haproxy("bench", "--duration", "500ms", "--warm-up", "0", "--host-network=false"))
		assert.Assert(t, !strings.Contains(r.stdout, onHostNetwork), "%s", r)
	})
	t.Run("of a project with labels", func(t *testing.T) {
		t.Parallel()
		p := newRoutedProject(t,
			app{name: "shop", labels: []string{"haproxy.host: shop.example.com", "haproxy.sticky: yes"}, scale: 2},
			app{name: "other", labels: []string{"haproxy.host: other.example.com"}},
		)
		p.comparesNetworks("--host", "shop.example.com")
	})
	t.Run("but not of a configuration that cannot be there", func(t *testing.T) {
		t.Parallel()
		p := newProject(t)
		p.init("--servers", "1")
		p.editConfig(replacing("global\n", "global\n    log 127.0.0.1:514 local0\n"))
		p.up()
		r := p.mustSucceed(p.haproxy("bench", "--duration", "500ms", "--warm-up", "0"))
		p.mustSay(r, r.stdout, "Left out: "+onHostNetwork+": haproxy/haproxy.cfg line ", "the log goes to 127.0.0.1:514")

		p.editConfig(replacing("    log 127.0.0.1:514 local0\n", ""))
		r = p.mustSucceed(p.haproxy("bench", "--duration", "500ms", "--warm-up", "0"))
		p.mustSay(r, r.stdout, "Left out: "+onHostNetwork+": HAProxy has not loaded what is on disk", "docker haproxy reload")
	})
}

// twinOf waits for HAProxy on the host's network, and for the client beside it.
func (p *project) twinOf() (twin, client container) {
	p.t.Helper()
	p.eventually("both run", func() error {
		ids := strings.Fields(p.mustSucceed(p.docker("ps", "-q", "--filter", p.label(), "--filter", "label=com.docker.compose.oneoff=True")).stdout)
		r := p.docker(append([]string{"inspect", "--type", "container"}, ids...)...)
		if len(ids) < 2 || r.exitCode != 0 { // one may come or go between the two questions
			return fmt.Errorf("%d containers so far: %s", len(ids), r.stderr)
		}
		var all []inspected
		p.decode(r, &all)
		twin, client = container{}, container{}
		for _, i := range all {
			switch c := containerOf(i); {
			case c.State != "running":
			case c.Inspect.HostConfig.NetworkMode == "host":
				twin = c
			default:
				client = c
			}
		}
		if twin.ID == "" || client.ID == "" {
			return errors.New("not yet")
		}
		return nil
	})
	return twin, client
}

// listensAt are the addresses at which the processes of a container on the host's
// network take connections, as the kernel writes them.
func (p *project) listensAt(c container) []string {
	p.t.Helper()
	open := p.mustSucceed(p.docker("exec", c.ID, "sh", "-c", "ls -l /proc/[0-9]*/fd 2>/dev/null; :")).stdout
	var addresses []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		for _, fields := range procNet(p.t, table) {
			listens := len(fields) > 9 && (fields[3] == "0A" || strings.HasPrefix(table, "udp"))
			if listens && strings.Contains(open, "socket:["+fields[9]+"]") {
				addresses = append(addresses, table+" "+fields[1])
			}
		}
	}
	return addresses
}

func TestBench_on_the_hosts_network_has_no_more_power_than_it_needs(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	p := newProject(t)
	p.init("--servers", "1")
	p.withTLS()
	p.up()
	before := p.everything()
	measuring := p.startGroup("bench", "--duration", "1m")
	twin, _ := p.twinOf()
	p.eventually("it listens", func() error {
		if n := len(p.listensAt(twin)); n != 2 {
			return fmt.Errorf("at %d addresses", n)
		}
		return nil
	})
	for _, address := range p.listensAt(twin) {
		assert.Assert(t, strings.HasPrefix(address, "tcp 0100007F:"), "on 127.0.0.1 only, and not at %s", address)
	}
	host := twin.Inspect.HostConfig
	assert.Assert(t, host.ReadonlyRootfs && !host.Privileged && host.PidMode == "" && len(host.CapAdd) == 0)
	assert.DeepEqual(t, host.CapDrop, []string{"ALL"})
	assert.Assert(t, slices.Contains(host.SecurityOpt, "no-new-privileges:true"), "%v", host.SecurityOpt)
	assert.Equal(t, twin.Inspect.Config.User, p.serving().Inspect.Config.User)
	assert.Assert(t, twin.Inspect.Config.User != "" && twin.Inspect.Config.User[0] != '0', twin.Inspect.Config.User)
	for _, mount := range twin.Inspect.Mounts {
		assert.Assert(t, !mount.RW || mount.Type == "tmpfs", "%+v", mount)
	}
	assert.Equal(t, p.mustSucceed(p.docker("exec", twin.ID, "sh", "-c", "cat /run/docker-haproxy/0.cfg | grep -c 'bind 127.0.0.1:'")).stdout, "2\n")

	// Nothing that ends in order can be done about kill -9.
	killGroup(measuring.cmd)
	measuring.wait()
	p.eventually("nothing stays", func() error {
		left := strings.Fields(p.mustSucceed(p.docker("ps", "-aq", "--filter", p.label(), "--filter", "label=com.docker.compose.oneoff=True")).stdout)
		if len(left) > 0 {
			return fmt.Errorf("%d containers are there", len(left))
		}
		return nil
	})
	p.mustStandAs(before)
}

// serving is the load balancer's own container.
func (p *project) serving() container {
	p.t.Helper()
	for _, c := range p.containers() {
		if c.Service == "haproxy" && c.Labels["com.docker.compose.oneoff"] != "True" {
			return c
		}
	}
	p.t.Fatal("there is none")
	return container{}
}

func TestBench_that_is_interrupted_leaves_nothing(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	before := p.ids()
	measuring := p.start(how{}, "haproxy", "bench", "--duration", "1m")
	_, client := p.twinOf()
	host := client.Inspect.HostConfig
	assert.Assert(t, host.ReadonlyRootfs && slices.Contains(host.CapDrop, "ALL") && !host.Privileged && len(client.Ports) == 0)
	assert.Equal(t, client.Inspect.Config.User, "65534:65534")
	assert.DeepEqual(t, client.Network, p.container("web1").Network)

	measuring.interrupt()
	r := measuring.wait()
	assert.Equal(t, r.exitCode, 130, "%s", r)
	assert.DeepEqual(t, p.ids(), before)
	assert.Equal(t, len(p.containers()), len(before), "the client must be gone")
	for _, mount := range client.Inspect.Mounts {
		assert.Equal(t, mount.Type, "volume", "nothing of this machine is mounted")
		assert.Assert(t, p.docker("volume", "inspect", mount.Name).exitCode != 0, "its volume must be gone")
	}
}

func TestBench_says_why_there_is_nothing_to_measure(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.mustFail(p.haproxy("bench"), 1, "is not running", `"docker haproxy up"`)

	p.up()
	p.mustFail(p.haproxy("bench", "--path", "/?status=404"), 1, "status 404", "--path")
	p.mustFail(p.haproxy("bench", "--frontend", "nosuch"), 1, "no HTTP frontend named nosuch")
	p.mustFail(p.haproxy("bench", "--backend", "nosuch"), 1, "no backend nosuch", "docker haproxy status")
	p.mustFail(p.haproxy("bench", "--format", "xml"), 1, "Choose table or json")
	p.mustFail(p.haproxy("bench", "--plot", "bench.gif"), 1, ".svg")

	p.editCompose(replacing(fmt.Sprintf("      - \"%d:80\"\n", p.http), ""))
	p.up()
	r := p.mustFail(p.haproxy("bench"), 1, "no HTTP frontend", "loopback", `"ports:"`)
	assert.Assert(t, strings.Count(strings.TrimSpace(r.stderr), "\n") < 2, "two lines do: %s", r)
	assert.Equal(t, len(p.containers()), 2)
}

func TestBench_measures_HAProxy_on_the_hosts_network(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1", "--network-mode", "host")
	p.up()
	before := len(p.containers())
	r := p.mustSucceed(p.haproxy("bench", "--duration", "800ms", "--warm-up", "0"))
	p.mustSay(r, r.stdout, "HAProxy (host network), from this machine", "app alone, from inside the network", "HAProxy on the host's network")
	assert.Assert(t, !strings.Contains(r.stdout, "published port"), "nothing is published: %s", r)
	assert.Equal(t, len(p.containers()), before)
}
