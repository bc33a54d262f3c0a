package compose

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	mounttypes "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// stdin is how a candidate that is in no file reaches "haproxy -c": nothing
// has to be copied, neither into a container nor out of it.
const stdin = "/dev/stdin"

// Candidate is a configuration to be checked in place of the project's own.
type Candidate struct {
	Name    string // for messages: a file's name, or "standard input"
	Content []byte
}

// Check lets HAProxy itself judge a configuration: the project's own files as
// they stand on disk, or a candidate in their place. Where the load balancer
// runs, that very process's container is used, with its view of DNS; else a
// one-off container of its image without network, which is removed again.
// The report names files as their owner knows them.
func (e *Engine) Check(ctx context.Context, p *Project, running *Balancer, candidate *Candidate) (haproxy.Report, error) {
	argv, input := p.command.Check(), []byte(nil)
	if candidate != nil {
		argv, input = p.command.Check(stdin), candidate.Content
	}

	ground, in := e.groundFor(ctx, p, running)
	defer ground.close()
	first := p.lookFirst(candidate, in)
	if !first.Valid || ground.failed != nil {
		return p.located(first, candidate), ground.failed
	}
	output, exitCode, err := e.ask(ctx, p, running, argv, input)
	if running != nil && (e.endedUnder(ctx, *running, exitCode, err) || err == nil && p.onlyAwaits(haproxy.ParseCheck(exitCode, output))) {
		running = nil // perhaps over the very mistake that is looked for, or for names that nothing has yet
		output, exitCode, err = e.ask(ctx, p, running, argv, input)
	}
	if err != nil {
		return haproxy.Report{}, err
	}
	if err := notHAProxy(p, exitCode, output); err != nil {
		return haproxy.Report{}, err
	}
	report := haproxy.ParseCheck(exitCode, output).Add(first.Diagnostics)
	if running == nil {
		in = e.groundToBe(ctx, p) // there is no container to be asked, or none any more
	}
	report = report.Add(p.overlooked(candidate, report, in))
	return p.located(report, candidate), ground.failed
}

// groundFor is where a configuration is to run: the running container, or one
// that is yet to be made.
func (e *Engine) groundFor(ctx context.Context, p *Project, running *Balancer) (*ground, haproxy.Container) {
	if running == nil {
		return &ground{}, e.groundToBe(ctx, p)
	}
	ground := e.groundOf(ctx, p, *running)
	in := ground.container()
	return ground, in
}

// CheckProject lets HAProxy judge what the project's files and labels of now
// make. The services whose labels cannot be served are told apart.
func (e *Engine) CheckProject(ctx context.Context, p *Project, running *Balancer) (haproxy.Report, []Quarantine, error) {
	generated, report, err := e.checkNow(ctx, p, running, "nothing would be touched")
	if invalid, refused := errors.AsType[*InvalidError](err); refused {
		return invalid.Report, generated.quarantines(), nil
	}
	return report, generated.quarantines(), err
}

// checkNow makes the generated config anew and checks all of the configuration;
// one that HAProxy refuses is an *InvalidError. Nothing is touched.
func (e *Engine) checkNow(ctx context.Context, p *Project, running *Balancer, kept string) (*Generation, haproxy.Report, error) {
	if err := p.baseReadable(); err != nil {
		return nil, haproxy.Report{}, err
	}
	generated, err := e.generate(ctx, p, running, kept)
	if err != nil {
		return nil, haproxy.Report{}, err
	}
	if generated != nil && generated.changed {
		return generated, haproxy.Report{Valid: true, Diagnostics: generated.Warnings}, nil // checked together with the base config
	}
	if err := p.allReadable(p.command.Configs); err != nil {
		return generated, haproxy.Report{}, err
	}
	report, err := e.Check(ctx, p, running, nil)
	if err == nil && !report.Valid {
		err = &InvalidError{Report: report, What: p.ConfigName(), Kept: kept}
	}
	return generated, report, err
}

// checkedFiles are the files that a check is about. complete tells whether they
// are all of them.
func (p *Project) checkedFiles(candidate *Candidate) (files []haproxy.ConfigFile, complete bool) {
	if candidate != nil {
		return []haproxy.ConfigFile{{Name: stdin, Content: candidate.Content}}, true
	}
	return p.configFiles()
}

// killedExit is the exit code of a process that was killed, as all in a container are
// that ends. The engine may still call that container running for some ms.
const killedExit = 137

// endedUnder tells whether the container of a check has ended while it ran.
func (e *Engine) endedUnder(ctx context.Context, running Balancer, exitCode int, err error) bool {
	if err != nil || haproxy.IsCheckExit(exitCode) {
		return isNotRunning(err)
	}
	if exitCode == killedExit {
		return true
	}
	now, err := e.inspect(ctx, running.Container)
	return err != nil || now.crashing(running)
}

// ask runs HAProxy where it can be had.
func (e *Engine) ask(ctx context.Context, p *Project, running *Balancer, argv []string, input []byte) (output string, exitCode int, err error) {
	checked, answered := e.waiting.begin(ctx, checking("HAProxy"))
	if running == nil {
		output, exitCode, err = e.runOneOff(checked, p, argv, input)
		return output, exitCode, answered(err)
	}
	output, exitCode, err = e.run(checked, running.ID, argv, input)
	if err = answered(err); errors.Is(err, errSilent) {
		e.endCheck(ctx, running.ID, argv)
	}
	return output, exitCode, err
}

// endTimeout bounds the end of a check.
const endTimeout = 5 * time.Second

// endCheck ends a check that does not end by itself. It is best effort: the check
// disturbs only itself.
func (e *Engine) endCheck(ctx context.Context, containerID string, argv []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	const script = `for p in /proc/[0-9]*; do [ "$(tr '\0' ' ' <"$p/cmdline")" = "$0 " ] && kill -9 "${p#/proc/}"; done`
	_, _, _ = e.run(ctx, containerID, []string{"sh", "-c", script, strings.Join(argv, " ")}, nil)
}

// notHAProxy recognizes that no HAProxy ran at all: 126 and 127 are a shell's
// and an engine's codes for a command that cannot be started or found.
func notHAProxy(p *Project, exitCode int, output string) error {
	if exitCode != 126 && exitCode != 127 {
		return nil
	}
	return &Problem{
		Summary: fmt.Sprintf("image %s of service %s has no haproxy that can be run", p.balancer.Image, LoadBalancer),
		Details: nonEmpty(output),
		Advice:  "Use an image of HAProxy, such as haproxytech/haproxy-alpine:3.2.",
	}
}

// located completes a report with the lines that it speaks of, read from this
// machine's disk, and with the names that their owner knows.
func (p *Project) located(report haproxy.Report, candidate *Candidate) haproxy.Report {
	files, _ := p.checkedFiles(candidate)
	report = report.Place(files).Locate(func(file string) ([]byte, error) {
		if candidate != nil && file == stdin {
			return candidate.Content, nil
		}
		host, ok := p.hostPath(file)
		if !ok {
			return nil, os.ErrNotExist
		}
		return regular.Read(host)
	})
	for i, d := range report.Diagnostics {
		switch {
		case candidate != nil && d.File == stdin:
			report.Diagnostics[i].File = candidate.Name
		case d.File != "":
			report.Diagnostics[i].File = p.DisplayPath(d.File)
		case candidate != nil:
			report.Diagnostics[i].File = candidate.Name
		case len(p.command.Configs) == 1: // HAProxy named none, and there is only one
			report.Diagnostics[i].File = p.ConfigName()
		}
	}
	return report
}

// removeTimeout bounds the clean-up that must happen even after Ctrl-C.
const removeTimeout = 20 * time.Second

// runOneOff runs a command in a container of the load balancer's own image,
// with its user, environment and files, but with nothing that could disturb
// what runs: no network, no ports, no volumes created. The container is
// removed whatever happens; it carries the labels of a Compose one-off
// container, so that "down" finds it should this process be killed.
//
// The SDK's RunOneOffContainer is not used: it creates the project's networks,
// and it takes the process's signal handlers away, so that Ctrl-C would be
// HAProxy's to answer.
func (e *Engine) runOneOff(ctx context.Context, p *Project, argv []string, input []byte) (output string, exitCode int, err error) {
	return e.runContainer(ctx, e.oneOffConfig(p, argv, input != nil), e.oneOffHost(ctx, p), input)
}

// resourcesToBe are those of a load balancer that is yet to be made: what the
// engine gives to a container with the limits of its service.
func (e *Engine) resourcesToBe(ctx context.Context, p *Project) haproxy.Resources {
	config := e.oneOffConfig(p, []string{"sh"}, false)
	config.Cmd = []string{"-c", limitsScript + "limits self"}
	output, _, err := e.runContainer(ctx, config, e.oneOffHost(ctx, p), nil)
	if err != nil {
		return haproxy.Resources{} // what is wrong, the check tells
	}
	return parseResources(output)
}

// runContainer runs a container that ends by itself, and removes it.
func (e *Engine) runContainer(ctx context.Context, config *container.Config, host *container.HostConfig, input []byte) (output string, exitCode int, err error) {
	id, remove, err := e.createOneOff(ctx, config, host)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, remove()) }()

	attached, err := e.api().ContainerAttach(ctx, id, client.ContainerAttachOptions{
		Stream: true, Stdin: input != nil, Stdout: true, Stderr: true,
	})
	if err != nil {
		return "", 0, e.explain(ctx, err)
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()

	ended := e.api().ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := e.api().ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		if isMissingExecutable(err) {
			return err.Error(), 127, nil
		}
		return "", 0, e.explain(ctx, err)
	}
	feed(attached.HijackedResponse, input)
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, attached.Reader); err != nil {
		return "", 0, e.explain(ctx, fmt.Errorf("the connection to the engine broke during the check: %w", err))
	}
	select {
	case result := <-ended.Result:
		return out.String(), int(result.StatusCode), nil
	case err := <-ended.Error:
		return "", 0, e.explain(ctx, err)
	case <-ctx.Done():
		return "", 0, ctx.Err()
	}
}

// createOneOff creates a container, and gives what removes it again. Neither
// is broken off by Ctrl-C: a creation that is cancelled may happen all the same.
func (e *Engine) createOneOff(ctx context.Context, config *container.Config, host *container.HostConfig) (id string, remove func() error, err error) {
	if ctx.Err() != nil {
		return "", nil, ctx.Err()
	}
	creation, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	created, err := e.api().ContainerCreate(creation, client.ContainerCreateOptions{Config: config, HostConfig: host})
	if err != nil {
		return "", nil, e.explain(creation, err)
	}
	return created.ID, func() error {
		removal, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
		defer cancel()
		_, err := e.api().ContainerRemove(removal, created.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if isNotFound(err) {
			return nil
		}
		return err
	}, nil
}

func (e *Engine) oneOffConfig(p *Project, argv []string, interactive bool) *container.Config {
	var env []string
	for name, value := range p.balancer.Environment {
		if value != nil {
			env = append(env, name+"="+*value)
		}
	}
	return &container.Config{
		Image:      p.balancer.Image,
		Entrypoint: argv[:1],
		// No server's name resolves without a network: that is not what is checked here.
		Cmd:          append([]string{"-dr"}, argv[1:]...),
		User:         p.balancer.User,
		Env:          env,
		WorkingDir:   p.balancer.WorkingDir,
		OpenStdin:    interactive,
		StdinOnce:    interactive,
		AttachStdin:  interactive,
		AttachStdout: true,
		AttachStderr: true,
		Labels: map[string]string{
			api.ProjectLabel: p.Name,
			api.ServiceLabel: LoadBalancer,
			api.OneoffLabel:  "True",
		},
	}
}

func (e *Engine) oneOffHost(ctx context.Context, p *Project) *container.HostConfig {
	host := &container.HostConfig{
		NetworkMode:    "none",
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges:true"},
		Tmpfs:          map[string]string{},
		ExtraHosts:     p.placeholders(),
		Resources:      limitsOf(p.balancer),
	}
	for _, m := range p.mounts() {
		host.Mounts = append(host.Mounts, mounttypes.Mount{Type: mounttypes.TypeBind, Source: m.source, Target: m.target, ReadOnly: true})
	}
	for _, v := range p.balancer.Volumes {
		if v.Type == types.VolumeTypeVolume && e.volumeExists(ctx, p, v.Source) {
			host.Mounts = append(host.Mounts, mounttypes.Mount{Type: mounttypes.TypeVolume, Source: p.Volumes[v.Source].Name, Target: v.Target, ReadOnly: true})
		}
	}
	return host
}

// limitsOf are a service's limits of memory and open files.
func limitsOf(service types.ServiceConfig) container.Resources {
	limits := container.Resources{Memory: int64(service.MemLimit)}
	if service.Deploy != nil && service.Deploy.Resources.Limits != nil && service.Deploy.Resources.Limits.MemoryBytes != 0 {
		limits.Memory = int64(service.Deploy.Resources.Limits.MemoryBytes)
	}
	for name, limit := range service.Ulimits {
		limits.Ulimits = append(limits.Ulimits, &container.Ulimit{
			Name: name,
			Soft: int64(cmp.Or(limit.Single, limit.Soft)),
			Hard: int64(cmp.Or(limit.Single, limit.Hard)),
		})
	}
	return limits
}

// volumeExists keeps the check from creating a volume of the project.
func (e *Engine) volumeExists(ctx context.Context, p *Project, key string) bool {
	volume, declared := p.Volumes[key]
	if !declared {
		return false
	}
	_, err := e.api().VolumeInspect(ctx, volume.Name, client.VolumeInspectOptions{})
	return err == nil
}

func nonEmpty(lines ...string) []string {
	var kept []string
	for _, line := range lines {
		if line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}
