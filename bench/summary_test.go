package bench

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestAnIntervalIsThatOfTheSignTest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values            []float64
		median, low, high float64
		confidence        float64 // from tables of the binomial distribution
	}{
		{nil, 0, 0, 0, 0},
		{[]float64{7}, 7, 7, 7, 0},
		{[]float64{3, 1, 2, 5, 4}, 3, 1, 5, 0.9375},
		{[]float64{1, 2, 3, 4, 5, 6}, 3.5, 1, 6, 0.96875},
		{[]float64{9, 8, 7, 6, 5, 4, 3, 2, 1}, 5, 2, 8, 0.9609375},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 6.5, 3, 10, 0.96142578125},
	} {
		got := IntervalOf(c.values)
		assert.Equal(t, got.Median, c.median)
		assert.Equal(t, got.Low, c.low)
		assert.Equal(t, got.High, c.high)
		assert.Assert(t, math.Abs(got.Confidence-c.confidence) < 1e-9, "%v", got)
	}
}

// What is called 96% must be right in 96 of 100 cases, also where the values are
// spread as latencies are.
func TestAnIntervalHoldsTheTruthAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable, not secret
	const tries = 4000
	held := 0
	for range tries {
		var values []float64
		for range wantedRounds {
			values = append(values, math.Exp(2*random.NormFloat64())) // median 1
		}
		if i := IntervalOf(values); i.Low <= 1 && 1 <= i.High {
			held++
		}
	}
	assert.Assert(t, float64(held)/tries > 0.95 && float64(held)/tries < 0.97, "%d of %d", held, tries)
}

// sample is a run with so many answers of the same latency.
func sample(row, round int, answers int64, latency time.Duration) Sample {
	s := Sample{Run: Run{Row: row, Round: round}, Result: Result{Answered: answers, Served: answers, Elapsed: time.Second, Latency: NewLatency()}}
	for range answers {
		s.Result.Latency.Record(latency)
	}
	return s
}

// The machine gets slower from round to round, and once it is very slow: what
// HAProxy adds is the same all the time, and that is what must come out.
func TestWhatDisturbsAPairAlikeDoesNotCount(t *testing.T) {
	t.Parallel()
	o := options()
	o.Clients = 1
	plan := NewPlan(o, o.Rows(threeWays(false))[:3])
	var samples []Sample
	for round := 1; round <= 9; round++ {
		noise := time.Duration(round) * 100 * time.Microsecond
		if round == 4 {
			noise = 50 * time.Millisecond
		}
		for row, added := range []time.Duration{0, 70 * time.Microsecond, 110 * time.Microsecond} {
			s := sample(row, round, 100, 100*time.Microsecond+noise+added)
			s.CPU, s.Memory = 20*time.Millisecond, int64(round)
			samples = append(samples, s)
		}
	}
	summary := plan.Summarize(samples)
	assert.Equal(t, len(summary.Comparisons), 2)
	proxy, publishing := summary.Comparisons[0], summary.Comparisons[1]
	assert.Equal(t, proxy.What, Proxy)
	assert.Equal(t, publishing.What, Publishing)
	within := func(i Interval, want float64) {
		t.Helper()
		assert.Assert(t, math.Abs(i.Median-want) < 2 && i.Low > want-3 && i.High < want+3 && i.Confidence > 0.95, "%v", i)
	}
	within(proxy.AddedMicroseconds, 70)
	within(publishing.AddedMicroseconds, 40)
	assert.Equal(t, proxy.Rate.Median, 1.0)

	alone, through := summary.Rows[0], summary.Rows[1]
	assert.Equal(t, alone.Answered, int64(900))
	assert.Equal(t, alone.CPUPer1000, time.Duration(0), "HAProxy has no part in it")
	assert.Equal(t, through.CPUPer1000, 200*time.Millisecond)
	assert.Equal(t, through.Memory, int64(9))
	assert.Assert(t, alone.P99 < 2*time.Millisecond, "one bad round is not the median: %s", alone.P99)
	assert.Assert(t, alone.P999 > 40*time.Millisecond && alone.Max > 40*time.Millisecond, "but it is not hidden")
}

// Through the bridge and on the host, round by round: what disturbs a round is in
// both, and the difference is that of the network.
func TestBridgeIsComparedWithTheHostsNetwork(t *testing.T) {
	t.Parallel()
	o := options()
	o.Clients = 1
	host := Way{Name: "HAProxy (host network)", From: "here", Proxied: true, Plain: []string{"127.0.0.1:8080"}}
	assert.Assert(t, host.OnHost())
	plan := NewPlan(o, o.Rows(append(threeWays(false), host))[:4])
	var samples []Sample
	for round := 1; round <= 9; round++ {
		for row, added := range []time.Duration{0, 70, 110, 80} {
			answers := []int64{100, 80, 60, 75}[row]
			samples = append(samples, sample(row, round, answers, time.Duration(round)*time.Millisecond+added*time.Microsecond))
		}
	}
	found := map[Difference]Comparison{}
	for _, c := range plan.Summarize(samples).Comparisons {
		found[c.What] = c
	}
	assert.Equal(t, len(found), 4)
	bridge, onHost := found[Bridge], found[HostProxy]
	assert.Equal(t, bridge.Base+" < "+bridge.Other, "HAProxy (host network), from here < HAProxy, from here")
	assert.Assert(t, math.Abs(bridge.AddedMicroseconds.Median-30) < 8, "%v", bridge)
	assert.Assert(t, math.Abs(bridge.Rate.Median-0.8) < 1e-9, "%v", bridge)
	assert.Assert(t, math.Abs(onHost.AddedMicroseconds.Median-80) < 8, "%v", onHost)
}

func TestARoundWithoutAnswersIsNoFastOne(t *testing.T) {
	t.Parallel()
	o := options()
	plan := NewPlan(o, o.Rows(threeWays(false))[:2])
	broken := sample(1, 2, 0, 0)
	broken.Result.Errors, broken.Result.Complaints = 5, []string{"a", "b"}
	summary := plan.Summarize([]Sample{
		sample(0, 1, 10, time.Millisecond), sample(1, 1, 10, 3*time.Millisecond),
		sample(0, 2, 10, time.Millisecond), broken,
	})
	assert.Equal(t, summary.Rows[1].Errors, int64(5))
	assert.Equal(t, len(summary.Rows[1].Complaints), 2)
	assert.Assert(t, summary.Rows[1].P50 > 2*time.Millisecond)
	assert.Assert(t, math.Abs(summary.Comparisons[0].AddedMicroseconds.Median-2000) < 20, "%v", summary.Comparisons[0])
}

func TestMeasureDoesThePlanAndForgetsTheWarmUp(t *testing.T) {
	t.Parallel()
	load, _ := server(t, stalling(0, 0), false)
	o := Options{Host: "x", Path: "/", Clients: 2, Duration: 200 * time.Millisecond, WarmUp: 50 * time.Millisecond}
	plan := NewPlan(o, o.Rows([]Way{{Name: "HAProxy", From: "here", Proxied: true, Plain: load.Addresses}})[:1])
	var cpu time.Duration
	usage := func(context.Context, Way) (Usage, error) {
		cpu += time.Second
		return Usage{CPU: cpu, Memory: 42}, nil
	}
	var told int
	samples, err := plan.Measure(t.Context(), Clients{}, usage, func(done, all int, _ Row) {
		assert.Equal(t, done, told)
		assert.Equal(t, all, plan.Rounds+1)
		told++
	})
	assert.NilError(t, err)
	assert.Equal(t, told, plan.Rounds+1)
	assert.Equal(t, len(samples), plan.Rounds)
	for _, s := range samples {
		assert.Assert(t, s.Round > 0 && s.CPU == time.Second && s.Memory == 42 && s.Result.Answered > 0)
	}

	ctx, cancel := context.WithCancel(t.Context())
	_, err = plan.Measure(ctx, Clients{}, usage, func(int, int, Row) { cancel() })
	assert.ErrorIs(t, err, context.Canceled)
	_, err = plan.Measure(t.Context(), Clients{}, func(_ context.Context, way Way) (Usage, error) { return Usage{}, errors.New(way.Name) }, func(int, int, Row) {})
	assert.ErrorContains(t, err, "HAProxy", "each way has its own")
	_, err = plan.Measure(t.Context(), Clients{}, func(context.Context, Way) (Usage, error) { return Usage{}, errors.New("no meter") }, func(int, int, Row) {})
	assert.ErrorContains(t, err, "no meter")
}
