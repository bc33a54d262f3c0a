package control

import (
	_ "embed"
	"fmt"
	"io"
	"text/template"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/target"
)

//go:embed markdown.tmpl
var markdownText string

var markdown = template.Must(template.New("control").Funcs(template.FuncMap{
	"time": timeOf, "times": timesOf, "megabytes": megabytesOf, "per": microsecondsPer,
}).Parse(markdownText))

// Markdown writes the tables of the benchmarks' page.
func (r Result) Markdown(w io.Writer) error { return markdown.Execute(w, r) }

// timeOf writes milliseconds with the interval of their median, all in the unit
// that the median is best read in.
func timeOf(i bench.Interval) string {
	format, unit, factor := "%.0f", "ms", 1.0
	switch {
	case i.Median < 1:
		unit, factor = "µs", 1000
	case i.Median < 10:
		format = "%.1f"
	case i.Median >= 1000:
		format, unit, factor = "%.2f", "s", 0.001
	}
	write := func(ms float64) string { return fmt.Sprintf(format, ms*factor) }
	return fmt.Sprintf("%s %s (%s–%s)", write(i.Median), unit, write(i.Low), write(i.High))
}

// timesOf writes a ratio.
func timesOf(i bench.Interval) string {
	if i.Median == 0 {
		return ""
	}
	return target.Ratio(i)
}

func megabytesOf(i bench.Interval) string { return fmt.Sprintf("%.0f MB", i.Median) }

// microsecondsPer shares milliseconds out.
func microsecondsPer(i bench.Interval, servers int) string {
	return fmt.Sprintf("%.1f µs", i.Median*1000/float64(servers))
}

const startUpLimit = 15 // milliseconds of CPU

// Targets are no command slower than the docker commands that it replaces, and a
// plugin that starts within 15 ms of CPU.
func (r Result) Targets() []target.Target {
	var all []target.Target
	for _, c := range r.Commands {
		for _, w := range c.Ways {
			if w.Raw {
				all = append(all, target.Target{What: c.Task + ": no slower than " + w.Name, Measured: timesOf(w.Ratio) + " times as long", Met: target.AtMost(1, w.Ratio)})
			}
		}
	}
	for _, d := range r.Replicas.Drain {
		if d.Raw {
			all = append(all, target.Target{What: "`server drain`: no slower than " + d.Name, Measured: timesOf(d.Ratio) + " times as long", Met: target.AtMost(1, d.Ratio)})
		}
	}
	for _, c := range r.StartUp {
		ours := c.Ways[0]
		all = append(all, target.Target{
			What:     fmt.Sprintf("%s within %d ms of CPU", ours.Name, startUpLimit),
			Measured: timeOf(ours.CPU), Met: target.AtMost(startUpLimit, ours.CPU),
		})
	}
	return all
}
