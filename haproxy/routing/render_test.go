package routing

import (
	"strings"
	"testing"
	"time"
)

func TestARequestIsHeldForExactlyItsTime(t *testing.T) {
	t.Parallel()
	for hold, lines := range map[time.Duration]int{
		0:                       0,
		time.Millisecond:        1,
		100 * time.Millisecond:  1,
		250 * time.Millisecond:  3,
		time.Second:             10,
		1001 * time.Millisecond: 11,
		20 * time.Second:        48,
		time.Minute:             128,
	} {
		var sum time.Duration
		steps := holdSteps(hold)
		for _, step := range steps {
			sum += step
		}
		if sum != hold || len(steps) != lines {
			t.Errorf("%s: %d steps of %s together, want %d", hold, len(steps), sum, lines)
		}
	}
}

func TestOnTheHostsNetworkOnlyDockersDNSIsAsked(t *testing.T) {
	t.Parallel()
	for _, gate := range []bool{false, true} {
		for _, check := range []Check{{}, {Off: true}} {
			spec := Spec{Service: "web", Hosts: []string{"*"}, Address: "web.x", Port: 80, Check: check}
			r, _ := Assemble("demo", Frontend{Port: 80}, []Spec{spec})
			r.Gate, r.OnlyDNS = gate, true
			text := string(r.Render("/x").Files[0].Content)
			if strings.Contains(text, "libc") || !strings.Contains(text, "init-addr last,none") {
				t.Errorf("gate %t, %+v:\n%s", gate, check, text)
			}
		}
	}
}
