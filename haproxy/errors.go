package haproxy

import (
	"context"
	"fmt"
	"regexp"
)

// CapturedErrors are the last invalid requests and responses that HAProxy has kept, one of each
// per proxy.
type CapturedErrors struct {
	Total int    // since the worker started
	Text  string // HAProxy's own report
}

// Errors asks the worker in charge for the invalid requests and responses that it has seen.
func (s *Session) Errors(ctx context.Context) (CapturedErrors, error) {
	answer, err := s.Worker(ctx, "show errors")
	if err != nil {
		return CapturedErrors{}, err
	}
	return ParseErrors(answer)
}

var totalEvents = regexp.MustCompile(`^Total events captured on \[[^\]]*\] : ([0-9]+)`)

// ParseErrors reads the answer of "show errors".
func ParseErrors(answer string) (CapturedErrors, error) {
	m := totalEvents.FindStringSubmatch(answer)
	if m == nil {
		return CapturedErrors{}, fmt.Errorf("%w: show errors does not begin with a total", ErrUnexpectedAnswer)
	}
	return CapturedErrors{Total: number(m[1]), Text: answer}, nil
}
