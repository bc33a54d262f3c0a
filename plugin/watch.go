package plugin

import (
	"context"
	"errors"
	"time"

	"github.com/docker/cli/cli/command"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// watchReload applies the configuration whenever it was saved, until Ctrl-C.
// What fails is told, and the next save tried.
func watchReload(ctx context.Context, dockerCLI command.Cli, options *projectOptions, engine *compose.Engine, project *compose.Project, opts reloadOptions) error {
	saves, err := project.Watch(ctx)
	if err != nil {
		return err
	}
	note(dockerCLI, "Watching %s and what lies beside it; Ctrl-C ends.", project.ConfigName())
	w := watching{
		read: func() compose.Config {
			config, err := project.ReadConfig()
			if err != nil {
				return compose.Config{} // which applying it explains
			}
			return config
		},
		apply: func(ctx context.Context) error {
			// The Compose file, with its labels, may have changed as well.
			engine, project, err := options.open(ctx, dockerCLI, false)
			if err != nil {
				return err
			}
			return reloadOnce(ctx, dockerCLI, options, engine, project, opts)
		},
		tell: func(err error) { note(dockerCLI, "%s: %v", time.Now().Format(time.TimeOnly), options.final(err)) },
	}
	// Read before HAProxy is asked: it may be edited meanwhile.
	if config := w.read(); engine.HasLoaded(ctx, project, config) {
		w.tried = config
	}
	return w.run(ctx, saves)
}

// watching applies saves.
type watching struct {
	read  func() compose.Config // what is on disk; zero where it cannot be read
	apply func(context.Context) error
	tell  func(error)

	tried  compose.Config // what was applied last, or HAProxy had from the start
	failed bool           // it was not taken
}

func (w *watching) run(ctx context.Context, saves <-chan error) error {
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case err, open := <-saves:
			if ctx.Err() != nil {
				return nil
			}
			if err != nil || !open {
				return errors.Join(errors.New("the folder cannot be watched any more"), err)
			}
		}
	}
}

// look applies what is on disk, if that is news.
func (w *watching) look(ctx context.Context) {
	now := w.read()
	if !w.isNew(now) {
		return
	}
	err := w.apply(ctx)
	w.tried, w.failed = now, err != nil
	if err == nil || ctx.Err() != nil {
		return
	}
	w.tell(err)
	// A reload that is taken back writes files for a moment. That is no save.
	w.tried.Changed = w.read().Changed
}

// isNew tells whether a configuration is to be tried. One that failed is tried
// again when it is saved again: what it failed of may have been mended elsewhere.
func (w *watching) isNew(now compose.Config) bool {
	return now.Hash == "" || now.Hash != w.tried.Hash || w.failed && !now.Changed.Equal(w.tried.Changed)
}
