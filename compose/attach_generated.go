package compose

import (
	"context"

	"github.com/compose-spec/compose-go/v2/types"
)

// writeGenerated renders the generated config of a project, so that plain
// Compose finds all that the load balancer's command names. HAProxy checks it
// when "up" runs.
func (e *Engine) writeGenerated(ctx context.Context, loaded *types.Project) error {
	p, err := projectOf(loaded)
	if err != nil {
		return err
	}
	inContainer, folder, loads := p.generatedFolder()
	if !loads {
		return nil
	}
	r, _, err := e.routing(ctx, p, nil)
	if err != nil {
		return err
	}
	return p.writeGenerated(folder, r.Render(inContainer).Files)
}
