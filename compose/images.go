package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"golang.org/x/sync/errgroup"
)

// ImageIDs are the IDs of the images that services name, by that name.
type ImageIDs map[string]string

// FetchImages makes sure that the images of the named services, or of all, are
// on the engine before anything is created: missing ones are pulled or built.
// Where one cannot be had, the error names it, which the engine's does not.
func (e *Engine) FetchImages(ctx context.Context, p *Project, services ...string) (ImageIDs, error) {
	found, missing, err := e.findImages(ctx, p, services)
	if err != nil || len(missing) == 0 {
		return found, err
	}
	selected, err := p.WithSelectedServices(servicesOf(missing), types.IgnoreDependencies)
	if err != nil {
		return nil, err
	}
	var fetchErr error
	if len(toPull(missing)) > 0 {
		fetchErr = e.sdk.Pull(ctx, selected, api.PullOptions{IgnoreBuildable: true})
	}
	if fetchErr == nil && len(toBuild(missing)) > 0 {
		if err := e.sdk.Build(ctx, selected, api.BuildOptions{}); err != nil {
			return nil, e.explain(ctx, err)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	found, missing, err = e.findImages(ctx, p, services)
	if err == nil && len(missing) > 0 {
		err = unobtainable(missing, fetchErr)
	}
	return found, err
}

// unobtainable names the images that cannot be had, and the services that need them.
func unobtainable(missing []missingImage, cause error) error {
	services := map[string][]string{}
	for _, m := range missing {
		services[m.image] = append(services[m.image], m.service)
	}
	var named []string
	for _, image := range slices.Sorted(maps.Keys(services)) {
		named = append(named, fmt.Sprintf("%s (for %s)", image, strings.Join(services[image], ", ")))
	}
	reason := "the pull policy forbids to pull"
	if cause != nil {
		first, _, _ := strings.Cut(cause.Error(), "\n") // the others say the same of other services
		reason = "cannot be pulled: " + engineWords(first)
	}
	return &Problem{
		Summary: fmt.Sprintf("no image %s on this engine, and %s", strings.Join(named, ", "), reason),
		Advice:  `Nothing was created. Check the name and the network ("docker pull" shows more), or use an image that is here: "image:" in the Compose file, --image and --app-image of "docker haproxy init".`,
		Cause:   cause,
	}
}

// missingImage is an image that a service needs and the engine has not.
type missingImage struct {
	service string
	image   string
	build   bool
	never   bool // pull_policy: never
}

// findImages looks every image up once, all at the same time.
func (e *Engine) findImages(ctx context.Context, p *Project, services []string) (found ImageIDs, missing []missingImage, err error) {
	found = ImageIDs{}
	group, groupCtx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for _, image := range p.images(services) {
		group.Go(func() error {
			inspected, err := e.api().ImageInspect(groupCtx, image)
			if isNotFound(err) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			found[image] = inspected.ID
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, e.explain(ctx, err)
	}
	for _, name := range p.ServiceNames() {
		service := p.Services[name]
		image := api.GetImageNameOrDefault(service, p.Name)
		if found[image] == "" && selects(services, name) {
			missing = append(missing, missingImage{service: name, image: image, build: service.Build != nil, never: service.PullPolicy == types.PullPolicyNever})
		}
	}
	return found, missing, nil
}

// images are the names of the images that services need, each once.
func (p *Project) images(services []string) []string {
	var images []string
	for _, name := range p.ServiceNames() {
		if selects(services, name) {
			images = append(images, api.GetImageNameOrDefault(p.Services[name], p.Name))
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// selects tells whether a list of services means one; an empty list means all.
func selects(services []string, name string) bool {
	return len(services) == 0 || slices.Contains(services, name)
}

func servicesOf(missing []missingImage) []string {
	var names []string
	for _, m := range missing {
		names = append(names, m.service)
	}
	return names
}

func toPull(missing []missingImage) []missingImage {
	return slices.DeleteFunc(slices.Clone(missing), func(m missingImage) bool { return m.build || m.never })
}

func toBuild(missing []missingImage) []missingImage {
	return slices.DeleteFunc(slices.Clone(missing), func(m missingImage) bool { return !m.build })
}
