package compose

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli/command"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	"golang.org/x/sync/semaphore"
)

// safeStopsAPIVersion is that of Docker 23.0. An engine before it can lock
// itself up for good when two containers of one network end at the same moment:
// libnetwork's getSvcRecords and processEndpointDelete take the locks of the
// network and of the controller in opposite order (moby/moby#42545, #46661).
const safeStopsAPIVersion = "1.42"

// inTurns is a docker CLI whose calls of the engine say what is waited for,
// and through which containers end one after another, where the engine does not
// bear more.
type inTurns struct {
	command.Cli
	turn    *semaphore.Weighted
	instead *handovers
	waiting *waiting
}

func takingTurns(cli command.Cli, instead *handovers, waiting *waiting) command.Cli {
	return inTurns{cli, semaphore.NewWeighted(1), instead, waiting}
}

// Client is the CLI's, for us as for the Compose SDK.
func (c inTurns) Client() client.APIClient {
	asked := askedClient{c.Cli.Client(), c.waiting, fmt.Sprintf("the Docker engine (context %s)", c.CurrentContext())}
	return clientInTurns{asked, c.turn, c.instead}
}

type clientInTurns struct {
	client.APIClient
	turn    *semaphore.Weighted
	instead *handovers
}

func (c clientInTurns) ContainerStop(ctx context.Context, id string, opts client.ContainerStopOptions) (client.ContainerStopResult, error) {
	if instead := c.instead.take(id); instead != nil {
		return client.ContainerStopResult{}, instead(ctx)
	}
	done, err := c.wait(ctx)
	if err != nil {
		return client.ContainerStopResult{}, err
	}
	defer done()
	return c.APIClient.ContainerStop(ctx, id, opts)
}

func (c clientInTurns) ContainerRemove(ctx context.Context, id string, opts client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	done, err := c.wait(ctx)
	if err != nil {
		return client.ContainerRemoveResult{}, err
	}
	defer done()
	return c.APIClient.ContainerRemove(ctx, id, opts)
}

// wait waits for the turn to end a container. The version is known once the
// engine was asked for it (Engine.Ready).
func (c clientInTurns) wait(ctx context.Context) (done func(), err error) {
	if !versions.LessThan(c.ClientVersion(), safeStopsAPIVersion) {
		return func() {}, nil
	}
	if err := c.turn.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { c.turn.Release(1) }, nil
}
