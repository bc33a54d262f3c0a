package haproxy

import (
	"errors"
	"testing"
	"time"
)

func parseStat(t *testing.T, answer string) []Stat {
	t.Helper()
	stats, err := ParseStat(answer)
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	stats := parseStat(t, capture(t, "show-stat-3.4"))
	if len(stats) != 12 {
		t.Fatalf("%d rows", len(stats))
	}
	frontend, s1, s2, backend := stats[1], stats[2], stats[3], stats[10]
	if frontend.Proxy != "web" || frontend.Type != StatFrontend || frontend.Status != "OPEN" || frontend.SessionsLimit != 9981 {
		t.Errorf("frontend %+v", frontend)
	}
	if s1.Server != "s1" || s1.Type != StatServer || s1.Status != "UP" || s1.Addr != "127.0.0.1:8404" ||
		s1.CheckStatus != "L4OK" || s1.Active != 1 || s1.Weight != 1 || s1.LastChange != 5*time.Second {
		t.Errorf("server %+v", s1)
	}
	if s2.Status != "DOWN" || s2.CheckStatus != "L4CON" || s2.CheckDesc != "Layer4 connection problem" ||
		s2.LastCheck != "ECONNREFUSED returned by OS (Connection refused)" || s2.CheckDowns != 1 {
		t.Errorf("server %+v", s2)
	}
	if backend.Type != StatBackend || backend.Active != 3 || backend.Backup != 1 && backend.Backup != 0 {
		t.Errorf("backend %+v", backend)
	}
	if s1.Values["check_rise"] != "2" {
		t.Errorf("values %v", s1.Values)
	}
	if _, taken := s1.Values["status"]; taken {
		t.Error("a known column is among the others")
	}
}

func TestParseStatByName(t *testing.T) {
	t.Parallel()
	stats := parseStat(t, "# pxname,type,new_in_9.9,status,svname,check_status,last_chk,check_duration,\n"+
		"be,2,x,DOWN,s1,* L7STS,\"wrong, \"\"very\"\"\",12,\n"+
		"be,2,,UP\n")
	first, second := stats[0], stats[1]
	if first.Server != "s1" || !first.Checking || first.CheckStatus != "L7STS" || first.LastCheck != `wrong, "very"` ||
		first.CheckDuration != 12*time.Millisecond || first.Values["new_in_9.9"] != "x" {
		t.Errorf("got %+v", first)
	}
	if second.Status != "UP" || second.Values != nil {
		t.Errorf("a short row: %+v", second)
	}
}

func TestNoWordOfAnAppIsACommandToATerminal(t *testing.T) {
	t.Parallel()
	stat := parseStat(t, "# pxname,svname,type,check_status,last_chk,last_agt\n"+
		"be,s1,2,L7STS,\"\x1b]0;x\x07\x1b[2J\u202eBäd \xff\",\x9b31m\n")[0]
	if stat.LastCheck != "?]0;x??[2J?Bäd \ufffd" || stat.Values["last_agt"] != "\ufffd31m" {
		t.Errorf("got %q, %q", stat.LastCheck, stat.Values["last_agt"])
	}
	if words := stat.CheckWords(); words != "?]0;x??[2J?Bäd \ufffd (L7STS), after 0 ms" {
		t.Errorf("got %q", words)
	}
}

func TestParseStatRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "Permission denied", "# pxname,svname,type,scur\nbe,s1,2,many\n", "# pxname,svname,type\nbe,s1,9\n"} {
		if _, err := ParseStat(answer); !errors.Is(err, ErrUnexpectedAnswer) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	seed(f, "show-stat-*")
	f.Fuzz(func(t *testing.T, answer string) {
		stats, err := ParseStat(answer)
		if err != nil && !errors.Is(err, ErrUnexpectedAnswer) {
			t.Error(err)
		}
		readiness := Serving(stats)
		if readiness.Ready() != (len(readiness.Problems()) == 0) {
			t.Errorf("ready is %v with the problems %q", readiness.Ready(), readiness.Problems())
		}
		if readiness.Ready() && !readiness.Serves() {
			t.Error("ready, but it does not serve")
		}
	})
}
