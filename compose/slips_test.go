package compose

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// slipsOf are the slips of a project, a line each: its place, its label, and
// whether it closes its service.
func slipsOf(p *Project) string {
	var lines []string
	for _, slip := range Slips(p.Project) {
		line := strings.Join(strings.Fields(slip.Service+" "+slip.Place+" "+slip.Label), " ")
		if slip.Guards {
			line += " closes"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestLabelsAreLookedForWhereverPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ services, want string }{
		"labels":                   {"\n  web: {image: app, labels: {Haproxy.Host: a}}", "web Haproxy.Host"},
		"labels as a list":         {"\n  web: {image: app, labels: [HAProxy.Allow=10.0.0.0/8]}", "web HAProxy.Allow closes"},
		"a list without values":    {"\n  web: {image: app, labels: [haproxy_host]}", "web haproxy_host"},
		"deploy.labels":            {"\n  web: {image: app, deploy: {labels: {haproxy.allow: 10.0.0.0/8}}}", "web deploy.labels haproxy.allow closes"},
		"deploy.labels, routing":   {"\n  web: {image: app, deploy: {labels: {haproxy.host: a}}}", "web deploy.labels haproxy.host"},
		"the same below deploy":    {"\n  web: {image: app, labels: {haproxy.host: a}, deploy: {labels: {haproxy.host: a}}}", ""},
		"something else below it":  {"\n  web: {image: app, labels: {haproxy.deny: 10.0.0.1}, deploy: {labels: {haproxy.deny: 10.0.0.2}}}", "web deploy.labels haproxy.deny closes"},
		"build.labels":             {"\n  web: {build: {context: ., labels: {haproxy.auth: users}}}", "web build.labels haproxy.auth closes"},
		"annotations":              {"\n  web: {image: app, annotations: {haproxy.rate-limit: 5/1m}}", "web annotations haproxy.rate-limit closes"},
		"environment":              {"\n  web: {image: app, environment: {haproxy.host: a, HAPROXY_HOST: b}}", "web environment haproxy.host"},
		"volume of a service":      {"\n  web: {image: app, volumes: [{type: volume, target: /data, volume: {labels: {haproxy.host: a}}}]}", "web volumes haproxy.host"},
		"x-labels":                 {"\n  web: {image: app, x-labels: {haproxy.allow: 10.0.0.0/8}}", "web x-labels haproxy.allow closes"},
		"x-labels as a list":       {"\n  web: {image: app, x-labels: [haproxy.allow=10.0.0.0/8]}", "web x-labels haproxy.allow closes"},
		"x-haproxy":                {"\n  web: {image: app, x-haproxy: {host: a, allow: 10.0.0.0/8}}", "web x-haproxy haproxy.allow closes\nweb x-haproxy haproxy.host"},
		"x-haproxy.host":           {"\n  web: {image: app, x-haproxy.host: a}", "web x-haproxy.host haproxy.host"},
		"deploy.x-labels":          {"\n  web: {image: app, deploy: {x-labels: {haproxy.host: a}}}", "web deploy.x-labels haproxy.host"},
		"an anchor":                {"\n  web: {image: app, x-common: &l {haproxy.host: a}, labels: *l}", ""},
		"a profile that is off":    {"\n  web: {image: app, profiles: [off], labels: {HAProxy.Host: a}}", "web HAProxy.Host"},
		"what is not to be routed": {"\n  web: {image: app, labels: {haproxy.enable: 'false', HAProxy.Allow: x}}", ""},
		"labels of others":         {"\n  web: {image: app, labels: {traefik.enable: 'true'}, deploy: {labels: {com.example.x: y}}, annotations: {a: b}, x-foo: {bar: [1, {a: b}, null]}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, slipsOf(labelled(t, c.services)), c.want)
		})
	}
}

func TestLabelsOfWhatIsNoServiceAreTold(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: shop
x-common: {labels: {haproxy.host: a, haproxy.path: /used}}
services:
  web: {image: app, networks: [front], volumes: ["data:/data"], configs: [conf], secrets: [key], labels: {haproxy.path: /used}}
  haproxy: {image: haproxy, deploy: {labels: {haproxy.snippet: x}}}
networks:
  front: {labels: {haproxy.host: a}}
volumes:
  data: {labels: {HAProxy.Allow: 10.0.0.0/8}}
configs:
  conf: {content: x, labels: {haproxy.host: a}}
secrets:
  key: {environment: HOME, labels: [haproxy.host=a]}
`, nil)
	assert.Equal(t, slipsOf(p), strings.Join([]string{
		"haproxy deploy.labels haproxy.snippet closes",
		"network front haproxy.host",
		"volume data HAProxy.Allow closes",
		"config conf haproxy.host",
		"secret key haproxy.host",
		"x-common haproxy.host",
	}, "\n"))
}

func TestLabelsOfALabelFileAreLookedAtAsWell(t *testing.T) {
	t.Parallel()
	p := load(t, "name: shop\nservices:\n  web: {image: app, label_file: labels.env}\n"+strings.TrimPrefix(balancerService, "\n"),
		map[string]string{"labels.env": "haproxy.alow=10.0.0.0/8\nHAProxy.Host=a\n", BaseConfigName: baseConfig})
	assert.Equal(t, slipsOf(p), "web HAProxy.Host")
	_, quarantines := routesOf(t, p)
	testkit.Contains(t, quarantines, "service web is not served: service web: label haproxy.alow", "did you mean haproxy.allow?")
}

func TestASlipThatWouldHaveKeptClientsOutIsAnswered503(t *testing.T) {
	t.Parallel()
	for _, slip := range []string{
		"labels: {haproxy.host: a.example, haproxy.port: '8080', HAProxy.Allow: 10.0.0.0/8}",
		"labels: {haproxy.host: a.example, haproxy.port: '8080'}, deploy: {labels: {haproxy.allow: 10.0.0.0/8}}",
		"labels: {haproxy.host: a.example, haproxy.port: '8080'}, annotations: {haproxy.deny: 10.0.0.0/8}",
		"labels: {haproxy.host: a.example, haproxy.port: '8080', haproxy.alow: 10.0.0.0/8}",
	} {
		files, quarantines := routesOf(t, labelled(t, "\n  other: {image: app, networks: [front], labels: {haproxy.host: b.example, haproxy.port: '8080'}}\n  web: {image: app, networks: [front], "+slip+"}"))
		testkit.Contains(t, quarantines, "service web is not served: ")
		testkit.Contains(t, files[routing.RoutesName], "backend shop.web\n", "server-template other ")
		assert.Assert(t, !strings.Contains(files[routing.RoutesName], "server-template web"), "%s\n%s", slip, files[routing.RoutesName])
	}
}

func TestASlipOfTheLoadBalancersGuardClosesAll(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"labels: {haproxy.allow: 10.0.0.0/8}",
		"labels: {HAProxy.Snippet: http-request deny}",
		"labels: {haproxy.snipet: http-request deny}",
		"deploy: {labels: {haproxy.snippet: http-request deny}}",
	} {
		balancer := strings.Replace(balancerService, "    image: haproxy\n", "    image: haproxy\n    "+line+"\n", 1)
		p := load(t, "name: shop\nservices:\n  web: {image: app, networks: [front], labels: {haproxy.host: a.example, haproxy.port: '8080'}}"+balancer, map[string]string{BaseConfigName: baseConfig})
		files, quarantines := routesOf(t, p)
		testkit.Contains(t, quarantines, "service haproxy is not served: service haproxy", "all routes answer 503")
		assert.Assert(t, !strings.Contains(files[routing.RoutesName], "server-template web"), line)
	}
}

func TestASlipThatOnlyWouldHaveRoutedIsARemark(t *testing.T) {
	t.Parallel()
	p := labelled(t, "\n  web: {image: app, networks: [front], labels: {haproxy.host: a.example, haproxy.port: '8080', Haproxy.Path: /x}}")
	files, quarantines := routesOf(t, p)
	assert.Equal(t, quarantines, "")
	testkit.Contains(t, files[routing.RoutesName], "server-template web")
	remarks := p.Remarks(t.Context())
	assert.Equal(t, len(remarks), 1)
	assert.Equal(t, remarks[0].Message, `service web: label Haproxy.Path: "/x": is not read: labels begin with haproxy.`)
	assert.Equal(t, remarks[0].Hint, "did you mean haproxy.path?")
}

func TestAGuardThatCannotCloseItsServiceIsARemark(t *testing.T) {
	t.Parallel()
	p := load(t, "name: shop\nservices:\n  web: {image: app, labels: {HAProxy.Allow: 10.0.0.0/8}}\n  haproxy: {image: haproxy}\n", nil)
	assert.Equal(t, len(p.Remarks(t.Context())), 1, "the configuration is written by hand: it is not ours to close a service")
	assert.Equal(t, len(labelled(t, "\n  web: {image: app, networks: [front], labels: {HAProxy.Allow: 10.0.0.0/8}}").Remarks(t.Context())), 0, "the quarantine says it")
}
