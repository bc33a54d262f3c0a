package attach

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// services loads the services of a Compose file, without an engine.
func services(t *testing.T, composeFile string) *types.Project {
	t.Helper()
	folder := t.TempDir()
	file := testkit.Put(t, folder, "compose.yaml", composeFile)
	engine := nowhere(t)
	project, err := engine.LoadModel(t.Context(), compose.LoadOptions{ConfigPaths: []string{file}, ProjectName: "demo"})
	assert.NilError(t, err)
	return project
}

func TestPortsAndWhatIsSpokenThereAreToldByTheComposeFileAndTheImage(t *testing.T) {
	t.Parallel()
	nothing := compose.ImageFacts{}
	for name, c := range map[string]struct {
		service string // lines of service a
		image   compose.ImageFacts
		want    string // its ports, one a line
	}{
		"nothing is known":            {"image: app", nothing, ""},
		"published":                   {"image: app\nports: ['8000:3000']", nothing, "3000 (HTTP; published as 8000)"},
		"published at an address":     {"image: app\nports: ['127.0.0.1:8000:3000']", nothing, "3000 (HTTP; published as 127.0.0.1:8000)"},
		"published at IPv6":           {"image: app\nports: ['[::1]:8000:3000']", nothing, "3000 (HTTP; published as [::1]:8000)"},
		"published anywhere":          {"image: app\nports: ['3000']", nothing, "3000 (HTTP; a port of it is published)"},
		"UDP is not meant":            {"image: app\nports: ['53:53/udp']\nexpose: ['3000/udp']", nothing, ""},
		"exposed":                     {"image: app\nexpose: [3000]", nothing, "3000 (HTTP; exposed)"},
		"a range":                     {"image: app\nexpose: ['3000-3001']", nothing, "3000 (HTTP; exposed)\n3001 (HTTP; exposed)"},
		"a number that tells nothing": {"image: app\nexpose: [7777]", nothing, "7777 (perhaps HTTP; exposed)"},
		"the image exposes":           {"image: app", compose.ImageFacts{Exposed: []string{"8080/tcp", "53/udp"}}, "8080 (HTTP; its image exposes it)"},
		"two sources, one port":       {"image: app\nports: ['80:8080']", compose.ImageFacts{Exposed: []string{"8080/tcp"}}, "8080 (HTTP; published as 80, its image exposes it)"},
		"said by app_protocol":        {"image: app\nports: [{target: 7777, published: 80, app_protocol: http}]", nothing, "7777 (HTTP; published as 80)"},
		"a health check over HTTP": {
			"image: app\nhealthcheck: {test: [CMD, curl, -f, 'http://localhost:7777/healthz']}", nothing,
			"7777 (HTTP; its health check asks it)",
		},
		"a health check on port 80": {"image: app\nhealthcheck: {test: wget -q http://127.0.0.1/ -O-}", nothing, "80 (HTTP; its health check asks it)"},
		"a health check over TLS":   {"image: app\nhealthcheck: {test: curl -k https://localhost/}", nothing, "443 (TLS; its health check asks it)"},
		"a health check by variable": {
			"image: app\nhealthcheck: {test: 'curl http://localhost:$$PORT/'}", nothing, "",
		},
		"a health check of another": {"image: app\nhealthcheck: {test: 'curl http://db:7777/'}", nothing, ""},
		"a health check by a port":  {"image: app\nhealthcheck: {test: 'nc -z localhost:7777'}", nothing, "7777 (perhaps HTTP; its health check asks it)"},
		"no health check":           {"image: app\nhealthcheck: {disable: true}", compose.ImageFacts{HealthCheck: []string{"CMD", "curl", "http://localhost:1/"}}, ""},
		"the image's health check": {
			"image: app",
			compose.ImageFacts{HealthCheck: []string{"CMD-SHELL", "curl http://localhost:7777/"}},
			"7777 (HTTP; the health check of its image asks it)",
		},
		"the likeliest first": {
			"image: app\nexpose: [3000]\nports: ['1:9000']\nhealthcheck: {test: 'curl http://localhost:8080'}",
			compose.ImageFacts{Exposed: []string{"80/tcp"}},
			"8080 (HTTP; its health check asks it)\n9000 (HTTP; published as 1)\n3000 (HTTP; exposed)\n80 (HTTP; its image exposes it)",
		},
		"a database":                {"image: postgres:16", nothing, "5432 (TCP; usual for postgres)"},
		"a database's odd port":     {"image: docker.io/bitnami/mariadb\nports: ['80:8080']", nothing, "8080 (TCP; published as 80)"},
		"a database of Microsoft":   {"image: mcr.microsoft.com/mssql/server:2022-latest", nothing, "1433 (TCP; usual for mssql)"},
		"a queue and its pages":     {"image: rabbitmq:3-management\nports: ['5672:5672', '15672:15672']", nothing, "5672 (TCP; published as 5672)\n15672 (HTTP; published as 15672)"},
		"PHP behind FastCGI":        {"image: php:8-fpm\nexpose: [9000]", nothing, "9000 (TCP; exposed)"},
		"a web server":              {"image: nginx", nothing, "80 (HTTP; usual for nginx)"},
		"a web server that differs": {"image: nginx\nexpose: [8080]", nothing, "8080 (HTTP; exposed)"},
		"TLS by its number":         {"image: app\nports: ['443:8443']", nothing, "8443 (TLS; published as 443)"},
		"TCP by its number":         {"image: app\nports: ['6379:6379']", nothing, "6379 (TCP; published as 6379)"},
		"built here":                {"build: .", compose.ImageFacts{Exposed: []string{"3000/tcp"}}, "3000 (HTTP; its image exposes it)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := services(t, "services:\n  a:\n    "+strings.ReplaceAll(c.service, "\n", "\n    ")+"\n")
			facts := map[string]compose.ImageFacts{"a": c.image}
			found := findServices(project, facts)
			assert.Equal(t, len(found), 1)
			assert.Equal(t, strings.Join(portTexts(found[0].Ports), "\n"), c.want)
			assert.Equal(t, found[0].Closed, "")
		})
	}
}

func TestServicesThatHAProxyCannotReachSayWhy(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"host": "network_mode: host", "none": "nobody reaches it", "service:b": "route to b", "bridge": "containers have no names",
	} {
		project := services(t, "services:\n  a: {image: x, network_mode: '"+mode+"'}\n  b: {image: x}\n")
		found := findServices(project, nil)
		testkit.Contains(t, found[0].Closed, want)
		assert.Equal(t, found[1].Closed, "")
	}
}

func TestServicesOfProfilesAreFoundAndTheLoadBalancerIsNot(t *testing.T) {
	t.Parallel()
	found := findServices(services(t, "services:\n  b: {image: x, profiles: [extra]}\n  a: {image: x}\n  haproxy: {image: x}\n"), nil)
	assert.Equal(t, len(found), 2)
	assert.Equal(t, found[0].Name+found[1].Name, "ab")
}
