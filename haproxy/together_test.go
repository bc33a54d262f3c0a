package haproxy

import (
	"errors"
	"strings"
	"testing"
)

func TestSetServerModes(t *testing.T) {
	t.Parallel()
	modes := []ServerMode{{"b", "new", ModeReady}, {"b", "old", ModeMaintenance}}
	const both = "@!9 set server b/new state ready\n@!9 set server b/old state maint"
	s := open(t, askProc, step{expect: both, chunks: []string{prompt[:4], prompt[4:] + prompt}})
	if err := s.SetServerModes(t.Context(), modes); err != nil {
		t.Error(err)
	}
	s = open(t, askProc, step{expect: both, chunks: []string{"No such server.\n", prompt, prompt}})
	err := s.SetServerModes(t.Context(), modes)
	if refusal, ok := errors.AsType[*Refusal](err); !ok || !strings.Contains(refusal.Answer, "No such server.") {
		t.Errorf("it must be refused: %v", err)
	}
}
