package control

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

func around(median float64) bench.Interval {
	return bench.Interval{Median: median, Low: median * 0.9, High: median * 1.1, Confidence: 0.98}
}

func TestMarkdownTellsEveryFigure(t *testing.T) {
	t.Parallel()
	result := Result{
		Compose: "2.40.3",
		Rounds:  7,
		Commands: []Comparison{
			{Task: "`reload`", Until: "the first answer of the edited configuration", Rounds: 21, Ways: []Way{
				{Name: "`docker haproxy reload`", Exit: around(450), Done: around(452), CPU: around(61)},
				{Name: "`docker kill -s HUP` alone", Raw: true, Exit: around(40), Done: around(90), CPU: around(14), Ratio: around(5)},
			}},
			{Task: "`down`", Rounds: 7, Ways: []Way{
				{Name: "`docker haproxy down`", Exit: around(1200), CPU: around(80)},
				{Name: "`docker compose down`", Exit: around(1210), CPU: around(90), Ratio: around(0.99)},
				{Name: "`docker stop`, `docker rm`", Raw: true, Exit: around(1500), CPU: around(40), Ratio: around(0.8)},
			}},
		},
		StartUp: []Comparison{
			{Task: "version", Ways: []Way{{Name: "`docker-haproxy version`", Exit: around(16), CPU: around(14.5)}}},
		},
		Sizes: []Size{{Servers: 1000, Render: around(3.5), Check: around(900), CPU: around(300), Memory: around(71)}},
		Replicas: Replicas{
			Every: 10 * time.Millisecond, Rounds: 7, Requests: 4711, Lost: 1,
			Growth: []Growth{{Name: "`docker haproxy scale web=3`", FromStart: around(1400), FromCommand: around(1900), Exit: around(2000)}},
			Drain:  []Drain{{Name: "`docker exec`", Raw: true, Last: around(80), Exit: around(95), Ratio: around(1.6)}},
		},
	}
	var page bytes.Buffer
	assert.NilError(t, result.Markdown(&page))
	golden.Assert(t, page.String(), "control.golden")
}

func TestWaysAreGoneInTurns(t *testing.T) {
	t.Parallel()
	var gone []string
	going := func(name string) way {
		return way{
			name: name,
			run: func(context.Context) (lab.Command, error) {
				gone = append(gone, name)
				return lab.Command{Took: time.Second}, nil
			},
		}
	}
	m := &measurement{progress: func(string) {}}
	compared, err := m.inTurns(t.Context(), 2,
		task{name: "up", ways: []way{going("our up"), going("their up")}},
		task{name: "down", ways: []way{going("our down"), going("their down")}},
	)
	assert.NilError(t, err)
	assert.DeepEqual(t, gone, []string{
		"our up", "our down", "their up", "their down",
		"their up", "their down", "our up", "our down",
	})
	assert.Equal(t, len(compared), 2)
	assert.Equal(t, compared[1].Ways[1].Exit.Median, 1000.0)
}

func TestARatioIsOfThePairsOfARound(t *testing.T) {
	t.Parallel()
	rounds := func(done ...float64) (all []sample) {
		for _, ms := range done {
			all = append(all, sample{exit: ms, done: ms})
		}
		return all
	}
	// Everything takes ten times as long in the second round.
	c := compare(task{ways: make([]way, 2)}, [][]sample{rounds(10, 100, 10), rounds(20, 200, 20)})
	assert.Equal(t, c.Ways[1].Ratio.Median, 0.5)
	assert.Equal(t, c.Ways[1].Ratio.High, 0.5)
	assert.Equal(t, c.Ways[0].Ratio, bench.Interval{})
}

func TestWhatIsRenderedIsWithoutProblems(t *testing.T) {
	t.Parallel()
	assert.NilError(t, render(20))
}

func TestTheLastRequestIsTheOneAfterWhichOnlyOthersAnswer(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	r := &requests{}
	for i := range 200 {
		by := "stays"
		if i < 100 && i%2 == 0 {
			by = "goes"
		}
		r.answers = append(r.answers, noted{by: by, sent: at(i), answered: at(i + 5)})
	}
	last, err := r.last(t.Context(), "goes")
	assert.NilError(t, err)
	assert.Equal(t, last, at(98))
	first, err := r.firstSince(t.Context(), "goes", at(50))
	assert.NilError(t, err)
	assert.Equal(t, first, at(57))
}

func TestTargetsAreWhatOursReplacesAndTheStart(t *testing.T) {
	t.Parallel()
	result := Result{
		Commands: []Comparison{{Task: "`down`", Ways: []Way{
			{Name: "ours"},
			{Name: "Compose", Ratio: around(3)},
			{Name: "by hand", Raw: true, Ratio: around(0.8)},
		}}},
		StartUp:  []Comparison{{Ways: []Way{{Name: "`version`", CPU: around(20)}}}},
		Replicas: Replicas{Drain: []Drain{{Name: "ours"}, {Name: "by hand", Raw: true, Ratio: around(1)}}},
	}
	var told []string
	for _, aim := range result.Targets() {
		told = append(told, fmt.Sprint(aim.What, " ", aim.Met))
	}
	assert.DeepEqual(t, told, []string{
		"`down`: no slower than by hand met",
		"`server drain`: no slower than by hand no difference that can be told",
		"`version` within 15 ms of CPU missed",
	})
}
