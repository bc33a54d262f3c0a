package haproxy

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
)

// ServerMode is a server with the mode that it is to have.
type ServerMode struct {
	Backend, Server string
	Mode            Mode
}

// SetServerModes changes what several servers take, in their order and as close together as
// HAProxy can: all commands are sent before the first answer is waited for. Some tenths of a
// millisecond pass between two of them.
func (s *Session) SetServerModes(ctx context.Context, modes []ServerMode) error {
	pid, err := s.inCharge(ctx)
	if err != nil || len(modes) == 0 {
		return err
	}
	lines := make([]string, 0, len(modes))
	for _, m := range modes {
		command := fmt.Sprintf("set server %s state %s", serverName(m.Backend, m.Server), m.Mode)
		if err := checkCommand(command); err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("@!%d %s", pid, command))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, err := s.roundTrip(ctx, strings.Join(lines, "\n"), cutPrompts(len(lines)))
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(anyPrompt.ReplaceAllString(string(answers), "")); text != "" {
		return &Refusal{Command: "set server … state", Answer: text}
	}
	return nil
}

// anyPrompt is the prompt of the master CLI at the beginning of a line; see promptLine.
var anyPrompt = regexp.MustCompile(`(?m)^master(?:\[\w+\])?(?:\(\w+\))?> `)

// cutPrompts finds the end of the last of several answers that come one after the other.
func cutPrompts(n int) func([]byte) ([]byte, bool) {
	return func(received []byte) ([]byte, bool) {
		return received, bytes.HasSuffix(received, []byte("> ")) && len(anyPrompt.FindAllIndex(received, n)) == n
	}
}
