package compose

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/compose/v5/pkg/api"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// AwaitDrained waits until servers have no connection with a request or a
// session left, in any worker, and shows what remains. It gives what remains at
// the end: nothing, or what is left when the timeout strikes.
func (l *Live) AwaitDrained(ctx context.Context, servers []Server, timeout time.Duration) (remaining map[string]int64, err error) {
	deadline := time.Now().Add(timeout)
	shown := map[string]int64{}
	for {
		remaining = map[string]int64{}
		for _, server := range servers {
			left, err := l.remaining(ctx, server)
			if err != nil {
				return nil, err
			}
			if left > 0 {
				remaining[server.ID()] = left
			}
			if before, known := shown[server.ID()]; !known || before != left {
				l.engine.events.On(draining(server, left))
				shown[server.ID()] = left
			}
		}
		if len(remaining) == 0 {
			return nil, nil
		}
		if time.Now().After(deadline) {
			for _, server := range servers {
				if left := remaining[server.ID()]; left > 0 {
					l.engine.events.On(api.Resource{ID: "Server " + server.ID(), Status: api.Error, Text: fmt.Sprintf("%d sessions remain", left)})
				}
			}
			return remaining, nil
		}
		if err := Pause(ctx, drainInterval); err != nil {
			return remaining, err
		}
	}
}

// drainInterval is how often the sessions that remain are counted.
const drainInterval = 100 * time.Millisecond

func draining(server Server, left int64) api.Resource {
	if left == 0 {
		return api.Resource{ID: "Server " + server.ID(), Status: api.Done, Text: "Drained"}
	}
	return api.Resource{ID: "Server " + server.ID(), Status: api.Working, Text: fmt.Sprintf("Draining, %d sessions remain", left)}
}

func (l *Live) remaining(ctx context.Context, server Server) (left int64, err error) {
	err = l.ask(ctx, func(session *haproxy.Session) error {
		left, err = session.Remaining(ctx, server.Backend, server.Name)
		return err
	})
	return left, err
}
