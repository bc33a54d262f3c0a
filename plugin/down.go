package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

type downOptions struct {
	compose.DownOptions

	dryRun bool
}

func newDownCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts downOptions
	var timeout int
	cmd := &cobra.Command{
		Use:   "down [OPTIONS]",
		Short: "Stop and remove the project's containers and networks",
		Long: `Stop and remove the project's containers and networks; with -v its volumes too.
The files stay. Requests that run are finished first.`,
		Example: `  docker haproxy down
  docker haproxy down -v --rmi local
  docker haproxy -p shop down    # from anywhere, by the project's name`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Timeout = seconds(cmd.Flags().Changed("timeout"), timeout)
			return runDown(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&opts.Volumes, "volumes", "v", false, "Remove the project's volumes, named and anonymous")
	flags.StringVar(&opts.Images, "rmi", "", `Remove images: "local" those without a tag of their own, "all" every one ("local"|"all")`)
	flags.IntVarP(&timeout, "timeout", "t", 0, "Seconds until a container is killed (default: its stop_grace_period)")
	flags.BoolVar(&opts.RemoveOrphans, "remove-orphans", false, "Remove containers of services that are not in the Compose file")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Show what would be removed and remove nothing")
	mustRegister(cmd, "rmi", cobra.FixedCompletions([]string{"local", "all"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runDown(ctx context.Context, dockerCLI command.Cli, project *projectOptions, opts downOptions) error {
	switch opts.Images {
	case "", "local", "all":
	default:
		return problem(fmt.Sprintf("--rmi %q is unknown", opts.Images), "Choose local or all.")
	}
	engine, target, err := project.target(ctx, dockerCLI, opts.dryRun)
	if err != nil {
		return err
	}
	found, err := engine.Down(ctx, target, opts.DownOptions)
	if errors.Is(err, context.Canceled) {
		return &compose.Problem{Summary: "interrupted; a part of project " + target.Name + " may be left", Advice: `"docker haproxy down" removes the rest.`, Cause: err}
	}
	if err != nil {
		return err
	}
	if !found {
		note(dockerCLI, "Nothing to remove: project %q has no containers, networks or volumes.", target.Name)
	}
	return nil
}
