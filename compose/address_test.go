package compose

import (
	"testing"

	"gotest.tools/v3/assert"
)

// published is a project that publishes ports of a configuration.
func published(t *testing.T, config, ports string) *Project {
	t.Helper()
	return load(t, "name: demo\nservices:\n  haproxy:\n    image: haproxy:3.2\n    volumes: [./haproxy:/usr/local/etc/haproxy]\n    ports: "+ports+"\n",
		map[string]string{BaseConfigName: config})
}

const listeners = `
defaults
    mode http
frontend web
    bind :80
frontend tls
    bind :443 ssl crt /etc/a.pem
frontend stats
    bind *:8404
    stats enable
    stats uri /
frontend admin
    bind :9000
    stats enable
frontend raw
    mode tcp
    bind :5432
backend app
    server s1 web1:80
`

func TestAddressesAreThoseThatTheHostPublishes(t *testing.T) {
	t.Parallel()
	for ports, want := range map[string][]Address{
		`["80:80"]`:               {{Frontend: "web", URL: "http://localhost", HostPort: "localhost:80"}},
		`["8080:80"]`:             {{Frontend: "web", URL: "http://localhost:8080", HostPort: "localhost:8080"}},
		`["192.0.2.7:80:80"]`:     {{Frontend: "web", URL: "http://192.0.2.7", HostPort: "192.0.2.7:80"}},
		`["443:443"]`:             {{Frontend: "tls", URL: "https://localhost", HostPort: "localhost:443"}},
		`["80:443"]`:              {{Frontend: "tls", URL: "https://localhost:80", HostPort: "localhost:80"}},
		`["127.0.0.1:8404:8404"]`: {{Frontend: "stats", URL: "http://localhost:8404", HostPort: "localhost:8404", Stats: true}},
		`["[::1]:8404:8404"]`:     {{Frontend: "stats", URL: "http://[::1]:8404", HostPort: "[::1]:8404", Stats: true}},
		`["9000:9000"]`:           {{Frontend: "admin", URL: "http://localhost:9000/haproxy?stats", HostPort: "localhost:9000", Stats: true}},
		`["5432:5432"]`:           {{Frontend: "raw", HostPort: "localhost:5432"}},
		`["80:80", "8404:8404"]`: {
			{Frontend: "web", URL: "http://localhost", HostPort: "localhost:80"},
			{Frontend: "stats", URL: "http://localhost:8404", HostPort: "localhost:8404", Stats: true},
		},
		`["[2001:db8::7]:8080:80"]`: {{Frontend: "web", URL: "http://[2001:db8::7]:8080", HostPort: "[2001:db8::7]:8080"}},
		`["80:80/udp"]`:             nil, // QUIC is no address for a browser
		`["7777:7777"]`:             nil,
		`["80"]`:                    nil, // the engine chooses the port
		`[]`:                        nil,
	} {
		t.Run(ports, func(t *testing.T) {
			t.Parallel()
			assert.DeepEqual(t, published(t, listeners, ports).Addresses(), want)
		})
	}
}

func TestAnIPv6AddressStandsInBracketsOnTheUsualPortToo(t *testing.T) {
	t.Parallel()
	addresses := published(t, listeners, `["[2001:db8::7]:80:80"]`).Addresses()
	assert.Equal(t, len(addresses), 1)
	assert.Equal(t, addresses[0].URL, "http://[2001:db8::7]")
}

func TestOnlyTheFirstLoopbackAddressIsLocalhost(t *testing.T) {
	t.Parallel()
	addresses := published(t, listeners, `["127.0.0.2:8080:80"]`).Addresses()
	assert.Equal(t, len(addresses), 1)
	assert.Equal(t, addresses[0].URL, "http://127.0.0.2:8080")
}

func TestAConfigurationThatIsNotOnThisMachineHasNoAddresses(t *testing.T) {
	t.Parallel()
	p := load(t, "name: demo\nservices:\n  haproxy:\n    image: mine\n    ports: ['80:80']\n", nil)
	assert.Equal(t, len(p.Addresses()), 0)
}
