package plugin

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v5/cmd/display"
	"github.com/docker/compose/v5/cmd/formatter"
	"github.com/docker/compose/v5/pkg/api"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

func progressModes() []string {
	return []string{display.ModeAuto, display.ModeTTY, display.ModePlain, display.ModeJSON, display.ModeQuiet}
}

// engine opens the engine with the progress display that the flags ask for,
// and makes sure that it answers.
func (o *projectOptions) engine(dockerCLI command.Cli, dryRun bool) (*compose.Engine, error) {
	events, err := o.renderer(dockerCLI, dryRun)
	if err != nil {
		return nil, err
	}
	engine, err := compose.New(dockerCLI, visibleEvents{events}, dryRun)
	if err != nil {
		return nil, err
	}
	engine.AskInstalled(os.Getenv(metadata.ReexecEnvvar))
	if o.saysLines() {
		say := func(line string) { fprintln(dockerCLI.Err(), line) }
		engine.OnSilence(say, !dockerCLI.Err().IsTerminal() || o.progress == display.ModePlain)
	}
	return engine, nil
}

// saysLines tells whether standard error is for people to read.
func (o *projectOptions) saysLines() bool {
	return o.progress != display.ModeQuiet && o.progress != display.ModeJSON
}

// renderer chooses Compose's own progress display. Progress goes to standard
// error, so that is the stream that must be a terminal; Compose chooses alike
// (its selector is not exported).
func (o *projectOptions) renderer(dockerCLI command.Cli, dryRun bool) (api.EventProcessor, error) {
	ansi := o.ansi
	switch ansi {
	case formatter.Auto, formatter.Never, formatter.Always:
	default:
		return nil, fmt.Errorf("--ansi %q is unknown: choose auto, never or always", ansi)
	}
	if os.Getenv("NO_COLOR") != "" && ansi != formatter.Always {
		display.NoColor()
		ansi = formatter.Never
	}
	formatter.SetANSIMode(dockerCLI, ansi)

	stderr := dockerCLI.Err()
	mode := o.progress
	if mode == display.ModeAuto {
		mode = display.ModePlain
		if stderr.IsTerminal() && ansi != formatter.Never {
			mode = display.ModeTTY
		}
	}
	switch mode {
	case display.ModeTTY:
		if o.ansi == formatter.Never {
			return nil, errors.New("--progress tty needs ANSI control characters, which --ansi never forbids: choose one of them")
		}
		var opts []display.TermOption
		if dryRun {
			opts = append(opts, display.WithDryRun())
		}
		return display.Full(stderr, stderr, true, opts...), nil
	case display.ModePlain:
		return display.Plain(stderr), nil
	case display.ModeJSON:
		return display.JSON(stderr), nil
	case display.ModeQuiet:
		return display.Quiet(), nil
	default:
		return nil, fmt.Errorf("--progress %q is unknown: choose %s", o.progress, strings.Join(progressModes(), ", "))
	}
}
