package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Clients are where load comes from.
type Clients struct {
	Inside *Remote // nil where there is none
}

// run sends a load from where a way begins.
func (c Clients) run(ctx context.Context, way Way, load Load) (Result, error) {
	if way.Inside {
		return c.Inside.Run(ctx, load)
	}
	return load.Run(ctx)
}

// Try sends one request as the rows of a plan would.
func (c Clients) Try(ctx context.Context, row Row, load Load) error {
	if row.Way.Inside {
		return c.Inside.Try(ctx, load)
	}
	return load.Try(ctx)
}

// Usage is what HAProxy has used until now.
type Usage struct {
	CPU    time.Duration
	Memory int64 // bytes, now
}

// Sample is a run that was measured.
type Sample struct {
	Run

	Result Result
	CPU    time.Duration // that HAProxy used
	Memory int64         // of HAProxy behind the run
}

// Measure does the runs of a plan, one after the other. usage tells what the
// HAProxy of a way has used; progress is told of each run before it begins. A run
// that is not done ends it, and so does ctx.
func (p Plan) Measure(ctx context.Context, clients Clients, usage func(context.Context, Way) (Usage, error), progress func(done, all int, row Row)) ([]Sample, error) {
	var samples []Sample
	runs := p.Runs()
	for n, run := range runs {
		row := p.Rows[run.Row]
		progress(n, len(runs), row)
		sample, err := measure(ctx, clients, row, run, usage)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row, err)
		}
		if run.Round > 0 {
			samples = append(samples, sample)
		}
	}
	return samples, nil
}

func measure(ctx context.Context, clients Clients, row Row, run Run, usage func(context.Context, Way) (Usage, error)) (Sample, error) {
	before, err := usage(ctx, row.Way)
	if err != nil {
		return Sample{}, err
	}
	result, runErr := clients.run(ctx, row.Way, run.Load)
	after, err := usage(ctx, row.Way)
	return Sample{Run: run, Result: result, CPU: after.CPU - before.CPU, Memory: after.Memory}, errors.Join(runErr, err)
}
