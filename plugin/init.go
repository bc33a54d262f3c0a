package plugin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

type initOptions struct {
	folder         string
	name           string
	servers        int
	appImage       string
	appPort        int
	flavor         string
	haproxyVersion string
	image          string
	httpPort       int
	statsPort      int
	statsAddress   string
	network        string
	force          bool
	dryRun         bool
}

func newInitCommand(dockerCLI command.Cli) *cobra.Command {
	var opts initOptions
	cmd := &cobra.Command{
		Use:   "init [OPTIONS] [DIR]",
		Short: "Write a Compose project with HAProxy in front of a web app",
		Long: `Write compose.yaml and haproxy/haproxy.cfg: HAProxy in front of a few containers
of one web app. The files are yours to edit, and work under plain Compose too.`,
		Example: `  docker haproxy init demo
  docker haproxy init --app-image ghcr.io/you/app:1.0 --app-port 3000 shop
  docker haproxy init --flavor debian --haproxy-version 3.4 --http-port 8080
  docker haproxy init --dry-run`,
		Args: cli.RequiresMaxArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeFolders(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.folder = "."
			if len(args) > 0 {
				opts.folder = args[0]
			}
			if opts.image != "" && (cmd.Flags().Changed("flavor") || cmd.Flags().Changed("haproxy-version")) {
				return problem("--image already names the whole image", "Drop --flavor and --haproxy-version, or --image.")
			}
			return runInit(cmd.Context(), dockerCLI, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.name, "name", "", "Project name (default: the folder's name)")
	flags.IntVar(&opts.servers, "servers", 3, "Containers of the web app: web1, web2, ...")
	flags.StringVar(&opts.appImage, "app-image", compose.DefaultAppImage, "Image of the web app")
	flags.IntVar(&opts.appPort, "app-port", compose.DefaultAppPort, "Port that the web app listens on in its container")
	flags.StringVar(&opts.flavor, "flavor", compose.Flavors()[0], `Base of the HAProxy image ("`+strings.Join(compose.Flavors(), `"|"`)+`")`)
	flags.StringVar(&opts.haproxyVersion, "haproxy-version", compose.DefaultHAProxyVersion, "HAProxy branch or release")
	flags.StringVar(&opts.image, "image", "", "HAProxy image, in place of --flavor and --haproxy-version")
	flags.IntVar(&opts.httpPort, "http-port", 80, "Port of this machine for requests")
	flags.IntVar(&opts.statsPort, "stats-port", 8404, "Port of this machine for the stats page")
	flags.StringVar(&opts.statsAddress, "stats-address", "127.0.0.1", "Address of this machine for the stats page")
	flags.StringVar(&opts.network, "network", "mynetwork", "Name of the network in the Compose file")
	flags.BoolVar(&opts.force, "force", false, "Overwrite what an earlier init wrote")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Print the files and write nothing")

	mustRegister(cmd, "flavor", cobra.FixedCompletions(compose.Flavors(), cobra.ShellCompDirectiveNoFileComp))
	mustRegister(cmd, "haproxy-version", cobra.FixedCompletions([]string{compose.DefaultHAProxyVersion, "3.4"}, cobra.ShellCompDirectiveNoFileComp))
	mustRegister(cmd, "stats-address", cobra.FixedCompletions([]string{"127.0.0.1", "0.0.0.0"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runInit(ctx context.Context, dockerCLI command.Cli, opts initOptions) error {
	folder, err := filepath.Abs(opts.folder)
	if err != nil {
		return err
	}
	demo, err := opts.demo(folder)
	if err != nil {
		return err
	}
	files, err := demo.Generate(ctx)
	if err != nil {
		return err
	}
	if opts.dryRun {
		return printFiles(dockerCLI, files)
	}
	if err := mayWrite(folder, files, opts.force); err != nil {
		return err
	}
	if err := compose.WriteFiles(folder, files); err != nil {
		return err
	}
	for _, file := range files {
		fmt.Fprintln(dockerCLI.Out(), filepath.Join(opts.folder, filepath.FromSlash(file.Path)))
	}
	hint(dockerCLI, nextAfterInit(opts.folder)...)
	return nil
}

// demo is the project that the options describe.
func (o initOptions) demo(folder string) (compose.Demo, error) {
	image := compose.ImageOf(o.image)
	if o.image == "" {
		var err error
		if image, err = compose.FlavorImage(o.flavor, o.haproxyVersion); err != nil {
			return compose.Demo{}, err
		}
	}
	name := o.name
	if name == "" {
		name = compose.ProjectNameOf(filepath.Base(folder))
	}
	if name == "" {
		return compose.Demo{}, problem(fmt.Sprintf("the folder's name %q makes no project name", filepath.Base(folder)), "Give one with --name.")
	}
	return compose.Demo{
		Project:      name,
		ServerCount:  o.servers,
		AppImage:     o.appImage,
		AppPort:      o.appPort,
		Image:        image,
		HTTPPort:     o.httpPort,
		StatsPort:    o.statsPort,
		StatsAddress: o.statsAddress,
		Network:      o.network,
	}, nil
}

func printFiles(dockerCLI command.Cli, files []compose.File) error {
	for i, file := range files {
		if i > 0 {
			fmt.Fprintln(dockerCLI.Out())
		}
		if _, err := fmt.Fprintf(dockerCLI.Out(), "# ---- %s ----\n%s", file.Path, file.Content); err != nil {
			return err
		}
	}
	return nil
}

// mayWrite refuses to touch what somebody else wrote: a Compose file that is
// not from init is never overwritten, not even with --force.
func mayWrite(folder string, files []compose.File, force bool) error {
	for _, name := range compose.FileNames() {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if name != compose.ComposeFileName || !compose.Generated(content) {
			return attachLater(filepath.Join(folder, name))
		}
	}
	if force {
		return nil
	}
	for _, file := range files {
		target := filepath.Join(folder, filepath.FromSlash(file.Path))
		if _, err := os.Lstat(target); err == nil {
			return problem(fmt.Sprintf("%s is there already; nothing was changed", target), "Overwrite it with --force, or choose another folder.")
		}
	}
	return nil
}

// attachLater explains what init is going to do for an existing project.
func attachLater(composeFile string) error {
	return problem(
		fmt.Sprintf("%s is a project of your own; nothing was changed", composeFile),
		`Putting HAProxy in front of an existing project is the next step of docker haproxy: init will then find its web
services, ask which routes lead to them, and add HAProxy in a file of its own, without touching one byte of yours.
Until then: "docker haproxy init --dry-run" prints a service "haproxy" and a haproxy.cfg that you can copy from.`)
}

func nextAfterInit(folder string) []string {
	steps := []string{
		"docker haproxy up       check the configuration, start, wait until requests are served",
		"docker haproxy open     the stats page",
	}
	if filepath.Clean(folder) != "." {
		steps = append([]string{"cd " + folder}, steps...)
	}
	return steps
}
