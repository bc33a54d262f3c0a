package plugin

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/morikuni/aec"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/compose"
)

type benchOptions struct {
	bench.Options

	frontend string
	backend  string
	format   string
	plot     string
	dryRun   bool
	twin     bool // bridge against host networking
}

func newBenchCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts benchOptions
	cmd := &cobra.Command{
		Use:   "bench [OPTIONS]",
		Short: "Measure the load balancer on this machine, and what it adds to a request",
		Long: `Send load to the running load balancer, and to the app without it, and compare:
requests per second, latency, errors, CPU and memory of HAProxy, with and without
keep-alive, in h1 and h2, and with TLS where a frontend has it. What is compared is
measured in turns, so that a busy machine hurts both sides alike.

Load enters through the published port on this machine's loopback interface. What is
not published, such as the app alone, is measured by a client in a container in the
project's network. To compare bridge with host networking, a second HAProxy is started
on the host's network, on 127.0.0.1 only. Both are removed afterwards. No other address
gets a request, and the running load balancer is left as it is.

With --rate requests are sent at that rate, and their latency counts from when they
were due: what a stall delays is counted. Without, clients send as fast as they are
answered. docs/bench.md tells how to read the result.`,
		Example: `  docker haproxy bench
  docker haproxy bench --rate 500 --duration 1m
  docker haproxy bench --host shop.example.com --path /healthz
  docker haproxy bench --host-network=false
  docker haproxy bench --plot bench.svg
  docker haproxy bench --format json | jq '.Summary.Comparisons'
  docker haproxy bench --dry-run`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBench(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&opts.Duration, "duration", 20*time.Second, "Time of all measuring, without the warm-up")
	flags.DurationVar(&opts.WarmUp, "warm-up", 2*time.Second, "Time of the same load before, which does not count")
	flags.Float64Var(&opts.Rate, "rate", 0, "Requests per second; 0: as many as are answered")
	flags.IntVarP(&opts.Clients, "clients", "c", 8, "Clients, and so connections, at a time")
	flags.StringVar(&opts.Host, "host", "localhost", "Host that requests ask for")
	flags.StringVar(&opts.Path, "path", "/", "Path that requests ask for")
	flags.StringVar(&opts.frontend, "frontend", "", "Frontend to measure (default: the first that is published)")
	flags.StringVar(&opts.backend, "backend", "", "Backend that answers these requests (default: found out)")
	flags.BoolVar(&opts.twin, "host-network", true, "Compare with a second HAProxy on the host's network")
	flags.StringVar(&opts.format, "format", formatter.TableFormatKey, `How to print the result ("table"|"json")`)
	flags.StringVar(&opts.plot, "plot", "", "Draw the latencies into FILE.svg or FILE.png")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Show what would be measured and send nothing")
	mustRegister(cmd, "format", completeFormats)
	mustRegister(cmd, "plot", completeExtensions("svg", "png"))
	for _, flag := range []string{"duration", "warm-up", "rate", "clients", "host", "path", "frontend", "backend"} {
		mustRegister(cmd, flag, cobra.NoFileCompletions)
	}
	return cmd
}

func (o benchOptions) validate() error {
	switch {
	case o.format != formatter.TableFormatKey && o.format != formatter.JSONFormatKey:
		return problem(fmt.Sprintf("--format %q is unknown", o.format), "Choose table or json.")
	case o.Duration <= 0 || o.WarmUp < 0:
		return problem("--duration must be more than nothing, and --warm-up not less", "Such as --duration 20s --warm-up 2s.")
	case o.Rate < 0 || o.Clients < 1:
		return problem("--rate must not be negative, and there must be a client", "Such as --rate 500 --clients 8.")
	case !strings.HasPrefix(o.Path, "/") || strings.ContainsAny(o.Path+o.Host, " \t\r\n") || o.Host == "":
		return problem(fmt.Sprintf("nothing can be asked for by --host %q --path %q", o.Host, o.Path), "A path begins with /, and neither has spaces: --host shop.example.com --path /healthz.")
	case o.plot != "" && !slices.Contains([]string{".svg", ".png"}, strings.ToLower(filepath.Ext(o.plot))):
		return problem(fmt.Sprintf("--plot %s is neither .svg nor .png", o.plot), "Name the file so, such as --plot bench.svg.")
	case o.plot != "" && !isFolder(filepath.Dir(o.plot)):
		return problem(fmt.Sprintf("--plot %s: there is no folder %s", o.plot, filepath.Dir(o.plot)), "Make it first.")
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func runBench(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts benchOptions) error {
	if err := opts.validate(); err != nil {
		return err
	}
	engine, project, err := options.attend(ctx, dockerCLI, opts.dryRun)
	if err != nil {
		return err
	}
	running, err := engine.RunningBalancer(ctx, project)
	if err != nil {
		return err
	}
	b := &benchmark{cli: dockerCLI, engine: engine, project: project, running: running, opts: opts}
	if err := b.survey(ctx); err != nil {
		return err
	}
	if opts.dryRun {
		return b.printPlan()
	}
	summary, err := b.run(ctx)
	if err != nil {
		return err
	}
	return b.report(summary, options.painter(dockerCLI.Out()))
}

// benchmark is a measurement that is under way.
type benchmark struct {
	cli     command.Cli
	engine  *compose.Engine
	project *compose.Project
	running compose.Balancer
	opts    benchOptions

	haproxy string // version
	machine compose.Machine
	target  compose.Measurable
	program string          // what runs in the network, "" where it cannot
	inside  *compose.Inside // what does
	planned compose.TwinPlan
	twin    *compose.Twin // HAProxy on the host's network, nil where there is none beside it
	clients bench.Clients
	plan    bench.Plan
	leftOut []string
}

// survey finds out what there is to be measured.
func (b *benchmark) survey(ctx context.Context) (err error) {
	if b.target, err = b.engine.Measurable(ctx, b.project, b.running, b.opts.frontend); err != nil {
		return err
	}
	if b.machine, err = b.engine.Machine(ctx); err != nil {
		return err
	}
	live, err := b.engine.Live(ctx, b.project, b.running)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	backend, err := b.findBackend(ctx, live)
	if err != nil {
		return err
	}
	if b.target, err = b.engine.WithApp(ctx, b.project, b.running, b.target, backend); err != nil {
		return err
	}
	if err := b.planTwin(ctx, live); err != nil {
		return err
	}
	b.findProgram()
	b.plan = bench.NewPlan(b.opts.Options, b.opts.Rows(b.ways()))
	return nil
}

// planTwin finds out whether HAProxy can be on the host's network as well. Only
// Ctrl-C is an error: all else leaves rows out.
func (b *benchmark) planTwin(ctx context.Context, live *compose.Live) error {
	if b.target.HostNetwork || !b.opts.twin {
		return nil
	}
	planned, err := live.PlanTwin(ctx, b.target)
	if err != nil {
		b.leaveOut(onHostNetwork, err)
		return ctx.Err()
	}
	b.planned, b.target.Host = planned, planned.Entrance
	return nil
}

// onHostNetwork is HAProxy there.
const onHostNetwork = "HAProxy (host network)"

// findBackend finds the backend that answers: the one that was named, the only
// one, or the one whose counters rise when it is asked.
func (b *benchmark) findBackend(ctx context.Context, live *compose.Live) (compose.Backend, error) {
	before, err := live.Look(ctx)
	if err != nil {
		return compose.Backend{}, err
	}
	b.haproxy = before.Version
	backends := slices.DeleteFunc(before.Backends, func(backend compose.Backend) bool {
		return b.opts.backend != "" && backend.Name != b.opts.backend
	})
	switch {
	case len(backends) == 0:
		return compose.Backend{}, problem(fmt.Sprintf("HAProxy has no backend %s", b.opts.backend), `"docker haproxy status" lists them.`)
	case len(backends) == 1 || b.opts.dryRun:
		return backends[0], nil
	}
	for range askedForBackend {
		if err := b.try(ctx, b.entry()); err != nil {
			return compose.Backend{}, err
		}
	}
	after, err := live.Look(ctx)
	if err != nil {
		return compose.Backend{}, err
	}
	return mostRisen(before.Backends, after.Backends), nil
}

// askedForBackend is how many requests find out which backend answers them.
const askedForBackend = 10

func mostRisen(before, after []compose.Backend) compose.Backend {
	total := map[string]int64{}
	for _, backend := range before {
		total[backend.Name] = backend.Total
	}
	return slices.MaxFunc(after, func(a, b compose.Backend) int {
		return int((a.Total - total[a.Name]) - (b.Total - total[b.Name]))
	})
}

// entry is the row that asks as a user would.
func (b *benchmark) entry() bench.Row {
	way := b.published()
	return bench.Row{Way: way, Variant: bench.Variant{Protocol: bench.H1, TLS: len(way.Plain) == 0, Clients: 1}}
}

// try sends one request, which must be answered with success.
func (b *benchmark) try(ctx context.Context, row bench.Row) error {
	err := b.clients.Try(ctx, row, b.opts.Try(row))
	if status, refused := errors.AsType[bench.StatusError](err); refused {
		return problem(
			fmt.Sprintf("%s%s is answered with status %d (%s)", b.opts.Host, b.opts.Path, status.Status, row.Way),
			"Measured is what the app answers with success: name it with --host and --path.")
	}
	return err
}

// ways are those that requests can take.
func (b *benchmark) ways() []bench.Way {
	t := b.target
	var ways []bench.Way
	if b.program != "" && t.Network != "" {
		if len(t.AppInside) > 0 {
			ways = append(ways, bench.Way{Name: "app alone", From: fromNetwork, Inside: true, Plain: t.AppInside})
		}
		if t.Inside.Any() != "" {
			ways = append(ways, bench.Way{Name: "HAProxy", From: fromNetwork, Inside: true, Proxied: true, Plain: nonEmpty(t.Inside.Plain), TLS: nonEmpty(t.Inside.TLS)})
		}
	}
	if len(t.AppMachine) > 0 {
		ways = append(ways, bench.Way{Name: "app alone", From: fromMachine, Published: true, Plain: t.AppMachine})
	}
	ways = append(ways, b.published())
	if t.Host.Any() != "" {
		ways = append(ways, bench.Way{Name: onHostNetwork, From: fromMachine, Proxied: true, Plain: nonEmpty(t.Host.Plain), TLS: nonEmpty(t.Host.TLS)})
	}
	return ways
}

func (b *benchmark) published() bench.Way {
	way := bench.Way{
		Name: "HAProxy", From: fromMachine, Proxied: true, Published: true,
		Plain: nonEmpty(b.target.Machine.Plain), TLS: nonEmpty(b.target.Machine.TLS),
	}
	if b.target.HostNetwork {
		way.Name, way.Published = onHostNetwork, false
	}
	return way
}

// Where clients are.
const (
	fromNetwork = "inside the network"
	fromMachine = "this machine"
)

func nonEmpty(address string) []string {
	if address == "" {
		return nil
	}
	return []string{address}
}

// findProgram finds what can run in a container of the engine: this very program,
// where it is a static one for the engine's machine.
func (b *benchmark) findProgram() {
	program, err := os.Executable()
	if err == nil {
		err = runsOn(program, b.machine)
	}
	if err != nil {
		b.leaveOut("rows from inside the network", err)
		return
	}
	b.program = program
}

func runsOn(program string, machine compose.Machine) error {
	if runtime.GOOS != machine.OS || runtime.GOARCH != machine.Arch {
		return fmt.Errorf("this plugin is for %s/%s, and the engine runs %s/%s", runtime.GOOS, runtime.GOARCH, machine.OS, machine.Arch)
	}
	file, err := elf.Open(program)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return errors.New("this plugin is not a static program (build it with CGO_ENABLED=0)")
	}
	return nil
}

func (b *benchmark) leaveOut(what string, why error) {
	if text := fmt.Sprintf("%s: %v", what, why); !slices.Contains(b.leftOut, text) {
		b.leftOut = append(b.leftOut, text)
	}
}

// run starts what the measurement takes, measures, and takes it away again.
func (b *benchmark) run(ctx context.Context) (summary bench.Summary, err error) {
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.start(ctx); err != nil {
		return bench.Summary{}, err
	}
	return b.measure(ctx)
}

// start starts the client inside the network and HAProxy on the host's, and keeps
// the rows that are answered: not every app speaks h2.
func (b *benchmark) start(ctx context.Context) error {
	if err := b.startClient(ctx); err != nil {
		return err
	}
	if err := b.startTwin(ctx); err != nil {
		return err
	}
	return b.tryRows(ctx)
}

func (b *benchmark) startClient(ctx context.Context) error {
	if !slices.ContainsFunc(b.plan.Rows, func(row bench.Row) bool { return row.Way.Inside }) {
		return nil
	}
	inside, err := b.engine.RunInside(ctx, b.project, b.target.Network, b.program, benchClientName)
	if err != nil {
		return err
	}
	b.inside, b.clients.Inside = inside, bench.NewRemote(inside)
	return nil
}

// startTwin starts HAProxy on the host's network, or leaves its rows out. Only
// Ctrl-C is an error.
func (b *benchmark) startTwin(ctx context.Context) error {
	if b.target.Host.Any() == "" {
		return nil
	}
	twin, err := b.engine.StartTwin(ctx, b.project, b.planned)
	b.twin = twin
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	if err != nil {
		b.leaveOut(onHostNetwork, err)
		b.target.Host = compose.Entrance{}
		b.plan = bench.NewPlan(b.opts.Options, b.opts.Rows(b.ways()))
	}
	return nil
}

// stop takes away what start has started.
func (b *benchmark) stop() error {
	var errs []error
	if b.twin != nil {
		errs = append(errs, b.twin.Close())
	}
	if b.inside != nil {
		errs = append(errs, b.inside.Close())
	}
	return errors.Join(errs...)
}

func (b *benchmark) tryRows(ctx context.Context) error {
	if err := b.try(ctx, b.entry()); err != nil {
		return err
	}
	var rows []bench.Row
	for _, row := range b.plan.Rows {
		switch err := b.try(ctx, row); {
		case err == nil:
			rows = append(rows, row)
		case ctx.Err() != nil:
			return ctx.Err()
		case row.Variant.Protocol == bench.H2:
			b.leaveOut(fmt.Sprintf("h2%s, %s", map[bool]string{true: " with TLS"}[row.Variant.TLS], row.Way), errNoH2)
		default:
			b.leaveOut(row.String(), err)
		}
	}
	b.plan = bench.NewPlan(b.opts.Options, rows)
	return nil
}

var errNoH2 = errors.New("it does not speak h2")

// measure does what the plan says.
func (b *benchmark) measure(ctx context.Context) (bench.Summary, error) {
	usage, stop := b.usage(ctx)
	defer stop()
	samples, err := b.plan.Measure(ctx, b.clients, usage, b.progress())
	b.clearProgress()
	if err != nil {
		return bench.Summary{}, err
	}
	return b.plan.Summarize(samples), nil
}

// usage tells what the HAProxy of a way has used.
func (b *benchmark) usage(ctx context.Context) (read func(context.Context, bench.Way) (bench.Usage, error), stop func()) {
	serving, stopServing := b.meter(ctx, "HAProxy", b.running)
	if b.twin == nil {
		return func(ctx context.Context, _ bench.Way) (bench.Usage, error) { return serving(ctx) }, stopServing
	}
	twin, stopTwin := b.meter(ctx, onHostNetwork, b.twin.Balancer)
	return func(ctx context.Context, way bench.Way) (bench.Usage, error) {
		if way.OnHost() {
			return twin(ctx)
		}
		return serving(ctx)
	}, func() { stopServing(); stopTwin() }
}

// meter reads what a container has used, where it lets us know.
func (b *benchmark) meter(ctx context.Context, name string, of compose.Balancer) (read func(context.Context) (bench.Usage, error), stop func()) {
	meter, err := b.engine.Meter(ctx, of)
	if err != nil {
		b.leaveOut("CPU and memory of "+name, err)
		return func(context.Context) (bench.Usage, error) { return bench.Usage{}, nil }, func() {}
	}
	return func(ctx context.Context) (bench.Usage, error) {
		cpu, memory, err := meter.Read(ctx)
		return bench.Usage{CPU: cpu, Memory: memory}, err
	}, func() { _ = meter.Close() }
}

// progress shows, on a terminal, how far the measurement is. More would disturb it.
func (b *benchmark) progress() func(done, all int, row bench.Row) {
	if !b.cli.Err().IsTerminal() {
		return func(int, int, bench.Row) {}
	}
	return func(done, all int, row bench.Row) {
		b.clearProgress()
		fprintf(b.cli.Err(), "%d%%  %s", 100*done/all, row)
	}
}

func (b *benchmark) clearProgress() {
	if b.cli.Err().IsTerminal() {
		fprint(b.cli.Err(), painted("\r"+aec.EraseLine(aec.EraseModes.All).String()))
	}
}

// printPlan is what --dry-run shows.
func (b *benchmark) printPlan() error {
	out := b.cli.Out()
	fprintf(out, "GET %s%s through frontend %s, and of the servers of backend %s without it:\n\n", b.opts.Host, b.opts.Path, b.target.Frontend, b.target.Backend)
	fprint(out, b.plan)
	for _, left := range b.leftOut {
		fprintf(out, "Left out: %s\n", left)
	}
	if b.target.Host.Any() != "" {
		fprintf(out, "A second HAProxy would be started on the host's network, for the time of measuring: %s.\n", strings.Join(append(nonEmpty(b.target.Host.Plain), nonEmpty(b.target.Host.TLS)...), ", "))
	}
	return write(out, "Nothing was sent. Rows that are not answered, such as h2 where the app does not speak it, are left out."+"\n")
}
