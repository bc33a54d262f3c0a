package control

import (
	"encoding/json"
	"flag"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

var (
	onReal = flag.Bool("real", false, "measure on the real engine, after make build and make images")
	rounds = flag.Int("rounds", 0, "of TestMeasureForReal")
	only   = flag.String("sizes", "", "of TestMeasureForReal: servers, separated by commas")
)

// TestMeasureForReal measures this half of the benchmarks alone:
//
//	go test ./hack/bench/control -run TestMeasureForReal -real -v -timeout 30m
func TestMeasureForReal(t *testing.T) {
	if !*onReal {
		t.Skip("needs -real, an engine and some minutes")
	}
	compose, err := exec.CommandContext(t.Context(), "../../compose.sh").Output()
	assert.NilError(t, err)
	l, err := lab.New(lab.Images{
		HAProxy: "localhost/docker-haproxy/haproxy:3.2", Echo: "localhost/docker-haproxy/echo:1",
	}, "../../../bin/docker-haproxy", strings.TrimSpace(string(compose)))
	assert.NilError(t, err)
	defer func() { assert.NilError(t, l.Close()) }()

	opts := Options{Rounds: *rounds}
	for size := range strings.SplitSeq(*only, ",") {
		if servers, err := strconv.Atoi(size); err == nil {
			opts.Sizes = append(opts.Sizes, servers)
		}
	}
	result, err := Measure(t.Context(), l, opts, func(what string) { t.Log(what) })
	assert.NilError(t, err)
	var text strings.Builder
	assert.NilError(t, result.Markdown(&text))
	t.Log("\n" + text.String())
	encoded, err := json.Marshal(result)
	assert.NilError(t, err)
	t.Log(string(encoded))
}
