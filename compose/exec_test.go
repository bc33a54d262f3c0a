package compose

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestARunGivesBothStreamsInTheirOrderAndTheExitCode(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{exec: func(p *fakeProcess) int {
		p.Out("one\n")
		p.Err("two\n")
		p.Out(strings.Join(p.Argv, " ") + "\n")
		return 3
	}}
	engine, _ := fake.start(t)
	output, exitCode, err := engine.run(t.Context(), "c1", []string{"haproxy", "-c"}, nil)
	assert.NilError(t, err)
	assert.Equal(t, output, "one\ntwo\nhaproxy -c\n")
	assert.Equal(t, exitCode, 3)
}

func TestARunHandsItsInputOverToTheEnd(t *testing.T) {
	t.Parallel()
	input := strings.Repeat("a line of a configuration\n", 10_000)
	fake := &fakeEngine{exec: func(p *fakeProcess) int {
		content, err := io.ReadAll(p.Stdin)
		if err != nil || string(content) != input {
			return 1
		}
		p.Out("read")
		return 0
	}}
	engine, _ := fake.start(t)
	output, exitCode, err := engine.run(t.Context(), "c1", []string{"cat"}, []byte(input))
	assert.NilError(t, err)
	assert.Equal(t, output, "read")
	assert.Equal(t, exitCode, 0)
}

func TestOutputOfManyFramesIsComplete(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{exec: func(p *fakeProcess) int {
		for range 500 {
			p.Out(strings.Repeat("x", 1000))
		}
		p.Out("")
		return 0
	}}
	engine, _ := fake.start(t)
	output, _, err := engine.run(t.Context(), "c1", []string{"x"}, nil)
	assert.NilError(t, err)
	assert.Equal(t, len(output), 500_000)
}

func TestAConnectionThatBreaksIsNeverTakenForTheEndOfTheOutput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program func(p *fakeProcess) int
	}{
		"reset": {program: func(p *fakeProcess) int { p.Out("one\n"); time.Sleep(20 * time.Millisecond); p.Reset(); return hangsUp }},
		"closed in the middle of a message": {
			program: func(p *fakeProcess) int { p.Out("one\n"); p.Half("two and more"); return hangsUp },
		},
		"closed between two messages": {
			program: func(p *fakeProcess) int { p.Out("one\n"); return hangsUp },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine, _ := (&fakeEngine{exec: c.program}).start(t)
			output, exitCode, err := engine.run(t.Context(), "c1", []string{"haproxy", "-c"}, nil)
			assert.Assert(t, err != nil, "output %q, exit code %d", output, exitCode)
			testkit.Contains(t, err.Error(), "broke")
		})
	}
}

func TestARunInAContainerThatIsGoneIsAnError(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	_, _, err := engine.run(t.Context(), "c1", []string{"haproxy"}, nil)
	assert.ErrorContains(t, err, "no Docker engine answers")
}

func TestAnInterruptedRunReturnsPromptly(t *testing.T) {
	t.Parallel()
	forEver := make(chan struct{})
	t.Cleanup(func() { close(forEver) })
	begun := make(chan struct{})
	fake := &fakeEngine{exec: func(p *fakeProcess) int {
		p.Out("begun")
		close(begun)
		<-forEver
		return 0
	}}
	engine, _ := fake.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	start := time.Now()
	_, _, err := engine.run(ctx, "c1", []string{"sleep"}, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Assert(t, time.Since(start) < 5*time.Second, "%v", time.Since(start))
}
