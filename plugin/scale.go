package plugin

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/rollout"
)

func newScaleCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts rolloutOptions
	cmd := &cobra.Command{
		Use:   "scale [OPTIONS] SERVICE=N...",
		Short: "Change how many containers a service has, without losing a request",
		Long: `Start or stop containers of a service. New ones receive requests once Docker's
health check and HAProxy's own check have passed; those that go get no new requests
and finish those they have before they are stopped.

New containers are of the version that runs, whatever the Compose file says by now.
The next rollouts keep the number. The Compose file is not touched: "up" goes back
to the number that it names, and says so.`,
		Example: `  docker haproxy scale web=10
  docker haproxy scale web=2 --websocket-timeout 10m`,
		Args:              cli.RequiresMinArgs(1),
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runScale(cmd.Context(), dockerCLI, project, opts, rollout.Chosen{Wait: cmd.Flags().Changed("wait-timeout")}, args)
		},
	}
	opts.drainFlags(cmd.Flags())
	opts.policy.Monitor = defaultMonitor
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runScale(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts rolloutOptions, chosen rollout.Chosen, args []string) error {
	wanted := map[string]int{}
	var services []string
	for _, arg := range args {
		service, digits, found := strings.Cut(arg, "=")
		n, err := strconv.Atoi(digits)
		if !found || err != nil || n < 0 || service == "" {
			return fmt.Errorf("%q is not SERVICE=N, such as web=3", arg)
		}
		if before, twice := wanted[service]; twice {
			return usage("service %s is given twice: %d and %d containers", service, before, n)
		}
		wanted[service] = n
		services = append(services, service)
	}
	return options.rollOut(ctx, dockerCLI, "scale", opts, chosen, func(ctx context.Context, r *rollout.Rollout) ([]rollout.Result, error) {
		services, err := r.Services(services)
		if err != nil {
			return nil, err
		}
		return r.Each(ctx, services, rollout.Scope{}, func(ctx context.Context, service string) (*rollout.Prepared, error) {
			return r.PrepareScale(ctx, service, wanted[service])
		}, opts.show(dockerCLI))
	})
}
