package e2e

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/hack/load/traffic"
)

// TestScale_by_plain_compose_under_load_loses_no_new_connection scales from 2
// to 10 containers and back to 2, with nothing but Compose. What a container
// that is stopped without a drain can still lose are requests that can be on
// their way on a connection that it closes; they are counted.
func TestScale_by_plain_compose_under_load_loses_no_new_connection(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.writeApps(app{name: "web", scale: 2, labels: []string{`haproxy.host: "*"`}})
	p.attach()
	p.up()
	balancer, worker := p.container("haproxy"), p.worker()
	scale := func(n int) {
		t.Helper()
		p.mustSucceed(p.compose("up", "-d", "--no-recreate", "--scale", "web="+strconv.Itoa(n)))
	}

	sent, err := traffic.Start(traffic.Options{
		Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.http)),
		Clients: map[traffic.Kind]int{traffic.GetNew: 2, traffic.GetKept: 2, traffic.PostNew: 2, traffic.PostKept: 2},
		Pause:   5 * time.Millisecond, // leave the processor to Docker, which starts eight containers
	})
	assert.NilError(t, err)
	t.Cleanup(func() { sent.Stop() })
	load := &load{Load: sent, t: t}
	load.goOn(200)

	seen := watchReplicas(p)
	scale(10)
	p.eventually("all ten containers are served", func() error {
		if n := seen.count(); n < 10 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	mustBeServedSoon(p, seen.stop())
	load.goOn(200)

	sockets := p.socketsToContainers(10)
	scale(2)
	load.goOn(200)
	report := load.Stop()

	survivors := p.webs()
	assert.Equal(t, len(survivors), 2)
	cut := 0
	for host, conns := range sockets {
		for _, conn := range conns {
			echo, err := say(conn, "still there?")
			survives := slices.Contains(survivors, host)
			if survives && (err != nil || echo != "still there?") {
				t.Errorf("the websocket to %s, which runs on, must stay open: %v", host, err)
			}
			if !survives {
				cut++
			}
		}
	}

	var account strings.Builder
	_ = report.Write(&account)
	t.Logf("from 2 to 10 containers and back; %d websockets ended with their containers\n%s", cut, account.String())
	for _, count := range report.Counts {
		assert.Assert(t, count.Answered > 0, "%s", count.Kind)
		if count.Lost == 0 {
			continue
		}
		if count.Kind == traffic.PostKept || count.Kind == traffic.PostNew {
			t.Logf("%s: %d of %d lost, which a drain would have saved", count.Kind, count.Lost, count.Sent)
			continue
		}
		t.Errorf("%s: %d of %d lost, and none must be", count.Kind, count.Lost, count.Sent)
	}
	assert.Equal(t, p.worker(), worker, "scaling must not need a reload")
	p.mustBeTheSame(balancer)
}

// webs are the host names of the containers of service web.
func (p *project) webs() []string {
	p.t.Helper()
	var hosts []string
	for _, c := range p.containers() {
		if c.Service == "web" {
			hosts = append(hosts, c.ID[:12])
		}
	}
	return hosts
}

// socketsToContainers opens websockets until there is one to each of n
// containers, and sorts them by the host name at the other end.
func (p *project) socketsToContainers(n int) map[string][]*websocket.Conn {
	p.t.Helper()
	sockets := map[string][]*websocket.Conn{}
	for tries := 0; len(sockets) < n; tries++ {
		assert.Assert(p.t, tries < 20*n, "websockets must be open to all %d, but are to %d", n, len(sockets))
		conn := p.openSocket("")
		who, err := say(conn, "whoami")
		assert.NilError(p.t, err)
		host, _, _ := strings.Cut(who, " ")
		sockets[host] = append(sockets[host], conn)
	}
	return sockets
}

// replicasSeen notes when each container answered first.
type replicasSeen struct {
	mu      sync.Mutex
	first   map[string]time.Time
	stopped chan struct{}
	done    sync.WaitGroup
}

// watchReplicas asks again and again, on new connections, until it is stopped.
func watchReplicas(p *project) *replicasSeen {
	s := &replicasSeen{first: map[string]time.Time{}, stopped: make(chan struct{})}
	s.done.Go(func() {
		for {
			select {
			case <-s.stopped:
				return
			case <-time.After(10 * time.Millisecond):
			}
			a, err := p.try(request{})
			if err != nil || a.by() == "" {
				continue // the load counts what is lost
			}
			s.mu.Lock()
			if _, known := s.first[a.by()]; !known {
				s.first[a.by()] = time.Now()
			}
			s.mu.Unlock()
		}
	})
	p.t.Cleanup(func() { s.stop() })
	return s
}

func (s *replicasSeen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.first)
}

// stop gives the time of each one's first answer. It may be called again.
func (s *replicasSeen) stop() map[string]time.Time {
	s.mu.Lock()
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
	s.mu.Unlock()
	s.done.Wait()
	return s.first
}

// mustBeServedSoon compares when containers were started with when they
// answered first: a second, and more on a machine that is busy starting others.
func mustBeServedSoon(p *project, first map[string]time.Time) {
	p.t.Helper()
	var longest time.Duration
	for _, c := range p.containers() {
		answered, ok := first[c.ID[:12]]
		if c.Service != "web" || !ok {
			continue
		}
		if c.Inspect.State.StartedAt.After(first[earliest(first)]) {
			longest = max(longest, answered.Sub(c.Inspect.State.StartedAt))
		}
	}
	p.t.Logf("new containers are served %s after their start at the latest", longest.Round(time.Millisecond))
	assert.Assert(p.t, longest > 0 && longest < 10*time.Second, "%s", longest)
}

// earliest is who answered first: one of those that were there before.
func earliest(first map[string]time.Time) string {
	return slices.MinFunc(keysOf(first), func(a, b string) int { return first[a].Compare(first[b]) })
}

func keysOf(first map[string]time.Time) []string {
	var keys []string
	for key := range first {
		keys = append(keys, key)
	}
	return keys
}
