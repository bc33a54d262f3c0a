package compose

import (
	"context"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// untouched has Compose leave containers as they are. It would start those that
// were created or have ended, and restart those that are paused or dead.
func untouched(ctx context.Context, containers []Container) context.Context {
	ids := map[string]bool{}
	for _, c := range containers {
		ids[c.ID] = true
	}
	return context.WithValue(ctx, untouchedKey{}, ids)
}

type untouchedKey struct{}

// ContainerList shows containers that are to be left as they are as running ones.
func (c clientInTurns) ContainerList(ctx context.Context, opts client.ContainerListOptions) (client.ContainerListResult, error) {
	listed, err := c.APIClient.ContainerList(ctx, opts)
	ids, _ := ctx.Value(untouchedKey{}).(map[string]bool)
	for i := range listed.Items {
		if ids[listed.Items[i].ID] {
			listed.Items[i].State = container.StateRunning
		}
	}
	return listed, err
}
