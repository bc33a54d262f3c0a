package plugin

import (
	"context"

	"github.com/docker/cli/cli/command"

	"github.com/docker-haproxy/docker-haproxy/attach"
	"github.com/docker-haproxy/docker-haproxy/compose"
)

// runInitSwitch takes a project to another network mode, with all else as it is.
// done is false where it has that mode already, or HAProxy is not in front of it.
func runInitSwitch(ctx context.Context, dockerCLI command.Cli, opts initOptions, place attach.Place) (done bool, err error) {
	engine, err := initEngine(dockerCLI)
	if err != nil {
		return false, err
	}
	plan, found, err := attach.PlanSwitch(ctx, engine, place, opts.load, opts.switching())
	if err != nil || !found {
		return false, err
	}
	if opts.dryRun {
		fprintf(dockerCLI.Out(), "%s\n\n", plan)
		return true, printFiles(dockerCLI, plan.Files())
	}
	if err := plan.Do(ctx, engine, opts.load); err != nil {
		return true, err
	}
	for _, path := range plan.Changed() {
		fprintln(dockerCLI.Out(), path)
	}
	note(dockerCLI, "The network mode is %s now, and all else is as it was. The next \"up\" replaces HAProxy's container: its connections are cut.", opts.networkMode)
	if err := noteHostNetwork(ctx, dockerCLI, opts.networkMode == compose.HostNetwork, plan.Ports()...); err != nil {
		return true, err
	}
	hint(dockerCLI, nextAfterInit(opts.folder)...)
	return true, nil
}

// switching is what the flags that were given change.
func (o initOptions) switching() attach.SwitchOptions {
	options := attach.SwitchOptions{NetworkMode: o.networkMode}
	if o.given("http-port") {
		options.HTTPPort = o.httpPort
	}
	if o.given("stats-port") {
		options.StatsPort = o.statsPort
	}
	if o.given("stats-address") {
		options.StatsAddress = o.statsAddress
	}
	return options
}
