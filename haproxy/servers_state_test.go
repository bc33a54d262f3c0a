package haproxy

import (
	"errors"
	"testing"
	"time"
)

func TestParseServersState(t *testing.T) {
	t.Parallel()
	states, err := ParseServersState(capture(t, "show-servers-state-3.4"))
	if err != nil || len(states) != 8 {
		t.Fatalf("%d servers, %v", len(states), err)
	}
	s1, s3, s4 := states[0], states[2], states[3]
	if s1.Backend != "be" || s1.Server != "s1" || s1.Addr != "127.0.0.1" || s1.Port != 8404 || s1.FQDN != "" ||
		s1.OpState != OpRunning || s1.AdminState != 0 || s1.Weight != 1 || s1.LastChange != 5*time.Second {
		t.Errorf("s1 %+v", s1)
	}
	if s3.OpState != OpStopped || s3.AdminState&Maintenance == 0 || s3.AdminState&ConfiguredMaintenance == 0 || s3.AdminState&NoAddress != 0 {
		t.Errorf("s3 %+v", s3)
	}
	if s4.Addr != "" || s4.FQDN != "nosuchhost" || s4.AdminState != NoAddress {
		t.Errorf("s4 %+v", s4)
	}
	if s1.Values["srv_id"] != "1" {
		t.Errorf("values %v", s1.Values)
	}
}

func TestParseServersStateRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "2\n# be_id\n", "1\n", "1\n# be_id be_name srv_name srv_port\n4 be s1 http\n", "1\n# be_id be_name\n4 be\n"} {
		if _, err := ParseServersState(answer); !errors.Is(err, ErrUnexpectedAnswer) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestServersStateOfUnknownBackend(t *testing.T) {
	t.Parallel()
	s := open(t, askProc,
		step{expect: "@!9 show servers state nosuch", chunks: []string{"Can't find backend.\n" + prompt}},
		step{expect: "@!9 show servers state", chunks: []string{capture(t, "show-servers-state-3.2") + prompt}},
	)
	if _, err := s.ServersState(t.Context(), "nosuch"); !errors.Is(err, ErrNoSuchBackend) {
		t.Error(err)
	}
	if states, err := s.ServersState(t.Context(), ""); len(states) != 8 || err != nil {
		t.Errorf("%d servers, %v", len(states), err)
	}
}

func FuzzParseServersState(f *testing.F) {
	seed(f, "show-servers-state-*")
	f.Fuzz(func(t *testing.T, answer string) {
		states, err := ParseServersState(answer)
		if err != nil && !errors.Is(err, ErrUnexpectedAnswer) {
			t.Error(err)
		}
		for _, s := range states {
			if s.Backend == "" || s.Server == "" {
				t.Errorf("got %+v", s)
			}
		}
	})
}
