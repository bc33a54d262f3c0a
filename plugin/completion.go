package plugin

import (
	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v5/cmd/display"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Completion never fails loudly: what cannot be found out is not offered.

func completeFormats(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp
}

func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func completeFolders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func completeExtensions(extensions ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

// quiet opens an engine for completion: no progress, no dry run.
func quiet(dockerCLI command.Cli) (*compose.Engine, error) {
	return compose.New(dockerCLI, display.Quiet(), false)
}

// completeServices offers the services of the project.
func completeServices(dockerCLI command.Cli, project *projectOptions) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		engine, err := quiet(dockerCLI)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return engine.ServiceNames(cmd.Context(), project.LoadOptions, args), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeProjects offers the projects that have containers on the engine.
func completeProjects(dockerCLI command.Cli) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		engine, err := quiet(dockerCLI)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return engine.ProjectNames(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeProfiles offers the profiles of the Compose file.
func completeProfiles(dockerCLI command.Cli, project *projectOptions) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		engine, err := quiet(dockerCLI)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return engine.ProfileNames(cmd.Context(), project.LoadOptions), cobra.ShellCompDirectiveNoFileComp
	}
}
