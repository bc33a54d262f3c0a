package plugin

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/pkg/browser"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

type openOptions struct {
	print bool
}

func newOpenCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts openOptions
	cmd := &cobra.Command{
		Use:   "open [OPTIONS]",
		Short: "Open the stats page in the browser",
		Long:  "Open HAProxy's stats page in the browser, or print its address.",
		Example: `  docker haproxy open
  docker haproxy open --print
  curl -s "$(docker haproxy open --print);csv"`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runOpen(cmd.Context(), dockerCLI, project, opts)
		},
	}
	cmd.Flags().BoolVar(&opts.print, "print", false, "Print the address and open nothing")
	return cmd
}

func runOpen(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts openOptions) error {
	engine, project, err := options.attend(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	if _, err := engine.RunningBalancer(ctx, project); err != nil {
		return err
	}
	url, err := statsURL(project)
	if err != nil {
		return err
	}
	if opts.print {
		return write(dockerCLI.Out(), url+"\n")
	}
	browser.Stdout, browser.Stderr = dockerCLI.Err(), dockerCLI.Err() // the browser's own chatter is no data
	if err := browser.OpenURL(url); err != nil {
		return problem(fmt.Sprintf("no browser could be opened: %v", err), "The stats page is at "+url)
	}
	note(dockerCLI, "Opened %s", url)
	return nil
}

func statsURL(project *compose.Project) (string, error) {
	for _, address := range project.Addresses() {
		if address.Stats && address.URL != "" {
			return address.URL, nil
		}
	}
	return "", problem(
		"no published port of service haproxy leads to a stats page",
		`The configuration needs a frontend with "stats enable", and "ports:" in the Compose file must publish its port.`)
}
