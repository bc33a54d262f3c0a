package plugin

import (
	"context"

	"github.com/docker/cli/cli/command"
	cliformatter "github.com/docker/cli/cli/command/formatter"
	flagsHelper "github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/cmd/formatter"
	"github.com/spf13/cobra"
)

type psOptions struct {
	services []string
	format   string
	quiet    bool
	all      bool
	noTrunc  bool
}

func newPsCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts psOptions
	cmd := &cobra.Command{
		Use:   "ps [OPTIONS] [SERVICE...]",
		Short: "List the project's containers",
		Long:  "List the project's containers, or those of the given services.",
		Example: `  docker haproxy ps
  docker haproxy ps --all --format json
  docker haproxy ps -q web1`,
		ValidArgsFunction: completeServices(dockerCLI, project),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.services = args
			return runPs(cmd.Context(), dockerCLI, project, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.format, "format", "", flagsHelper.FormatHelp)
	flags.BoolVarP(&opts.quiet, "quiet", "q", false, "Print container IDs only")
	flags.BoolVarP(&opts.all, "all", "a", false, "Include stopped containers")
	flags.BoolVar(&opts.noTrunc, "no-trunc", false, "Do not shorten the output")
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

func runPs(ctx context.Context, dockerCLI command.Cli, project *projectOptions, opts psOptions) error {
	engine, target, err := project.target(ctx, dockerCLI, false, opts.services...)
	if err != nil {
		return err
	}
	containers, err := engine.Ps(ctx, target, opts.all)
	if err != nil {
		return err
	}
	if opts.quiet {
		for _, c := range containers {
			fprintln(dockerCLI.Out(), c.ID)
		}
		return nil
	}
	if opts.format == "" {
		opts.format = dockerCLI.ConfigFile().PsFormat
	}
	return writeVisibly(cliformatter.Context{
		Output: dockerCLI.Out(),
		Format: formatter.NewContainerFormat(opts.format, opts.quiet, false, false),
		Trunc:  !opts.noTrunc,
	}, func(ctx cliformatter.Context) error { return formatter.ContainerWrite(ctx, containers) })
}
