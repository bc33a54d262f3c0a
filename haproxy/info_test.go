package haproxy

import (
	"errors"
	"testing"
	"time"
)

func TestParseInfo(t *testing.T) {
	t.Parallel()
	info, err := ParseInfo(capture(t, "show-info-3.4"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Version != "3.4.7-1" || info.PID != 14 || info.MaxConn != 9981 || info.CurrConns != 0 || info.Stopping || info.Tainted != 0 {
		t.Errorf("got %+v", info)
	}
	if info.Uptime != 4*time.Second || info.StartTime.Unix() != 1795416571 {
		t.Errorf("started %v, up %v", info.StartTime, info.Uptime)
	}
	if info.Values["Unstoppable Jobs"] != "1" || info.Values["Release_date"] != "2026/10/14" {
		t.Errorf("values %v", info.Values)
	}
}

func TestParseInfoRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "Permission denied", "Version: 3.2\nPid: nine\n"} {
		if _, err := ParseInfo(answer); !errors.Is(err, ErrUnexpectedAnswer) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	seed(f, "show-info-*")
	f.Fuzz(func(t *testing.T, answer string) {
		if info, err := ParseInfo(answer); err == nil && info.Version == "" {
			t.Errorf("got %+v", info)
		}
	})
}
