package compose

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	mounttypes "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
)

// programFolder is where a program of ours is in its container: an anonymous
// volume, for the engine copies nothing into a read-only root.
const (
	programFolder = "/docker-haproxy"
	programName   = "program"
)

// unprivileged is a user that owns nothing in any image.
const unprivileged = "65534:65534"

// Inside is a program that runs in a container in a network of the project, with
// its standard input and output as a connection.
type Inside struct {
	attached client.HijackedResponse
	output   io.Reader
	remove   func() error
}

// RunInside runs a static Linux program of this machine in a network of the
// project. The container is made of the load balancer's image, since that is on
// the engine, and has nothing else of it: no root, no capability, a read-only
// root, nothing published. It ends with its input, and the engine removes it when
// it has ended: nothing stays, even if this process is killed. The caller closes it.
func (e *Engine) RunInside(ctx context.Context, p *Project, network, program string, args ...string) (*Inside, error) {
	id, remove, err := e.createOneOff(ctx, insideConfig(p, args), insideHost(network))
	if err != nil {
		return nil, err
	}
	inside := &Inside{remove: func() error { return e.removed(ctx, id, remove) }}
	if err := e.startInside(ctx, inside, id, program); err != nil {
		return nil, errors.Join(err, inside.remove())
	}
	return inside, nil
}

func insideConfig(p *Project, args []string) *container.Config {
	return &container.Config{
		Image:       p.balancer.Image,
		Entrypoint:  []string{path.Join(programFolder, programName)},
		Cmd:         args,
		User:        unprivileged,
		WorkingDir:  "/",
		OpenStdin:   true,
		StdinOnce:   true,
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Labels: oneOffLabels(p),
	}
}

// oneOffLabels are those of a container beside the load balancer's, for a moment.
func oneOffLabels(p *Project) map[string]string {
	return map[string]string{
		api.ProjectLabel: p.Name,
		api.ServiceLabel: LoadBalancer,
		api.OneoffLabel:  "True",
	}
}

func insideHost(network string) *container.HostConfig {
	return &container.HostConfig{
		NetworkMode:    container.NetworkMode(network),
		AutoRemove:     true,
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges:true"},
		Mounts: []mounttypes.Mount{{
			Type: mounttypes.TypeVolume, Target: programFolder,
			VolumeOptions: &mounttypes.VolumeOptions{NoCopy: true},
		}},
	}
}

func (e *Engine) startInside(ctx context.Context, inside *Inside, id, program string) error {
	if err := e.copyProgram(ctx, id, program); err != nil {
		return err
	}
	attached, err := e.api().ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return e.explain(ctx, err)
	}
	output, feed := io.Pipe()
	inside.attached, inside.output = attached.HijackedResponse, output
	go func() {
		// What it complains of would be an answer that nobody waits for.
		_, err := stdcopy.StdCopy(feed, io.Discard, attached.Reader)
		feed.CloseWithError(err) // a nil error reads as io.EOF
	}()
	_, err = e.api().ContainerStart(ctx, id, client.ContainerStartOptions{})
	return e.explain(ctx, err)
}

// copyProgram puts the program into the container's volume.
func (e *Engine) copyProgram(ctx context.Context, id, program string) error {
	file, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	archive, feed := io.Pipe()
	defer func() { _ = archive.Close() }() // lets the writer go that nobody listens to
	go func() { feed.CloseWithError(writeProgram(feed, file)) }()
	_, err = e.api().CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: programFolder, Content: archive})
	return e.explain(ctx, err)
}

func writeProgram(to io.Writer, program *os.File) error {
	info, err := program.Stat()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	if err := archive.WriteHeader(&tar.Header{Name: programName, Mode: 0o555, Size: info.Size()}); err != nil {
		return err
	}
	if _, err := io.Copy(archive, program); err != nil {
		return err
	}
	return archive.Close()
}

// Read reads what the program writes.
func (i *Inside) Read(p []byte) (int, error) { return i.output.Read(p) }

// Write writes to the program.
func (i *Inside) Write(p []byte) (int, error) { return i.attached.Conn.Write(p) }

// Close ends the program and removes its container, which is gone then.
func (i *Inside) Close() error {
	i.attached.Close()
	return i.remove()
}

// removed removes a container that the engine removes by itself as well when it
// ends, and waits until it is gone, whoever was first.
func (e *Engine) removed(ctx context.Context, id string, remove func() error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	removeErr := remove()
	for {
		_, err := e.api().ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if isNotFound(err) {
			return nil
		}
		if pauseErr := Pause(ctx, pollInterval); pauseErr != nil {
			return fmt.Errorf("the container %.12s may still be there: %w", id, errors.Join(removeErr, err))
		}
	}
}
