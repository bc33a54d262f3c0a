package haproxy

import (
	"errors"
	"testing"
)

func TestParseServersConn(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"3.2", "3.4"} {
		conns, err := ParseServersConn(capture(t, "show-servers-conn-"+version))
		if err != nil || len(conns) != 8 {
			t.Fatalf("%d servers, %v", len(conns), err)
		}
		if s1 := conns[0]; s1.Backend != "be" || s1.Server != "s1" || s1.Addr != "127.0.0.1" || s1.Port != 8404 || s1.Used != 0 || s1.Idle != 0 {
			t.Errorf("s1 %+v", s1)
		}
		if s4 := conns[3]; s4.Addr != "" {
			t.Errorf("s4 %+v", s4)
		}
	}
	conns, err := ParseServersConn("# bkname/svname idle_cur used_cur\nbe/s1 3 2\n")
	if err != nil || conns[0].Used != 2 || conns[0].Idle != 3 {
		t.Errorf("by name: %+v, %v", conns, err)
	}
}

func FuzzParseServersConn(f *testing.F) {
	seed(f, "show-servers-conn-*")
	f.Fuzz(func(t *testing.T, answer string) {
		if _, err := ParseServersConn(answer); err != nil && !errors.Is(err, ErrUnexpectedAnswer) {
			t.Error(err)
		}
	})
}
