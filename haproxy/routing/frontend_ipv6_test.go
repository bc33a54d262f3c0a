package routing

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// Each port has a line for IPv4 and, where clients come by IPv6, one for IPv6 alone:
// an address of IPv4 must never be written as one of IPv6.
func TestEachPortIsListenedOnForIPv6WhereThereIsAny(t *testing.T) {
	t.Parallel()
	specs := []Spec{
		{Service: "web", Hosts: []string{"*"}, Port: 80, Address: "web"},
		{Service: "db", Listen: 5432, Port: 5432, Address: "db"},
	}
	for _, ipv6 := range []bool{false, true} {
		r, conflicts := Assemble("shop", Frontend{Port: 8080, IPv6: ipv6}, specs)
		assert.Equal(t, len(conflicts), 0)
		text := string(r.Render("/g").Files[0].Content)
		for _, port := range []string{"8080", "5432"} {
			assert.Equal(t, strings.Count(text, "    bind :"+port+"\n"), 1, text)
			assert.Equal(t, strings.Contains(text, "    bind [::]:"+port+" v6only\n"), ipv6, text)
		}
	}
}
