package haproxy

import (
	"errors"
	"testing"
)

func TestParseErrors(t *testing.T) {
	t.Parallel()
	captured, err := ParseErrors("Total events captured on [23/Nov/2026:06:49:36.194] : 12\n\n[…] frontend web (#3): invalid request\n")
	if err != nil || captured.Total != 12 {
		t.Errorf("got %+v, %v", captured, err)
	}
	if _, err := ParseErrors("No such proxy."); !errors.Is(err, ErrUnexpectedAnswer) {
		t.Error(err)
	}
}

func FuzzParseErrors(f *testing.F) {
	seed(f, "show-errors-*")
	f.Fuzz(func(t *testing.T, answer string) {
		if captured, err := ParseErrors(answer); err == nil && captured.Total < 0 {
			t.Errorf("got %+v", captured)
		}
	})
}
