package data

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/compose"
)

// generated is the configuration that init writes for the host's network.
func generated(t *testing.T) string {
	t.Helper()
	files, err := compose.Demo{
		Project: "demo", ServerCount: 3, AppImage: "echo:1", AppPort: 8080, Image: compose.ImageOf("haproxy:3.2"),
		HTTPPort: 8080, StatsPort: 8404, StatsAddress: "127.0.0.1", Network: "mynetwork", NetworkMode: compose.HostNetwork,
	}.Generate(t.Context())
	assert.NilError(t, err)
	for _, file := range files {
		if file.Path == compose.BaseConfigName {
			return string(file.Content)
		}
	}
	t.Fatal("init writes no configuration")
	return ""
}

func TestEachPartCanBeTakenOutOfTheGeneratedConfiguration(t *testing.T) {
	t.Parallel()
	whole := generated(t)
	for _, a := range ablations() {
		rest, err := a.of(whole)
		assert.NilError(t, err, a.Name)
		assert.Assert(t, len(rest) < len(whole) && strings.Contains(rest, "server s1 web1:8080"), "%s:\n%s", a.Name, rest)
	}
	_, err := ablation{Name: "without what it has not", lines: []string{"no such line"}}.of(whole)
	assert.ErrorContains(t, err, "without what it has not: the generated configuration has no no such line any more")
}

func TestAConfigurationMovesToOtherPortsAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	whole := generated(t)
	moved, err := movedTo(whole, "127.0.0.1:1111", "127.0.0.1:2222")
	assert.NilError(t, err)
	assert.DeepEqual(t, regexp.MustCompile(`(?m)^    bind .*$`).FindAllString(moved, -1), []string{"    bind 127.0.0.1:2222", "    bind 127.0.0.1:1111"})
	assert.Equal(t, strings.NewReplacer("127.0.0.1:2222", "127.0.0.1:8404", "127.0.0.1:1111", ":8080").Replace(moved), whole)

	_, err = movedTo("frontend one\n    bind :80\n", "a", "b")
	assert.ErrorContains(t, err, "has 1 ports")
}

func TestConfigurationsNameTheirServers(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]string{"tuned.cfg": "option httplog", "nginx.conf": "", "Caddyfile": ""} {
		set := setting{Listen: "127.0.0.1:1111", Apps: []string{"127.0.0.1:1", "127.0.0.1:2"}}
		text, err := set.render(name)
		assert.NilError(t, err)
		for _, want := range []string{set.Listen, set.Apps[0], set.Apps[1]} {
			assert.Assert(t, strings.Contains(text, want), "%s: %s", name, text)
		}
		if log == "" {
			continue
		}
		assert.Assert(t, !strings.Contains(text, log), text)
		set.Log = true
		text, err = set.render(name)
		assert.NilError(t, err)
		assert.Assert(t, strings.Contains(text, log), text)
	}
}

func TestARateThatAllCanServeIsHalfOfTheSlowest(t *testing.T) {
	t.Parallel()
	table := Table{Lines: []Line{{Rate: around(9000)}, {Rate: around(3333)}, {Rate: around(5000)}}}
	assert.Equal(t, table.halfOfTheSlowest(), 1600.0)
	assert.Equal(t, Table{Lines: []Line{{Rate: around(10)}}}.halfOfTheSlowest(), 100.0)
}

func TestEachContenderIsComparedWithTheHandTunedOneOfItsNetworkAndRound(t *testing.T) {
	t.Parallel()
	contenders := []contender{
		{Name: handTuned, Network: hostNetwork},
		{Name: ours, Network: hostNetwork},
		{Name: handTuned, Network: bridgeNetwork},
		{Name: ours, Network: bridgeNetwork},
	}
	var samples []bench.Sample
	for round, noise := range []int64{1, 3, 10} { // of the machine, for all alike
		for row, answered := range []int64{1000, 800, 500, 450} {
			samples = append(samples, bench.Sample{
				Run:    bench.Run{Row: row, Round: round + 1},
				Result: bench.Result{Answered: answered / noise, Elapsed: time.Second, Latency: bench.NewLatency()},
			})
		}
	}
	assert.Equal(t, ratioTo(handTuned, contenders, 1, samples).Median, 0.8)
	assert.Equal(t, ratioTo(handTuned, contenders, 3, samples).Median, 0.9)
	assert.Equal(t, ratioTo(withLog, contenders, 3, samples), bench.Interval{})
}

func around(median float64) bench.Interval {
	return bench.Interval{Median: median, Low: median * 0.9, High: median * 1.1, Confidence: 0.98}
}

func TestMarkdownTellsEveryFigure(t *testing.T) {
	t.Parallel()
	table := func(rate float64) Table {
		return Table{Load: bench.Variant{Rate: rate}, Lines: []Line{
			{Name: "the app alone", Network: hostNetwork, Rate: around(24336), ToTuned: around(2.75), P50: 820 * time.Microsecond, P99: 14 * time.Millisecond},
			{Name: handTuned, Network: hostNetwork, Rate: around(7490), ToTuned: bench.Interval{Median: 1, Low: 1, High: 1}, ToTunedWithLog: around(1.2), P50: time.Millisecond, P99: 2 * time.Millisecond, CPUPer1000: 47 * time.Millisecond, Memory: 12 << 20},
			{Name: ours, Network: hostNetwork, Rate: around(990), ToTuned: around(0.8), ToTunedWithLog: around(0.97), P50: time.Millisecond, P99: 2 * time.Millisecond, CPUPer1000: 58 * time.Millisecond, Memory: 15 << 20},
		}}
	}
	result := Result{
		Options: Options{Slice: time.Second, Rounds: 9, Clients: 32}, Versions: Versions{HAProxy: "3.2.26", Nginx: "1.30.6", Caddy: "2.11.4"},
		KeepAlive: table(0), NewConnections: table(0), Paced: table(1700), Parts: table(0),
	}
	var page bytes.Buffer
	assert.NilError(t, result.Markdown(&page))
	golden.Assert(t, page.String(), "data.golden")
}

func TestTargetsAreAboutWhatInitWrites(t *testing.T) {
	t.Parallel()
	result := Result{KeepAlive: Table{Lines: []Line{
		{Name: handTuned, Network: hostNetwork, ToTuned: around(1)},
		{Name: ours, Network: hostNetwork, ToTuned: around(0.97), ToTunedWithLog: around(1.3)},
		{Name: loud, Network: hostNetwork, ToTuned: around(0.7), ToTunedWithLog: around(0.8)},
	}}}
	var told []string
	for _, aim := range result.Targets() {
		told = append(told, fmt.Sprint(aim.What, ": ", aim.Met))
	}
	assert.DeepEqual(t, told, []string{
		"docker haproxy init, host network: within 5 % of the requests per second of HAProxy, hand-tuned: no difference that can be told",
		"docker haproxy init, logging every request, host network: within 5 % of the requests per second of HAProxy, hand-tuned, with a log of requests: missed",
	})
}
