package compose

import (
	"slices"
	"testing"

	"gotest.tools/v3/assert"
)

const neededProject = `
name: demo
services:
  haproxy:
    image: haproxy
    command: [haproxy, -f, /cfg/haproxy.cfg]
    volumes: ["./haproxy.cfg:/cfg/haproxy.cfg"]
    links: ["linked:backend-host"]
  web: {image: app, labels: {haproxy.host: a.test, haproxy.port: "80"}, depends_on: {db: {condition: service_healthy}}}
  db: {image: app, volumes_from: [data]}
  data: {image: app}
  app: {image: app}
  linked: {image: app}
  aliased: {image: app, networks: {default: {aliases: [other.name]}}}
  logger: {image: app}
  side: {image: app, network_mode: "service:app"}
  sick: {image: app}
  cache: {image: app, depends_on: [sick]}
  check: {image: app}
networks: {default: }
`

func TestWhatRequestsDependOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		others []string
	}{
		"labels only":                     {"defaults\n  mode http\n", []string{"aliased", "app", "check", "logger", "side", "sick", "cache"}},
		"a server":                        {"backend b\n  server s1 app:8080 check\n", []string{"aliased", "check", "logger", "side", "sick", "cache"}},
		"in a network":                    {"  server s1 app.default:8080\n", []string{"aliased", "check", "logger", "side", "sick", "cache"}},
		"by an alias":                     {"  server s1 other.name:8080\n", []string{"app", "check", "logger", "side", "sick", "cache"}},
		"logs and peers":                  {"  log udp@logger:514 local0\n  peer p1 sick:1024\n", []string{"aliased", "app", "check", "side", "cache"}},
		"without a port":                  {"  server-template w 2 app\n", []string{"aliased", "check", "logger", "side", "sick", "cache"}},
		"in a comment":                    {"  # server s1 app:80\n", []string{"aliased", "app", "check", "logger", "side", "sick", "cache"}},
		"a keyword that is a name":        {"  cache static\n  option log-health-checks\n", []string{"aliased", "app", "check", "logger", "side", "sick", "cache"}},
		"a variable may be any of them":   {"  server s1 \"${APP}:80\"\n", nil},
		"a dependency of what has a name": {"  server s1 cache:80\n", []string{"aliased", "app", "check", "logger", "side"}},
	} {
		p := load(t, neededProject, map[string]string{"haproxy.cfg": c.config})
		assert.DeepEqual(t, slices.Sorted(slices.Values(p.others())), slices.Sorted(slices.Values(c.others)))
		t.Log("right:", name)
	}
	p := load(t, neededProject, nil) // without its file
	assert.Equal(t, len(p.others()), 0)
}
