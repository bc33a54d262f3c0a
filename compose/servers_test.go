package compose

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// twoBackends has a server s1 in each.
func twoBackends() Status {
	return Status{Backends: []Backend{
		{Name: "web", Servers: []Server{
			{Backend: "web", Name: "s1", Container: "demo-web1-1", Service: "web1", State: ServerUp, Weight: 1},
			{Backend: "web", Name: "s2", Container: "demo-web2-1", Service: "web2", State: ServerDraining, Weight: 1},
			{Backend: "web", Name: "s3", Container: "demo-web2-2", Service: "web2", State: ServerPending, Weight: 1},
		}},
		{Name: "api", Servers: []Server{
			{Backend: "api", Name: "s1", State: ServerUp, Weight: 1},
			{Backend: "api", Name: "old", State: ServerUp, Weight: 0},
		}},
	}}
}

func TestServersAreFoundByAllTheirNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"web/s2":      "web/s2",
		"s2":          "web/s2",
		"demo-web2-1": "web/s2",
		"web2":        "web/s2 web/s3", // all of a service
		"api/s1":      "api/s1",
		"old":         "api/old",
	} {
		found, err := twoBackends().FindServers(name)
		assert.NilError(t, err, name)
		assert.Equal(t, strings.Join(ids(found), " "), want, name)
	}
	for name, words := range map[string][]string{
		"s1":          {"2 backends have a server s1", "web/s1, api/s1"},
		"web/s22":     {"there is no server web/s22", "Did you mean web/s2?"},
		"demo-web2-9": {"Did you mean demo-web2-1?"},
		"shop":        {"there is no server shop", "There are: web/s1, web/s2, web/s3, api/s1, api/old."},
	} {
		_, err := twoBackends().FindServers(name)
		assert.Assert(t, err != nil, name)
		testkit.Contains(t, err.Error(), words...)
	}
	_, err := twoBackends().FindServers("shop")
	assert.Assert(t, !strings.Contains(err.Error(), "Did you mean"), "%v", err)
	_, err = Status{}.FindServers("s1")
	testkit.Contains(t, err.Error(), "HAProxy has no servers")
}

func TestManyServersAreNotListedInAnError(t *testing.T) {
	t.Parallel()
	var s Status
	for range 2 * shownServers {
		s.Backends = append(s.Backends, Backend{Name: "b", Servers: []Server{{Backend: "b", Name: "s"}}})
	}
	_, err := s.FindServers("nobody")
	testkit.Contains(t, err.Error(), `"docker haproxy server ls" shows the 24 there are.`)
}

func TestTheLastServerUpIsKnown(t *testing.T) {
	t.Parallel()
	s := twoBackends()
	web, api := s.Backends[0].Servers, s.Backends[1].Servers
	for name, test := range map[string]struct {
		server Server
		with   []Server
		want   bool
	}{
		"another one is pending":            {web[0], web[:1], false},
		"together with the pending one":     {web[0], []Server{web[0], web[2]}, true},
		"one that takes none already":       {web[1], web[1:2], false},
		"the other one has no weight":       {api[0], api[:1], true},
		"the one without weight is no help": {api[1], api[1:], false},
	} {
		assert.Equal(t, s.LastUp(test.server, test.with), test.want, name)
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ac", 1}, {"kitten", "sitting", 3}} {
		assert.Equal(t, editDistance(c.a, c.b), c.want, "%s %s", c.a, c.b)
		assert.Equal(t, editDistance(c.b, c.a), c.want, "%s %s", c.b, c.a)
	}
}
