// Command docker-haproxy is the Docker CLI plugin "docker haproxy".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker/cli/cli"
	dockerplugin "github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"

	_ "github.com/docker-haproxy/docker-haproxy/cmd/docker-haproxy/introduction" // before all others
	_ "github.com/docker-haproxy/docker-haproxy/cmd/docker-haproxy/startup"      // before most
	"github.com/docker-haproxy/docker-haproxy/plugin"
	"github.com/docker-haproxy/docker-haproxy/plugin/about"
	"github.com/docker-haproxy/docker-haproxy/plugin/visible"
)

func main() {
	os.Exit(run())
}

func run() int {
	if dockerplugin.RunningStandalone() {
		// The library parses what docker passes on: "docker haproxy …".
		os.Args = append([]string{"docker", about.Name}, os.Args[1:]...)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once

	dockerCLI, err := command.NewDockerCli(command.WithUserAgent("docker-haproxy/" + about.Version))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	err = dockerplugin.RunPlugin(dockerCLI, plugin.NewRootCommand(ctx, dockerCLI), about.Metadata())
	return exitCode(dockerCLI.Err(), err)
}

// interrupted is the exit code of a command that Ctrl-C ended: 128 + SIGINT.
const interrupted = 130

// exitCode prints an error and tells the code to exit with.
func exitCode(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, visible.Text(err.Error())) // it may quote a file, a label, an answer
	if errors.Is(err, context.Canceled) {
		return interrupted
	}
	if status, ok := errors.AsType[cli.StatusError](err); ok && status.StatusCode != 0 {
		return status.StatusCode
	}
	return 1
}
