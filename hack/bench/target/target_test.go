package target

import (
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/bench"
)

func TestATargetWhoseLimitIsWithinTheIntervalIsNotCertain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		low, high       float64
		atMost, atLeast Verdict // 1
	}{
		{0.5, 0.9, Met, Missed},
		{0.5, 1, Met, NotCertain},
		{0.9, 1.1, NotCertain, NotCertain},
		{1, 1.5, NotCertain, Met},
		{1.1, 1.5, Missed, Met},
	} {
		i := bench.Interval{Low: c.low, Median: (c.low + c.high) / 2, High: c.high}
		assert.Equal(t, AtMost(1, i), c.atMost, "%v", i)
		assert.Equal(t, AtLeast(1, i), c.atLeast, "%v", i)
	}
}
