package compose

import (
	"context"
	"strings"
	"sync"

	"github.com/docker/compose/v5/pkg/api"
)

// progress makes one progress tree of several SDK operations. The SDK
// brackets each of its operations with Start and Done, and a renderer takes
// every bracket for a display of its own; so only the outermost pair is passed
// on. It also drops events that say again what the last one of the same
// resource said (the SDK sends those of networks twice).
type progress struct {
	out api.EventProcessor

	mu    sync.Mutex
	depth int
	last  map[string]api.Resource
}

func newProgress(out api.EventProcessor) *progress {
	return &progress{out: out, last: map[string]api.Resource{}}
}

// Start passes the beginning of the outermost operation on.
func (p *progress) Start(ctx context.Context, operation string) {
	p.mu.Lock()
	p.depth++
	outermost := p.depth == 1
	p.mu.Unlock()
	if outermost {
		p.out.Start(ctx, operation)
	}
}

// On passes on what is news.
func (p *progress) On(events ...api.Resource) {
	p.mu.Lock()
	news := make([]api.Resource, 0, len(events))
	for _, event := range events {
		if p.last[event.ID] != event {
			p.last[event.ID] = event
			news = append(news, event)
		}
	}
	p.mu.Unlock()
	if len(news) > 0 {
		p.out.On(news...)
	}
}

// Done passes the end of the outermost operation on.
func (p *progress) Done(operation string, success bool) {
	p.mu.Lock()
	p.depth--
	outermost := p.depth == 0
	p.mu.Unlock()
	if outermost {
		p.out.Done(operation, success)
	}
}

// refuse is the answer to Compose's question whether to delete a volume, and what
// is in it, because its definition changed.
func (p *progress) refuse(question string, _ bool) (bool, error) {
	what, _, _ := strings.Cut(question, " exists but ")
	p.On(api.Resource{ID: what, Status: api.Warning, Text: "Kept as it is, with its data: its definition changed"})
	return false, nil
}

// shown tells whether an operation is under way, whose progress is being shown.
func (p *progress) shown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.depth > 0
}

// step shows work of our own as a resource of the display, from Working to
// Done or Error.
func (p *progress) step(id, working, done string, work func() error) error {
	p.On(api.Resource{ID: id, Status: api.Working, Text: working})
	if err := work(); err != nil {
		p.On(api.Resource{ID: id, Status: api.Error, Text: api.StatusError})
		return err
	}
	p.On(api.Resource{ID: id, Status: api.Done, Text: done})
	return nil
}
