package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/docker/cli/cli"
	"gotest.tools/v3/assert"
)

func TestTheExitCodeTellsHowACommandEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		code   int
		stderr string
	}{
		"success":                   {nil, 0, ""},
		"a failure":                 {errors.New("it failed"), 1, "it failed\n"},
		"a code of its own":         {cli.StatusError{StatusCode: 125, Status: "unknown flag"}, 125, "unknown flag\n"},
		"a wrapped code":            {fmt.Errorf("outer: %w", cli.StatusError{StatusCode: 17, Status: "inner"}), 17, "outer: inner\n"},
		"a code of 0 is no success": {cli.StatusError{Status: "odd"}, 1, "odd\n"},
		"an interrupt":              {context.Canceled, 130, "context canceled\n"},
		"a wrapped interrupt":       {fmt.Errorf("interrupted: %w", context.Canceled), 130, "interrupted: context canceled\n"},
		"an interrupt and a code":   {errors.Join(context.Canceled, cli.StatusError{StatusCode: 1, Status: "x"}), 130, "context canceled\nx\n"},
		"a deadline":                {context.DeadlineExceeded, 1, "context deadline exceeded\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			assert.Equal(t, exitCode(&stderr, c.err), c.code)
			assert.Equal(t, stderr.String(), c.stderr)
		})
	}
}
