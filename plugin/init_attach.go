package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v5/cmd/display"
	"github.com/docker/compose/v5/cmd/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/attach"
	"github.com/docker-haproxy/docker-haproxy/compose"
)

// runInitAttach puts HAProxy in front of a project of the user's own.
func runInitAttach(ctx context.Context, dockerCLI command.Cli, opts initOptions, place attach.Place) error {
	engine, err := initEngine(dockerCLI)
	if err != nil {
		return err
	}
	survey, err := attach.MakeSurvey(ctx, engine, place, opts.load)
	if err != nil {
		return err
	}
	if err := survey.MayAttach(opts.force); err != nil {
		return err
	}
	if survey.Unseen != nil {
		note(dockerCLI, "The images were not asked for their ports: %v", firstLine(survey.Unseen))
	}
	for _, slip := range compose.Slips(survey.Project) {
		note(dockerCLI, "Warning: %v", slip)
	}
	routes, reasons, err := opts.wanted(ctx, dockerCLI, survey)
	if err != nil {
		return err
	}
	options, err := opts.attach(routes)
	if err != nil {
		return err
	}
	plan, err := survey.Plan(options)
	if err != nil {
		return err
	}
	if opts.dryRun {
		for _, line := range append(reasons, plan.Warnings...) {
			note(dockerCLI, "%s", line)
		}
		fprintf(dockerCLI.Out(), "%s\n\n", plan)
		return printFiles(dockerCLI, plan.Files())
	}
	if err := plan.Do(ctx, engine, survey, opts.load); err != nil {
		return err
	}
	printAttached(dockerCLI, opts, plan, reasons)
	ports := []int{opts.httpPort, opts.statsPort}
	for _, route := range plan.Routes {
		if route.TCP() {
			ports = append(ports, route.Listen)
		}
	}
	return noteHostNetwork(ctx, dockerCLI, opts.networkMode == compose.HostNetwork, ports...)
}

// initEngine is the engine for init, which takes no flags for its progress.
func initEngine(dockerCLI command.Cli) (*compose.Engine, error) {
	defaults := projectOptions{progress: display.ModeAuto, ansi: formatter.Auto}
	return defaults.engine(dockerCLI, false)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// attach gives what the flags decide.
func (o initOptions) attach(routes []attach.Route) (attach.Options, error) {
	image, err := o.balancerImage()
	if err != nil {
		return attach.Options{}, err
	}
	options := attach.Options{
		Routes: routes, ClosePorts: o.closePorts, Force: o.force,
		Image: image, HTTPPort: o.httpPort, StatsPort: o.statsPort, StatsAddress: o.statsAddress, NetworkMode: o.networkMode,
	}
	if o.given("network") {
		options.Network = o.network
	}
	return options, nil
}

// wanted finds out which routes are wanted: by flag; by labels that services
// have already; by asking; and where the engine cannot be asked, those that leave no
// choice, with the reasons.
func (o initOptions) wanted(ctx context.Context, dockerCLI command.Cli, survey attach.Survey) (routes []attach.Route, reasons []string, err error) {
	for _, text := range o.routes {
		route, err := attach.ParseRoute(text)
		if err != nil {
			return nil, nil, err
		}
		routes = append(routes, route)
	}
	proposals := survey.Proposals()
	switch {
	case len(routes) > 0:
	case survey.HasLabels():
		return nil, nil, nil
	case interactive(dockerCLI) && len(proposals) > 0:
		if routes, err = newPrompter(dockerCLI).routes(ctx, proposals); err != nil {
			return nil, nil, err
		}
	default:
		sure, err := survey.Propose()
		if err != nil {
			return nil, nil, err
		}
		for _, proposal := range sure {
			routes, reasons = append(routes, proposal.Route()), append(reasons, proposal.Reason())
		}
	}
	routes, err = survey.Resolve(routes)
	return routes, reasons, err
}

// interactive tells whether there is somebody to ask.
func interactive(dockerCLI command.Cli) bool {
	return dockerCLI.In().IsTerminal() && dockerCLI.Out().IsTerminal()
}

func printAttached(dockerCLI command.Cli, opts initOptions, a attach.Plan, reasons []string) {
	for _, path := range a.Written() {
		fprintln(dockerCLI.Out(), path)
	}
	for _, line := range reasons {
		note(dockerCLI, "%s", line)
	}
	for _, line := range a.Notes() {
		note(dockerCLI, "%s", line)
	}
	if a.AddByHand != "" {
		note(dockerCLI, "\nOne line is left to you, %s:\n    %s", a.Where, a.AddByHand)
	}
	hint(dockerCLI, nextAfterInit(opts.folder)...)
}

// errNothingChosen ends a dialogue that came to no route.
var errNothingChosen = errors.New("no route was chosen")

// prompter asks questions on a terminal.
type prompter struct {
	in  *bufio.Reader
	out io.Writer
}

func newPrompter(dockerCLI command.Cli) prompter {
	return prompter{in: bufio.NewReader(dockerCLI.In()), out: dockerCLI.Out()}
}

// ask gives the answer to a question; an empty one is the default. The end of
// the input, and of ctx, end the dialogue.
func (p prompter) ask(ctx context.Context, question, byDefault string) (string, error) {
	fprintf(p.out, "%s [%s]: ", question, byDefault)
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := p.in.ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		fprintln(p.out)
		return "", ctx.Err()
	case got := <-read:
		if got.err != nil && got.text == "" {
			fprintln(p.out)
			return "", problem("the answer is missing; nothing was changed", "Answer the question, or say it with --route.")
		}
		return orDefault(strings.TrimSpace(got.text), byDefault), nil
	}
}

// confirm asks for yes or no; no is the default.
func (p prompter) confirm(ctx context.Context, question string) (bool, error) {
	answer, err := p.ask(ctx, question, "y/N")
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
}

// routes asks, for each route that may be meant, which requests it is for.
func (p prompter) routes(ctx context.Context, proposals []attach.Proposal) ([]attach.Route, error) {
	fprintf(p.out, "Which requests go to which service? Answer with HOST, HOST/PATH or /PATH; * is any host, - is none.\n")
	var routes []attach.Route
	for _, proposal := range proposals {
		port, err := p.port(ctx, proposal)
		if err != nil {
			return nil, err
		}
		route, err := p.route(ctx, proposal, port, routes)
		if err != nil {
			return nil, err
		}
		if route != nil {
			routes = append(routes, *route)
		}
	}
	if len(routes) == 0 {
		return nil, &compose.Problem{Summary: "no route was chosen; nothing was changed", Advice: "Say it with --route, such as --route '*=SERVICE:PORT'.", Cause: errNothingChosen}
	}
	return routes, nil
}

// port asks which port is meant where there are several.
func (p prompter) port(ctx context.Context, proposal attach.Proposal) (int, error) {
	if len(proposal.Ports) == 1 {
		return proposal.Ports[0].Number, nil
	}
	var numbers []string
	for _, port := range proposal.Ports {
		numbers = append(numbers, strconv.Itoa(port.Number))
	}
	for {
		answer, err := p.ask(ctx, fmt.Sprintf("Port of %s (%s)?", proposal.Service, strings.Join(numbers, ", ")), numbers[0])
		if err != nil {
			return 0, err
		}
		if number, err := strconv.ParseUint(answer, 10, 16); err == nil && number > 0 {
			return int(number), nil
		}
		fprintf(p.out, "%q is no port.\n", answer)
	}
}

// route asks which requests go to a service; nil is none. The first service that
// looks like one for clients is proposed all of them, each further one a host of its
// own, and any other service none.
func (p prompter) route(ctx context.Context, proposal attach.Proposal, port int, taken []attach.Route) (*attach.Route, error) {
	service, byDefault := proposal.Service, proposal.Where
	switch {
	case !proposal.Shown:
		byDefault = "-"
	case len(taken) == 0 && proposal.By == "":
		byDefault = "*"
	}
	for {
		answer, err := p.ask(ctx, fmt.Sprintf("Route http://HOST to %s:%d? host", service, port), byDefault)
		if err != nil {
			return nil, err
		}
		if answer == "-" || strings.EqualFold(answer, "n") || strings.EqualFold(answer, "no") {
			return nil, nil
		}
		host, path, err := attach.ParseWhere(strings.TrimPrefix(answer, "http://"))
		if err != nil {
			fprintf(p.out, "%v\n", err)
			continue
		}
		route := attach.Route{Host: host, Path: path, Service: service, Port: port}
		if i := slices.IndexFunc(taken, func(other attach.Route) bool { return other.Where() == route.Where() }); i >= 0 {
			fprintf(p.out, "Those go to %s already.\n", taken[i].Service)
			continue
		}
		return &route, nil
	}
}

// withFlagsBefore adds what stood before the command: docker haproxy -f FILE init.
func withFlagsBefore(load compose.LoadOptions, parent *cobra.Command) compose.LoadOptions {
	flags := parent.Flags()
	text := func(name string) string {
		value, err := flags.GetString(name)
		if err != nil {
			return "" // another parent than ours has no such flag
		}
		return value
	}
	texts := func(name string) []string {
		values, err := flags.GetStringArray(name)
		if err != nil {
			return nil
		}
		return values
	}
	load.ConfigPaths = append(texts("file"), load.ConfigPaths...)
	load.Profiles = append(texts("profile"), load.Profiles...)
	load.EnvFiles = append(texts("env-file"), load.EnvFiles...)
	load.ProjectName = text("project-name")
	load.ProjectDir = text("project-directory")
	return load
}

// completeRoutes offers the services, behind what is typed of the route.
func completeRoutes(dockerCLI command.Cli, load *compose.LoadOptions) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		const noFiles = cobra.ShellCompDirectiveNoFileComp
		engine, err := quiet(dockerCLI)
		if err != nil {
			return nil, noFiles
		}
		options := withFlagsBefore(*load, cmd.Parent())
		if len(args) > 0 {
			options.ProjectDir = args[0]
		}
		where := "*="
		if i := strings.LastIndex(toComplete, "="); i >= 0 {
			where = toComplete[:i+1]
		} else if toComplete != "" {
			where = toComplete + "="
		}
		var offers []string
		for _, service := range engine.ServiceNames(cmd.Context(), options, []string{compose.LoadBalancer}) {
			offers = append(offers, where+service)
		}
		return offers, noFiles
	}
}
