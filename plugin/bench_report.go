package plugin

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/bench/plot"
	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/plugin/about"
)

// benchReport is all that is printed, in whatever format.
type benchReport struct {
	Time    time.Time
	Plugin  string
	HAProxy string
	Machine compose.Machine
	Target  compose.Measurable
	Options bench.Options
	Rounds  int
	Slice   time.Duration // of a row in a round
	LeftOut []string      `json:",omitempty"`
	Summary bench.Summary
}

func (b *benchmark) report(summary bench.Summary, paint painter) error {
	report := b.reportOf(summary, time.Now())
	if err := report.draw(b.opts.plot); err != nil {
		return err
	}
	if b.opts.format == formatter.JSONFormatKey {
		return printJSON(b.cli.Out(), report)
	}
	report.write(b.cli.Out(), paint)
	return nil
}

func (b *benchmark) reportOf(summary bench.Summary, now time.Time) benchReport {
	return benchReport{
		Time: now.UTC().Truncate(time.Second), Plugin: about.Version, HAProxy: b.haproxy, Machine: b.machine, Target: b.target,
		Options: b.opts.Options, Rounds: b.plan.Rounds, Slice: b.plan.Slice, LeftOut: b.leftOut, Summary: summary,
	}
}

// draw writes the plot, if one is wanted, in the format that its name says.
func (r benchReport) draw(file string) error {
	if file == "" {
		return nil
	}
	figure := plot.Draw(r.title(), r.Summary)
	write := figure.SVG
	if strings.EqualFold(filepath.Ext(file), ".png") {
		write = figure.PNG
	}
	var picture bytes.Buffer
	if err := write(&picture); err != nil {
		return err
	}
	return os.WriteFile(file, picture.Bytes(), 0o644) //nolint:gosec // for everybody to look at
}

// title says what was measured, and on what.
func (r benchReport) title() []string {
	return []string{
		fmt.Sprintf("GET %s%s  %s", r.Options.Host, r.Options.Path, r.Time.Format(time.RFC3339)),
		fmt.Sprintf("HAProxy %s, Docker %s, Linux %s, %s, %d CPUs, %s; docker haproxy %s",
			r.HAProxy, r.Machine.Engine, r.Machine.Kernel, r.Machine.Arch, r.Machine.CPUs, units.BytesSize(float64(r.Machine.Memory)), r.Plugin),
	}
}

// write writes the report for people, and for the issues that they paste it into.
func (r benchReport) write(out io.Writer, paint painter) {
	fprintln(out, strings.Join(r.title(), "\n"))
	r.writeRows(out, paint)
	r.writeHow(out)
	r.writeComparisons(out)
	r.writeErrors(out)
	for _, left := range r.LeftOut {
		fprintf(out, "Left out: %s\n", left)
	}
}

func (r benchReport) writeRows(out io.Writer, paint painter) {
	table := newTable("LOAD AND WAY", "REQ/S", "±", "P50", "P90", "P99", "P99.9", "MAX", "ERRORS", "CPU/1000", "MEM")
	var last bench.Variant
	for _, row := range r.Summary.Rows {
		if row.Row.Variant != last {
			table.row(row.Row.Variant.String(), "", "", "", "", "", "", "", "", "", "")
			last = row.Row.Variant
		}
		table.row("  "+row.Row.Way.String(),
			fmt.Sprintf("%.0f", row.Rate.Median), spread(row.Rate),
			short(row.P50), short(row.P90), r.atLeast(row.Answered/int64(r.Rounds), 100, row.P99), r.atLeast(row.Answered, 1000, row.P999), short(row.Max),
			fmt.Sprint(row.Errors), cpuOf(row), memoryOf(row))
	}
	table.write(out, paint)
}

// atLeast shows a percentile only where there are requests enough to have one.
func (r benchReport) atLeast(requests, needed int64, percentile time.Duration) string {
	if requests < needed {
		return "-"
	}
	return short(percentile)
}

// spread is how far the interval goes to either side, in percent.
func spread(i bench.Interval) string {
	if i.Median == 0 || i.Confidence == 0 {
		return "?"
	}
	return fmt.Sprintf("%.0f%%", 100*max(i.High-i.Median, i.Median-i.Low)/i.Median)
}

// short shows three digits of a duration.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%d µs", d.Round(time.Microsecond).Microseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func cpuOf(row bench.RowSummary) string {
	if !row.Row.Way.Proxied || row.CPUPer1000 == 0 {
		return "-"
	}
	return short(row.CPUPer1000)
}

func memoryOf(row bench.RowSummary) string {
	if !row.Row.Way.Proxied || row.Memory == 0 {
		return "-"
	}
	return units.BytesSize(float64(row.Memory))
}

// writeHow says what the numbers are.
func (r benchReport) writeHow(out io.Writer) {
	if len(r.Summary.Rows) == 0 {
		return
	}
	fprintf(out, "\nREQ/S, P50, P90, P99: median of %d rounds of %s a row, in turns; ±: %s. P99.9, MAX: of all requests.\n",
		r.Rounds, r.Slice.Round(time.Millisecond), confidence(r.Summary.Rows[0].Rate))
	fprintln(out, "CPU/1000: HAProxy's CPU time for 1000 requests. Clients, app and HAProxy share this machine.")
	if r.Options.Rate > 0 {
		fprintln(out, "Latency counts from when a request was due: what a stall delays is counted (coordinated omission corrected).")
	} else {
		fprintln(out, "Closed loop: a client waits for its answer before it sends the next request, so that a stall counts once a client; --rate counts all that it delays.")
	}
}

func confidence(i bench.Interval) string {
	if i.Confidence < wantedConfidence {
		return fmt.Sprintf("lowest and highest round, %.0f%% confidence: a longer --duration has more rounds", 100*i.Confidence)
	}
	return fmt.Sprintf("%.0f%% confidence", 100*i.Confidence)
}

const wantedConfidence = 0.95

// writeComparisons says what HAProxy and its network add, where the load leaves
// the machine time to answer each request at once; and beside it what becomes of
// the throughput, where it does not.
func (r benchReport) writeComparisons(out io.Writer) {
	said := false
	for _, c := range r.Summary.Comparisons {
		unanswered := c.Rate.Median == 0
		if !c.Variant.Paced() || !isPlain(c.Variant) || unanswered {
			continue
		}
		if !said {
			fprintf(out, "\nAdded to the median request (%s; of the rounds' differences, %s):\n", c.Variant, confidence(c.AddedMicroseconds))
		}
		said = true
		fprintf(out, "  %s: %s (%s)%s\n", r.adder(c.What), added(c.AddedMicroseconds), between(c.AddedMicroseconds), r.throughput(c.What))
	}
	if said {
		fprintf(out, "  %sA published study of bridge networking, on other hardware: 35 µs without NAT → 70 µs with it.\n", r.hostAndBridge())
	}
}

// isPlain tells whether a load is the usual one.
func isPlain(v bench.Variant) bool { return v.Protocol == bench.H1 && !v.TLS && v.KeepAlive }

// throughput says how many requests are left where clients ask as fast as they
// are answered; "" where they do not.
func (r benchReport) throughput(what bench.Difference) string {
	for _, c := range r.Summary.Comparisons {
		if c.What == what && isPlain(c.Variant) && c.Variant.Rate == 0 && c.Variant.Clients == r.Options.Clients && c.Rate.Median > 0 {
			return fmt.Sprintf("; with %s %s", clientsOf(c.Variant), fewer(c.Rate))
		}
	}
	return ""
}

func clientsOf(v bench.Variant) string {
	if v.Clients == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", v.Clients)
}

// fewer says what a ratio of requests/s means.
func fewer(ratio bench.Interval) string {
	percent := func(ratio float64) float64 { return 100 * math.Abs(1-ratio) }
	switch {
	case ratio.Low <= 1 && ratio.High >= 1:
		return "no difference in requests/s that this machine can tell from noise"
	case ratio.Median < 1:
		return fmt.Sprintf("%.0f%% fewer requests/s (%.0f to %.0f%%)", percent(ratio.Median), percent(ratio.High), percent(ratio.Low))
	}
	return fmt.Sprintf("%.0f%% more requests/s (%.0f to %.0f%%)", percent(ratio.Median), percent(ratio.Low), percent(ratio.High))
}

// hostAndBridge says what a request takes through HAProxy on the host's network
// and through the published port; "" where not both were measured.
func (r benchReport) hostAndBridge() string {
	var host, bridge time.Duration
	for _, row := range r.Summary.Rows {
		switch {
		case !row.Row.Variant.Paced() || !isPlain(row.Row.Variant) || !row.Row.Way.Proxied:
		case row.Row.Way.OnHost():
			host = row.P50
		case row.Row.Way.Published:
			bridge = row.P50
		}
	}
	if host == 0 || bridge == 0 {
		return ""
	}
	return fmt.Sprintf("Through HAProxy, P50: %s on the host's network → %s in bridge mode. ", short(host), short(bridge))
}

// adder names what adds to a request.
func (r benchReport) adder(what bench.Difference) string {
	switch {
	case what == bench.Proxy:
		return "HAProxy"
	case what == bench.HostProxy:
		return "HAProxy on the host's network, with its clients there"
	case what == bench.Bridge && r.Target.Relayed:
		return "bridge in place of host networking (docker-proxy, not NAT)"
	case what == bench.Bridge:
		return "bridge in place of host networking (NAT)"
	case r.Target.Relayed:
		return "the published port, on loopback: the engine's docker-proxy, not NAT"
	default:
		return "the published port: NAT"
	}
}

func added(i bench.Interval) string { return fmt.Sprintf("%+.0f µs", i.Median) }

func between(i bench.Interval) string {
	if i.Low <= 0 && i.High >= 0 {
		return fmt.Sprintf("%+.0f to %+.0f µs: nothing that this machine can tell from noise", i.Low, i.High)
	}
	return fmt.Sprintf("%+.0f to %+.0f µs", i.Low, i.High)
}

func (r benchReport) writeErrors(out io.Writer) {
	for _, row := range r.Summary.Rows {
		for _, complaint := range row.Complaints {
			fprintf(out, "Error: %s: %s\n", row.Row, complaint)
		}
	}
}
