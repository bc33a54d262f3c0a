package plugin

import (
	"os"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// projectOptions are the flags of Compose that say which project is meant and
// how progress is shown. They may stand before the command, as those of
// Compose must, or behind it.
type projectOptions struct {
	compose.LoadOptions

	progress string
	ansi     string
}

// flags makes the flags. They are made once and shared by all commands, so
// that "docker haproxy -f a.yaml up -f b.yaml" means both files.
func (o *projectOptions) flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("project", pflag.ContinueOnError)
	flags.StringArrayVarP(&o.ConfigPaths, "file", "f", nil, "Compose configuration files")
	flags.StringVarP(&o.ProjectName, "project-name", "p", "", "Project name")
	flags.StringVar(&o.ProjectDir, "project-directory", "", "Alternate working directory (default: the path of the first Compose file)")
	flags.StringArrayVar(&o.EnvFiles, "env-file", list(os.Getenv("COMPOSE_ENV_FILES")), "Alternate environment file")
	flags.StringArrayVar(&o.Profiles, "profile", nil, "Profile to enable")
	flags.StringVar(&o.progress, "progress", orDefault(os.Getenv("COMPOSE_PROGRESS"), "auto"), `Type of progress output ("auto"|"tty"|"plain"|"json"|"quiet")`)
	flags.StringVar(&o.ansi, "ansi", orDefault(os.Getenv("COMPOSE_ANSI"), "auto"), `When to print ANSI control characters ("never"|"always"|"auto")`)
	return flags
}

// register gives a command the flags. A shorthand is left to a command that
// means something else by it, as logs does by -f.
func (o *projectOptions) register(cmd *cobra.Command, flags *pflag.FlagSet, dockerCLI command.Cli) {
	flags.VisitAll(func(flag *pflag.Flag) {
		own := *flag // completion is registered by the flag's address; the value is shared
		if own.Shorthand != "" && cmd.Flags().ShorthandLookup(own.Shorthand) != nil {
			own.Shorthand = ""
		}
		cmd.Flags().AddFlag(&own)
	})
	mustRegister(cmd, "file", completeExtensions("yaml", "yml"))
	mustRegister(cmd, "project-name", completeProjects(dockerCLI))
	mustRegister(cmd, "project-directory", completeFolders)
	mustRegister(cmd, "env-file", completeFiles)
	mustRegister(cmd, "profile", completeProfiles(dockerCLI, o))
	mustRegister(cmd, "progress", cobra.FixedCompletions(progressModes(), cobra.ShellCompDirectiveNoFileComp))
	mustRegister(cmd, "ansi", cobra.FixedCompletions([]string{"auto", "never", "always"}, cobra.ShellCompDirectiveNoFileComp))
}

// mustRegister declares a flag's completion. The only error that can come is
// that the flag does not exist: a programming error, found by any test.
func mustRegister(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err)
	}
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

func list(commaSeparated string) []string {
	return strings.FieldsFunc(commaSeparated, func(r rune) bool { return r == ',' })
}
