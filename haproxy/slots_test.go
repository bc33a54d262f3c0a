package haproxy

import (
	"strings"
	"testing"
)

func TestOccupied_leaves_out_slots_that_wait(t *testing.T) {
	t.Parallel()
	slot := func(backend, server, fqdn, addr string) ServerState {
		return ServerState{Backend: backend, Server: server, FQDN: fqdn, Addr: addr}
	}
	stat := func(backend, server, status, addr string) Stat {
		return Stat{Type: StatServer, Proxy: backend, Server: server, Status: status, Addr: addr}
	}
	const none = "MAINT (resolution)"
	stranger := func(backend, server string) Stat {
		s := stat(backend, server, "DOWN", "10.0.0.66:80")
		s.LastCheck = NotOurs
		return s
	}
	states := []ServerState{
		slot("h", "cat1", "cat", "10.0.0.66"), slot("h", "cat2", "cat", ""), // nothing else has the name
		slot("d", "off3", "off", "10.0.0.66"),
		slot("b", "web1", "web", "10.0.0.1"), slot("b", "web2", "web", ""), slot("b", "web3", "web", ""),
		slot("c", "api1", "api", ""), slot("c", "api2", "api", ""),
		slot("d", "off1", "off", ""), slot("d", "off2", "off", ""),
		slot("e", "s1", "one", ""), slot("e", "s2", "two", "10.0.0.9"),
		slot("g", "new1", "new", "10.0.0.3"), slot("g", "new2", "new", ""), // it got its address behind the statistics
	}
	stats := []Stat{
		{Type: StatFrontend, Proxy: "f"},
		stat("b", "web1", "UP", "10.0.0.1:80"), stat("b", "web2", none, ""), stat("b", "web3", "MAINT", ""),
		stat("c", "api1", none, ""), stat("c", "api2", none, ""),
		stat("d", "off1", none, ""), stat("d", "off2", none, ""),
		stat("e", "s1", none, ""), stat("e", "s2", "UP", "10.0.0.9:80"),
		stat("g", "new1", none, ""), stat("g", "new2", none, ""),
		stranger("h", "cat1"), stat("h", "cat2", none, ""), stranger("d", "off3"),
		{Type: StatBackend, Proxy: "b"},
	}
	var kept []string
	for _, s := range Occupied(stats, states, func(fqdn string) bool { return fqdn == "off" }) {
		kept = append(kept, s.Proxy+"/"+s.Server)
	}
	if got, want := strings.Join(kept, " "), "f/ b/web1 b/web3 c/api1 e/s1 e/s2 g/new1 h/cat1 h/cat2 b/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
