package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Way is a way that requests can take to the app.
type Way struct {
	Name      string // "app alone", "HAProxy"
	From      string // where the clients are: "inside the network", "this machine"
	Inside    bool   // From is not this process, but a client in the project's network
	Proxied   bool   // through HAProxy, whose work is measured too
	Published bool   // through a port that the engine publishes on the loopback interface

	Plain, TLS []string // HOST:PORT to go to; empty where there is none
}

func (w Way) String() string { return w.Name + ", from " + w.From }

// OnHost tells whether it is through a HAProxy on the host's network.
func (w Way) OnHost() bool { return w.Proxied && !w.Inside && !w.Published }

// Variant is a kind of load, which is sent all ways.
type Variant struct {
	Protocol  Protocol
	TLS       bool
	KeepAlive bool
	Clients   int
	Rate      float64
}

func (v Variant) String() string {
	words := []string{string(v.Protocol)}
	if v.TLS {
		words = append(words, "TLS")
	}
	if v.KeepAlive {
		words = append(words, "keep-alive")
	} else {
		words = append(words, "new connections")
	}
	return strings.Join(append(words, v.pace()), ", ")
}

func (v Variant) pace() string {
	switch {
	case v.Rate > 0:
		return fmt.Sprintf("%.6g requests/s", v.Rate)
	case v.Clients == 1:
		return "one request at a time"
	}
	return fmt.Sprintf("%d clients", v.Clients)
}

// Paced tells whether the load leaves the machine time to breathe, so that the
// latency is that of a request and not of a queue.
func (v Variant) Paced() bool { return v.Rate > 0 || v.Clients == 1 }

// Row is what is measured: one kind of load, one way.
type Row struct {
	Way     Way
	Variant Variant
}

func (r Row) String() string { return r.Variant.String() + ": " + r.Way.String() }

// Options say what is wanted.
type Options struct {
	Host, Path string
	Clients    int
	Rate       float64       // 0: as fast as the answers come
	Duration   time.Duration // of all measuring
	WarmUp     time.Duration // of all runs before that, which do not count
}

// variants are the kinds of load. With a rate they are all at that rate; without,
// there is one more, of one request at a time: what a request takes where nobody
// else is in its way.
func (o Options) variants() []Variant {
	var variants []Variant
	if o.Rate == 0 && o.Clients > 1 {
		variants = append(variants, Variant{Protocol: H1, KeepAlive: true, Clients: 1})
	}
	for _, secured := range []bool{false, true} {
		variants = append(variants,
			Variant{Protocol: H1, TLS: secured, KeepAlive: true, Clients: o.Clients, Rate: o.Rate},
			Variant{Protocol: H1, TLS: secured, Clients: o.Clients, Rate: o.Rate},
			Variant{Protocol: H2, TLS: secured, KeepAlive: true, Clients: o.Clients, Rate: o.Rate})
	}
	return variants
}

// Rows are all that the ways allow, with those next to each other that are compared.
func (o Options) Rows(ways []Way) []Row {
	var rows []Row
	for _, variant := range o.variants() {
		for _, way := range ways {
			if len(way.addresses(variant.TLS)) > 0 {
				rows = append(rows, Row{Way: way, Variant: variant})
			}
		}
	}
	return rows
}

func (w Way) addresses(secured bool) []string {
	if secured {
		return w.TLS
	}
	return w.Plain
}

// Plan is what is measured, in which order and for how long.
type Plan struct {
	Options

	Rows   []Row
	Rounds int
	Slice  time.Duration // of a row in a round
}

const (
	// wantedRounds is the fewest by which the middle of a sample is known with 95%
	// confidence without its extremes: see IntervalOf.
	wantedRounds = 9
	// shortestSlice is one that still says something.
	shortestSlice = 100 * time.Millisecond
	// longestSlice is one beyond which more rounds say more: each is another pair.
	longestSlice = 300 * time.Millisecond
	// leadIn is the beginning of each run, in which connections find their pace.
	leadIn = 25 * time.Millisecond
)

// NewPlan divides the time among the rows. All of them take part in each round,
// so that what disturbs the machine for a while disturbs all of them alike.
func NewPlan(o Options, rows []Row) Plan {
	plan := Plan{Options: o, Rows: rows, Rounds: 1, Slice: o.Duration}
	if len(rows) == 0 {
		return plan
	}
	each := o.Duration / time.Duration(len(rows))
	plan.Rounds = int(min(max(each/shortestSlice, 1), max(each/longestSlice, wantedRounds)))
	plan.Slice = each / time.Duration(plan.Rounds)
	return plan
}

// Run is a row in a round; round 0 is the warm-up, which does not count.
type Run struct {
	Row   int
	Round int
	Load  Load
}

// Runs are all of them, in their order. Every other round goes backwards: what
// is always first or always last would be another load than the rest.
func (p Plan) Runs() []Run {
	var runs []Run
	for round := range p.Rounds + 1 {
		length := p.Slice
		if round == 0 {
			length = p.WarmUp / time.Duration(max(len(p.Rows), 1))
		}
		if length <= 0 {
			continue
		}
		first := len(runs)
		for i, row := range p.Rows {
			runs = append(runs, Run{Row: i, Round: round, Load: p.load(row, length)})
		}
		if round%2 == 0 {
			slices.Reverse(runs[first:])
		}
	}
	return runs
}

func (p Plan) load(row Row, length time.Duration) Load {
	v := row.Variant
	return Load{
		Addresses: row.Way.addresses(v.TLS), TLS: v.TLS, Protocol: v.Protocol, KeepAlive: v.KeepAlive,
		Host: p.Host, Path: p.Path, Clients: v.Clients, Rate: v.Rate, LeadIn: leadIn, Duration: length,
	}
}

// Try is the load of a row's trial, of one request.
func (o Options) Try(row Row) Load { return Plan{Options: o}.load(row, 0) }

// String lists the rows, and what is done with them.
func (p Plan) String() string {
	var b strings.Builder
	for _, row := range p.Rows {
		fmt.Fprintln(&b, row)
	}
	fmt.Fprintf(&b, "%d rounds of %d runs of %s, every other round backwards, behind a warm-up of %s: %s in all\n",
		p.Rounds, len(p.Rows), p.Slice.Round(time.Millisecond), p.WarmUp, p.Takes().Round(time.Second))
	return b.String()
}

// Takes is how long it takes at least.
func (p Plan) Takes() time.Duration {
	var total time.Duration
	for _, run := range p.Runs() {
		total += run.Load.LeadIn + run.Load.Duration
	}
	return total
}
