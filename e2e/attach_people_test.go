package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// ports are the host's sides of what a service publishes, as the engine has them.
func (p *project) published(service string) string {
	p.t.Helper()
	var all []string
	for key, bindings := range p.container(service).Inspect.NetworkSettings.Ports {
		for _, binding := range bindings {
			if !strings.Contains(binding.HostIP, ":") {
				all = append(all, binding.HostPort+">"+key)
			}
		}
	}
	return strings.Join(all, " ")
}

func TestAttach_closes_only_ports_that_a_route_takes_over_and_says_how_they_open_again(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	ports := freePorts(t, 2)
	p.writeApps(app{name: "web", more: []string{fmt.Sprintf(`ports: ["127.0.0.1:%d:8080", "%d:5044/udp"]`, ports[0], ports[1])}})
	before := p.snapshot()
	p.mustSucceed(p.compose("up", "-d"))
	assert.Equal(t, p.statusAt(ports[0]), http.StatusOK)

	r := p.attach("--route", "*=web", "--close-ports")
	assert.Assert(t, strings.Contains(r.stderr, fmt.Sprintf("stays published at %d/udp", ports[1])), "%s", r)
	p.up()
	assert.Equal(t, p.get("/").status, http.StatusOK)
	assert.Equal(t, p.published("web"), fmt.Sprintf("%d>5044/udp", ports[1]))
	ids := p.ids()
	p.mustSucceed(p.compose("up", "-d")) // Compose itself reads the list so too
	assert.DeepEqual(t, p.ids(), ids)

	r = p.mustSucceed(p.haproxy("init", "--remove"))
	assert.Assert(t, strings.Contains(r.stderr, "docker compose up -d web"), "%s", r)
	p.mustSucceed(p.compose("up", "-d", "web"))
	assert.Equal(t, p.statusAt(ports[0]), http.StatusOK)
	p.mustHoldStill(before)
}

// statusAt is the status of an answer at a port of this machine, once there is one.
func (p *project) statusAt(port int) (status int) {
	p.t.Helper()
	p.eventually("the app answers at its own port", func() error {
		a, err := tryGet(port, "/")
		status = a.status
		return err
	})
	return status
}

func TestAttach_never_takes_an_address_that_a_service_claims(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	subnet := fmt.Sprintf("10.213.%d", p.http%256)
	p.writeApps(
		app{name: "web", more: []string{"networks: {default: {ipv4_address: " + subnet + ".3}}"}},
		app{name: "late", more: []string{"depends_on: [web]", "networks: {default: {ipv4_address: " + subnet + ".2}}"}},
	)
	p.editCompose(func(text string) string {
		return text + "networks: {default: {ipam: {config: [{subnet: " + subnet + ".0/24}]}}}\n"
	})
	p.attach("--route", "*=web")
	for range 2 { // HAProxy does not wait for "late", and would take the lowest address
		p.mustSucceed(p.compose("up", "-d"))
		p.eventually("the route is served", p.answers("localhost", http.StatusOK, "web"))
		p.mustSucceed(p.compose("down"))
	}
	p.up()
	p.mustSucceed(p.docker("restart", p.container("late").ID))
	assert.Equal(t, p.container("late").State, "running")
}

func TestAttach_leaves_an_env_file_of_a_service_alone(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", more: []string{"env_file: .env"}})
	p.write("compose.override.yaml", "services: {web: {environment: {A: b}}}\n")
	p.write(".env", "B=c\n")
	before := p.snapshot()
	r := p.attach("--route", "*=web")
	assert.Assert(t, strings.Contains(r.stderr, "export COMPOSE_FILE="), "%s", r)
	p.mustHoldStill(before)
	_, line, _ := strings.Cut(r.stderr, "export COMPOSE_FILE=")
	files, _, _ := strings.Cut(line, "\n")
	var flags []string
	for file := range strings.SplitSeq(files, string(os.PathListSeparator)) {
		flags = append(flags, "-f", file)
	}
	p.mustSucceed(p.haproxy(append(flags, "up")...))
	assert.Equal(t, p.get("/").status, http.StatusOK)
	for _, variable := range p.container("web").Inspect.Config.Env {
		assert.Assert(t, !strings.Contains(variable, "COMPOSE"), variable)
	}
	p.mustSucceed(p.haproxy(append(flags, "down")...))
}

func TestAttach_proposes_the_app_and_not_the_store_beside_it(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(
		app{name: "analytics-db", more: []string{fmt.Sprintf(`ports: ["127.0.0.1:%d:8123"]`, freePorts(t, 1)[0])}},
		app{name: "metrics", more: []string{"expose: [8080]"}},
		app{name: "shop", labels: []string{"traefik.http.routers.shop.rule: Host(`shop.test`)", `traefik.http.services.shop.loadbalancer.server.port: "8080"`}},
	)
	r := p.attach()
	assert.Assert(t, strings.Contains(r.stderr, "Requests for shop.test go to service shop, port 8080"), "%s", r)
	p.up()
	assert.Equal(t, p.ask(request{host: "shop.test"}).by(), "shop")
	assert.Equal(t, p.ask(request{host: "localhost"}).status, http.StatusNotFound)

	p.mustSucceed(p.haproxy("init", "--remove"))
	p.editCompose(func(text string) string {
		before, _, _ := strings.Cut(text, "  shop:")
		return before
	})
	refused := p.mustFail(p.tryAttach(), 1, "--route", "nothing was changed")
	assert.Assert(t, !strings.Contains(refused.stderr, "analytics-db:8123"), "%s", refused)
}
