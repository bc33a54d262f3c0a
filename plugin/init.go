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

	"github.com/docker-haproxy/docker-haproxy/attach"
	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
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
	networkMode    string
	routes         []string
	closePorts     bool
	remove         bool
	force          bool
	dryRun         bool

	load  compose.LoadOptions    // which project a folder's own is
	given func(flag string) bool // whether a flag was given
}

func newInitCommand(dockerCLI command.Cli) *cobra.Command {
	var opts initOptions
	cmd := &cobra.Command{
		Use:   "init [OPTIONS] [DIR]",
		Short: "Put HAProxy in front of a Compose project, or write a new one",
		Long: `Put HAProxy in front of the Compose project in the folder, or write a new project
where there is none.

In front of a project of your own, HAProxy gets a Compose file of its own beside
yours, in which labels say which requests go to which service. Your own YAML is
not touched, and plain "docker compose" understands the result. Without --route,
init asks on a terminal; elsewhere it takes the only service that speaks HTTP, and
does not guess where there are several. --remove takes everything away again.

In an empty folder, init writes compose.yaml and haproxy/haproxy.cfg: HAProxy in
front of a few containers of one web app. The files are yours to edit.

With --network-mode host, HAProxy opens its ports on this machine itself: no NAT, and
the apps publish nothing. With --force, a project that is there changes its mode.`,
		Example: `  docker haproxy init --route shop.example.com=web --route shop.example.com/api=api:3000
  docker haproxy init --route '*=web' --close-ports
  docker haproxy init --route tcp:5432=db --dry-run
  docker haproxy init --remove
  docker haproxy init demo            # a new project, in a folder of its own
  docker haproxy init --app-image ghcr.io/you/app:1.0 --app-port 3000 shop
  docker haproxy init --flavor debian --haproxy-version 3.4 --http-port 8080
  docker haproxy init --network-mode host            # no NAT
  docker haproxy init --network-mode bridge --force  # and back; edits stay`,
		Args: cli.RequiresMaxArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeFolders(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.given = cmd.Flags().Changed
			opts.load = withFlagsBefore(opts.load, cmd.Parent())
			opts.folder = orDefault(opts.load.ProjectDir, ".")
			if len(args) > 0 {
				opts.folder = args[0]
			}
			if opts.folder == "" {
				return checkFolder(opts.folder)
			}
			if !opts.given("http-port") {
				opts.httpPort = compose.UsualHTTPPort(opts.networkMode)
			}
			if opts.image != "" && (cmd.Flags().Changed("flavor") || cmd.Flags().Changed("haproxy-version")) {
				return problem("--image already names the whole image", "Drop --flavor and --haproxy-version, or --image.")
			}
			return runInit(cmd.Context(), dockerCLI, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&opts.routes, "route", nil, "Requests that go to a service: [HOST][/PATH]=SERVICE[:PORT], * is any host; or tcp:LISTEN=SERVICE[:PORT]")
	flags.BoolVar(&opts.closePorts, "close-ports", false, "Take the published ports away to which routes lead: the outside reaches them through HAProxy only")
	flags.BoolVar(&opts.remove, "remove", false, "Take away what init wrote beside a project of your own")
	flags.StringArrayVarP(&opts.load.ConfigPaths, "file", "f", nil, "Compose configuration files of your own project")
	flags.StringArrayVar(&opts.load.Profiles, "profile", nil, "Profile of your own project to enable")
	flags.StringVar(&opts.name, "name", "", "Name of a new project (default: the folder's name)")
	flags.IntVar(&opts.servers, "servers", 3, "Containers of a new project's web app: web1, web2, ...")
	flags.StringVar(&opts.appImage, "app-image", compose.DefaultAppImage, "Image of a new project's web app")
	flags.IntVar(&opts.appPort, "app-port", compose.DefaultAppPort, "Port that a new project's web app listens on in its container")
	flags.StringVar(&opts.flavor, "flavor", compose.Flavors()[0], `Base of the HAProxy image ("`+strings.Join(compose.Flavors(), `"|"`)+`")`)
	flags.StringVar(&opts.haproxyVersion, "haproxy-version", compose.DefaultHAProxyVersion, "HAProxy branch or release")
	flags.StringVar(&opts.image, "image", "", "HAProxy image, in place of --flavor and --haproxy-version")
	flags.IntVar(&opts.httpPort, "http-port", 80, "Port of this machine for requests; with --network-mode host 8080 unless given, for low ports are root's")
	flags.IntVar(&opts.statsPort, "stats-port", 8404, "Port of this machine for the stats page")
	flags.StringVar(&opts.statsAddress, "stats-address", "127.0.0.1", "Address of this machine for the stats page")
	flags.StringVar(&opts.network, "network", "mynetwork", "Network of a new project; in one of your own, the network by which HAProxy reaches services that are on several")
	flags.StringVar(&opts.networkMode, "network-mode", compose.BridgeNetwork, `Network of HAProxy: one of its own, or that of the machine, without NAT ("bridge"|"host")`)
	flags.BoolVar(&opts.force, "force", false, "Overwrite what an earlier init wrote; with another --network-mode, change what that takes and keep the rest; with --remove, also what was edited since")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Print what would be written or removed, and do nothing")

	mustRegister(cmd, "route", completeRoutes(dockerCLI, &opts.load))
	mustRegister(cmd, "file", completeExtensions("yaml", "yml"))
	mustRegister(cmd, "profile", func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		return completeProfiles(dockerCLI, &projectOptions{LoadOptions: opts.load})(cmd, args, toComplete)
	})
	mustRegister(cmd, "flavor", cobra.FixedCompletions(compose.Flavors(), cobra.ShellCompDirectiveNoFileComp))
	mustRegister(cmd, "haproxy-version", cobra.FixedCompletions([]string{compose.DefaultHAProxyVersion, "3.4"}, cobra.ShellCompDirectiveNoFileComp))
	mustRegister(cmd, "network-mode", cobra.FixedCompletions(compose.NetworkModes(), cobra.ShellCompDirectiveNoFileComp))
	mustRegister(cmd, "stats-address", cobra.FixedCompletions([]string{"127.0.0.1", "0.0.0.0"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// runInit attaches HAProxy to the project in the folder, or writes a new one
// where there is none.
func runInit(ctx context.Context, dockerCLI command.Cli, opts initOptions) error {
	folder, err := filepath.Abs(opts.folder)
	if err != nil {
		return err
	}
	if err := checkFolder(folder); err != nil {
		return err
	}
	place, found, err := attach.FindPlace(folder, opts.load)
	if err != nil {
		return err
	}
	if err := opts.fits(place, found); err != nil {
		return err
	}
	if switching := opts.force && opts.given("network-mode") && found && !opts.remove && !opts.given("route"); switching {
		if done, err := runInitSwitch(ctx, dockerCLI, opts, place); done || err != nil {
			return err
		}
	}
	switch {
	case opts.remove:
		return runInitRemove(ctx, dockerCLI, opts, place)
	case found && !place.IsDemo():
		return runInitAttach(ctx, dockerCLI, opts, place)
	default:
		return runInitNew(ctx, dockerCLI, opts, folder)
	}
}

// fits refuses flags that mean nothing for what the folder holds, rather than
// pass over them.
func (o initOptions) fits(place attach.Place, found bool) error {
	own := found && !place.IsDemo()
	for _, flag := range []string{"route", "close-ports", "remove"} {
		if o.given(flag) && !found {
			return problem(fmt.Sprintf("--%s is for a project of your own, and there is no Compose file in %s; nothing was changed", flag, o.folder),
				"Run it where your Compose file is, or name the file with -f.")
		}
		if o.given(flag) && !own && flag != "remove" {
			return problem(fmt.Sprintf("--%s is for a project of your own, and init wrote %s as a whole; nothing was changed", flag, place.Name()),
				"Edit its haproxy/haproxy.cfg, or run init in the folder of your own project.")
		}
	}
	for _, flag := range []string{"name", "servers", "app-image", "app-port"} {
		if o.given(flag) && own {
			return problem(fmt.Sprintf("--%s is for a new project, and %s is a project of your own; nothing was changed", flag, place.Name()),
				"Leave it out to put HAProxy in front of that project, or choose an empty folder.")
		}
	}
	for _, flag := range []string{"route", "close-ports"} {
		if o.remove && o.given(flag) {
			return problem(fmt.Sprintf("--remove and --%s do not go together", flag), "Leave one of them out.")
		}
	}
	return nil
}

// runInitNew writes a project of its own.
func runInitNew(ctx context.Context, dockerCLI command.Cli, opts initOptions, folder string) error {
	demo, err := opts.demo(folder)
	if err != nil {
		return err
	}
	engine, err := initEngine(dockerCLI)
	if err != nil {
		return err
	}
	demo.IPv6 = engine.MayListenOnIPv6()
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
		fprintln(dockerCLI.Out(), filepath.Join(opts.folder, filepath.FromSlash(file.Path)))
	}
	if err := noteHostNetwork(ctx, dockerCLI, demo.OnHost(), demo.HTTPPort, demo.StatsPort); err != nil {
		return err
	}
	hint(dockerCLI, nextAfterInit(opts.folder)...)
	return nil
}

// noteHostNetwork says what the host's network is on the chosen engine, and which
// ports are not to be had there.
func noteHostNetwork(ctx context.Context, dockerCLI command.Cli, onHost bool, ports ...int) error {
	if !onHost {
		return nil
	}
	engine, err := initEngine(dockerCLI)
	if err != nil {
		return err
	}
	for _, line := range engine.HostNotes(ctx, ports...) {
		note(dockerCLI, "%s", line)
	}
	return nil
}

// balancerImage is the HAProxy image that the flags name.
func (o initOptions) balancerImage() (compose.Image, error) {
	if o.image != "" {
		return compose.ImageOf(o.image), nil
	}
	return compose.FlavorImage(o.flavor, o.haproxyVersion)
}

// demo is the project that the options describe.
func (o initOptions) demo(folder string) (compose.Demo, error) {
	image, err := o.balancerImage()
	if err != nil {
		return compose.Demo{}, err
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
		NetworkMode:  o.networkMode,
	}, nil
}

func printFiles(dockerCLI command.Cli, files []compose.File) error {
	for i, file := range files {
		if i > 0 {
			fprintln(dockerCLI.Out())
		}
		if err := write(dockerCLI.Out(), fmt.Sprintf("# ---- %s ----\n%s", file.Path, file.Content)); err != nil {
			return err
		}
	}
	return nil
}

// mayWrite refuses to touch what somebody else wrote: a Compose file that is
// not from init is never overwritten, not even with --force.
func mayWrite(folder string, files []compose.File, force bool) error {
	for _, name := range compose.FileNames() {
		content, err := regular.Read(filepath.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if name != compose.ComposeFileName || !compose.WrittenByInit(content) {
			return problem(
				fmt.Sprintf("%s is a Compose file of your own; nothing was changed", filepath.Join(folder, name)),
				"Choose another folder for a new project, or move that file away.")
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
