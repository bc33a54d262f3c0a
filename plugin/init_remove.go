package plugin

import (
	"context"

	"github.com/docker/cli/cli/command"

	"github.com/docker-haproxy/docker-haproxy/attach"
)

// runInitRemove takes away what init wrote beside a project of the user's own.
func runInitRemove(ctx context.Context, dockerCLI command.Cli, opts initOptions, place attach.Place) error {
	engine, err := initEngine(dockerCLI)
	if err != nil {
		return err
	}
	plan, err := attach.PlanRemoval(ctx, engine, place, opts.load, opts.force)
	if err != nil {
		return err
	}
	if plan.Edited != "" && !opts.dryRun && interactive(dockerCLI) {
		yes, err := newPrompter(dockerCLI).confirm(ctx, plan.Edited+" was edited since init wrote it. Remove it all the same?")
		if err != nil {
			return err
		}
		if yes {
			if plan, err = attach.PlanRemoval(ctx, engine, place, opts.load, true); err != nil {
				return err
			}
		}
	}
	if opts.dryRun {
		return write(dockerCLI.Out(), plan.String()+"\n")
	}
	err = engine.Operation(ctx, "init", func(ctx context.Context) error { return plan.Do(ctx, engine) })
	if err != nil {
		return err
	}
	for _, path := range plan.Removed() {
		fprintln(dockerCLI.Out(), path)
	}
	for _, line := range plan.Notes() {
		note(dockerCLI, "%s", line)
	}
	if plan.Reopening == "" {
		hint(dockerCLI, "docker compose up -d     give the services back the labels that they had")
	}
	return nil
}
