package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// TestLinesThatTheDNSDoesNotMove: HAProxy's hand-written lines keep the address that
// they began with, and lead to the new containers all the same.
func TestLinesThatTheDNSDoesNotMove(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	noResolvers := regexp.MustCompile(` resolvers docker resolve-prefer ipv4 init-addr \S+`)
	for name, edit := range map[string]func(string) string{
		"no resolvers":                 func(cfg string) string { return noResolvers.ReplaceAllString(cfg, "") },
		"resolvers that do not answer": func(cfg string) string { return strings.Replace(cfg, "127.0.0.11:53", "127.0.0.1:5353", 1) },
		"a server-template": func(cfg string) string {
			return strings.Replace(noResolvers.ReplaceAllString(cfg, ""), "server s1 web1:8080", "server-template s 2 web1:8080", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.init("--servers", "1")
			p.editConfig(edit)
			p.editCompose(configured("web1", "scale: 2"))
			p.up()
			load := p.startRolloutLoad()
			load.goOn(20)
			r := p.mustSucceed(p.haproxy("rollout", "web1", "--force"))
			p.mustSay(r, r.stdout, " 0 lost")
			p.mustLeadTo("web1")
			load.goOn(20)
			p.mustSucceed(p.haproxy("scale", "web1=1"))
			p.mustLeadTo("web1")
			load.goOn(20)
			p.mustSucceed(p.haproxy("reload", "--force"))
			load.goOn(20)
			load.mustLoseNothing()

			p.mustSucceed(p.haproxy("restart", "web1", "--order", "stop-first"))
			p.mustLeadTo("web1")
			assert.Equal(t, p.get("/").status, http.StatusOK)
		})
	}
}

// mustLeadTo makes sure that each of HAProxy's servers has the address of one of the
// service's containers, is up, and that none stands in any more.
func (p *project) mustLeadTo(service string) {
	p.t.Helper()
	addresses := ""
	for _, id := range p.replicasOf(service) {
		addresses += p.mustSucceed(p.docker("inspect", "--format", "{{ range .NetworkSettings.Networks }} {{ .IPAddress }} {{ end }}", id)).stdout
	}
	state := p.runtimeAPI("show servers state")
	for line := range strings.Lines(state) {
		f := strings.Fields(line)
		if len(f) < 8 || f[0] == "#" {
			continue
		}
		assert.Assert(p.t, strings.Contains(addresses, " "+f[4]+" "), "%s has the address %s, the containers have %s", f[3], f[4], addresses)
		assert.Equal(p.t, f[5]+" "+f[6], "2 0", "%s", line)
		assert.Assert(p.t, !strings.HasSuffix(f[3], "-rollout"), "%s", state)
	}
}

// TestLinesThatNameAContainer: what no new container will have is refused before.
func TestLinesThatNameAContainer(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--servers", "1")
	good, before := p.read(configFile), p.ids()
	address := strings.TrimSpace(p.mustSucceed(p.docker("inspect", "--format", "{{ range .NetworkSettings.Networks }}{{ .IPAddress }}{{ end }}", before["web1"])).stdout)
	for _, named := range []string{address, p.name + "-web1-1"} {
		p.write(configFile, strings.Replace(good, "web1:8080", named+":8080", 1))
		p.mustSucceed(p.haproxy("reload"))
		for _, command := range [][]string{{"restart", "web1"}, {"rollout", "--force"}, {"scale", "web1=0"}} {
			p.mustFail(p.haproxy(command...), 1, "webservers/s1 names the", named, "nothing was touched", "server s1 web1:8080 check resolvers docker")
		}
		assert.DeepEqual(t, p.ids(), before)
		assert.Equal(t, p.get("/").status, http.StatusOK)
	}
}
