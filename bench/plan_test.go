package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// threeWays are those of a project with one published port, with TLS or without.
func threeWays(secured bool) []Way {
	ways := []Way{
		{Name: "app alone", From: "inside", Inside: true, Plain: []string{"10.0.0.2:8080", "10.0.0.3:8080"}},
		{Name: "HAProxy", From: "inside", Inside: true, Proxied: true, Plain: []string{"10.0.0.4:80"}},
		{Name: "HAProxy", From: "here", Proxied: true, Published: true, Plain: []string{"127.0.0.1:80"}},
	}
	if secured {
		ways[1].TLS, ways[2].TLS = []string{"10.0.0.4:443"}, []string{"127.0.0.1:443"}
	}
	return ways
}

func options() Options {
	return Options{Host: "localhost", Path: "/", Clients: 8, Duration: 20 * time.Second, WarmUp: 2 * time.Second}
}

func TestWhatIsComparedIsMeasuredInTurns(t *testing.T) {
	t.Parallel()
	plan := NewPlan(options(), options().Rows(threeWays(false)))
	runs := plan.Runs()
	assert.Equal(t, len(plan.Rows), 12) // one at a time, kept, new, h2: three ways each
	assert.Equal(t, plan.Rounds, wantedRounds)
	assert.Equal(t, len(runs), 12*(wantedRounds+1))
	count := map[int]int{}
	for n, run := range runs {
		assert.Equal(t, run.Round, n/12, "a round is over before the next begins")
		count[run.Row]++
	}
	for row := range plan.Rows {
		assert.Equal(t, count[row], wantedRounds+1)
	}
	assert.Equal(t, runs[12].Row, 0, "round 1 goes forwards")
	assert.Equal(t, runs[24].Row, 11, "round 2 goes backwards")
	for n := 0; n < 12; n += 3 {
		for _, next := range plan.Rows[n+1 : n+3] {
			assert.Equal(t, plan.Rows[n].Variant, next.Variant, "the ways of a load follow each other")
		}
	}
}

func TestTheTimeOfMeasuringIsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	for _, duration := range []time.Duration{50 * time.Millisecond, time.Second, 7 * time.Second, 20 * time.Second, 10 * time.Minute} {
		for _, secured := range []bool{false, true} {
			o := options()
			o.Duration = duration
			plan := NewPlan(o, o.Rows(threeWays(secured)))
			var measured, warmUp time.Duration
			for _, run := range plan.Runs() {
				if run.Round == 0 {
					warmUp += run.Load.Duration
				} else {
					measured += run.Load.Duration
				}
			}
			assert.Assert(t, measured <= duration && measured > duration*99/100, "%s of %s", measured, duration)
			assert.Assert(t, warmUp <= o.WarmUp && warmUp > o.WarmUp*99/100)
			assert.Assert(t, plan.Rounds == 1 || plan.Slice >= shortestSlice, "%d rounds of %s", plan.Rounds, plan.Slice)
			assert.Assert(t, plan.Rounds < wantedRounds || plan.Slice < 2*longestSlice, "%d rounds of %s", plan.Rounds, plan.Slice)
		}
	}
}

func TestAPlanSuitsWhatIsThere(t *testing.T) {
	t.Parallel()
	names := func(o Options, ways []Way) string {
		return NewPlan(o, o.Rows(ways)).String()
	}
	plain, secured := names(options(), threeWays(false)), names(options(), threeWays(true))
	assert.Assert(t, !strings.Contains(plain, "TLS"))
	assert.Equal(t, strings.Count(secured, "TLS"), 6, "three loads, two ways: %s", secured)
	paced := options()
	paced.Rate = 500
	assert.Equal(t, strings.Count(names(paced, threeWays(false)), "500 requests/s"), 9)
	assert.Assert(t, !strings.Contains(names(paced, threeWays(false)), "at a time"))
	alone := options()
	alone.Clients = 1
	assert.Equal(t, strings.Count(names(alone, threeWays(false)), "one request at a time"), 9)
	assert.Equal(t, len(NewPlan(options(), nil).Runs()), 0)
	cold := options()
	cold.WarmUp = 0
	assert.Equal(t, NewPlan(cold, cold.Rows(threeWays(false))).Runs()[0].Round, 1)
}

func TestALoadGoesWhereItsRowSays(t *testing.T) {
	t.Parallel()
	plan := NewPlan(options(), options().Rows(threeWays(true)))
	for _, run := range plan.Runs() {
		row := plan.Rows[run.Row]
		assert.DeepEqual(t, run.Load.Addresses, row.Way.addresses(row.Variant.TLS))
		assert.Equal(t, run.Load.TLS, slices.Contains([]string{"10.0.0.4:443", "127.0.0.1:443"}, run.Load.Addresses[0]))
		assert.Assert(t, run.Load.Protocol == row.Variant.Protocol && run.Load.KeepAlive == row.Variant.KeepAlive && run.Load.Clients == row.Variant.Clients)
	}
}
