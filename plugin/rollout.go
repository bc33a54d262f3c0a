package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	flagsHelper "github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/rollout"
)

// What a rollout does where neither a flag nor the Compose file says otherwise.
const (
	defaultMonitor          = 2 * time.Second
	defaultDrainTimeout     = 30 * time.Second
	defaultWebsocketTimeout = 5 * time.Minute
	defaultCanaryTime       = 30 * time.Second
	defaultCanaryErrors     = 1.0
	defaultCanaryLatency    = 3.0
)

const (
	startFirst = "start-first"
	stopFirst  = "stop-first"
)

// rolloutOptions are the flags of rollout, scale and restart; each has some of them.
type rolloutOptions struct {
	policy rollout.Policy
	canary rollout.Canary
	batch  string
	order  string
	share  string
	format string

	dryRun, resume, abort bool
}

func newRolloutCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts rolloutOptions
	cmd := &cobra.Command{
		Use:   "rollout [OPTIONS] [SERVICE...]",
		Short: "Bring app services to what the Compose file says, without losing a request",
		Long: `Replace the containers of services whose definition or image has changed: new ones
are started beside the old ones and receive requests once Docker's health check and
HAProxy's own check have passed; then the old ones get no new requests, finish those
they have, and are stopped. Without SERVICE, all services that changed are rolled.

What a service depends on has its turn first, and must be as depends_on asks before the
new version starts. What shares a namespace or volumes with a replaced container is
replaced with it.

If a new container does not start, is unhealthy, fails its check or ends again, the
new ones are removed, traffic stays as it was, and the exit code is 1. So does
Ctrl-C. What a killed rollout has left, --resume finishes and --abort takes back.

Where no flag says otherwise, the service's deploy.update_config counts
(parallelism, order, delay, monitor).`,
		Example: `  docker haproxy rollout                          # what changed in the Compose file
  docker haproxy rollout web --batch 25% --pause 30s
  docker haproxy rollout web --canary 10% --canary-time 2m
  docker haproxy rollout web --flip               # all traffic changes sides at once
  docker haproxy rollout --dry-run
  docker haproxy rollout undo web                 # back to the image before`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRollout(cmd, dockerCLI, project, opts, args)
		},
	}
	flags := cmd.Flags()
	opts.howFlags(flags)
	opts.drainFlags(flags)
	flags.BoolVar(&opts.policy.Force, "force", false, "Replace containers that did not change")
	flags.BoolVar(&opts.resume, "resume", false, "Finish what a rollout that was killed has begun")
	flags.BoolVar(&opts.abort, "abort", false, "Go back to the old containers of a rollout that was killed")
	cmd.MarkFlagsMutuallyExclusive("resume", "abort", "force")
	cmd.MarkFlagsMutuallyExclusive("abort", "dry-run")
	opts.completions(cmd)
	cmd.AddCommand(newRolloutUndoCommand(dockerCLI, project))
	return cmd
}

func newRolloutUndoCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts rolloutOptions
	cmd := &cobra.Command{
		Use:   "undo [OPTIONS] SERVICE...",
		Short: "Go back to what a service was before its last rollout",
		Long: `Roll the service out again as its containers were before: image, environment,
command, mounts and all else that they were made from. The Compose file is not
touched: until it says the same, the next rollout or up goes forward again.`,
		Example:           `  docker haproxy rollout undo web`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUndo(cmd, dockerCLI, project, opts, args)
		},
	}
	opts.howFlags(cmd.Flags())
	opts.drainFlags(cmd.Flags())
	opts.completions(cmd)
	return cmd
}

func newRestartCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts rolloutOptions
	cmd := &cobra.Command{
		Use:   "restart [OPTIONS] SERVICE...",
		Short: "Replace a service's containers by fresh ones, without losing a request",
		Long: `Roll the service out although nothing about it changed: each container is replaced
by a new one of the same definition. It is "rollout --force".`,
		Example: `  docker haproxy restart web
  docker haproxy restart web --batch 1`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.policy.Force = true
			return runRollout(cmd, dockerCLI, project, opts, args)
		},
	}
	opts.howFlags(cmd.Flags())
	opts.drainFlags(cmd.Flags())
	opts.completions(cmd)
	return cmd
}

// howFlags are those that say in which way containers are replaced.
func (o *rolloutOptions) howFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.batch, "batch", "", "Containers at a time, such as 2 or 25% (default all, one with stop-first, or update_config.parallelism)")
	flags.StringVar(&o.order, "order", "", `What comes first in a batch ("`+startFirst+`"|"`+stopFirst+`") (default "`+startFirst+`", or update_config.order)`)
	flags.DurationVar(&o.policy.Pause, "pause", 0, "Pause between two batches (or update_config.delay)")
	flags.DurationVar(&o.policy.Monitor, "monitor", defaultMonitor, "How long a new container must have run before it is trusted")
	flags.BoolVar(&o.policy.Flip, "flip", false, "Let the new containers take all traffic at one instant (some milliseconds)")
	flags.StringVar(&o.share, "canary", "", "Try the new version with a share of the requests first, such as 10%")
	flags.DurationVar(&o.canary.Time, "canary-time", defaultCanaryTime, "How long the canary is watched")
	flags.Float64Var(&o.canary.Errors, "canary-errors", defaultCanaryErrors, "Percentage of failed requests that aborts")
	flags.Float64Var(&o.canary.Latency, "canary-latency", defaultCanaryLatency, "Mean response time that aborts, as a multiple of the old containers'; 0: any")
}

// drainFlags are those of everything that starts or stops containers.
func (o *rolloutOptions) drainFlags(flags *pflag.FlagSet) {
	waitVar(flags, &o.policy.WaitTimeout, "wait-timeout", "", defaultWait, "How long new containers may take to be ready")
	flags.DurationVar(&o.policy.DrainTimeout, "drain-timeout", defaultDrainTimeout, "How long requests may take to end before they are cut")
	flags.DurationVar(&o.policy.WebsocketTimeout, "websocket-timeout", defaultWebsocketTimeout, "How long websockets and TCP sessions may stay open before they are closed")
	flags.StringVar(&o.format, "format", "", flagsHelper.FormatHelp)
	flags.BoolVar(&o.dryRun, "dry-run", false, "Show what would be done and do nothing")
}

func (o *rolloutOptions) completions(cmd *cobra.Command) {
	mustRegister(cmd, "format", completeFormats)
	mustRegister(cmd, "order", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{startFirst, stopFirst}, cobra.ShellCompDirectiveNoFileComp
	})
}

// parse reads the flags whose values need it.
func (o *rolloutOptions) parse(flags *pflag.FlagSet) (chosen rollout.Chosen, err error) {
	chosen = rollout.Chosen{Batch: flags.Changed("batch"), Order: flags.Changed("order"), Pause: flags.Changed("pause"), Monitor: flags.Changed("monitor"), Wait: flags.Changed("wait-timeout")}
	if o.batch != "" {
		if o.policy.Batch, err = rollout.ParseAmount(o.batch); err != nil {
			return chosen, fmt.Errorf("--batch: %w", err)
		}
	}
	switch o.order {
	case "", startFirst:
	case stopFirst:
		o.policy.StopFirst = true
	default:
		return chosen, fmt.Errorf("--order %q is unknown: choose %s or %s", o.order, startFirst, stopFirst)
	}
	if o.canary.Errors > 100 {
		return chosen, usage("invalid argument \"%g\" for \"--canary-errors\" flag: a percentage is 0 to 100", o.canary.Errors)
	}
	if o.share != "" {
		share, err := rollout.ParseAmount(o.share)
		if err != nil || !share.Percent || share.N > 99 {
			return chosen, fmt.Errorf("--canary %q is no share of the requests: give 1%% to 99%%", o.share)
		}
		canary := o.canary
		canary.Share = share.N
		o.policy.Canary = &canary
	}
	if o.policy.StopFirst && (o.policy.Flip || o.policy.Canary != nil) {
		return chosen, errors.New("--order stop-first leaves no old containers to compare or to change sides with: --flip and --canary need start-first")
	}
	return chosen, nil
}

func runRollout(cmd *cobra.Command, dockerCLI command.Cli, options *projectOptions, opts rolloutOptions, services []string) error {
	ctx := cmd.Context()
	chosen, err := opts.parse(cmd.Flags())
	if err != nil {
		return err
	}
	return options.rollOut(ctx, dockerCLI, "rollout", opts, chosen, func(ctx context.Context, r *rollout.Rollout) ([]rollout.Result, error) {
		services, err := r.Services(services)
		if err != nil {
			return nil, err
		}
		if opts.abort {
			return each(services, func(service string) (rollout.Result, error) { return r.Abort(ctx, service) })
		}
		if !opts.dryRun {
			reloaded, err := r.Apply(ctx)
			if err != nil {
				return nil, options.explained(dockerCLI, err)
			}
			if reloaded.Verdict.Loaded {
				printReloaded(dockerCLI, options, reloaded)
			}
		}
		way := rollout.Begun
		if opts.resume {
			way = rollout.Resumed
		}
		scope := rollout.Scope{Dependencies: true, Restarts: true}
		return r.Each(ctx, services, scope, func(ctx context.Context, service string) (*rollout.Prepared, error) {
			return r.Prepare(ctx, service, compose.Version{}, way)
		}, opts.show(dockerCLI))
	})
}

func runUndo(cmd *cobra.Command, dockerCLI command.Cli, options *projectOptions, opts rolloutOptions, services []string) error {
	ctx := cmd.Context()
	chosen, err := opts.parse(cmd.Flags())
	if err != nil {
		return err
	}
	return options.rollOut(ctx, dockerCLI, "undo", opts, chosen, func(ctx context.Context, r *rollout.Rollout) ([]rollout.Result, error) {
		services, err := r.Services(services)
		if err != nil {
			return nil, err
		}
		versions, whole := map[string]compose.Version{}, map[string]bool{}
		results, err := r.Each(ctx, services, rollout.Scope{Restarts: true}, func(ctx context.Context, service string) (*rollout.Prepared, error) {
			version, known := versions[service]
			if !known {
				if version, err = r.Undo(ctx, service); err != nil {
					return nil, err
				}
				versions[service] = version
			}
			prepared, err := r.Prepare(ctx, service, version, rollout.Begun)
			if err == nil {
				whole[service] = prepared.Whole()
			}
			return prepared, err
		}, opts.show(dockerCLI))
		for _, result := range results {
			if version, known := versions[result.Service]; known && result.Started > 0 {
				note(dockerCLI, "%s", undone(result.Service, version, whole[result.Service]))
			}
		}
		return results, err
	})
}

// undone says what a service runs after an undo, and how long it stays so.
func undone(service string, version compose.Version, whole bool) string {
	again := fmt.Sprintf("Service %s runs what it ran before again (%s).", service, version.Image.Name)
	if !whole {
		again = fmt.Sprintf("Service %s runs %s again; all but the image is as the Compose file says, since what it was before is not kept here.", service, version.Image.Name)
	}
	return again + " The Compose file still says the other version: change it back there, or the next rollout or up goes forward again."
}

// show prints plans, where that is all that is asked for, or else what a person
// should know of them before.
func (o *rolloutOptions) show(dockerCLI command.Cli) rollout.Show {
	return rollout.Show{
		Only: o.dryRun,
		Plan: func(plan rollout.Plan) {
			for _, line := range plan.Notes {
				note(dockerCLI, "%s", line)
			}
			if o.dryRun {
				fprint(dockerCLI.Out(), plan)
			}
		},
	}
}

// each does something with services one after the other, and gives the results up
// to the first failure.
func each(services []string, work func(service string) (rollout.Result, error)) ([]rollout.Result, error) {
	var results []rollout.Result
	for _, service := range services {
		result, err := work(service)
		if err != nil {
			return results, err
		}
		if result.Service != "" {
			results = append(results, result)
		}
	}
	return results, nil
}

// rollOut opens the project, takes hold of it, does the work under the progress
// display, and prints the results.
func (o *projectOptions) rollOut(ctx context.Context, dockerCLI command.Cli, name string, opts rolloutOptions, chosen rollout.Chosen, work func(context.Context, *rollout.Rollout) ([]rollout.Result, error)) error {
	engine, project, err := o.open(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	r, err := rollout.Begin(ctx, engine, project, opts.policy, chosen)
	if err != nil {
		return err
	}
	defer r.Close()
	var results []rollout.Result
	err = engine.Operation(ctx, name, func(ctx context.Context) (err error) {
		results, err = work(ctx, r)
		return err
	})
	if printErr := printResults(dockerCLI, results, opts.format); err == nil {
		err = printErr
	}
	return err
}

// printResults prints what was done, as data: a line a service, or what --format asks for.
func printResults(dockerCLI command.Cli, results []rollout.Result, format string) error {
	if format == "" {
		for _, result := range results {
			fprintln(dockerCLI.Out(), result.Summary())
		}
		return nil
	}
	if format == formatter.TableFormatKey {
		format = "table {{.Service}}\t{{.Started}}\t{{.Stopped}}\t{{.Duration}}\t{{.Requests}}\t{{.Lost}}\t{{.Cut}}"
	}
	ctx := formatter.Context{Output: dockerCLI.Out(), Format: formatter.Format(format)}
	header := resultRow{}
	header.Header = formatter.SubHeaderContext{
		"Service": "SERVICE", "Started": "STARTED", "Stopped": "STOPPED", "Duration": "DURATION",
		"Requests": "REQUESTS", "Lost": "LOST", "Cut": "CUT", "Stages": "STAGES",
	}
	return writeRows(ctx, &header, results, func(result rollout.Result) formatter.SubContext { return &resultRow{result: result} })
}

// resultRow is a line of the results. Its exported methods are what a template may name.
type resultRow struct {
	formatter.HeaderContext

	result rollout.Result
}

// MarshalJSON gives the row for --format json.
func (r *resultRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

// Service is the service's name.
func (r *resultRow) Service() string { return r.result.Service }

// Started is how many containers were started.
func (r *resultRow) Started() int { return r.result.Started }

// Stopped is how many were stopped.
func (r *resultRow) Stopped() int { return r.result.Stopped }

// Duration is how long it took.
func (r *resultRow) Duration() string { return r.result.Duration.Round(time.Millisecond).String() }

// Requests is how many HAProxy passed to the service meanwhile.
func (r *resultRow) Requests() int64 { return r.result.Requests }

// Lost is how many of them no container has answered.
func (r *resultRow) Lost() int64 { return r.result.Lost }

// Cut is how many requests and websockets were ended at a deadline.
func (r *resultRow) Cut() int { return r.result.Cut.Requests + r.result.Cut.Websockets }

// Stages is how the time was spent, in seconds.
func (r *resultRow) Stages() map[string]float64 {
	s := r.result.Stages
	return map[string]float64{
		"start": s.Start.Seconds(), "health": s.Health.Seconds(), "check": s.Check.Seconds(), "canary": s.Canary.Seconds(),
		"drain": s.Drain.Seconds(), "stop": s.Stop.Seconds(), "settle": s.Settle.Seconds(),
	}
}
