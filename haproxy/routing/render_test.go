package routing

import (
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
