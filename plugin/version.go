package plugin

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	flagsHelper "github.com/docker/cli/cli/flags"
	"github.com/docker/cli/templates"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/plugin/about"
)

type versionOptions struct {
	format string
	short  bool
}

func newVersionCommand(dockerCLI command.Cli) *cobra.Command {
	var opts versionOptions
	cmd := &cobra.Command{
		Use:   "version [OPTIONS]",
		Short: "Show the version of docker haproxy",
		Long:  "Show the version of docker haproxy, and of what it is built with. The engine is not asked.",
		Example: `  docker haproxy version
  docker haproxy version --short
  docker haproxy version --format '{{.Version}} {{.OS}}/{{.Arch}}'`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runVersion(dockerCLI, opts)
		},
	}
	cmd.Flags().StringVar(&opts.format, "format", "", flagsHelper.FormatHelp)
	cmd.Flags().BoolVar(&opts.short, "short", false, "Print the version number only")
	mustRegister(cmd, "format", completeFormats)
	return cmd
}

// versionInfo is the answer; its field names are those of --format.
type versionInfo struct {
	Version        string
	Commit         string `json:",omitempty"`
	HAProxyDefault string // the branch of HAProxy that init chooses
	ComposeSDK     string
	Go             string
	OS             string
	Arch           string
}

func runVersion(dockerCLI command.Cli, opts versionOptions) error {
	info := versionInfo{
		Version:        about.Version,
		Commit:         about.Commit,
		HAProxyDefault: compose.DefaultHAProxyVersion,
		ComposeSDK:     composeSDKVersion(),
		Go:             runtime.Version(),
		OS:             runtime.GOOS,
		Arch:           runtime.GOARCH,
	}
	out := dockerCLI.Out()
	switch {
	case opts.short:
		return write(out, info.Version+"\n")
	case opts.format == formatter.JSONFormatKey:
		return printJSON(out, info)
	case opts.format != "" && opts.format != formatter.TableFormatKey:
		template, err := templates.Parse(opts.format)
		if err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		var text strings.Builder
		if err := template.Execute(&text, info); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		return write(out, text.String()+"\n")
	}
	commit := ""
	if info.Commit != "" {
		commit = ", commit " + info.Commit
	}
	return write(out, fmt.Sprintf("docker haproxy %s%s\nHAProxy by default: %s\nCompose SDK: %s\nBuilt with %s for %s/%s\n",
		info.Version, commit, info.HAProxyDefault, info.ComposeSDK, info.Go, info.OS, info.Arch))
}

// composeSDKVersion reads the SDK's version from the binary itself.
func composeSDKVersion() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range build.Deps {
		if dep.Path == "github.com/docker/compose/v5" {
			return dep.Version
		}
	}
	return "unknown"
}
