package compose

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// impatient makes an engine of ours lose its patience in no time, and gives what
// it has said by then.
func impatient(e *Engine) (said func() string) {
	var mu sync.Mutex
	var lines []string
	e.waiting.silence, e.waiting.hurry = 10*time.Millisecond, 300
	e.OnSilence(func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}, true)
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(lines, "\n")
	}
}

// exchanges are requests to the engine, and what makes one of each.
func exchanges() map[string]struct {
	words string
	ask   func(context.Context, *Engine, *Project) error
} {
	type call = struct {
		words string
		ask   func(context.Context, *Engine, *Project) error
	}
	return map[string]call{
		"HEAD /_ping": {"to answer", func(ctx context.Context, e *Engine, _ *Project) error { return e.Ready(ctx) }},
		"GET /containers/json": {"to list containers", func(ctx context.Context, e *Engine, p *Project) error {
			_, err := e.RunningBalancer(ctx, p)
			return err
		}},
		"GET /containers/c1/json": {"to describe container c1", func(ctx context.Context, e *Engine, _ *Project) error {
			_, err := e.inspect(ctx, Container{ID: "c1"})
			return err
		}},
		"GET /networks": {"to list networks", func(ctx context.Context, e *Engine, p *Project) error {
			_, err := e.Observe(ctx, p.Name)
			return err
		}},
		"POST /containers/c1/exec": {"to run a command in container c1", func(ctx context.Context, e *Engine, _ *Project) error {
			_, _, err := e.run(ctx, "c1", []string{"true"}, nil)
			return err
		}},
		"GET /exec/": {"to tell how a command ended", func(ctx context.Context, e *Engine, _ *Project) error {
			_, _, err := e.run(ctx, "c1", []string{"true"}, nil)
			return err
		}},
	}
}

func TestAnEngineThatHangsIsSaidAndGivenUp(t *testing.T) {
	t.Parallel()
	all := exchanges()
	all["POST /exec/"] = struct {
		words string
		ask   func(context.Context, *Engine, *Project) error
	}{"to start a command in a container", all["GET /exec/"].ask}
	for request, x := range all {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			fake := &fakeEngine{hangs: request, exec: func(*fakeProcess) int { return 0 }, containers: []fakeContainer{{ID: "c1", Name: "demo-haproxy-1", State: "running", Project: "demo", Service: LoadBalancer}}}
			engine, _ := fake.start(t)
			said := impatient(engine)
			p := configured(t)

			err := x.ask(t.Context(), engine, p)
			assert.ErrorIs(t, err, errSilent)
			testkit.Contains(t, err.Error(), "the Docker engine (context default) has not answered for 1m0s; it was asked "+x.words, "docker ps")
			testkit.Contains(t, said(), "waiting for the Docker engine (context default) "+x.words+"…")

			engine.waiting.hurry = 1 // Ctrl-C works before the patience ends
			ctx, interrupt := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, interrupt)
			began := time.Now()
			assert.Assert(t, errors.Is(x.ask(ctx, engine, p), context.Canceled))
			assert.Assert(t, time.Since(began) < 10*time.Second)
		})
	}
}

func TestAnAnswerThatIsCutOffIsSaidWithWhoseItIs(t *testing.T) {
	t.Parallel()
	for request, x := range exchanges() {
		if request == "HEAD /_ping" {
			continue // it has no body
		}
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			fake := &fakeEngine{cuts: request, exec: func(*fakeProcess) int { return 0 }, containers: []fakeContainer{{ID: "c1", Name: "demo-haproxy-1", State: "running", Project: "demo", Service: LoadBalancer}}}
			engine, _ := fake.start(t)
			err := x.ask(t.Context(), engine, configured(t))
			assert.Assert(t, err != nil)
			testkit.Contains(t, err.Error(), "the answer of the Docker engine (context default) was cut off in the middle", "it was asked "+x.words, "again")
		})
	}
}

func TestAHAProxyThatHangsIsSaidAndGivenUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hangs func(*fakeHAProxy, chan struct{})
		words string
	}{
		"its check":        {func(f *fakeHAProxy, end chan struct{}) { f.onCheck = func() { <-end } }, "to check the configuration"},
		"its master CLI":   {func(f *fakeHAProxy, end chan struct{}) { f.onCommand = hangAt(end, "show proc") }, `to answer "show proc"`},
		"its worker":       {func(f *fakeHAProxy, end chan struct{}) { f.onCommand = hangAt(end, "@!9 show info") }, `to answer "show info"`},
		"a session at all": {func(f *fakeHAProxy, end chan struct{}) { f.onCommand = hangAt(end, "prompt") }, `to answer "prompt"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, end := healthy(), make(chan struct{})
			test.hangs(fake, end)
			engine, _ := (&fakeEngine{exec: fake.exec, containers: []fakeContainer{{ID: "c1", Name: "demo-haproxy-1", State: "running", Project: "demo", Service: LoadBalancer}}}).start(t)
			t.Cleanup(func() { close(end) })
			said := impatient(engine)
			p := configured(t)
			_, err := engine.Reload(t.Context(), p, runs, promptly)
			assert.ErrorIs(t, err, errSilent)
			testkit.Contains(t, err.Error(), "HAProxy in ", "has not answered for 1m0s", test.words)
			testkit.Contains(t, said(), "waiting for HAProxy in ", test.words)
			release, err := p.tryLock()
			assert.NilError(t, err, "the lock is released")
			release()
		})
	}
}

func hangAt(end chan struct{}, command string) func(string) {
	return func(got string) {
		if got == command {
			<-end
		}
	}
}

func TestANewWorkerThatHangsIsWaitedForWithAWordAndThenEnded(t *testing.T) {
	t.Parallel()
	fake, end := healthy(), make(chan struct{})
	fake.onCommand = hangAt(end, "reload")
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	t.Cleanup(func() { close(end) })
	said := impatient(engine)
	p := configured(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.ErrorIs(t, err, ErrStuck)
	testkit.Contains(t, said(), "waiting for HAProxy in container ", "to load the configuration")
	assert.Assert(t, p.LastVerdict(runs) != nil && !p.LastVerdict(runs).Loaded)
}
