package traffic

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is the account of a load.
type Report struct {
	Elapsed time.Duration
	Counts  []Count
	Losses  []Loss // the first ones
}

// Count is the account of one kind of clients. Every request that was sent was
// either answered or lost.
type Count struct {
	Kind           Kind
	Clients        int
	Connections    int64 // opened
	Sent           int64 // requests, or a websocket's messages
	Answered, Lost int64

	latency *hdrhistogram.Histogram // of what was answered, in microseconds
}

// Latency is how long the given percentage of the answers took at most.
func (c Count) Latency(percentage float64) time.Duration {
	return time.Duration(c.latency.ValueAtQuantile(percentage)) * time.Microsecond
}

// Answered sums up the kinds.
func (r Report) Answered() int64 { return r.sum(func(c Count) int64 { return c.Answered }) }

// Lost sums up the kinds.
func (r Report) Lost() int64 { return r.sum(func(c Count) int64 { return c.Lost }) }

func (r Report) sum(of func(Count) int64) (total int64) {
	for _, count := range r.Counts {
		total += of(count)
	}
	return total
}

// Reconnected is how many websockets were opened beyond the first of each
// client: 0 if all of them stayed open throughout.
func (r Report) Reconnected() int64 {
	for _, count := range r.Counts {
		if count.Kind == WebSocket {
			return count.Connections - int64(count.Clients)
		}
	}
	return 0
}

// Write writes the account as a table, with the losses below it.
func (r Report) Write(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind                 \tsent\tanswered\tlost\tconnections\tper second\tp50\tp99\tmax\t")
	for _, c := range r.Counts {
		fmt.Fprintf(table, "%-21s\t%d\t%d\t%d\t%d\t%.0f\t%s\t%s\t%s\t\n", c.Kind, c.Sent, c.Answered, c.Lost, c.Connections,
			float64(c.Answered)/r.Elapsed.Seconds(), milliseconds(c.Latency(50)), milliseconds(c.Latency(99)), milliseconds(c.Latency(100)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, loss := range r.Losses {
		fmt.Fprintln(out, "lost:", loss)
	}
	_, err := fmt.Fprintf(out, "%d answered, %d lost in %.1f s\n", r.Answered(), r.Lost(), r.Elapsed.Seconds())
	return err
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
