// Package target tells whether what was measured is what was aimed at.
package target

import (
	"fmt"

	"github.com/docker-haproxy/docker-haproxy/bench"
)

// Target is what must hold.
type Target struct {
	What     string
	Measured string
	Met      Verdict
}

// Ratio writes a ratio with its interval.
func Ratio(i bench.Interval) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", i.Median, i.Low, i.High)
}

// Verdict is whether a target is met.
type Verdict string

// The verdicts.
const (
	Met        Verdict = "met"
	Missed     Verdict = "missed"
	NotCertain Verdict = "no difference that can be told" // the limit is within the interval
)

// AtMost is met by what is not above a limit.
func AtMost(limit float64, i bench.Interval) Verdict {
	switch {
	case i.High <= limit:
		return Met
	case i.Low > limit:
		return Missed
	}
	return NotCertain
}

// AtLeast is met by what is not below a limit.
func AtLeast(limit float64, i bench.Interval) Verdict {
	switch {
	case i.Low >= limit:
		return Met
	case i.High < limit:
		return Missed
	}
	return NotCertain
}
