package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// measured is a benchmark of a project as init makes it, with results that are
// made up.
func measured(t *testing.T, rate float64) (*benchmark, bench.Summary) {
	t.Helper()
	b := &benchmark{
		cli: newTerminal(t), haproxy: "3.2.26", program: "/program",
		machine: compose.Machine{Engine: "28.0.0", OS: "linux", Arch: "amd64", Kernel: "6.1.0", CPUs: 2, Memory: 8 << 30},
		target: compose.Measurable{
			Frontend: "myfrontend", Backend: "webservers", Network: "shop_mynetwork", Relayed: true,
			Machine:   compose.Entrance{Plain: "127.0.0.1:80", TLS: "127.0.0.1:443"},
			Inside:    compose.Entrance{Plain: "10.0.0.2:80", TLS: "10.0.0.2:443"},
			AppInside: []string{"10.0.0.3:8080", "10.0.0.4:8080"},
			Host:      compose.Entrance{Plain: "127.0.0.1:40000", TLS: "127.0.0.1:40001"},
		},
		opts:    benchOptions{Options: bench.Options{Host: "localhost", Path: "/", Clients: 8, Rate: rate, Duration: 20 * time.Second, WarmUp: time.Second}},
		leftOut: []string{"h2, app alone: it does not speak h2"},
	}
	b.plan = bench.NewPlan(b.opts.Options, b.opts.Rows(b.ways())[:8])
	var samples []bench.Sample
	for _, run := range b.plan.Runs() {
		if run.Round == 0 {
			continue
		}
		way := run.Row % 4
		result := bench.Result{Answered: 400, Served: 410, Elapsed: time.Second, Latency: bench.NewLatency()}
		for n := range 400 {
			result.Latency.Record(time.Duration(100+[]int{0, 70, 140, 100}[way]+run.Round+n) * time.Microsecond)
		}
		if rate == 0 {
			result.Answered = []int64{400, 320, 240, 300}[way]
		}
		if run.Row == 6 {
			result.Errors, result.Complaints = 1, []string{"status 503"}
		}
		samples = append(samples, bench.Sample{Run: run, Result: result, CPU: 20 * time.Millisecond, Memory: 18 << 20})
	}
	return b, b.plan.Summarize(samples)
}

func reportOf(b *benchmark, summary bench.Summary) benchReport {
	report := b.reportOf(summary, time.Date(2026, 11, 26, 15, 0, 0, 0, time.UTC))
	report.Plugin = "1.0.0"
	return report
}

func TestAReportCanBePastedIntoAnIssue(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"bench-closed.golden": 0, "bench-rate.golden": 500} {
		b, summary := measured(t, rate)
		var out bytes.Buffer
		reportOf(b, summary).write(&out, false)
		golden.Assert(t, out.String(), name)
	}
}

func TestAReportSaysWhereItIsNotSure(t *testing.T) {
	t.Parallel()
	b, summary := measured(t, 0)
	b.plan.Rounds = 1
	few := bench.Interval{Median: 10, Low: -5, High: 25, Confidence: 0}
	summary.Rows[0].Rate, summary.Rows[0].Answered = few, 50
	summary.Comparisons[0].AddedMicroseconds = few
	var out bytes.Buffer
	reportOf(b, summary).write(&out, false)
	testkit.Contains(t, out.String(), "0% confidence: a longer --duration has more rounds", "nothing that this machine can tell from noise")
	line := strings.Split(out.String(), "\n")[5]
	testkit.Contains(t, line, "app alone", "  ?  ", "  -  ")
}

func TestAReportInJSONHasTheDistributions(t *testing.T) {
	t.Parallel()
	b, summary := measured(t, 0)
	var out bytes.Buffer
	assert.NilError(t, printJSON(&out, reportOf(b, summary)))
	var read benchReport
	assert.NilError(t, json.Unmarshal(out.Bytes(), &read))
	assert.Equal(t, read.Summary.Rows[1].Latency.Count(), int64(400*9))
	assert.Equal(t, read.Summary.Rows[1].P50, summary.Rows[1].P50)
	assert.Equal(t, read.Target.Frontend, "myfrontend")
}

func TestRowsAreThoseThatCanBeReached(t *testing.T) {
	t.Parallel()
	names := func(change func(*benchmark)) string {
		b, _ := measured(t, 0)
		change(b)
		var names []string
		for _, way := range b.ways() {
			names = append(names, way.String())
		}
		return strings.Join(names, "; ")
	}
	all := "app alone, from inside the network; HAProxy, from inside the network; HAProxy, from this machine; HAProxy (host network), from this machine"
	assert.Equal(t, names(func(*benchmark) {}), all)
	assert.Equal(t, names(func(b *benchmark) { b.program = "" }), "HAProxy, from this machine; HAProxy (host network), from this machine")
	assert.Equal(t, names(func(b *benchmark) { b.target.Network, b.target.Host = "", compose.Entrance{} }), "HAProxy, from this machine")
	assert.Equal(t, names(func(b *benchmark) { b.target.AppInside = nil }), strings.TrimPrefix(all, "app alone, from inside the network; "))
	assert.Equal(t, names(func(b *benchmark) {
		b.target.HostNetwork, b.target.Inside, b.target.Host = true, compose.Entrance{}, compose.Entrance{}
		b.target.AppMachine = []string{"127.0.0.1:8080"}
	}), "app alone, from inside the network; app alone, from this machine; HAProxy (host network), from this machine")
}

func TestTheBackendThatAnsweredIsTheOneWhoseCountersRose(t *testing.T) {
	t.Parallel()
	before := []compose.Backend{{Name: "busy", Total: 1000}, {Name: "web", Total: 3}}
	after := []compose.Backend{{Name: "busy", Total: 1004}, {Name: "web", Total: 13}}
	assert.Equal(t, mostRisen(before, after).Name, "web")
}

func TestOnlyAStaticProgramOfTheEnginesKindRunsInside(t *testing.T) {
	t.Parallel()
	here := compose.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH}
	assert.ErrorContains(t, runsOn("x", compose.Machine{OS: "plan9", Arch: "mips"}), "the engine runs plan9/mips")
	assert.Assert(t, runsOn(testkit.Put(t, t.TempDir(), "x", "no program"), here) != nil)
	if runtime.GOOS == "linux" {
		assert.ErrorContains(t, runsOn("/bin/sh", here), "not a static program")
	}
}

func TestWhatCannotBeMeasuredIsRefusedFirst(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"--format xml":          "table or json",
		"--duration 0s":         "--duration",
		"--warm-up -1s":         "--warm-up",
		"--rate -1":             "--rate",
		"-c 0":                  "client",
		"--path healthz":        "begins with /",
		"--host=":               "--host",
		"--plot x.pdf":          ".svg nor .png",
		"--plot no/such/x.svg":  "no folder no/such",
		"--host a.example\r\nx": "spaces",
	} {
		args := append([]string{"bench"}, strings.Split(flags, " ")...)
		assert.ErrorContains(t, newTerminal(t).run(t, args...), want, flags)
	}
}

func TestThePlotIsInTheFormatOfItsName(t *testing.T) {
	t.Parallel()
	b, summary := measured(t, 0)
	for name, begins := range map[string]string{"x.svg": "<svg", "x.PNG": "\x89PNG"} {
		file := filepath.Join(t.TempDir(), name)
		assert.NilError(t, reportOf(b, summary).draw(file))
		content, err := os.ReadFile(file)
		assert.NilError(t, err)
		assert.Assert(t, bytes.HasPrefix(content, []byte(begins)), name)
	}
	assert.NilError(t, reportOf(b, summary).draw(""))
}
