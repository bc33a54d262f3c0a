package bench

import (
	"slices"
	"time"
)

// Summary is what the samples of a plan say.
type Summary struct {
	Rows        []RowSummary
	Comparisons []Comparison
}

// RowSummary is what was measured of a row.
type RowSummary struct {
	Row Row

	// Rate is requests per second: the median of the rounds.
	Rate Interval
	// P50, P90 and P99 are medians of the rounds, so that a round in which the
	// machine was busy elsewhere does not make them.
	P50, P90, P99 time.Duration
	// P999 and Max are of all requests of all rounds: of rare things a round has too few.
	P999, Max time.Duration

	Answered, Errors int64
	Complaints       []string `json:",omitempty"` // the first different ones

	CPUPer1000 time.Duration // that HAProxy used for 1000 requests; 0 where it has no part
	Memory     int64         // of HAProxy, the most that was seen
	Latency    *Latency      // of all rounds
}

// Comparison is of two rows with the same load, round by round.
type Comparison struct {
	What    Difference
	Variant Variant
	// Base and Other are what is compared: Other has something that Base has not.
	Base, Other string
	// AddedMicroseconds is how much longer the median request takes.
	AddedMicroseconds Interval
	// Rate is Other's requests per second by Base's.
	Rate Interval
}

// Difference is what Other has and Base has not.
type Difference string

// The differences.
const (
	Proxy      Difference = "HAProxy"
	Publishing Difference = "publishing the port"
	// HostProxy is HAProxy outside the app's network, with its clients.
	HostProxy Difference = "HAProxy on the host's network"
	// Bridge is the network that HAProxy has of its own, with the port that is
	// published there, in place of the host's.
	Bridge Difference = "bridge networking"
)

// Summarize makes the summary.
func (p Plan) Summarize(samples []Sample) Summary {
	var summary Summary
	for i, row := range p.Rows {
		summary.Rows = append(summary.Rows, summarize(row, of(samples, i)))
	}
	for i, base := range p.Rows {
		for j, other := range p.Rows {
			if what := difference(base, other); what != "" {
				summary.Comparisons = append(summary.Comparisons, compare(what, base, other, of(samples, i), of(samples, j)))
			}
		}
	}
	return summary
}

// difference is the one thing in which two rows differ; "" where there is none,
// or more than one.
func difference(base, other Row) Difference {
	switch {
	case base.Variant != other.Variant:
		return ""
	case !base.Way.Proxied && other.Way.Proxied && base.Way.Inside == other.Way.Inside && base.Way.Published == other.Way.Published:
		return Proxy
	case base.Way.Proxied && other.Way.Proxied && base.Way.Inside && !base.Way.Published && other.Way.Published:
		return Publishing
	case !base.Way.Proxied && base.Way.Inside && other.Way.OnHost():
		return HostProxy
	case base.Way.OnHost() && other.Way.Proxied && other.Way.Published:
		return Bridge
	}
	return ""
}

func of(samples []Sample, row int) []Sample {
	return slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.Row != row })
}

func summarize(row Row, samples []Sample) RowSummary {
	s := RowSummary{Row: row, Latency: NewLatency()}
	var cpu, served float64
	for _, sample := range samples {
		s.Answered += sample.Result.Answered
		s.Errors += sample.Result.Errors
		for _, complaint := range sample.Result.Complaints {
			if !slices.Contains(s.Complaints, complaint) {
				s.Complaints = append(s.Complaints, complaint)
			}
		}
		s.Latency.Add(sample.Result.Latency)
		s.Memory = max(s.Memory, sample.Memory)
		cpu += float64(sample.CPU)
		served += float64(sample.Result.Served)
	}
	s.Complaints = s.Complaints[:min(len(s.Complaints), shownErrors)]
	s.Rate = IntervalOf(each(samples, Sample.rate))
	s.P50, s.P90, s.P99 = middle(samples, 50), middle(samples, 90), middle(samples, 99)
	s.P999, s.Max = s.Latency.At(99.9), s.Latency.Max()
	if row.Way.Proxied && served > 0 {
		s.CPUPer1000 = time.Duration(cpu / served * 1000)
	}
	return s
}

// middle is the median of the rounds' percentiles.
func middle(samples []Sample, percentage float64) time.Duration {
	answered := slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.Result.Answered == 0 })
	values := each(answered, func(s Sample) float64 { return float64(s.Result.Latency.At(percentage)) })
	return time.Duration(IntervalOf(values).Median)
}

func each(samples []Sample, value func(Sample) float64) []float64 {
	var values []float64
	for _, sample := range samples {
		values = append(values, value(sample))
	}
	return values
}

func (s Sample) rate() float64 {
	if s.Result.Elapsed <= 0 {
		return 0
	}
	return float64(s.Result.Answered) / s.Result.Elapsed.Seconds()
}

func compare(what Difference, base, other Row, bases, others []Sample) Comparison {
	both := pairs(bases, others)
	var latency []float64
	for _, p := range both {
		latency = append(latency, microseconds(p.other.Result.Latency.At(50)-p.base.Result.Latency.At(50)))
	}
	return Comparison{
		What: what, Variant: base.Variant, Base: base.Way.String(), Other: other.Way.String(),
		AddedMicroseconds: IntervalOf(latency), Rate: rateRatio(both),
	}
}

// RateRatio is the requests per second of a row by those of another, round by round.
func RateRatio(samples []Sample, row, base int) Interval {
	return rateRatio(pairs(of(samples, base), of(samples, row)))
}

func rateRatio(pairs []pair) Interval {
	var ratios []float64
	for _, p := range pairs {
		ratios = append(ratios, p.other.rate()/p.base.rate())
	}
	return IntervalOf(ratios)
}

// pair are the runs of two rows in the same round: they have seen the same machine.
type pair struct{ base, other Sample }

// pairs leaves out a round in which one of them was not answered at all.
func pairs(bases, others []Sample) []pair {
	var found []pair
	for _, b := range bases {
		at := slices.IndexFunc(others, func(o Sample) bool { return o.Round == b.Round })
		if at < 0 || b.Result.Answered == 0 || others[at].Result.Answered == 0 {
			continue
		}
		found = append(found, pair{base: b, other: others[at]})
	}
	return found
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
