package compose

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch tells of every save of a file of the configuration, by a nil error, once
// things have been quiet for a moment: an editor that writes a new file and
// renames it over the old one makes several events of one save. The channel is
// closed when ctx ends; an error is the last that comes.
//
// Folders are watched, not files: a file that is renamed over is another one.
func (p *Project) Watch(ctx context.Context) (<-chan error, error) {
	roots := p.configRoots()
	if len(roots) == 0 {
		return nil, &Problem{
			Summary: "the configuration is not on this machine's disk: there is nothing to watch",
			Advice:  `Mount it from the project's folder, as "docker haproxy init" does.`,
		}
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, explainWatch(err)
	}
	w := &watch{Watcher: watcher, roots: roots}
	if err := w.everything(); err != nil {
		return nil, errors.Join(explainWatch(err), watcher.Close())
	}
	saves := make(chan error)
	go func() {
		defer close(saves)
		defer func() { _ = watcher.Close() }()
		w.run(ctx, saves)
	}()
	return saves, nil
}

// quietTime is how long nothing must happen for a save to be over: longer than
// an editor takes between the steps of one, shorter than a person notices.
const quietTime = 100 * time.Millisecond

type watch struct {
	*fsnotify.Watcher

	roots []string
}

// everything watches all folders of the configuration, and those that hold the
// roots, to see them come back when they are replaced.
func (w *watch) everything() error {
	var err error
	for _, root := range w.roots {
		err = errors.Join(err, w.Add(filepath.Dir(root)), w.tree(root))
	}
	return err
}

// tree watches a folder and those below it. What vanishes meanwhile is no error.
func (w *watch) tree(root string) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		case name != root && isScratch(entry.Name()):
			return fs.SkipDir
		}
		if err := w.Add(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

func (w *watch) run(ctx context.Context, saves chan<- error) {
	quiet := time.NewTimer(0)
	<-quiet.C
	tell := func(err error) {
		select {
		case saves <- err:
		case <-ctx.Done():
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.Events:
			if !w.concerns(event.Name) {
				continue
			}
			if info, err := os.Stat(event.Name); err == nil && info.IsDir() && event.Has(fsnotify.Create) {
				_ = w.everything() // files may be in a new folder already; what fails here fails again at reading
			}
			quiet.Reset(quietTime)
		case err := <-w.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) { // too many to be told: something was saved
				quiet.Reset(quietTime)
				continue
			}
			tell(explainWatch(err))
			return
		case <-quiet.C:
			tell(nil)
		}
	}
}

// concerns tells whether a file belongs to the configuration.
func (w *watch) concerns(name string) bool {
	if isScratch(filepath.Base(name)) {
		return false
	}
	for _, root := range w.roots {
		if relative, err := filepath.Rel(root, name); err == nil && filepath.IsLocal(relative) {
			return true
		}
	}
	return false
}

func explainWatch(cause error) error {
	return &Problem{
		Summary: "the folder of the configuration cannot be watched: " + cause.Error(),
		Advice:  "On Linux, /proc/sys/fs/inotify says how much a user may watch.",
		Cause:   cause,
	}
}

// HasLoaded tells whether HAProxy runs a configuration, as far as that is known.
func (e *Engine) HasLoaded(ctx context.Context, p *Project, config Config) bool {
	running, err := e.RunningBalancer(ctx, p)
	return err == nil && p.runs(ctx, e, running, config.Hash)
}
