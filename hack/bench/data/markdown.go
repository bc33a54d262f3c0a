package data

import (
	"embed"
	"fmt"
	"io"
	"text/template"
	"time"

	"github.com/docker/go-units"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/target"
)

//go:embed data.md.tmpl
var document embed.FS

// Markdown writes the result as a part of docs/benchmarks.md.
func (r Result) Markdown(w io.Writer) error {
	t, err := template.New("data.md.tmpl").Funcs(template.FuncMap{
		"rate":    func(i bench.Interval) string { return thousands(i.Median) },
		"ratio":   ratio,
		"latency": latency,
		"memory":  memory,
		"number":  thousands,
	}).ParseFS(document, "data.md.tmpl")
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

// ratio is a ratio with its interval: 1 for what is compared with itself, and
// nothing where there was nothing to compare with.
func ratio(i bench.Interval) string {
	switch i {
	case bench.Interval{}:
		return "–"
	case bench.Interval{Median: 1, Low: 1, High: 1, Confidence: i.Confidence}:
		return "1"
	}
	return target.Ratio(i)
}

// thousands writes a number as 12,345.
func thousands(n float64) string {
	text := fmt.Sprintf("%.0f", n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

func latency(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func memory(bytes int64) string {
	if bytes == 0 {
		return "–"
	}
	return units.CustomSize("%.0f %s", float64(bytes), 1024, []string{"B", "kB", "MB", "GB"})
}
