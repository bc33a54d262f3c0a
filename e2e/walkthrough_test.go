package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// TestWalkthrough is the reference scenario, row by row: what a person does by
// hand with docker commands, done with the plugin.
func TestWalkthrough(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.up()

	// Each row begins where the one before ended, on the same project.
	for _, row := range []struct {
		name string
		test func(*project)
	}{
		{"W1_a_user_defined_bridge_network", w1Network},
		{"W2_three_instances_of_one_web_app_with_no_host_port", w2Instances},
		{"W3_docker_ps_lists_them", w3List},
		{"W4_haproxy_cfg_has_every_value_or_the_reason", w4Config},
		{"W5_servers_are_addressed_by_container_name", w5Names},
		{"W6_haproxy_runs_detached_with_its_folder_read_only", w6Run},
		{"W7_requests_are_balanced_and_the_dashboard_is_served", w7Works},
		{"W8_an_edit_is_applied_and_no_request_is_lost", w8Reload},
		{"W9_everything_is_torn_down", w9Down},
	} {
		passed := t.Run(row.name, func(t *testing.T) {
			row.test(p.within(t))
		})
		if !passed {
			return
		}
	}
}

var threeWebs = []string{"web1", "web2", "web3"}

func w1Network(p *project) {
	t := p.t
	names := strings.Fields(p.mustSucceed(p.docker("network", "ls", "--filter", p.label(), "--format", "{{ .Name }}")).stdout)
	assert.DeepEqual(t, names, []string{p.name + "_mynetwork"})

	var networks []struct {
		Driver     string
		Internal   bool
		Containers map[string]struct{ Name string }
	}
	p.decode(p.mustSucceed(p.docker("network", "inspect", names[0])), &networks)
	assert.Equal(t, networks[0].Driver, "bridge")
	assert.Equal(t, networks[0].Internal, false)
	assert.Equal(t, len(networks[0].Containers), 4, "three web apps and HAProxy")
}

func w2Instances(p *project) {
	t := p.t
	var webs []string
	for _, c := range p.containers() {
		if c.Service == "haproxy" {
			continue
		}
		webs = append(webs, c.Service)
		assert.Equal(t, c.State, "running")
		assert.Equal(t, c.Inspect.Config.Image, prepared.echoImage)
		assert.Equal(t, len(c.Ports), 0, "%s must publish nothing, but has %v", c.Service, c.Ports)
		assert.DeepEqual(t, c.Network, []string{p.name + "_mynetwork"})
		aliases := c.Inspect.NetworkSettings.Networks[p.name+"_mynetwork"].Aliases
		assert.Assert(t, slices.Contains(aliases, c.Service), "%s must be found by its name, but has %v", c.Service, aliases)
	}
	assert.DeepEqual(t, webs, threeWebs)

	// It listens on 8080 and answers with the details of the request.
	body := p.get("/details?of=this").body
	assert.Assert(t, strings.Contains(body, "GET /details?of=this"), body)
}

func w3List(p *project) {
	t := p.t
	lines := strings.Split(strings.TrimSpace(p.mustSucceed(p.docker(
		"ps", "--filter", p.label(), "--format", `{{ .Label "com.docker.compose.service" }}|{{ .Status }}|{{ .Ports }}`)).stdout), "\n")
	slices.Sort(lines)
	assert.Equal(t, len(lines), 4)
	for i, line := range lines[1:] { // haproxy comes first
		fields := strings.Split(line, "|")
		assert.Equal(t, fields[0], threeWebs[i])
		assert.Assert(t, strings.HasPrefix(fields[1], "Up "), line)
		assert.Assert(t, !strings.Contains(fields[2], "->"), "no port is mapped: %s", line)
	}
}

// w4Config looks for each value of the hand-made configuration. One that is
// another here has its reason in the configuration itself.
func w4Config(p *project) {
	t := p.t
	config := p.read(configFile)
	section := func(name string) string {
		_, after, found := strings.Cut(config, "\n"+name+"\n")
		assert.Assert(t, found, "there must be a section %q in:\n%s", name, config)
		text, _, _ := strings.Cut(after, "\n\n")
		return text
	}
	for _, want := range []struct {
		section string
		value   string   // as by hand
		instead []string // else: what stands in its place, and the reason
	}{
		{"global", "stats socket /var/run/api.sock", []string{"stats socket /var/run/haproxy/api.sock", "one user"}},
		{"global", "user haproxy", []string{`so "user", "group"`, "have no place here"}},
		{"global", "group haproxy", []string{`so "user", "group"`, "have no place here"}},
		{"global", "mode 660", []string{"mode 600", "mode 660 have no place here"}},
		{"global", "level admin", nil},
		{"global", "level admin expose-fd listeners", []string{`"expose-fd listeners" is needless`, "hands its sockets to the next worker itself"}},
		{"global", "log stdout", nil},
		{"global", "format raw", nil},
		{"global", "local0 info", nil},
		{"defaults", "mode http\n", nil},
		{"defaults", "timeout client 10s\n", []string{"timeout client 30s", "10s, as often seen, cuts slow uploads"}},
		{"defaults", "timeout connect 5s\n", []string{"timeout connect 2s", "connect decides how long a request waits"}},
		{"defaults", "timeout server 10s\n", []string{"timeout server 60s", "and slow answers"}},
		{"defaults", "timeout http-request 10s\n", nil},
		{"defaults", "log global\n", nil},
		{"frontend stats", "bind *:8404\n", nil},
		{"frontend stats", "stats enable\n", nil},
		{"frontend stats", "stats uri /\n", nil},
		{"frontend stats", "stats refresh 10s\n", nil},
		{"frontend myfrontend", "bind :80\n", nil},
		{"frontend myfrontend", "default_backend webservers", nil},
		{"backend webservers", "server s1 web1:8080 check", nil},
		{"backend webservers", "server s2 web2:8080 check", nil},
		{"backend webservers", "server s3 web3:8080 check", nil},
	} {
		text := section(want.section) + "\n"
		if strings.Contains(text, want.value) {
			continue
		}
		assert.Assert(t, len(want.instead) > 0, "section %q must have %q:\n%s", want.section, want.value, text)
		for _, instead := range want.instead {
			assert.Assert(t, strings.Contains(text, instead), "section %q has no %q; it must say %q then:\n%s", want.section, want.value, instead, text)
		}
	}
	p.mustSucceed(p.haproxy("check"))
}

func w5Names(p *project) {
	t := p.t
	for i, service := range threeWebs {
		address := strings.TrimSpace(p.mustSucceed(p.docker("inspect", "--format",
			"{{ range .NetworkSettings.Networks }}{{ .IPAddress }}{{ end }}", p.container(service).ID)).stdout)
		found := p.mustSucceed(p.docker("exec", p.container("haproxy").ID, "nslookup", service, "127.0.0.11")).stdout
		assert.Assert(t, strings.Contains(found, address), "the network's DNS must know %s as %s:\n%s", service, address, found)
		servers := p.runtimeAPI("show servers state webservers")
		want := fmt.Sprintf(" s%d %s 2 ", i+1, address) // 2: running
		assert.Assert(t, strings.Contains(servers, want), "HAProxy must reach %s as%s:\n%s", service, want, servers)
	}
}

func w6Run(p *project) {
	t := p.t
	balancer := p.container("haproxy")
	assert.Equal(t, balancer.State, "running")
	assert.Equal(t, balancer.Inspect.Config.Image, prepared.haproxyImage)
	assert.DeepEqual(t, balancer.Network, []string{p.name + "_mynetwork"})

	var folders []string
	for _, mount := range balancer.Inspect.Mounts {
		if mount.Type == "bind" {
			assert.Equal(t, mount.RW, false, "%s must be read-only", mount.Destination)
			folders = append(folders, mount.Source+" "+mount.Destination)
		}
	}
	assert.DeepEqual(t, folders, []string{p.path("haproxy") + " /usr/local/etc/haproxy"})

	assert.Assert(t, slices.Contains(balancer.Ports, fmt.Sprintf("0.0.0.0:%d->80/tcp", p.http)), "%v", balancer.Ports)
	// By hand the dashboard is open to the world; here it is for this machine.
	assert.Assert(t, slices.Contains(balancer.Ports, fmt.Sprintf("127.0.0.1:%d->8404/tcp", p.stats)), "%v", balancer.Ports)
}

func w7Works(p *project) {
	t := p.t
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
	stats := p.getStats("/")
	assert.Equal(t, stats.status, http.StatusOK)
	for _, word := range []string{"Statistics Report", "webservers", "myfrontend", "s1", "s2", "s3"} {
		assert.Assert(t, strings.Contains(stats.body, word), "the dashboard must show %q", word)
	}
	assert.Equal(t, stats.header.Get("Refresh"), "10")
}

func w8Reload(p *project) {
	t := p.t
	const header = "X-Walkthrough"
	before, worker := p.container("haproxy"), p.worker()

	load := p.startLoad(2)
	load.goOn(100)
	for i := range 3 {
		version := strconv.Itoa(i)
		if i == 0 {
			p.editConfig(addingHeader(header, version))
		} else {
			p.editConfig(replacing(header+" "+strconv.Itoa(i-1), header+" "+version))
		}
		p.mustSucceed(p.haproxy("reload"))
		assert.Equal(t, p.get("/").header.Get(header), version)
		load.goOn(100)
	}
	load.mustLoseNothing()

	after := p.container("haproxy")
	assert.Equal(t, after.ID, before.ID)
	assert.Equal(t, after.PID, before.PID, "the container's process must be the same")
	assert.Equal(t, after.Inspect.RestartCount, 0)
	assert.Assert(t, p.worker() != worker, "the worker must be another one")
}

func w9Down(p *project) {
	t := p.t
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
	_, err := tryGet(p.http, "/")
	assert.Assert(t, err != nil, "nobody must answer any more")
	assert.Assert(t, slices.Contains(p.files(), configFile), "the files stay")
}
