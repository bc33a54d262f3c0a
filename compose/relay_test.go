package compose

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// opened is a relay to a program that stands for the shell.
func opened(t *testing.T, shell func(*fakeProcess) int) *relay {
	t.Helper()
	engine, _ := (&fakeEngine{exec: shell}).start(t)
	r, err := engine.openRelay(t.Context(), "c1", "/run/master.sock", []string{"haproxy", "-c"})
	assert.NilError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestTheShellGetsItsMarkTheSocketAndTheCheck(t *testing.T) {
	t.Parallel()
	argv := make(chan []string, 1)
	r := opened(t, func(p *fakeProcess) int { argv <- p.Argv; return 0 })
	assert.DeepEqual(t, <-argv, []string{"sh", "-c", relayScript, r.mark, "/run/master.sock", "haproxy", "-c"})
}

func TestAnOrdersOutputEndsWithItsMark(t *testing.T) {
	t.Parallel()
	fake := &fakeHAProxy{checkExit: 3, checkSays: "one\n\x01no mark\ntwo"}
	r := opened(t, fake.exec)
	for range 2 {
		output, exitCode, err := r.check(t.Context())
		assert.NilError(t, err)
		assert.Equal(t, output, "one\n\x01no mark\ntwo")
		assert.Equal(t, exitCode, 3)
	}
}

func TestOneShellServesOneSessionAfterTheOther(t *testing.T) {
	t.Parallel()
	fake := healthy()
	r := opened(t, fake.exec)
	for i := range 3 {
		session, err := r.client().Open(t.Context())
		assert.NilError(t, err)
		info, err := session.Info(t.Context())
		assert.NilError(t, err)
		assert.Equal(t, info.PID, 9+i)
		verdict, err := session.Reload(t.Context())
		assert.NilError(t, err)
		assert.Assert(t, verdict.Loaded)
	}
}

func TestASessionThatIsLeftOpenIsEndedForTheNext(t *testing.T) {
	t.Parallel()
	r := opened(t, healthy().exec)
	first, err := r.client().Open(t.Context())
	assert.NilError(t, err)
	_, err = r.client().Open(t.Context())
	assert.NilError(t, err)
	_, err = first.Info(t.Context())
	assert.Assert(t, err != nil, "the first session is over")
}

func TestALostConnectionIsNotTakenForHAProxyHangingUp(t *testing.T) {
	t.Parallel()
	r := opened(t, func(p *fakeProcess) int {
		_, _ = p.Stdin.Read(make([]byte, 64))
		p.Out("half an answer")
		time.Sleep(20 * time.Millisecond) // so that the engine sends it before the reset
		p.Reset()
		return hangsUp
	})
	conn, err := r.dial(t.Context())
	assert.NilError(t, err)
	content, err := io.ReadAll(conn)
	assert.Equal(t, string(content), "half an answer")
	assert.ErrorIs(t, err, errCutOff)
	_, err = r.dial(t.Context())
	assert.Assert(t, err != nil)
}

func TestWhatAConnectionComplainsOfIsToldAtItsEnd(t *testing.T) {
	t.Parallel()
	r := opened(t, func(p *fakeProcess) int {
		_, _ = p.Stdin.Read(make([]byte, 64))
		p.Err("socat: no such file\n")
		p.Out("\x01" + p.Argv[3] + " 1\n")
		_, _ = p.Stdin.Read(make([]byte, 64))
		return 0
	})
	conn, err := r.dial(t.Context())
	assert.NilError(t, err)
	_, err = conn.Read(make([]byte, 1))
	assert.ErrorContains(t, err, "socat: no such file")
}

func TestAnInterruptedOrderReturnsPromptly(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	r := opened(t, func(p *fakeProcess) int {
		_, _ = p.Stdin.Read(make([]byte, 64))
		close(begun)
		_, _ = io.Copy(io.Discard, p.Stdin)
		return 0
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, _, err := r.check(ctx)
	assert.Assert(t, errors.Is(err, context.Canceled), "%v", err)
}

func TestALargeAnswerComesWhole(t *testing.T) {
	t.Parallel()
	fake := &fakeHAProxy{checkSays: strings.Repeat("a line of many\n", 100_000)}
	output, _, err := opened(t, fake.exec).check(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, len(output), len(fake.checkSays))
}

func TestASessionThatEndsOnlyWhenItIsAskedAgainGivesWayToTheNext(t *testing.T) {
	t.Parallel()
	r := opened(t, func(p *fakeProcess) int {
		lines := bufio.NewScanner(p.Stdin)
		for _, want := range []string{"connect", "quit", "quit"} {
			if !lines.Scan() || lines.Text() != want {
				return 1
			}
		}
		p.Out("\x01" + p.Argv[3] + " 0\n")
		for lines.Scan() && lines.Text() == "quit" {
		}
		p.Out("welcome")
		_, _ = io.Copy(io.Discard, p.Stdin)
		return 0
	})
	_, err := r.dial(t.Context())
	assert.NilError(t, err)
	second, err := r.dial(t.Context())
	assert.NilError(t, err)
	welcome := make([]byte, 7)
	_, err = io.ReadFull(second, welcome)
	assert.NilError(t, err)
	assert.Equal(t, string(welcome), "welcome")
}
