package attach

import (
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// surveyOf is a survey of services, a line each.
func surveyOf(t *testing.T, services string) Survey {
	t.Helper()
	text := "services:\n  " + strings.ReplaceAll(strings.TrimSpace(services), "\n", "\n  ") + "\n"
	if services == "" {
		text = "networks: {x: }\n"
	}
	return project(t, "compose.yaml", text).survey(t)
}

func TestOnlyWhatLeavesNoChoiceIsProposed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		services string
		want     string   // the route
		flags    []string // what is told to type, where nothing is proposed
		says     string
	}{
		"one service, one port":     {"web: {image: x, ports: ['80:3000']}", "*=web:3000", nil, ""},
		"beside a database":         {"web: {image: x, ports: ['80:3000']}\ndb: {image: postgres, ports: ['5432:5432']}", "*=web:3000", nil, ""},
		"beside an unknown":         {"web: {image: x, ports: ['80:3000']}\nother: {image: x, ports: ['7777:7777']}", "*=web:3000", nil, ""},
		"beside a closed one":       {"web: {image: x, ports: ['80:3000']}\nother: {image: nginx, network_mode: host}", "*=web:3000", nil, ""},
		"beside a worker":           {"web: {image: x, expose: [8000]}\nworker: {image: x, expose: [8000]}", "*=web:8000", nil, ""},
		"beside one of a profile":   {"web: {image: x, expose: [8000]}\nother: {image: x, ports: ['8000:8000'], profiles: [debug]}", "*=web:8000", nil, ""},
		"beside a job":              {"web: {image: x, expose: [8000], depends_on: {prepare: {condition: service_completed_successfully}}}\nprepare: {image: x, expose: [8000]}", "*=web:8000", nil, ""},
		"the only one outside":      {"a: {image: x, expose: [8080]}\nb: {image: x, ports: ['80:3000']}\nc: {image: x, ports: ['127.0.0.1:81:3000']}", "*=b:3000", nil, ""},
		"the published port":        {"web: {image: x, ports: ['22100:80'], expose: [8080]}", "*=web:80", nil, ""},
		"metrics beside the app":    {"web: {image: x, ports: ['80:3000', '9090:9090', '9229:9229']}", "*=web:3000", nil, ""},
		"the only service there is": {"x1: {image: x, expose: [8080]}", "*=x1:8080", nil, ""},
		"not shown to be the app":   {"x1: {image: x, expose: [8080]}\nx2: {build: .}", "", []string{"--route '*=x1:8080'"}, "not guessed"},
		"two services": {
			"web: {image: x, ports: ['80:3000']}\nMy_api: {image: x, ports: ['81:8080']}\ndb: {image: postgres}", "",
			[]string{"--route '*=web:3000'", "--route my-api.localhost=My_api:8080"},
			"not guessed",
		},
		"two names that make one host": {
			"my_api: {image: x, ports: ['80:3000']}\nmy-api: {image: x, ports: ['81:8080']}\nweb: {image: x, ports: ['82:80']}", "",
			[]string{"--route '*=web:80'", "--route my-api.localhost=my-api:8080", "--route my-api-2.localhost=my_api:3000"},
			"not guessed",
		},
		"two ports": {
			"web: {image: x, expose: [3000, 8080]}", "", []string{"--route '*=web:3000'  # or port 8080"}, "not guessed",
		},
		"an unknown port":  {"web: {image: x, expose: [7777]}", "", []string{"--route '*=web:7777'"}, "does not show"},
		"a database only":  {"db: {image: mysql}", "", []string{"--route '*=SERVICE:PORT'"}, "no service shows that it speaks HTTP"},
		"nothing is known": {"web: {image: x}\ndb: {image: mysql}", "", []string{"--route '*=web:PORT'"}, "no port is known"},
		"no services":      {"", "", nil, "has no services"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proposed, err := surveyOf(t, c.services).Propose()
			if c.want != "" {
				assert.NilError(t, err)
				assert.Equal(t, len(proposed), 1)
				assert.Equal(t, proposed[0].Route().String(), c.want)
				return
			}
			said := problemOf(t, err).Error()
			testkit.Contains(t, said, append(c.flags, "nothing was changed", c.says)...)
			assert.Equal(t, strings.Count(said, "--route"), len(c.flags), said)
		})
	}
}

func TestAStoreOrAToolIsNeverProposed(t *testing.T) {
	t.Parallel()
	for _, service := range strings.Split(strings.TrimSpace(`
		image: postgres:16-alpine
		image: docker.io/library/postgres
		image: registry.example.com:5000/mirror/postgres@sha256:`+strings.Repeat("a", 64)+`
		image: bitnami/postgresql-repmgr:16
		image: ghcr.io/acme/my-postgres16:1
		image: timescale/timescaledb-ha:pg16
		image: mysql/mysql-server
		image: mcr.microsoft.com/mssql/server:2022-latest
		image: clickhouse/clickhouse-server, ports: ['8123:8123', '9000:9000']
		image: docker.elastic.co/elasticsearch/elasticsearch:8.1.0, ports: ['9200:9200']
		image: opensearchproject/opensearch:2
		image: cubejs/cube, ports: ['4000:4000', '15432:15432']
		image: redis/redis-stack, ports: ['8001:8001']
		image: valkey/valkey
		image: memcached
		image: rabbitmq:3-management, ports: ['15672:15672']
		image: confluentinc/cp-kafka
		image: confluentinc/cp-schema-registry, ports: ['8081:8081']
		image: provectuslabs/kafka-ui, ports: ['8080:8080']
		image: bitnami/zookeeper, ports: ['8080:8080']
		image: prom/prometheus, ports: ['9090:9090']
		image: prom/node-exporter
		image: victoriametrics/victoria-metrics, ports: ['8428:8428']
		image: grafana/loki, ports: ['3100:3100']
		image: jaegertracing/all-in-one, ports: ['16686:16686']
		image: minio/minio, ports: ['9000:9000', '9001:9001']
		image: getmeili/meilisearch
		image: qdrant/qdrant, expose: [80]
		image: influxdb:2, expose: [8086]
		image: mailhog/mailhog, ports: ['8025:8025']
		image: adminer, ports: ['8080:8080']
		image: phpmyadmin, ports: ['80:80']
		image: mongo-express, ports: ['8081:8081']
		image: traefik:v3, ports: ['80:80', '8080:8080']
		image: jwilder/nginx-proxy, ports: ['80:80']
		image: lucaslorentz/caddy-docker-proxy, ports: ['80:80']
		image: tecnativa/docker-socket-proxy, expose: [80]
		image: x, expose: [5432, 80]
		image: x, ports: ['80:9200']
		image: x, ports: ['8123:8123', '9000:9000']
		image: x, expose: [80], healthcheck: {test: [CMD-SHELL, pg_isready -U x]}
		image: x, expose: [80], healthcheck: {test: [CMD, redis-cli, ping]}
		image: x, expose: [80], volumes: ['/srv/a:/var/lib/mysql']
	`), "\n") {
		survey := surveyOf(t, "a: {"+strings.TrimSpace(service)+"}\nweb: {image: x, ports: ['80:3000']}")
		proposals := survey.Proposals()
		assert.Equal(t, len(proposals), 1, "%s: %+v", service, proposals)
		assert.Equal(t, proposals[0].Service, "web", service)
		// Nor where there is nothing else.
		survey = surveyOf(t, "a: {"+strings.TrimSpace(service)+"}")
		assert.Equal(t, len(survey.Proposals()), 0, service)
		_, err := survey.Propose()
		assert.ErrorContains(t, err, "not for clients: ", service)
	}
	for _, name := range []string{"db", "postgres", "my-db", "cache", "redis2", "queue", "elasticsearch", "prometheus", "mongo_1"} {
		survey := surveyOf(t, name+": {build: ., expose: [8080]}")
		assert.Equal(t, len(survey.Proposals()), 0, name)
	}
	assert.Equal(t, len(surveyOf(t, "nginx-proxy: {image: nginx}").Proposals()), 1)
	for _, image := range []string{"nginx", "postgrest/postgrest", "ghcr.io/acme/webshop", "ghost", "wordpress:php8.2-apache", "gitea/gitea", "grafana/grafana", "dbt-labs/shopfront", "x"} {
		survey := surveyOf(t, "a: {image: '"+image+"', ports: ['80:3000']}")
		assert.Equal(t, len(survey.Proposals()), 1, image)
	}
}

func TestWhatOtherToolsWereToldIsProposed(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("Host(`a.example`) && ", 500) + "Host(`a.example`)"
	for name, c := range map[string]struct{ service, want string }{
		"Traefik":                      {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`Shop.example.com`)'}", "shop.example.com=a:80"},
		"Traefik, a port":              {"labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.services.a.loadbalancer.server.port: '3000'}", "a.example=a:3000"},
		"Traefik, other letters":       {"labels: {Traefik.Http.Routers.A.Rule: 'Host(`a.example`)', traefik.http.services.a.loadBalancer.server.port: '3000'}", "a.example=a:3000"},
		"Traefik, a list":              {"labels: ['traefik.http.routers.a.rule=Host(`a.example`) || Host(`b.example`)', 'traefik.http.services.x.loadbalancer.server.port=1']", "a.example=a:1 b.example=a:1"},
		"Traefik 2's lists":            {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`, `b.example`)'}", "a.example=a:80 b.example=a:80"},
		"Traefik, paths":               {"expose: [80], labels: {traefik.http.routers.a.rule: '(Host(`a.example`)||Host(`b.example`)) && PathPrefix(`/x`)'}", "a.example/x=a:80 b.example/x=a:80"},
		"Traefik, a path only":         {"expose: [80], labels: {traefik.http.routers.a.rule: 'PathPrefix(`/x`) || PathPrefix(\"/y\")'}", "/x=a:80 /y=a:80"},
		"Traefik, what is not known":   {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`) && Header(`A`, `b`) || Host(`b.example`) || !Host(`c.example`)'}", "b.example=a:80"},
		"Traefik, an expression":       {"expose: [80], labels: {traefik.http.routers.a.rule: 'HostRegexp(`.+\\.example`)'}", "guess"},
		"Traefik, an exact path":       {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`) && Path(`/x`)'}", "guess"},
		"Traefik, garbage":             {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`) && ('}", "guess"},
		"Traefik, no host":             {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(``) && PathPrefix(`/x`)'}", "guess"},
		"Traefik, a wrong host":        {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a b`) || Host(`a\"\\n    b`) || Host(`c.example`)'}", "c.example=a:80"},
		"Traefik, a wrong port":        {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`c.example`)', traefik.http.services.a.loadbalancer.server.port: '80; x'}", "c.example=a:80"},
		"Traefik, no end":              {"expose: [80], labels: {traefik.http.routers.a.rule: '" + strings.Repeat("(", 5000) + "'}", "guess"},
		"Traefik, many":                {"expose: [80], labels: {traefik.http.routers.a.rule: '" + many + "'}", "guess"},
		"Traefik, two routers":         {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.routers.b.rule: 'Host(`a.example`)', traefik.http.routers.b.entrypoints: websecure}", "a.example=a:80"},
		"Traefik, two services":        {"labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.routers.a.service: s, traefik.http.services.s.loadbalancer.server.port: 1, traefik.http.services.t.loadbalancer.server.port: 2}", "a.example=a:1"},
		"Traefik, off":                 {"expose: [80], labels: {traefik.enable: 'false', traefik.http.routers.a.rule: 'Host(`a.example`)'}", "guess"},
		"Traefik, its own pages":       {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.routers.a.service: api@internal}", "guess"},
		"Traefik, a password":          {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.routers.a.middlewares: m, traefik.http.middlewares.m.basicauth.users: 'a:b'}", ""},
		"Traefik, a chain":             {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.routers.a.middlewares: c, traefik.http.middlewares.c.chain.middlewares: 'm,h', traefik.http.middlewares.m.ipallowlist.sourcerange: '10.0.0.0/8', traefik.http.middlewares.h.compress: 'true'}", ""},
		"Traefik, defined elsewhere":   {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.routers.a.middlewares: 'sso@file'}", ""},
		"Traefik, a redirect":          {"expose: [80], labels: {traefik.http.routers.a.rule: 'Host(`a.example`)', traefik.http.routers.a.middlewares: 'r@docker', traefik.http.middlewares.r.redirectscheme.scheme: https}", "a.example=a:80"},
		"Traefik in a swarm":           {"expose: [80], deploy: {labels: {traefik.http.routers.a.rule: 'Host(`a.example`)'}}", "a.example=a:80"},
		"Traefik 1":                    {"labels: {traefik.frontend.rule: 'Host:a.example,b.example;PathPrefix:/x', traefik.port: '81'}", "a.example/x=a:81 b.example/x=a:81"},
		"Caddy":                        {"labels: {caddy: shop.example.com, caddy.reverse_proxy: '{{upstreams 8000}}'}", "shop.example.com=a:8000"},
		"Caddy, sites":                 {"expose: [80], labels: {caddy_0: 'http://a.example, b.example:443', caddy_0.reverse_proxy: '{{ upstreams }}', caddy_1: c.example, caddy_1.reverse_proxy: '{{upstreams http 81}}'}", "a.example=a:80 b.example=a:80 c.example=a:81"},
		"Caddy, a path":                {"expose: [80], labels: {caddy: a.example, caddy.reverse_proxy: '/api/* {{upstreams}}'}", "a.example/api=a:80"},
		"Caddy, a block":               {"expose: [80], labels: {caddy: a.example, caddy.handle_path: '/api/*', caddy.handle_path.0_reverse_proxy: '{{upstreams}}'}", "a.example/api=a:80"},
		"Caddy, a snippet":             {"expose: [80], labels: {caddy: '(x)', caddy.reverse_proxy: '{{upstreams}}'}", "guess"},
		"Caddy, elsewhere":             {"expose: [80], labels: {caddy: a.example, caddy.reverse_proxy: 'other:80'}", "guess"},
		"Caddy, a port of its own":     {"expose: [80], labels: {caddy: ':8080', caddy.reverse_proxy: '{{upstreams}}'}", "guess"},
		"Caddy, a password":            {"expose: [80], labels: {caddy: a.example, caddy.basicauth.bob: x, caddy.reverse_proxy: '{{upstreams}}'}", ""},
		"nginx-proxy":                  {"environment: {VIRTUAL_HOST: 'a.example, *.b.example', VIRTUAL_PORT: 3000}", "a.example=a:3000 *.b.example=a:3000"},
		"nginx-proxy, a path":          {"expose: [80], environment: ['VIRTUAL_HOST=a.example', 'VIRTUAL_PATH=/x/']", "a.example/x/=a:80"},
		"nginx-proxy, an expression":   {"expose: [80], environment: {VIRTUAL_HOST: '~^a.*$$,b.*,c.example'}", "c.example=a:80"},
		"nginx-proxy, FastCGI":         {"expose: [80], environment: {VIRTUAL_HOST: a.example, VIRTUAL_PROTO: fastcgi}", "guess"},
		"nginx-proxy, inside":          {"expose: [80], environment: {VIRTUAL_HOST: a.example, NETWORK_ACCESS: internal}", ""},
		"EasyHAProxy":                  {"labels: {easyhaproxy.http.host: 'a.example,b.example', easyhaproxy.http.localport: '8081'}", "a.example=a:8081 b.example=a:8081"},
		"EasyHAProxy, TCP":             {"expose: [80], labels: {easyhaproxy.x.host: a.example, easyhaproxy.x.mode: tcp}", "guess"},
		"several ports, and none said": {"expose: [3000, 8080], labels: {traefik.http.routers.a.rule: 'Host(`a.example`)'}", "a.example=a:3000,8080"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			survey := surveyOf(t, "a: {image: x, "+c.service+"}\nproxy: {image: traefik, ports: ['80:80']}")
			var got []string
			for _, proposal := range survey.Proposals() {
				if proposal.By == "" {
					got = append(got, "guess")
					continue
				}
				got = append(got, proposal.Where+"="+proposal.Service+":"+strings.ReplaceAll(joinPorts(proposal.Ports), ", ", ","))
			}
			assert.Equal(t, strings.Join(got, " "), c.want)
			if strings.Contains(c.want, "=") && !strings.Contains(c.want, ",") {
				sure, err := survey.Propose()
				assert.NilError(t, err)
				assert.Equal(t, len(sure), len(got))
				testkit.Contains(t, sure[0].Reason(), "settings for "+sure[0].By)
			}
		})
	}
}

func TestTheSameRequestsAreProposedOnce(t *testing.T) {
	t.Parallel()
	survey := surveyOf(t, "a: {image: x, labels: {caddy: a.example, caddy.reverse_proxy: '{{upstreams 80}}'}}\n"+
		"b: {image: x, environment: {VIRTUAL_HOST: 'a.example,b.example', VIRTUAL_PORT: 80}}\nweb: {image: x, ports: ['80:3000']}")
	var got []string
	for _, p := range survey.Proposals() {
		got = append(got, p.Route().String())
		assert.Equal(t, p.Shown, p.By != "", "what another tool was told says what clients are to see")
	}
	assert.DeepEqual(t, got, []string{"a.example=a:80", "b.example=b:80", "web.localhost=web:3000"})
}

func TestARouteToAStoreOrToTLSIsWrittenWithAWarning(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", `services:
  web: {image: x, ports: ["9443:8443", "81:80"]}
  es: {image: elasticsearch, expose: [9200]}
  db: {image: postgres, expose: [5432]}
  guarded: {image: redis, expose: [6379], labels: {haproxy.listen: "16379", haproxy.allow: 10.0.0.0/8}}
  told: {image: x, labels: {haproxy.host: t.example, haproxy.port: "443"}}
`)
	for flags, want := range map[string]string{
		"a.example=es":               "Service es is a search engine (its image is elasticsearch)|haproxy.allow",
		"tcp:15432=db":               "Service db is a database",
		"a.example=web:8443":         "Port 8443 of service web is for TLS|default-server ssl verify none|passthrough",
		"a.example=web:443":          "Port 443 of service web is for TLS",
		"a.example=web tcp:1=web:80": "",
	} {
		plan, err := p.plan(t, attachDefaults(), strings.Fields(flags)...)
		assert.NilError(t, err, flags)
		warned := strings.Join(plan.Warnings, "\n")
		testkit.Contains(t, warned, "Port 443 of service told is for TLS")
		if want == "" {
			assert.Equal(t, len(plan.Warnings), 1, warned)
			continue
		}
		testkit.Contains(t, strings.Join(plan.Notes(), "\n"), strings.Split(want, "|")...)
	}
}

func TestTheRuleParserTakesWhatTraefikTakes(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string][]traefikWhere{
		"":                                  nil,
		"Host(`a`)":                         {{"a", ""}},
		"Host( 'a' )&&PathPrefix( \"/b\" )": {{"a", "/b"}},
		"Host(`a`) && (PathPrefix(`/b`) || PathPrefix(`/c`))": {{"a", "/b"}, {"a", "/c"}},
		"Host(`a`) && Host(`b`)":                              nil,
		"Host(`a`) && !Path(`/b`)":                            nil,
		"Host(`a`) Host(`b`)":                                 nil,
		"Host(a)":                                             nil,
		"Host(`a`":                                            nil,
		"`a`":                                                 nil,
		"Host(`a`) || ":                                       nil,
		"ClientIP(`10.0.0.0/8`) && Host(`a`) || Host(`b`)": {{"b", ""}},
	} {
		got := parseTraefikRule(rule)
		assert.Assert(t, slices.Equal(got, want), "%s: %v", rule, got)
	}
}
