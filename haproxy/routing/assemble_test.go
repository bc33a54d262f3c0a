package routing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func web(host string) Spec {
	return Spec{Service: "web", Hosts: []string{host}, Port: 8080, Address: "web.shop"}
}

func TestRoutesAreOrderedFromTheMostSpecialToTheMostGeneral(t *testing.T) {
	t.Parallel()
	spec := web("a.example.com")
	spec.Hosts = []string{"*", "*.example.com", "a.example.com"}
	spec.Paths = []Path{{Match: Prefix, Value: "/"}, {Match: Prefix, Value: "/api"}, {Match: Regex, Value: "^/v[0-9]"}, {Match: Exact, Value: "/ping"}}
	urgent := Spec{Service: "urgent", Priority: 5, Port: 80, Address: "urgent.shop"}
	r, conflicts := Assemble("shop", Frontend{Port: 80}, []Spec{spec, urgent})
	if len(conflicts) > 0 {
		t.Fatal(conflicts)
	}
	var got []string
	for _, route := range r.Routes {
		got = append(got, route.String())
	}
	want := []string{
		"*",
		"a.example.com=/ping", "a.example.com ~^/v[0-9]", "a.example.com/api", "a.example.com",
		"*.example.com=/ping", "*.example.com ~^/v[0-9]", "*.example.com/api", "*.example.com",
		"*=/ping", "* ~^/v[0-9]", "*/api", "*",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestNamesDoNotDependOnWhatElseThereIs(t *testing.T) {
	t.Parallel()
	names := func(specs ...Spec) (all []string) {
		r, _ := Assemble("shop", Frontend{Port: 80}, specs)
		for _, b := range r.Backends {
			all = append(all, b.Name)
		}
		return all
	}
	api := Spec{Service: "web", Name: "api", Paths: []Path{{Match: Prefix, Value: "/api"}}, Port: 1, Address: "x"}
	grouped := Spec{Service: "blue", Group: "site", Paths: []Path{{Match: Prefix, Value: "/b"}}, Port: 1, Address: "x"}
	if got := names(web("a.example.com")); !slices.Equal(got, []string{"shop.web"}) {
		t.Errorf("got %q", got)
	}
	if got := names(api, web("a.example.com"), grouped); !slices.Equal(got, []string{"shop.site", "shop.web", "shop.web:api"}) {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsInTheWayOfAnotherIsReported(t *testing.T) {
	t.Parallel()
	other := func(change func(*Spec)) Spec {
		spec := web("a.example.com")
		spec.Service, spec.Address = "zoo", "zoo.shop"
		change(&spec)
		return spec
	}
	grouped := web("a.example.com")
	grouped.Group = "g"
	for name, c := range map[string]struct {
		first, second Spec
		what          string // "" where there is no conflict
	}{
		"the same route":            {web("a.example.com"), other(func(*Spec) {}), "route a.example.com leads to service web already"},
		"another host":              {web("a.example.com"), other(func(s *Spec) { s.Hosts = []string{"b.example.com"} }), ""},
		"another priority":          {web("a.example.com"), other(func(s *Spec) { s.Priority = 1 }), ""},
		"another spelling":          {web("a.example.com"), other(func(s *Spec) { s.Paths = []Path{{Match: Prefix, Value: "//"}} }), "route a.example.com// leads to service web already"},
		"the same group":            {grouped, other(func(s *Spec) { s.Group = "g" }), ""},
		"the same group, otherwise": {grouped, other(func(s *Spec) { s.Group = "g"; s.Balance = "source" }), ""},
		"settings that differ": {
			func() Spec { s := grouped; s.Balance = "leastconn"; return s }(),
			other(func(s *Spec) { s.Group = "g"; s.Balance = "source" }), `its group "g" has other settings on service web`,
		},
		"HTTP and TCP in a group": {grouped, other(func(s *Spec) { s.Group = "g"; s.Listen = 99 }), "both of HTTP and of TCP"},
		"the port of HTTP":        {web("a.example.com"), other(func(s *Spec) { s.Listen = 80 }), "port 80 is the one on which HTTP requests come in"},
		"the same port": {
			func() Spec { s := web("a.example.com"); s.Listen = 5432; return s }(),
			other(func(s *Spec) { s.Listen = 5432 }), "port 5432 leads to service web already",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, conflicts := Assemble("shop", Frontend{Port: 80}, []Spec{c.second, c.first})
			said := ""
			for _, conflict := range conflicts {
				said += conflict.Error() + "\n"
			}
			if (said == "") != (c.what == "") || !strings.Contains(said, c.what) {
				t.Errorf("got %q, want %q", said, c.what)
			}
			if said != "" && (conflicts[0].Service != "zoo" || conflicts[0].Hint == "") {
				t.Errorf("got %+v", conflicts[0])
			}
		})
	}
}

func TestAQuarantinedServiceKeepsItsRouteAndHasNoServers(t *testing.T) {
	t.Parallel()
	spec := web("a.example.com")
	spec.Quarantined, spec.Snippet, spec.Balance = true, []string{"nonsense"}, "nonsense"
	r, _ := Assemble("shop", Frontend{Port: 80}, []Spec{spec})
	text := fileNamed(r.Render("/g"), RoutesName)
	if len(r.Routes) != 1 || !strings.Contains(text, "Retry-After 5") || strings.Contains(text, "nonsense") || strings.Contains(text, "server-template") {
		t.Errorf("got %+v\n%s", r.Routes, text)
	}
}

func fileNamed(r Rendered, name string) string {
	for _, file := range r.Files {
		if file.Name == name {
			return string(file.Content)
		}
	}
	return ""
}

func TestEveryLineOfABackendHasItsOwners(t *testing.T) {
	t.Parallel()
	spec := web("a.example.com")
	spec.Snippet = []string{"option http-server-close"}
	r, _ := Assemble("shop", Frontend{Port: 80}, []Spec{spec, {Service: "api", Paths: []Path{{Match: Prefix, Value: "/api"}}, Port: 1, Address: "x"}})
	rendered := r.Render("/g")
	for i, line := range strings.Split(fileNamed(rendered, RoutesName), "\n") {
		owners := rendered.Owners(RoutesName, i+1)
		switch {
		case strings.Contains(line, "option http-server-close") && !slices.Equal(owners, []string{"web"}),
			strings.Contains(line, "server-template api") && !slices.Equal(owners, []string{"api"}),
			strings.Contains(line, "frontend http") && owners != nil:
			t.Errorf("line %d, %q: owners %q", i+1, line, owners)
		}
	}
}

// many is a project of n services with ten slots each.
func many(n int) []Spec {
	var specs []Spec
	for i := range n {
		name := fmt.Sprintf("svc%d", i)
		specs = append(specs, Spec{
			Service: name, Hosts: []string{name + ".example.com"}, Paths: []Path{{Match: Prefix, Value: "/"}, {Match: Prefix, Value: "/api"}},
			Port: 8080, Address: name + ".shop", Check: Check{Path: "/healthz"}, Timeouts: Timeouts{Server: time.Minute},
		})
	}
	return specs
}

func BenchmarkRender(b *testing.B) {
	for _, servers := range []int{10, 100, 1000, 10000} {
		specs := many(servers / 10)
		b.Run(fmt.Sprintf("%d_servers", servers), func(b *testing.B) {
			for b.Loop() {
				r, _ := Assemble("shop", Frontend{Port: 80}, specs)
				r.Render("/usr/local/etc/haproxy/generated")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(servers), "ns/server")
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	for _, servers := range []int{10, 100, 1000, 10000} {
		r, _ := Assemble("shop", Frontend{Port: 80}, many(servers/10))
		old := r.Render("/g").Files
		specs := many(servers / 10)
		specs[0].Hosts = []string{"new.example.com"}
		r, _ = Assemble("shop", Frontend{Port: 80}, specs)
		now := r.Render("/g").Files
		b.Run(fmt.Sprintf("%d_servers", servers), func(b *testing.B) {
			for b.Loop() {
				Compare(old, now, "/g")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(servers), "ns/server")
		})
	}
}
