package compose

import (
	"context"
	"time"

	"github.com/moby/moby/client"
)

// askedClient is the engine's client with patience: each call that ends says what
// is waited for, ends with its context, and has a limit. Left out are those that
// last as long as the caller listens: events, logs, the wait for a container's end.
type askedClient struct {
	client.APIClient
	waiting *waiting
	engine  string // "the Docker engine (context default)"
}

func (c askedClient) to(what string, limit time.Duration) exchange {
	return exchange{whom: c.engine, what: what, limit: limit}
}

// stream is to for what is read from after the call.
func (c askedClient) stream(what string, limit time.Duration) exchange {
	return exchange{whom: c.engine, what: what, limit: limit, lives: true}
}

// short is a container's or network's ID as people see it, or its name.
func short(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}

func (c askedClient) Ping(ctx context.Context, opts client.PingOptions) (client.PingResult, error) {
	return await(ctx, c.waiting, c.to("to answer", answerLimit), func(ctx context.Context) (client.PingResult, error) {
		return c.APIClient.Ping(ctx, opts)
	})
}

func (c askedClient) Info(ctx context.Context, opts client.InfoOptions) (client.SystemInfoResult, error) {
	return await(ctx, c.waiting, c.to("to tell about itself", answerLimit), func(ctx context.Context) (client.SystemInfoResult, error) {
		return c.APIClient.Info(ctx, opts)
	})
}

func (c askedClient) ServerVersion(ctx context.Context, opts client.ServerVersionOptions) (client.ServerVersionResult, error) {
	return await(ctx, c.waiting, c.to("to tell its version", answerLimit), func(ctx context.Context) (client.ServerVersionResult, error) {
		return c.APIClient.ServerVersion(ctx, opts)
	})
}

func (c askedClient) ContainerList(ctx context.Context, opts client.ContainerListOptions) (client.ContainerListResult, error) {
	return await(ctx, c.waiting, c.to("to list containers", answerLimit), func(ctx context.Context) (client.ContainerListResult, error) {
		return c.APIClient.ContainerList(ctx, opts)
	})
}

func (c askedClient) ContainerInspect(ctx context.Context, id string, opts client.ContainerInspectOptions) (client.ContainerInspectResult, error) {
	return await(ctx, c.waiting, c.to("to describe container "+short(id), answerLimit), func(ctx context.Context) (client.ContainerInspectResult, error) {
		return c.APIClient.ContainerInspect(ctx, id, opts)
	})
}

func (c askedClient) ContainerTop(ctx context.Context, id string, opts client.ContainerTopOptions) (client.ContainerTopResult, error) {
	return await(ctx, c.waiting, c.to("to list the processes of container "+short(id), answerLimit), func(ctx context.Context) (client.ContainerTopResult, error) {
		return c.APIClient.ContainerTop(ctx, id, opts)
	})
}

func (c askedClient) ContainerStatPath(ctx context.Context, id string, opts client.ContainerStatPathOptions) (client.ContainerStatPathResult, error) {
	return await(ctx, c.waiting, c.to("to look into container "+short(id), answerLimit), func(ctx context.Context) (client.ContainerStatPathResult, error) {
		return c.APIClient.ContainerStatPath(ctx, id, opts)
	})
}

func (c askedClient) ContainerCreate(ctx context.Context, opts client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	return await(ctx, c.waiting, c.to("to create container "+opts.Name, workLimit), func(ctx context.Context) (client.ContainerCreateResult, error) {
		return c.APIClient.ContainerCreate(ctx, opts)
	})
}

func (c askedClient) ContainerStart(ctx context.Context, id string, opts client.ContainerStartOptions) (client.ContainerStartResult, error) {
	return await(ctx, c.waiting, c.to("to start container "+short(id), workLimit), func(ctx context.Context) (client.ContainerStartResult, error) {
		return c.APIClient.ContainerStart(ctx, id, opts)
	})
}

func (c askedClient) ContainerStop(ctx context.Context, id string, opts client.ContainerStopOptions) (client.ContainerStopResult, error) {
	return await(ctx, c.waiting, c.to("to stop container "+short(id), noLimit), func(ctx context.Context) (client.ContainerStopResult, error) {
		return c.APIClient.ContainerStop(ctx, id, opts)
	})
}

func (c askedClient) ContainerRestart(ctx context.Context, id string, opts client.ContainerRestartOptions) (client.ContainerRestartResult, error) {
	return await(ctx, c.waiting, c.to("to restart container "+short(id), noLimit), func(ctx context.Context) (client.ContainerRestartResult, error) {
		return c.APIClient.ContainerRestart(ctx, id, opts)
	})
}

func (c askedClient) ContainerKill(ctx context.Context, id string, opts client.ContainerKillOptions) (client.ContainerKillResult, error) {
	return await(ctx, c.waiting, c.to("to signal container "+short(id), answerLimit), func(ctx context.Context) (client.ContainerKillResult, error) {
		return c.APIClient.ContainerKill(ctx, id, opts)
	})
}

func (c askedClient) ContainerPause(ctx context.Context, id string, opts client.ContainerPauseOptions) (client.ContainerPauseResult, error) {
	return await(ctx, c.waiting, c.to("to pause container "+short(id), answerLimit), func(ctx context.Context) (client.ContainerPauseResult, error) {
		return c.APIClient.ContainerPause(ctx, id, opts)
	})
}

func (c askedClient) ContainerUnpause(ctx context.Context, id string, opts client.ContainerUnpauseOptions) (client.ContainerUnpauseResult, error) {
	return await(ctx, c.waiting, c.to("to let container "+short(id)+" go on", answerLimit), func(ctx context.Context) (client.ContainerUnpauseResult, error) {
		return c.APIClient.ContainerUnpause(ctx, id, opts)
	})
}

func (c askedClient) ContainerRename(ctx context.Context, id string, opts client.ContainerRenameOptions) (client.ContainerRenameResult, error) {
	return await(ctx, c.waiting, c.to("to rename container "+short(id), answerLimit), func(ctx context.Context) (client.ContainerRenameResult, error) {
		return c.APIClient.ContainerRename(ctx, id, opts)
	})
}

func (c askedClient) ContainerRemove(ctx context.Context, id string, opts client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	return await(ctx, c.waiting, c.to("to remove container "+short(id), workLimit), func(ctx context.Context) (client.ContainerRemoveResult, error) {
		return c.APIClient.ContainerRemove(ctx, id, opts)
	})
}

func (c askedClient) ContainerAttach(ctx context.Context, id string, opts client.ContainerAttachOptions) (client.ContainerAttachResult, error) {
	return await(ctx, c.waiting, c.stream("to connect to container "+short(id), answerLimit), func(ctx context.Context) (client.ContainerAttachResult, error) {
		return c.APIClient.ContainerAttach(ctx, id, opts)
	})
}

func (c askedClient) ExecCreate(ctx context.Context, id string, opts client.ExecCreateOptions) (client.ExecCreateResult, error) {
	return await(ctx, c.waiting, c.to("to run a command in container "+short(id), answerLimit), func(ctx context.Context) (client.ExecCreateResult, error) {
		return c.APIClient.ExecCreate(ctx, id, opts)
	})
}

func (c askedClient) ExecAttach(ctx context.Context, id string, opts client.ExecAttachOptions) (client.ExecAttachResult, error) {
	return await(ctx, c.waiting, c.stream("to start a command in a container", answerLimit), func(ctx context.Context) (client.ExecAttachResult, error) {
		return c.APIClient.ExecAttach(ctx, id, opts)
	})
}

func (c askedClient) ExecInspect(ctx context.Context, id string, opts client.ExecInspectOptions) (client.ExecInspectResult, error) {
	return await(ctx, c.waiting, c.to("to tell how a command ended", answerLimit), func(ctx context.Context) (client.ExecInspectResult, error) {
		return c.APIClient.ExecInspect(ctx, id, opts)
	})
}

func (c askedClient) CopyToContainer(ctx context.Context, id string, opts client.CopyToContainerOptions) (client.CopyToContainerResult, error) {
	return await(ctx, c.waiting, c.to("to copy files into container "+short(id), workLimit), func(ctx context.Context) (client.CopyToContainerResult, error) {
		return c.APIClient.CopyToContainer(ctx, id, opts)
	})
}

func (c askedClient) ImageInspect(ctx context.Context, ref string, opts ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	return await(ctx, c.waiting, c.to("to describe image "+ref, answerLimit), func(ctx context.Context) (client.ImageInspectResult, error) {
		return c.APIClient.ImageInspect(ctx, ref, opts...)
	})
}

func (c askedClient) ImageList(ctx context.Context, opts client.ImageListOptions) (client.ImageListResult, error) {
	return await(ctx, c.waiting, c.to("to list images", answerLimit), func(ctx context.Context) (client.ImageListResult, error) {
		return c.APIClient.ImageList(ctx, opts)
	})
}

func (c askedClient) ImageRemove(ctx context.Context, ref string, opts client.ImageRemoveOptions) (client.ImageRemoveResult, error) {
	return await(ctx, c.waiting, c.to("to remove image "+ref, workLimit), func(ctx context.Context) (client.ImageRemoveResult, error) {
		return c.APIClient.ImageRemove(ctx, ref, opts)
	})
}

func (c askedClient) ImagePull(ctx context.Context, ref string, opts client.ImagePullOptions) (client.ImagePullResponse, error) {
	return await(ctx, c.waiting, c.stream("to pull image "+ref, noLimit), func(ctx context.Context) (client.ImagePullResponse, error) {
		return c.APIClient.ImagePull(ctx, ref, opts)
	})
}

func (c askedClient) NetworkList(ctx context.Context, opts client.NetworkListOptions) (client.NetworkListResult, error) {
	return await(ctx, c.waiting, c.to("to list networks", answerLimit), func(ctx context.Context) (client.NetworkListResult, error) {
		return c.APIClient.NetworkList(ctx, opts)
	})
}

func (c askedClient) NetworkInspect(ctx context.Context, id string, opts client.NetworkInspectOptions) (client.NetworkInspectResult, error) {
	return await(ctx, c.waiting, c.to("to describe network "+short(id), answerLimit), func(ctx context.Context) (client.NetworkInspectResult, error) {
		return c.APIClient.NetworkInspect(ctx, id, opts)
	})
}

func (c askedClient) NetworkCreate(ctx context.Context, name string, opts client.NetworkCreateOptions) (client.NetworkCreateResult, error) {
	return await(ctx, c.waiting, c.to("to create network "+name, workLimit), func(ctx context.Context) (client.NetworkCreateResult, error) {
		return c.APIClient.NetworkCreate(ctx, name, opts)
	})
}

func (c askedClient) NetworkRemove(ctx context.Context, id string, opts client.NetworkRemoveOptions) (client.NetworkRemoveResult, error) {
	return await(ctx, c.waiting, c.to("to remove network "+short(id), workLimit), func(ctx context.Context) (client.NetworkRemoveResult, error) {
		return c.APIClient.NetworkRemove(ctx, id, opts)
	})
}

func (c askedClient) NetworkConnect(ctx context.Context, id string, opts client.NetworkConnectOptions) (client.NetworkConnectResult, error) {
	return await(ctx, c.waiting, c.to("to connect network "+short(id), workLimit), func(ctx context.Context) (client.NetworkConnectResult, error) {
		return c.APIClient.NetworkConnect(ctx, id, opts)
	})
}

func (c askedClient) NetworkDisconnect(ctx context.Context, id string, opts client.NetworkDisconnectOptions) (client.NetworkDisconnectResult, error) {
	return await(ctx, c.waiting, c.to("to disconnect network "+short(id), workLimit), func(ctx context.Context) (client.NetworkDisconnectResult, error) {
		return c.APIClient.NetworkDisconnect(ctx, id, opts)
	})
}

func (c askedClient) VolumeList(ctx context.Context, opts client.VolumeListOptions) (client.VolumeListResult, error) {
	return await(ctx, c.waiting, c.to("to list volumes", answerLimit), func(ctx context.Context) (client.VolumeListResult, error) {
		return c.APIClient.VolumeList(ctx, opts)
	})
}

func (c askedClient) VolumeInspect(ctx context.Context, name string, opts client.VolumeInspectOptions) (client.VolumeInspectResult, error) {
	return await(ctx, c.waiting, c.to("to describe volume "+name, answerLimit), func(ctx context.Context) (client.VolumeInspectResult, error) {
		return c.APIClient.VolumeInspect(ctx, name, opts)
	})
}

func (c askedClient) VolumeCreate(ctx context.Context, opts client.VolumeCreateOptions) (client.VolumeCreateResult, error) {
	return await(ctx, c.waiting, c.to("to create volume "+opts.Name, workLimit), func(ctx context.Context) (client.VolumeCreateResult, error) {
		return c.APIClient.VolumeCreate(ctx, opts)
	})
}

func (c askedClient) VolumeRemove(ctx context.Context, name string, opts client.VolumeRemoveOptions) (client.VolumeRemoveResult, error) {
	return await(ctx, c.waiting, c.to("to remove volume "+name, workLimit), func(ctx context.Context) (client.VolumeRemoveResult, error) {
		return c.APIClient.VolumeRemove(ctx, name, opts)
	})
}
