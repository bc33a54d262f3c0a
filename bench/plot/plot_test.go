package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/bench"
)

// measured is a summary with three panels of two ways.
func measured() bench.Summary {
	var summary bench.Summary
	for _, variant := range []bench.Variant{
		{Protocol: bench.H1, KeepAlive: true, Clients: 1},
		{Protocol: bench.H1, KeepAlive: true, Clients: 8},
		{Protocol: bench.H2, KeepAlive: true, Clients: 8, Rate: 500},
	} {
		for n, way := range []bench.Way{{Name: "app <alone>", From: "inside"}, {Name: "HAProxy", From: "this machine"}} {
			latency := bench.NewLatency()
			for i := range 10000 {
				latency.Record(time.Duration(float64(100*(n+1)) * float64(time.Microsecond) / math.Pow(1-float64(i)/10000, 0.5)))
			}
			summary.Rows = append(summary.Rows, bench.RowSummary{Row: bench.Row{Way: way, Variant: variant}, Latency: latency})
		}
	}
	return summary
}

func TestTheSVGIsAsItWas(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	assert.NilError(t, Draw([]string{"GET localhost/", "HAProxy 3.2 & friends"}, measured()).SVG(&b))
	golden.Assert(t, b.String(), "latency.svg")
	wellFormed(t, b.Bytes())
}

func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	for decoder := xml.NewDecoder(bytes.NewReader(text)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		assert.NilError(t, err)
	}
}

func TestThePNGShowsTheSame(t *testing.T) {
	t.Parallel()
	figure := Draw([]string{"title"}, measured())
	var b bytes.Buffer
	assert.NilError(t, figure.PNG(&b))
	picture, err := png.Decode(&b)
	assert.NilError(t, err)
	assert.Equal(t, picture.Bounds().Dx(), int(figure.width*sharpness))
	assert.Equal(t, picture.Bounds().Dy(), int(figure.height*sharpness))
	seen := map[color.Color]bool{}
	for x := range picture.Bounds().Dx() {
		for y := range picture.Bounds().Dy() {
			seen[picture.At(x, y)] = true
		}
	}
	for way := range 2 {
		assert.Assert(t, seen[inkOf(way).uniform().C], "no curve in %s", inkOf(way))
	}
}

func TestWhatWasNotAnsweredHasNoCurve(t *testing.T) {
	t.Parallel()
	empty := bench.Summary{Rows: []bench.RowSummary{{Latency: bench.NewLatency()}}}
	for _, summary := range []bench.Summary{{}, empty} {
		var b bytes.Buffer
		assert.NilError(t, Draw(nil, summary).SVG(&b))
		wellFormed(t, b.Bytes())
		assert.Assert(t, !bytes.Contains(b.Bytes(), []byte("NaN")) && !bytes.Contains(b.Bytes(), []byte("polyline")))
	}
}
