package compose

import (
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func TestNamesOfWhatIsAboutToStartAreNoMistake(t *testing.T) {
	t.Parallel()
	p := load(t, neededProject, map[string]string{"haproxy.cfg": ""}).awaiting([]Container{
		{Service: "db", State: "running"}, {Service: "logger", State: "exited"},
	})
	refusal := func(messages ...string) haproxy.Report {
		report := haproxy.Report{}
		for _, message := range messages {
			report.Diagnostics = append(report.Diagnostics, haproxy.Diagnostic{Severity: haproxy.Error, Message: message})
		}
		return report
	}
	for name, c := range map[string]struct {
		report haproxy.Report
		want   bool
	}{
		"a server":              {refusal("'server b/s1' : could not resolve address 'app'."), true},
		"by an alias":           {refusal("'server b/s1' : could not resolve address 'other.name'."), true},
		"a target of logs":      {refusal("log : invalid address: 'logger' in 'logger:514'", "'server (null)/p1' : invalid address: 'app' in 'app:1024'"), true},
		"what runs":             {refusal("'server b/s1' : could not resolve address 'db'."), false},
		"a typing error":        {refusal("'server b/s1' : could not resolve address 'ap'."), false},
		"another mistake":       {refusal("'server b/s1' : could not resolve address 'app'.", "unknown keyword 'bogus'"), false},
		"nothing is the matter": {refusal(), false},
	} {
		assert.Equal(t, p.onlyAwaits(c.report), c.want, name)
	}
}
