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
		Rows []struct {
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
		Comparisons []struct {
			What              string
			AddedMicroseconds struct{ Median, Low, High, Confidence float64 }
		}
	}
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

	r = p.mustSucceed(p.haproxy("bench", "--duration", "2s", "--warm-up", "200ms", "--format", "json", "--plot", "bench.svg"))
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

func TestBench_that_is_interrupted_leaves_nothing(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	before := p.ids()
	measuring := p.start(how{}, "haproxy", "bench", "--duration", "1m")
	var client container
	p.eventually("the client runs", func() error {
		for _, c := range p.containers() {
			if c.Labels["com.docker.compose.oneoff"] == "True" && c.State == "running" {
				client = c
				return nil
			}
		}
		return errors.New("no client yet")
	})
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
