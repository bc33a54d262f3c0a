package control

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

// task is what is done in several ways; the first is ours.
type task struct {
	name  string
	until string // what is waited for after the commands have ended, "" for nothing
	ways  []way
}

// way is one way to do a task.
type way struct {
	name    string
	raw     bool                        // the docker commands that ours replaces
	prepare func(context.Context) error // not timed; may be nil
	run     func(context.Context) (lab.Command, error)
	await   func(context.Context) error // the task's until; nil where the exit says it
}

// sample is a way gone once, in milliseconds.
type sample struct{ exit, done, cpu float64 }

// Comparison is a task, and what it took in each way.
type Comparison struct {
	Task   string
	Until  string // what Done is, "" where it is the exit
	Rounds int
	Ways   []Way // the first is ours
}

// Way is what one way took, in milliseconds.
type Way struct {
	Name string
	Raw  bool // the docker commands that ours replaces
	Exit bench.Interval
	Done bench.Interval // until the effect was seen from outside, at the earliest the exit
	CPU  bench.Interval // of the clients: not of the engine, nor of containers
	// Ratio is how many times as long ours took as this one, of the Done of each
	// round; 0 for ours.
	Ratio bench.Interval
}

// inTurns goes all ways in each round, in reverse in every other one, so that what
// comes and goes on the machine meets all of them. Tasks follow one another way
// by way: what the first one started is what the second one stops.
func (m *measurement) inTurns(ctx context.Context, rounds int, tasks ...task) ([]Comparison, error) {
	samples := make([][][]sample, len(tasks)) // by task, way, round
	for t := range tasks {
		samples[t] = make([][]sample, len(tasks[t].ways))
	}
	for round := range rounds {
		m.progress(fmt.Sprintf("%s: round %d of %d", strings.ReplaceAll(tasks[0].name, "`", ""), round+1, rounds))
		for _, w := range order(len(tasks[0].ways), round) {
			for t := range tasks {
				s, err := tasks[t].ways[w].once(ctx)
				if err != nil {
					return nil, fmt.Errorf("%s by %s: %w", tasks[t].name, tasks[t].ways[w].name, err)
				}
				samples[t][w] = append(samples[t][w], s)
			}
		}
	}
	var all []Comparison
	for t, task := range tasks {
		all = append(all, compare(task, samples[t]))
	}
	return all, nil
}

// order is 0, 1, … in even rounds, and the reverse in odd ones.
func order(n, round int) []int {
	turns := make([]int, n)
	for i := range n {
		turns[i] = i
		if round%2 == 1 {
			turns[i] = n - 1 - i
		}
	}
	return turns
}

func (w way) once(ctx context.Context) (sample, error) {
	if w.prepare != nil {
		if err := w.prepare(ctx); err != nil {
			return sample{}, err
		}
	}
	began := time.Now()
	command, err := w.run(ctx)
	if err != nil {
		return sample{}, err
	}
	done := command.Took
	if w.await != nil {
		err = w.await(ctx)
		done = time.Since(began)
	}
	return sample{exit: milliseconds(command.Took), done: milliseconds(done), cpu: milliseconds(command.CPU)}, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// compare sums the rounds up. Ratios are those of pairs: of ours and another in
// the same round.
func compare(t task, samples [][]sample) Comparison {
	c := Comparison{Task: t.name, Until: t.until, Rounds: len(samples[0])}
	ours := each(samples[0], func(s sample) float64 { return s.done })
	for w, way := range t.ways {
		done := each(samples[w], func(s sample) float64 { return s.done })
		sum := Way{
			Name: way.name,
			Raw:  way.raw,
			Exit: bench.IntervalOf(each(samples[w], func(s sample) float64 { return s.exit })),
			Done: bench.IntervalOf(done),
			CPU:  bench.IntervalOf(each(samples[w], func(s sample) float64 { return s.cpu })),
		}
		if w > 0 {
			sum.Ratio = bench.IntervalOf(ratios(ours, done))
		}
		c.Ways = append(c.Ways, sum)
	}
	return c
}

func each[T any](values []T, of func(T) float64) []float64 {
	numbers := make([]float64, len(values))
	for i, value := range values {
		numbers[i] = of(value)
	}
	return numbers
}

// ratios divides pair by pair.
func ratios(ours, theirs []float64) []float64 {
	quotients := make([]float64, len(ours))
	for i := range ours {
		quotients[i] = ours[i] / theirs[i]
	}
	return quotients
}
