package attach

import (
	"errors"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// problemOf is a failure that must be explained.
func problemOf(t *testing.T, err error) *compose.Problem {
	t.Helper()
	problem, ok := errors.AsType[*compose.Problem](err)
	assert.Assert(t, ok, "%v", err)
	return problem
}

func TestThePortOfARouteIsFoundOrAskedForWithTheFlagToType(t *testing.T) {
	t.Parallel()
	const text = `services:
  web: {image: x, ports: ["80:3000"]}
  two: {image: x, expose: [3000, 8080]}
  odd: {image: x, expose: [7777]}
  said: {image: x, expose: [3000, 8080], labels: {haproxy.port: "8080"}}
  none: {image: x}
  db: {image: postgres}
  tls: {image: x, expose: [8443]}
  mixed: {image: rabbitmq, expose: [5672, 15672]}
  published: {image: x, ports: ["22100:80"], expose: [8080]}
  odd_published: {image: x, ports: ["22101:7777"], expose: [8080]}
  debugged: {image: x, ports: ["9229:9229"], expose: [3000]}
  health: {image: x, ports: ["22102:80"], healthcheck: {test: "curl http://localhost:8080/healthz"}}
  shut: {image: x, ports: ["22103:80/udp"], expose: [8080]}
  logs: {image: logstash, ports: ["5044:5044", "9600:9600"]}
  host: {image: nginx, network_mode: host}
`
	for route, want := range map[string]string{
		"*=web":             "*=web:3000",
		"*=web:9":           "*=web:9",
		"*=odd":             "*=odd:7777",
		"*=said":            "*=said:8080",
		"*=two:1":           "*=two:1",
		"*=published":       "*=published:80",
		"*=odd_published":   "*=odd_published:7777",
		"*=health":          "*=health:80",
		"*=debugged":        "*=debugged:3000",
		"*=shut":            "*=shut:8080",
		"*=logs":            "*=logs:9600",
		"*=none:1":          "*=none:1",
		"*=db:1":            "*=db:1",
		"tcp:5=db":          "tcp:5=db:5432",
		"tcp:5=tls":         "tcp:5=tls:8443",
		"*=mixed":           "*=mixed:15672",
		"tcp:5=mixed":       "tcp:5=mixed:5672",
		"a.b/two=two":       "! service two listens on several ports|--route a.b/two=two:3000|--route a.b/two=two:8080",
		"*=none":            "! is not known|--route '*=none:8080'",
		"*=db":              "! shows no port that speaks HTTP|--route '*=db:5432'|--route tcp:5432=db:5432",
		"*=tls":             "! shows no port that speaks HTTP|haproxy.tls: passthrough|--route '*=tls:8443'",
		"tcp:5=web":         "! shows no port for plain TCP|--route tcp:5=web:3000",
		"*=weeb":            "! no service named weeb|Did you mean web?|db, debugged, health, host, logs, mixed",
		"*=haproxy":         "! no service named haproxy|Its services:",
		"*=host":            "! cannot reach service host|network_mode: host",
		"tcp:80=db":         "! listens on port 80 already",
		"tcp:8404=db":       "! listens on port 8404 already",
		"*=web *=odd":       "! are for the same requests|--route '*=web:3000'|--route '*=odd:7777'",
		"tcp:5=db tcp:5=db": "! are for the same requests",
		"a.b=web a.b/x=odd": "a.b=web:3000 a.b/x=odd:7777",
	} {
		survey := project(t, "compose.yaml", text).survey(t)
		resolved, err := survey.Resolve(parsed(t, strings.Fields(route)...))
		parts, refused := strings.CutPrefix(want, "! ")
		if !refused {
			assert.NilError(t, err, route)
			var got []string
			for _, r := range resolved {
				got = append(got, r.String())
			}
			assert.Equal(t, strings.Join(got, " "), want)
			continue
		}
		testkit.Contains(t, problemOf(t, err).Error(), append(strings.Split(parts, "|"), "nothing was changed")...)
	}
}

func TestNetworksAreChosenByRuleOrAskedFor(t *testing.T) {
	t.Parallel()
	const text = `services:
  plain: {image: x}
  a: {image: x, networks: [a]}
  ab: {image: x, networks: [a, b]}
  bc: {image: x, networks: [b, c]}
  b_default: {image: x, networks: [b, default]}
  a_inner: {image: x, networks: [a, inner]}
  inner: {image: x, networks: [inner]}
  inners: {image: x, networks: [inner, inner2]}
  a_outer: {image: x, networks: [a, outer]}
  outer: {image: x, networks: [outer]}
networks: {a: , b: , c: , inner: {internal: true}, inner2: {internal: true}, outer: {external: true}}
`
	loaded := services(t, text)
	for asked, want := range map[string]string{ // services, and what is wanted behind a slash
		"plain":             "default",
		"a":                 "a",
		"ab":                "! service ab is on several networks|--network a|haproxy.network: a",
		"ab/b":              "b",
		"ab/c":              "! service ab is on several networks",
		"a ab":              "a",
		"ab bc":             "! is on several networks",
		"a ab bc":           "! service bc is on several networks|--network b",
		"b_default":         "default",
		"b_default/b":       "b",
		"a_inner":           "a",
		"a_inner/inner":     "default inner", // else nothing comes in
		"a_outer":           "a",
		"outer":             "outer",
		"outer a_outer":     "outer",
		"inner":             "default inner",
		"inner a_inner":     "default inner",
		"inner plain":       "default inner",
		"inners":            "! service inners is on several networks|internal",
		"plain a b_default": "a default",
	} {
		names, wanted, _ := strings.Cut(asked, "/")
		chosen, err := reachServices(loaded, strings.Fields(names), func(string) string { return wanted })
		if err == nil {
			err = chosen.enterable(loaded, compose.Demo{})
		}
		parts, refused := strings.CutPrefix(want, "! ")
		if refused {
			testkit.Contains(t, problemOf(t, err).Error(), append(strings.Split(parts, "|"), "nothing was changed")...)
			continue
		}
		assert.NilError(t, err, asked)
		assert.Equal(t, strings.Join(chosen.all, " "), want, asked)
	}
	loaded = services(t, "services: {a: {image: x}}\nnetworks: {default: {internal: true}}\n")
	chosen, err := reachServices(loaded, []string{"a"}, func(string) string { return "" })
	assert.NilError(t, err)
	err = chosen.enterable(loaded, compose.Demo{})
	testkit.Contains(t, problemOf(t, err).Error(), "every network", "internal", "service a")
}

func TestAPortThatAServicePublishesIsNotTakenFromItUnasked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		services string
		opts     func(*Options)
		flags    []string
		want     string
	}{
		"another port":          {"web: {image: x, ports: ['8080:80']}", nil, nil, ""},
		"the same":              {"web: {image: x, ports: ['80:80']}", nil, nil, "service web publishes port 80|for requests|--close-ports|--http-port 8080"},
		"the next is taken":     {"web: {image: x, ports: ['80:80', '8080:81', '8081:82']}", nil, nil, "--http-port 8082"},
		"on loopback":           {"web: {image: x, ports: ['127.0.0.1:80:80']}", nil, nil, "service web publishes port 80"},
		"UDP":                   {"web: {image: x, ports: ['80:80/udp'], expose: [80]}", nil, nil, ""},
		"moved":                 {"web: {image: x, ports: ['80:80']}", func(o *Options) { o.HTTPPort = 8000 }, nil, ""},
		"closed":                {"web: {image: x, ports: ['80:80']}", func(o *Options) { o.ClosePorts = true }, nil, ""},
		"another's":             {"web: {image: x, expose: [80]}\nold: {image: x, ports: ['80:81']}", nil, nil, "service old publishes port 80|--http-port 8080"},
		"closed, another of it": {"web: {image: x, ports: ['80:22', '81:80']}", func(o *Options) { o.ClosePorts = true }, nil, "service web publishes port 80|--http-port 8080"},
		"another's, closing":    {"web: {image: x, expose: [80]}\nold: {image: x, ports: ['80:81']}", func(o *Options) { o.ClosePorts = true }, nil, "service old publishes port 80"},
		"the stats page's":      {"web: {image: x, expose: [80]}\nold: {image: x, ports: ['8404:81']}", nil, nil, "for its stats page|--stats-port 8405"},
		"not at that address":   {"web: {image: x, expose: [80]}\nold: {image: x, ports: ['127.0.0.2:8404:81']}", nil, nil, ""},
		"of plain TCP":          {"web: {image: x, expose: [80]}\ndb: {image: postgres, ports: ['5432:5432']}", nil, []string{"tcp:5432=db"}, "service db publishes port 5432|for TCP to db|--close-ports|--route tcp:5433=db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := project(t, "compose.yaml", "services:\n  "+strings.ReplaceAll(c.services, "\n", "\n  ")+"\n")
			opts := attachDefaults()
			if c.opts != nil {
				c.opts(&opts)
			}
			_, err := p.plan(t, opts, append(c.flags, "*=web:80")...)
			if c.want == "" {
				assert.NilError(t, err)
				return
			}
			said := problemOf(t, err).Error()
			testkit.Contains(t, said, append(strings.Split(c.want, "|"), "nothing was changed")...)
			if strings.Contains(c.want, "old") {
				assert.Assert(t, !strings.Contains(said, "--close-ports"), "it closes those of routed services only: %s", said)
			}
		})
	}
}

func TestPublishedPortsThatGoPastHAProxyAreTold(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", "services:\n  web: {image: x, ports: ['8080:80', '80', '81:81']}\n  db: {image: x, ports: ['5432:1']}\n")
	a, err := p.plan(t, attachDefaults(), "*=web:80")
	assert.NilError(t, err)
	notes := strings.Join(a.Notes(), "\n")
	testkit.Contains(t, notes, "Service web is still reached past HAProxy, at 8080", "a port that Docker chooses", "--force --close-ports")
	assert.Assert(t, !strings.Contains(notes, "db"), "nobody routes to it: %s", notes)

	opts := attachDefaults()
	opts.ClosePorts = true
	a, err = p.plan(t, opts, "*=web:80")
	assert.NilError(t, err)
	testkit.Contains(t, strings.Join(a.Notes(), "\n"), "Service web is no longer published at 8080", "through HAProxy only", "Service web stays published at 81: no route leads to its port 81.")
}

func TestOnlyPortsThatARouteTakesOverAreClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ports  string // of service a
		flags  string
		closed string // the host's sides that are closed
		stay   string // what is written
	}{
		"all":                 {"['8080:80', '127.0.0.1:8081:80']", "*=a:80", "8080 127.0.0.1:8081", ""},
		"logstash":            {"['5044:5044', '9600:9600']", "*=a:9600", "9600", `"5044:5044"`},
		"DNS and its pages":   {"['53:53/udp', '53:53', '8080:80/tcp']", "*=a:80", "8080", `"53:53/udp" "53:53"`},
		"the same over UDP":   {"['443:443', '443:443/udp']", "tcp:1443=a:443", "443", `"443:443/udp"`},
		"SSH":                 {"['[::1]:2222:22', '127.0.0.1::23', '24', '8080:3000']", "*=a:3000", "8080", `"[::1]:2222:22" "127.0.0.1::23" "24"`},
		"a range of the host": {"['21170-21173:8080', '21180-21183:22']", "*=a:8080", "21170-21173", `"21180-21183:22"`},
		"a range of both":     {"['3000-3002:3000-3002']", "*=a:3001", "3001", `"3000:3000" "3002:3002"`},
		"long syntax": {
			"[{target: 22, published: '2222', host_ip: 127.0.0.1}, {target: 80, published: '80'}, {target: 90, published: 9000-9001, mode: host, protocol: udp}, {target: 91, published: '91', name: 'a$$b', app_protocol: http2}]",
			"*=a:80", "80",
			`"127.0.0.1:2222:22" { target: 90, published: "9000-9001", protocol: "udp", mode: "host" } { target: 91, published: "91", protocol: "tcp", mode: "ingress", name: "a$$b", app_protocol: "http2" }`,
		},
		"two routes":         {"['8080:80', '8443:3000', '22:22']", "a.example=a:80 tcp:5=a:3000", "8080 8443", `"22:22"`},
		"none is of a route": {"['22:22']", "*=a:80", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := project(t, "compose.yaml", "services:\n  a: {image: x, ports: "+c.ports+"}\n")
			opts := attachDefaults()
			opts.ClosePorts, opts.HTTPPort = true, 18000
			plan := p.attach(t, opts, strings.Fields(c.flags)...) // which proves what Compose reads
			var closed, stay []string
			for _, bypass := range plan.Closed {
				closed = append(closed, bypass.Host)
			}
			for _, routed := range plan.routed {
				stay = append(stay, routed.Stay()...)
			}
			assert.Equal(t, strings.Join(closed, " "), c.closed)
			assert.Equal(t, strings.Join(stay, " "), c.stay)
			assert.Equal(t, strings.Contains(p.read(t, OverrideName), "!override"), c.stay != "")
			assert.Equal(t, strings.Contains(p.read(t, OverrideName), "!reset"), c.stay == "" && c.closed != "")
		})
	}
}

func TestLabelsThatAServiceBringsAlongAreItsRoutes(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", `services:
  web: {image: x, expose: [80], networks: [a, b], labels: {haproxy.host: a.example, haproxy.network: b}}
  off: {image: x, labels: {haproxy.enable: "false", haproxy.host: b.example}}
networks: {a: , b: }
`)
	survey := p.survey(t)
	assert.Assert(t, survey.HasLabels())
	assert.DeepEqual(t, survey.labelled(), []string{"web"})
	a, err := p.plan(t, attachDefaults())
	assert.NilError(t, err)
	assert.DeepEqual(t, a.Networks, []string{"b"})
	assert.Equal(t, len(a.routed), 0, "%v", a.routed)

	p = project(t, "compose.yaml", "services:\n  web: {image: x, expose: [80], labels: {haproxy.hst: a.example}}\n")
	_, err = p.plan(t, attachDefaults())
	testkit.Contains(t, problemOf(t, err).Error(), "the labels of service web", "haproxy.hst", "nothing was changed")

	p = project(t, "compose.yaml", "services:\n  web: {image: x, expose: [80], labels: {haproxy.path: /x}}\n")
	_, err = p.plan(t, attachDefaults(), "a.example=web")
	testkit.Contains(t, problemOf(t, err).Error(), "are in its way")
}

func TestRoutesAreNamedAfterWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	taken := map[string]bool{}
	for _, c := range [][2]string{
		{"shop.example.com=a", "shop"},
		{"shop.example.org=a", "shop-2"},
		{"*=a", "any"},
		{"*.b.example=a", "b"},
		{"x.y/a/b_c=a", "a-b-c"},
		{"tcp:5432=a", "tcp-5432"},
		{"/$=a", "route"},
		{"host=a", "host-route"},
		{"/check=a", "check-route"},
		{"Ports=a", "ports"},
	} {
		assert.Equal(t, routeName(parsed(t, c[0])[0], taken), c[1], c[0])
	}
}
