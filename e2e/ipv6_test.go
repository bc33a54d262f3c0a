package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// needsIPv6 skips the test where this machine has no IPv6.
func needsIPv6(t *testing.T) {
	t.Helper()
	if content, err := os.ReadFile("/proc/net/if_inet6"); err == nil && len(content) == 0 || os.IsNotExist(err) {
		t.Skip("this machine has no IPv6")
	}
}

// subnet6 is a subnet of IPv6 that no other project of the suite has.
func (p *project) subnet6() string { return fmt.Sprintf("fd00:d0c:%x::", p.http) }

// network6 is a network with IPv6, for a Compose file.
func (p *project) network6(name string) string {
	return fmt.Sprintf("networks:\n  %s:\n    enable_ipv6: true\n    ipam: { config: [{ subnet: \"%s/64\" }] }\n", name, p.subnet6())
}

// tryAt is a request to an address of this machine, on a connection of its own.
func tryAt(address, host string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	asked, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", http.NoBody)
	if err != nil {
		return answer{}, err
	}
	if host != "" {
		asked.Host = host
	}
	transport := newTransport()
	transport.DisableKeepAlives = true
	return roundTrip(transport, asked)
}

// over6 is a request over IPv6 that must be answered.
func (p *project) over6(port int, host string) answer {
	p.t.Helper()
	a, err := tryAt("[::1]:"+strconv.Itoa(port), host)
	assert.NilError(p.t, err)
	return a
}

func TestIPv6_clients_are_served_and_guarded_like_those_of_IPv4(t *testing.T) {
	t.Parallel()
	needsIPv6(t)
	p := newProject(t)
	tcp := freePorts(t, 1)[0]
	gateway := p.subnet6() + "1" // whence Docker's own listener for [::] asks
	p.writeApps(app{name: "web", labels: []string{
		`haproxy.host: "*"`,
		`haproxy.in.host: in.test`, `haproxy.in.allow: "` + p.subnet6() + `/64"`,
		`haproxy.out.host: out.test`, `haproxy.out.deny: "` + gateway + `"`,
		`haproxy.few.host: few.test`, `haproxy.few.rate-limit: 3/1m`,
		fmt.Sprintf(`haproxy.raw.listen: "%d"`, tcp),
	}})
	p.editCompose(func(text string) string { return text + p.network6("default") })
	p.attach()
	p.up()

	a := p.over6(p.http, "")
	assert.Equal(t, a.status, http.StatusOK, a.body)
	assert.Assert(t, strings.Contains(a.body, "X-Forwarded-For: "+gateway+"\n"), a.body)
	assert.Equal(t, p.over6(p.http, "in.test").status, http.StatusOK)
	assert.Equal(t, p.over6(p.http, "out.test").status, http.StatusForbidden)
	var limited []int
	for range 5 {
		limited = append(limited, p.over6(p.http, "few.test").status)
	}
	assert.DeepEqual(t, limited, []int{200, 200, 200, 429, 429})
	assert.Equal(t, p.over6(tcp, "").by(), "web")

	// IPv4 is what it was: no address of it is written as one of IPv6, and none is taken for one.
	a = p.ask(request{host: "in.test"})
	assert.Equal(t, a.status, http.StatusForbidden)
	a = p.ask(request{})
	assert.Equal(t, a.status, http.StatusOK)
	assert.Assert(t, !strings.Contains(a.body, "::ffff:"), a.body)
	assert.Equal(t, p.ask(request{host: "few.test"}).status, http.StatusOK)

	p.mustSucceed(p.haproxy("reload", "--force"))
	assert.Equal(t, p.over6(p.http, "").status, http.StatusOK)
	assert.Equal(t, p.ask(request{}).status, http.StatusOK)
}

func TestIPv6_a_new_project_serves_it_once_its_network_has_it(t *testing.T) {
	t.Parallel()
	needsIPv6(t)
	p := newProject(t)
	p.init("--stats-address", "::1")
	p.editCompose(replacing("    driver: bridge\n", "    driver: bridge\n    enable_ipv6: true\n    ipam: { config: [{ subnet: \""+p.subnet6()+"/64\" }] }\n"))
	p.up()
	assert.Equal(t, p.over6(p.http, "").status, http.StatusOK)
	assert.Equal(t, p.over6(p.stats, "").status, http.StatusOK)
	a := p.get("/")
	assert.Equal(t, a.status, http.StatusOK)
	assert.Assert(t, !strings.Contains(a.body, "::ffff:"), a.body)
	p.mustSucceed(p.haproxy("reload", "--force"))
	assert.Equal(t, p.over6(p.http, "").status, http.StatusOK)
}

// A container without IPv6 may still be told to listen on it.
func TestIPv6_where_the_container_has_none_IPv4_is_served(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	assert.Assert(t, strings.Contains(p.read(configFile), "bind [::]:80 v6only"))
	p.up()
	p.mustSucceed(p.docker("exec", p.container("haproxy").ID, "grep", "-q", "1", "/proc/sys/net/ipv6/conf/eth0/disable_ipv6"))
	assert.Equal(t, p.get("/").status, http.StatusOK)
	assert.Equal(t, p.over6(p.http, "").status, http.StatusOK) // by Docker's own listener, as IPv4
	p.mustSucceed(p.haproxy("reload", "--force"))
	assert.Equal(t, p.get("/").status, http.StatusOK)
}

func TestIPv6_is_served_on_the_network_of_the_host(t *testing.T) {
	t.Parallel()
	needsIPv6(t)
	onlyOnLinux(t)
	p := newProject(t)
	p.writeApps(app{name: "web", labels: []string{`haproxy.host: "*"`}})
	p.attach("--network-mode", "host")
	p.up()
	a := p.over6(p.http, "")
	assert.Equal(t, a.status, http.StatusOK)
	assert.Assert(t, strings.Contains(a.body, "X-Forwarded-For: ::1\n"), a.body)
	a = p.ask(request{})
	assert.Assert(t, strings.Contains(a.body, "X-Forwarded-For: 127.0.0.1\n"), a.body)
	p.mustSucceed(p.haproxy("reload", "--force"))
	assert.Equal(t, p.over6(p.http, "").status, http.StatusOK)
}
