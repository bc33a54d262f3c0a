package plugin

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v5/cmd/display"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/plugin/top"
)

type topOptions struct {
	interval time.Duration
}

func newTopCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts topOptions
	cmd := &cobra.Command{
		Use:   "top [OPTIONS]",
		Short: "Watch the load balancer live, drain and enable servers",
		Long: `Watch frontends and servers live on the whole screen; sort them, drain them, put
them into maintenance and enable them again. "?" shows the keys, "q" quits.`,
		Example: `  docker haproxy top
  docker haproxy top --interval 500ms`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTop(cmd.Context(), dockerCLI, project, opts)
		},
	}
	cmd.Flags().DurationVar(&opts.interval, "interval", time.Second, "Time between two looks")
	return cmd
}

func runTop(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts topOptions) error {
	if !dockerCLI.In().IsTerminal() || !dockerCLI.Out().IsTerminal() {
		return problem("top needs a terminal", `"docker haproxy status --watch" does without.`)
	}
	silent := *options
	silent.progress = display.ModeQuiet // the screen is the view's
	_, live, err := silent.live(ctx, dockerCLI)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	model := top.New(ctx, oneAtATime(live), max(opts.interval, shortestInterval), bool(options.painter(dockerCLI.Out())))
	_, err = tea.NewProgram(model, tea.WithContext(ctx), tea.WithoutSignalHandler()).Run()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil // Ctrl-C from outside: the terminal is as it was
	}
	return err
}

// oneAtATime lets the view use a session from its goroutines.
func oneAtATime(live *compose.Live) top.Source {
	var mu sync.Mutex
	return top.Source{
		Look: func(ctx context.Context) (compose.Status, error) {
			mu.Lock()
			defer mu.Unlock()
			return live.Look(ctx)
		},
		SetMode: func(ctx context.Context, backend, server string, mode haproxy.Mode) error {
			mu.Lock()
			defer mu.Unlock()
			return live.SetMode(ctx, backend, server, mode)
		},
	}
}
