package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/client"
)

// rehearse starts the load balancer as its service says, on the side and
// without network, before it replaces one that serves. HAProxy's -c does not
// see what only a start shows: an unknown option, a folder for its sockets
// that it may not write to, an address that it may not bind. The container is
// removed again.
func (e *Engine) rehearse(ctx context.Context, p *Project) error {
	return e.events.step("HAProxy "+LoadBalancer, "Rehearsing the start", "Starts", func() (err error) {
		config := e.oneOffConfig(p, []string{"haproxy"}, false)
		config.Entrypoint, config.Cmd = []string(p.balancer.Entrypoint), unresolved(p.balancer.Command)
		host := e.oneOffHost(ctx, p)
		host.ReadonlyRootfs = p.balancer.ReadOnly
		host.CapDrop, host.CapAdd = p.balancer.CapDrop, p.balancer.CapAdd
		host.SecurityOpt = p.balancer.SecurityOpt
		host.Tmpfs = p.tmpfs()

		id, remove, err := e.createOneOff(ctx, config, host)
		if err != nil {
			return err
		}
		defer func() {
			if removeErr := remove(); err == nil {
				err = removeErr
			}
		}()
		if _, err := e.api().ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
			return &Problem{
				Summary: "the new load balancer cannot be started: " + engineWords(err.Error()),
				Advice:  fmt.Sprintf("Mend service %s in %s. Nothing was touched: the one that runs keeps running.", LoadBalancer, p.composeFileName()),
				Cause:   err,
			}
		}
		return e.startedWell(ctx, p, id)
	})
}

// startedWell waits until a rehearsing HAProxy answers on its master CLI, or,
// where it has none, has lived for a moment.
func (e *Engine) startedWell(ctx context.Context, p *Project, id string) error {
	began := time.Now()
	for {
		now, err := e.inspect(ctx, Container{ID: id})
		if err != nil {
			return err
		}
		if !now.Running() {
			return &Problem{
				Summary: fmt.Sprintf("the new load balancer ended at once with exit code %d", now.ExitCode),
				Details: e.lastLines(ctx, id),
				Advice:  fmt.Sprintf("Mend service %s in %s. Nothing was touched: the one that runs keeps running.", LoadBalancer, p.composeFileName()),
			}
		}
		if p.MasterSocket() == "" && time.Since(began) > settleTime {
			return nil
		}
		if p.MasterSocket() != "" {
			if session, err := e.openReady(ctx, p, now); err == nil {
				return session.Close()
			}
			if time.Since(began) > socketTimeout {
				return nil // it lives; why it does not answer, the real one will tell
			}
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// unresolved makes HAProxy start though no server's name resolves where there
// is no network: -dr, behind the program's name.
func unresolved(command types.ShellCommand) []string {
	args := slices.Clone([]string(command))
	for i, arg := range args {
		if arg == "haproxy" || strings.HasSuffix(arg, "/haproxy") {
			return slices.Insert(args, i+1, "-dr")
		}
	}
	return args
}

// tmpfs are the service's, by their paths, with their options.
func (p *Project) tmpfs() map[string]string {
	mounts := map[string]string{}
	for _, entry := range p.balancer.Tmpfs {
		target, options, _ := strings.Cut(entry, ":")
		mounts[target] = options
	}
	for _, v := range p.balancer.Volumes {
		if v.Type == types.VolumeTypeTmpfs {
			mounts[v.Target] = ""
		}
	}
	return mounts
}
