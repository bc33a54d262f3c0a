// Package plot draws what was measured: for each load a panel, in it for each
// way a curve of latency by percentile, as HdrHistogram's plots have them.
package plot

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/docker-haproxy/docker-haproxy/bench"
)

// Figure is a drawing: lines and words, which SVG and PNG write each in its way.
type Figure struct {
	width, height float64
	lines         []line
	words         []words
}

type point struct{ x, y float64 }

type line struct {
	points []point
	color  ink
	width  float64
}

type words struct {
	at     point // of the baseline
	text   string
	size   float64
	anchor anchor
}

// anchor is which part of words is at their point, in SVG's names.
type anchor string

const (
	start  anchor = "start"
	middle anchor = "middle"
	end    anchor = "end"
)

// Sizes, in pixels.
const (
	columns     = 2
	panelWidth  = 440
	panelHeight = 250
	margin      = 20
	left        = 60 // of a panel, for the labels of its axis
	bottom      = 34
	top         = 26
	lineHeight  = 18
)

// ink is a colour, as 0xRRGGBB.
type ink uint32

const (
	black ink = 0x222222
	grey  ink = 0xdddddd
)

// inkOf is the colour of a way: those of Okabe and Ito, which the colour-blind can
// tell apart as well.
func inkOf(way int) ink {
	inks := []ink{0x009e73, 0x0072b2, 0xd55e00, 0xcc79a7, 0x56b4e9}
	return inks[way%len(inks)]
}

// Draw draws a summary. The title stands above it, line by line.
func Draw(title []string, summary bench.Summary) Figure {
	panels, ways := arrange(summary)
	head := float64(margin + lineHeight*(len(title)+len(ways)) + 10)
	rows := (len(panels) + columns - 1) / columns
	f := Figure{width: 2*margin + columns*panelWidth, height: head + float64(rows*panelHeight) + margin}
	for n, text := range title {
		f.say(point{margin, float64(margin + lineHeight*n)}, text, 13, start)
	}
	for n, way := range ways {
		y := float64(margin + lineHeight*(len(title)+n))
		f.lines = append(f.lines, line{points: []point{{margin, y - 4}, {margin + 24, y - 4}}, color: inkOf(n), width: 3})
		f.say(point{margin + 32, y}, way, 12, start)
	}
	scale := scaleOf(summary)
	for n, panel := range panels {
		f.draw(panel, ways, scale, point{margin + float64(n%columns*panelWidth), head + float64(n/columns*panelHeight)})
	}
	return f
}

// arrange puts rows of the same load together.
func arrange(summary bench.Summary) (panels [][]bench.RowSummary, ways []string) {
	for _, row := range summary.Rows {
		if row.Latency.Count() == 0 {
			continue
		}
		if way := row.Row.Way.String(); !slices.Contains(ways, way) {
			ways = append(ways, way)
		}
		last := len(panels) - 1
		if last < 0 || panels[last][0].Row.Variant != row.Row.Variant {
			panels = append(panels, nil)
			last++
		}
		panels[last] = append(panels[last], row)
	}
	return panels, ways
}

func (f *Figure) say(at point, text string, size float64, anchor anchor) {
	f.words = append(f.words, words{at: at, text: text, size: size, anchor: anchor})
}

// scale is the same for all panels: percentiles by their distance from 100 to the
// right, latencies upwards, both logarithmic.
type scale struct {
	low, high float64 // powers of ten, of nanoseconds
	nines     float64 // 3 for 99.9%
}

// scaleOf fits all curves. Percentiles end where fewer than ten requests are
// beyond them: what is there is chance.
func scaleOf(summary bench.Summary) scale {
	s := scale{low: math.Inf(1), high: math.Inf(-1), nines: 1}
	for _, row := range summary.Rows {
		if row.Latency.Count() == 0 {
			continue
		}
		s.nines = max(s.nines, nines(row))
		s.low = min(s.low, power(row.Latency.At(1)))
		s.high = max(s.high, power(row.Latency.At(percentage(nines(row)))))
	}
	s.low, s.high = math.Floor(s.low), math.Ceil(s.high)
	if !(s.high > s.low) {
		s.low, s.high = 3, 9
	}
	return s
}

// power is the latency's power of ten.
func power(latency time.Duration) float64 {
	return math.Log10(float64(max(latency, time.Microsecond)))
}

func nines(row bench.RowSummary) float64 {
	return max(math.Log10(float64(row.Latency.Count())/10), 1)
}

// percentage is that of so many nines. Below the first the histogram has nothing to say.
func percentage(nines float64) float64 { return max(100*(1-math.Pow(10, -nines)), 1) }

func (f *Figure) draw(panel []bench.RowSummary, ways []string, s scale, corner point) {
	inner := point{corner.x + left, corner.y + top}
	width, height := float64(panelWidth-left-16), float64(panelHeight-top-bottom)
	x := func(nines float64) float64 { return inner.x + width*nines/s.nines }
	y := func(power float64) float64 { return inner.y + height*(s.high-power)/(s.high-s.low) }

	f.say(point{inner.x, corner.y + top - 8}, panel[0].Row.Variant.String(), 12, start)
	for mark := s.low; mark <= s.high; mark++ {
		f.lines = append(f.lines, line{points: []point{{inner.x, y(mark)}, {inner.x + width, y(mark)}}, color: grey, width: 1})
		f.say(point{inner.x - 6, y(mark) + 4}, duration(mark), 11, end)
	}
	for _, mark := range []float64{50, 90, 99, 99.9, 99.99, 99.999} {
		at := -math.Log10(1 - mark/100)
		if at > s.nines {
			break
		}
		f.lines = append(f.lines, line{points: []point{{x(at), inner.y}, {x(at), inner.y + height}}, color: grey, width: 1})
		f.say(point{x(at), inner.y + height + 16}, fmt.Sprintf("p%g", mark), 11, middle)
	}
	for _, row := range panel {
		curve := line{color: inkOf(slices.Index(ways, row.Row.Way.String())), width: 2}
		const steps = 100
		for step := range steps + 1 {
			at := nines(row) * float64(step) / steps
			curve.points = append(curve.points, point{x(at), y(power(row.Latency.At(percentage(at))))})
		}
		f.lines = append(f.lines, curve)
	}
}

func duration(power float64) string {
	return time.Duration(math.Round(math.Pow(10, power))).String()
}
