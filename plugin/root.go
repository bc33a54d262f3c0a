// Package plugin holds the commands of docker haproxy: one verb a file. It
// reads flags, calls compose and haproxy, and prints what they return.
package plugin

import (
	"context"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-haproxy/docker-haproxy/plugin/about"
)

// NewRootCommand builds the command tree. Every command runs under ctx, which
// the caller cancels on Ctrl-C.
func NewRootCommand(ctx context.Context, dockerCLI command.Cli) *cobra.Command {
	var project projectOptions
	cmd := &cobra.Command{
		Use:   about.Name + " [OPTIONS] COMMAND",
		Short: about.ShortDescription,
		Long: `HAProxy in front of your containers: from an empty folder to balanced requests,
and everything after.`,
		Example: `  docker haproxy init demo && cd demo   # write compose.yaml and haproxy/haproxy.cfg
  docker haproxy up                     # check, start, wait until requests are served
  docker haproxy reload                 # apply an edited haproxy.cfg; no request is lost`,
		Args:             knownCommand,
		RunE:             command.ShowHelp(dockerCLI.Err()),
		TraverseChildren: true,
	}
	flags := project.flags()
	project.register(cmd, flags, dockerCLI)
	for _, child := range []*cobra.Command{
		newUpCommand(dockerCLI, &project),
		newReloadCommand(dockerCLI, &project),
		newPlanCommand(dockerCLI, &project),
		newRolloutCommand(dockerCLI, &project),
		newScaleCommand(dockerCLI, &project),
		newRestartCommand(dockerCLI, &project),
		newRollbackCommand(dockerCLI, &project),
		newCheckCommand(dockerCLI, &project),
		newDiffCommand(dockerCLI, &project),
		newStatusCommand(dockerCLI, &project),
		newTopCommand(dockerCLI, &project),
		newBenchCommand(dockerCLI, &project),
		newServerCommand(dockerCLI, &project),
		newRuntimeCommand(dockerCLI, &project),
		newDownCommand(dockerCLI, &project),
		newStopCommand(dockerCLI, &project),
		newStartCommand(dockerCLI, &project),
		newPsCommand(dockerCLI, &project),
		newLogsCommand(dockerCLI, &project),
		newOpenCommand(dockerCLI, &project),
	} {
		project.adopt(child, flags, dockerCLI)
		cmd.AddCommand(child)
	}
	cmd.AddCommand(
		newInitCommand(dockerCLI),
		newBenchClientCommand(dockerCLI),
		newVersionCommand(dockerCLI),
	)
	refuseNegatives(cmd)
	withContext(ctx, cmd)
	return cmd
}

// adopt makes a command, and those below it, one that works on a project.
func (o *projectOptions) adopt(cmd *cobra.Command, flags *pflag.FlagSet, dockerCLI command.Cli) {
	for _, child := range cmd.Commands() {
		o.adopt(child, flags, dockerCLI)
	}
	o.register(cmd, flags, dockerCLI)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return o.final(run(cmd, args))
	}
}

// withContext hands the context to every command: cobra gives a command the
// root's context only where it has none, and the root is the Docker CLI's.
func withContext(ctx context.Context, cmd *cobra.Command) {
	cmd.SetContext(ctx)
	for _, child := range cmd.Commands() {
		withContext(ctx, child)
	}
}
