package plugin

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func TestCommandsAreSplitAtSemicolons(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":                            nil,
		" ; ;":                        nil,
		"show info":                   {"show info"},
		"show info; show stat ;":      {"show info", "show stat"},
		`add map #0 a b\;c; show map`: {`add map #0 a b\;c`, "show map"},
		`ends with \`:                 {`ends with \`},
	} {
		assert.DeepEqual(t, splitCommands(line), want)
	}
}

func TestWhatIsNotSentAsItIs(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"prompt", "prompt i", "pro\\mpt\ti", "set ssl cert /a.pem <<"} {
		assert.Assert(t, sendable(command) != nil, command)
	}
	for _, command := range []string{"show proc", "reload", "set ssl cert /a.pem x"} {
		assert.NilError(t, sendable(command), command)
	}
}

func TestAReloadIsNotSentToTheMasterHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	ask := asker{timeout: time.Minute, send: func(ctx context.Context, command string) (string, error) {
		return (&haproxy.Session{}).Master(ctx, command) // a session that is connected to nothing
	}}.ask
	for _, command := range []string{"reload", `\reload`, "reload\tx", `rel\oad`, "hard-reload", `hard\-reload now`} {
		err := ask(t.Context(), command)
		assert.ErrorContains(t, err, "reload is not sent as it is", command)
		assert.ErrorContains(t, err, `"docker haproxy reload" checks first`, command)
	}
}

func TestAnAnswerThatDoesNotEndIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	endless := asker{timeout: time.Millisecond, send: func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}}
	assert.ErrorContains(t, endless.ask(t.Context(), "show events buf0 -w"), "did not end within 1ms")
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, endless.ask(interrupted, "show events buf0 -w"), context.Canceled)
}

func TestAnswersArePrintedUntilACommandIsRefused(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := asker{out: &out, timeout: time.Minute, send: func(_ context.Context, command string) (string, error) {
		if command == "bad" {
			return "", &haproxy.Refusal{Command: command, Answer: "Unknown command"}
		}
		return strings.TrimPrefix(command, "silent"), nil
	}}.ask(t.Context(), "one; silent; two; bad; three")
	assert.ErrorContains(t, err, "runtime help")
	assert.Equal(t, out.String(), "one\ntwo\n")
}

func TestSecretsStayOutOfTheHistory(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"set ssl cert /a.pem <<", "SET SSL TLS-KEY x", "add map #0 password x", "show acme status"} {
		assert.Assert(t, secret(line), line)
	}
	for _, line := range []string{"show info", "set server web/s1 state drain", "get weight web/s1"} {
		assert.Assert(t, !secret(line), line)
	}
}
