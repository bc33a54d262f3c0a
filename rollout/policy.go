package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Policy is how a rollout goes about its work.
type Policy struct {
	Batch     Amount        // containers at a time; the zero value: all, or one where the old ones go first
	StopFirst bool          // an old container makes room for each new one, which costs capacity
	Pause     time.Duration // between two batches
	Monitor   time.Duration // how long a new container must have run before it is trusted

	WaitTimeout      time.Duration // for a batch of new containers to be ready; 0: no limit
	DrainTimeout     time.Duration // for the requests that old containers are at
	WebsocketTimeout time.Duration // for their websockets and other tunnels

	Flip   bool    // the new containers take all traffic at one instant
	Canary *Canary // watch some of them first; nil: do not
	Force  bool    // replace containers that did not change
}

// Canary is the trial of a new version with a share of the traffic.
type Canary struct {
	Share   int           // of the requests, in percent: 1 to 99
	Time    time.Duration // how long it is watched
	Errors  float64       // the share of failed requests that aborts, in percent
	Latency float64       // the mean response time that aborts, as a multiple of the old containers'
}

// Amount is a number of containers, or a share of them.
type Amount struct {
	N       int
	Percent bool
}

// ParseAmount reads an amount such as 2 or 25%.
func ParseAmount(text string) (Amount, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || percent && n > 100 {
		return Amount{}, fmt.Errorf("%q is neither a number of containers, such as 2, nor a share of them, such as 25%%", text)
	}
	return Amount{n, percent}, nil
}

// of is the amount of a number of containers: at least one.
func (a Amount) of(all int) int {
	switch {
	case a.N == 0:
		return max(1, all)
	case a.Percent:
		return max(1, all*a.N/100)
	}
	return a.N
}

// Chosen tells which settings a person has chosen; the others are the service's.
type Chosen struct{ Batch, Order, Pause, Monitor, Wait bool }

// For takes what nobody has chosen from the service's deploy.update_config.
func (p Policy) For(d compose.Definition, chosen Chosen) Policy {
	rules, found := d.UpdateRules()
	if !found {
		return p
	}
	if !chosen.Batch {
		p.Batch = Amount{N: rules.Batch}
		if rules.All {
			p.Batch = Amount{N: 100, Percent: true}
		}
	}
	if !chosen.Order {
		p.StopFirst = rules.StopFirst
	}
	if !chosen.Pause {
		p.Pause = rules.Pause
	}
	if !chosen.Monitor && rules.Monitor > 0 {
		p.Monitor = rules.Monitor
	}
	return p
}
