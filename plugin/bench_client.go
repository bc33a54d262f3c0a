package plugin

import (
	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/bench"
)

const benchClientName = "bench-client"

// newBenchClientCommand is what bench runs in a container inside a project's
// network. It takes orders on standard input and ends with it.
func newBenchClientCommand(dockerCLI command.Cli) *cobra.Command {
	return &cobra.Command{
		Use:    benchClientName,
		Hidden: true,
		Short:  "Send load as bench orders",
		Long: `Send load as "docker haproxy bench" orders, on standard input, and answer with what
became of it. It is how bench measures from inside a project's network.`,
		Example:           `  docker haproxy bench-client`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return bench.Serve(cmd.Context(), dockerCLI.In(), dockerCLI.Out())
		},
	}
}
