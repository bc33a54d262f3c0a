package data

import (
	"fmt"
	"time"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/target"
)

// Result is what was measured of the data plane.
type Result struct {
	Options  Options
	Versions Versions

	KeepAlive      Table // as fast as the answers come
	NewConnections Table
	Paced          Table // at a rate that all of them can serve
	Parts          Table // what the parts of the generated configuration cost
}

// Versions are those of the contenders.
type Versions struct{ HAProxy, Nginx, Caddy string }

// Table is of one kind of load.
type Table struct {
	Load  bench.Variant
	Lines []Line
}

// Line is what was measured of a contender.
type Line struct {
	Name    string
	Network string

	Rate    bench.Interval // requests per second
	ToTuned bench.Interval // Rate by that of the hand-tuned HAProxy in the same network
	// ToTunedWithLog is Rate by that of the hand-tuned one that logs requests, as ours does.
	ToTunedWithLog bench.Interval
	// ToOurs is Rate by that of the generated configuration.
	ToOurs     bench.Interval
	P50, P99   time.Duration
	CPUPer1000 time.Duration // of the proxy for 1000 requests; 0 for the app
	Memory     int64         // bytes, behind the load; 0 for the app
	Errors     int64
	Complaints []string `json:",omitempty"`
}

// halfOfTheSlowest is a rate that all contenders can serve, in whole hundreds.
func (t Table) halfOfTheSlowest() float64 {
	slowest := t.Lines[0].Rate.Median
	for _, line := range t.Lines {
		slowest = min(slowest, line.Rate.Median)
	}
	return max(float64(int(slowest/2/100))*100, 100)
}

// Targets are a data plane within 5% of the hand-tuned HAProxy in the same network
// mode: of the one that logs as much, none or every request.
func (r Result) Targets() []target.Target {
	const limit = 0.95
	var all []target.Target
	for _, line := range r.KeepAlive.Lines {
		for _, aim := range []struct {
			name, with string
			ratio      bench.Interval
		}{{ours, handTuned, line.ToTuned}, {loud, withLog, line.ToTunedWithLog}} {
			if line.Name != aim.name {
				continue
			}
			all = append(all, target.Target{
				What:     fmt.Sprintf("%s, %s: within 5 %% of the requests per second of %s", aim.name, line.Network, aim.with),
				Measured: ratio(aim.ratio), Met: target.AtLeast(limit, aim.ratio),
			})
		}
	}
	return all
}
