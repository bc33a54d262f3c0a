package bench

import (
	"math"
	"slices"
)

// Interval is a median, and between what the true one lies.
type Interval struct {
	Median, Low, High float64
	// Confidence is the chance that an interval made in this way holds the true
	// median: at least 0.95, or less where there are fewer than six values.
	Confidence float64
}

const wantedConfidence = 0.95

// IntervalOf is the confidence interval of the median by the sign test: it holds
// whatever the distribution, and latencies have none that has a name. Between the
// k-th value from below and the k-th from above lies the true median, unless fewer
// than k of n values fell on one side of it, each with a chance of one half. The
// greatest k with 95% is taken. (A bootstrap of so few values is too sure of
// itself, and gives another answer each time.)
func IntervalOf(values []float64) Interval {
	n := len(values)
	if n == 0 {
		return Interval{}
	}
	sorted := slices.Sorted(slices.Values(values))
	k := 1
	for 2*(k+1) <= n && confidence(n, k+1) >= wantedConfidence {
		k++
	}
	return Interval{Median: median(sorted), Low: sorted[k-1], High: sorted[n-k], Confidence: confidence(n, k)}
}

// confidence is 1 - 2 P(X < k) with X of n coins that fall on heads.
func confidence(n, k int) float64 {
	below := 0.0
	for i := range k {
		below += binomial(n, i)
	}
	return max(1-2*below*math.Pow(0.5, float64(n)), 0)
}

func binomial(n, k int) float64 {
	result := 1.0
	for i := 1; i <= k; i++ {
		result = result * float64(n-k+i) / float64(i)
	}
	return result
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
