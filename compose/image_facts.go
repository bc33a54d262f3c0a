package compose

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"golang.org/x/sync/errgroup"
)

// ImageFacts are what an image tells of the app in it.
type ImageFacts struct {
	Exposed     []string // as the image has them: 8080/tcp
	HealthCheck []string // its command
}

// ImageFacts looks up what the images of a project's services tell, by service.
// What is not on the engine is not pulled, and has nothing to tell.
func (e *Engine) ImageFacts(ctx context.Context, project *types.Project) (map[string]ImageFacts, error) {
	services := map[string][]string{} // by image
	for name, service := range project.AllServices() {
		image := api.GetImageNameOrDefault(service, project.Name)
		services[image] = append(services[image], name)
	}
	facts := map[string]ImageFacts{}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for image, names := range services {
		group.Go(func() error {
			inspected, err := e.api().ImageInspect(groupCtx, image)
			if isNotFound(err) || err == nil && inspected.Config == nil {
				return nil
			}
			if err != nil {
				return err
			}
			fact := ImageFacts{Exposed: slices.Sorted(maps.Keys(inspected.Config.ExposedPorts))}
			if inspected.Config.Healthcheck != nil {
				fact.HealthCheck = inspected.Config.Healthcheck.Test
			}
			mu.Lock()
			defer mu.Unlock()
			for _, name := range names {
				facts[name] = fact
			}
			return nil
		})
	}
	return facts, e.explain(ctx, group.Wait())
}
