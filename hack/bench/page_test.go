package main

import (
	"os"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/control"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/data"
)

func TestThePageTellsWhatItWasMeasuredOnAndWhatIsBehindTheFigures(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	p := page{Machine: Machine{Processor: "A processor", CPUs: 2, Engine: "28.0"}, Data: &data.Result{}, Control: &control.Result{}}
	assert.NilError(t, p.write(&text))
	for _, want := range []string{"# Benchmarks", "A processor, 2 processors", "Docker 28.0", "## Targets", explained, "## Data plane", "## The control plane"} {
		assert.Assert(t, strings.Contains(text.String(), want), "%q is missing:\n%s", want, text.String())
	}
}

func TestThePageInDocsHasTheTextByHandAsItIs(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile("../../docs/benchmarks.md")
	assert.NilError(t, err)
	assert.Assert(t, strings.Contains(string(written), explained), `docs/benchmarks.md has another text than hack/bench/explained.md: "make bench", or copy it`)
}

func TestAValueOfProcIsFoundByItsName(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/meminfo"
	assert.NilError(t, os.WriteFile(file, []byte("MemTotal:       24683520 kB\nMemFree: 1 kB\n"), 0o600))
	value, err := valueIn(file, "MemTotal")
	assert.NilError(t, err)
	assert.Equal(t, value, "24683520 kB")
	_, err = valueIn(file, "model name")
	assert.ErrorContains(t, err, `has no "model name"`)
}
