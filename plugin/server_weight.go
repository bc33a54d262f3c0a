package plugin

import (
	"context"
	"fmt"
	"strconv"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

func newServerWeightCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "weight [OPTIONS] SERVER WEIGHT",
		Short: "Set a server's share of the traffic",
		Long: `Set a server's share of the traffic, from 0 to 256, in proportion to the other
servers of its backend. With 0 it gets nothing but the clients that stick to it.`,
		Example: `  docker haproxy server weight webservers/s2 10
  docker haproxy server weight demo-web2-1 0`,
		Args:              cli.ExactArgs(2),
		ValidArgsFunction: completeServers(dockerCLI, project, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runServerWeight(cmd.Context(), dockerCLI, project, args[0], args[1])
		},
	}
}

func runServerWeight(ctx context.Context, dockerCLI command.Cli, options *projectOptions, name, value string) error {
	weight, err := strconv.Atoi(value)
	if err != nil || weight < 0 || weight > maxWeight {
		return problem(fmt.Sprintf("%q is no weight", value), "A weight is a whole number from 0 to 256.")
	}
	_, live, err := options.live(ctx, dockerCLI)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	status, err := live.Look(ctx)
	if err != nil {
		return err
	}
	servers, err := chosen(status, []string{name})
	if err != nil {
		return err
	}
	return setWeight(ctx, dockerCLI, live, servers, weight)
}

// maxWeight is HAProxy's (configuration manual, "weight").
const maxWeight = 256

func setWeight(ctx context.Context, dockerCLI command.Cli, live *compose.Live, servers []compose.Server, weight int) error {
	for _, server := range servers {
		if err := live.SetWeight(ctx, server.Backend, server.Name, weight); err != nil {
			return err
		}
		fprintf(dockerCLI.Out(), "%s has weight %d\n", server.ID(), weight)
	}
	return nil
}
