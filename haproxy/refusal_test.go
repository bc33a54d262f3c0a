package haproxy

import (
	"errors"
	"testing"
)

// The answers are HAProxy's own, of 3.2.26 and 3.4.7.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]error{
		"No such server.":         ErrNoSuchServer,
		"Failed. No such server.": ErrNoSuchServer,
		"No such backend.":        ErrNoSuchBackend,
		"Can't find backend.":     ErrNoSuchBackend,
		"No such proxy.":          ErrNoSuchProxy,
		"Only servers in maintenance mode can be deleted.":                                                   ErrNotInMaintenance,
		"Already exists a server with the same name in backend.":                                             ErrServerExists,
		"Server still has connections attached to it, cannot remove it.":                                     ErrStillConnected,
		"'resolvers' option is not accepted for dynamic server":                                              ErrNotDynamic,
		"Backend must use a dynamic load balancing to support dynamic servers.":                              ErrStaticBalance,
		"Backend does not support dynamic servers : backend 'src' uses a non dynamic load balancing method.": ErrStaticBalance,
		"Unknown command: 'nosuch', but maybe one of the following ones is a better match:\n  quit":          ErrUnknownCommand,
		"This command is restricted to experimental mode only.":                                              ErrExperimental,
		"Can't find the target PID matching the prefix '@!9999'":                                             ErrNoWorker,
	} {
		refusal := &Refusal{Command: "x", Answer: answer}
		if !errors.Is(refusal, want) {
			t.Errorf("%q is %v, want %v", answer, refusal.Unwrap(), want)
		}
		for _, other := range refusals {
			if !errors.Is(other.err, want) && errors.Is(refusal, other.err) {
				t.Errorf("%q is also %v", answer, other.err)
			}
		}
	}
	if err := (&Refusal{Answer: "'set server <srv> state' expects 'ready', 'drain' and 'maint'."}); err.Unwrap() != nil {
		t.Errorf("got %v", err.Unwrap())
	}
}
