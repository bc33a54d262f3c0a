package haproxy

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Each case has the files of a configuration, where its servers are, and what
// becomes of them on the host's network, or why nothing does.
func TestCarry(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/carry/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := carryCase(t, archive)
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got, want := string(txtar.Format(got)), string(txtar.Format(archive)); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

const carried = "carried/"

// carryCase is the archive as it should be.
func carryCase(t *testing.T, archive *txtar.Archive) *txtar.Archive {
	t.Helper()
	c := Carriage{Entrances: map[Listener]string{}, Sockets: "/run/sockets"}
	got := &txtar.Archive{Comment: archive.Comment}
	var files []ConfigFile
	for _, f := range archive.Files {
		switch {
		case f.Name == "servers":
			c.Servers = serversOf(t, f.Data)
		case path.Ext(f.Name) == ".cfg" && !strings.HasPrefix(f.Name, carried):
			files = append(files, ConfigFile{Name: f.Name, Content: f.Data})
		default:
			continue
		}
		got.Files = append(got.Files, f)
	}
	opened := map[bool]bool{}
	for _, file := range files { // the first for HTTP, and the first with TLS
		for _, l := range Listeners(file.Content) {
			if !l.TCP && l.StatsURI == "" && !opened[l.TLS] {
				c.Entrances[l], opened[l.TLS] = fmt.Sprintf("127.0.0.1:%d", 40000+l.Port), true
			}
		}
	}
	moved, err := c.Carry(files)
	if err != nil {
		got.Files = append(got.Files, txtar.File{Name: "error", Data: []byte(err.Error() + "\n")})
	}
	for _, f := range moved {
		got.Files = append(got.Files, txtar.File{Name: carried + f.Name, Data: f.Content})
	}
	return got
}

// serversOf reads lines "BACKEND SERVER ADDRESS PORT ADMIN WEIGHT", as HAProxy has them.
func serversOf(t *testing.T, text []byte) []ServerState {
	t.Helper()
	var servers []ServerState
	for line := range strings.Lines(string(text)) {
		var s ServerState
		if _, err := fmt.Sscan(line, &s.Backend, &s.Server, &s.Addr, &s.Port, &s.AdminState, &s.Weight); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s.Addr, s.InitialWeight = strings.Trim(s.Addr, "-"), 1
		servers = append(servers, s)
	}
	return servers
}

func TestWhatDoesMoreThanServeIsNotCarried(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"peers mine\n peer other 10.0.0.1:10000":                          "among the peers",
		"peers mine\n server a 10.0.0.1:10000 ssl":                        "among the peers",
		"peers mine\n peer \"${HAPROXY_LOCALPEER}\" unix@/var/run/p.sock": "",
		"mailers mine":                     "mail",
		"program api":                      "program",
		"ring far\n server s 10.0.0.1:514": "receivers",
		"log-forward in":                   "pass logs on",
		"acme le":                          "certificates",
		"global\n lua-load /x.lua":         "Lua",
		"global\n lua-load /known.lua /x.map 127.0.0.11":                       "",
		"frontend i\n bind abns@i\nbackend b\n http-check connect addr abns@i": "",
		"backend b\n http-check connect addr abns@i":                           "addr abns@i",
		"global\n external-check":                                              "external check",
		"global\n ocsp-update.mode on":                                         "OCSP",
		"global\n ocsp-update.mode off":                                        "",
		"frontend f\n bind :80 ocsp-update on":                                 "OCSP",
		"backend b\n source 172.18.0.2":                                        "source",
		"backend b\n dispatch 127.0.0.1:80":                                    "dispatch",
		"backend b\n server a web:80 source ::2":                               "source",
		"global\n default-path config":                                         "relative",
		"global\n log 127.0.0.1:514 local0":                                    "the log goes to 127.0.0.1:514",
		"global\n log tcp@syslog:601 local0":                                   "tcp@syslog:601",
		"frontend f\n bind :80 interface eth0":                                 "a bind with interface",
		"backend b\n server s abns@name":                                       "abns@",
		"backend b\n server s 127.0.0.1:80":                                    "", // it has no address at run time: nothing is sent there
		"backend b\n server a web:80 addr web2":                                "addr web2",
		"backend b\n server a web:80 addr ::1":                                 "addr ::1",
		"backend b\n server-template w x web:80":                               "how many",
		"backend b\n tcp-check connect addr 10.1":                              "addr 10.1",
		"frontend f\n http-request do-resolve(txn.a,docker,ipv4) hdr(host)":    "do-resolve",
		"frontend f\n http-request set-dst var(txn.a)":                         "set-dst",
		"global\n log stdout format raw local0":                                "",
		"global\n log /dev/log local0":                                         "",
		"global\n log ring@here local0":                                        "",
		"ring here\n size 1024":                                                "",
		"backend b\n server a web:80 check addr 10.0.0.9":                      "",
	} {
		_, err := Carriage{Sockets: "/run/sockets", Script: "/known.lua"}.Carry([]ConfigFile{{Name: "x.cfg", Content: []byte(line + "\n")}})
		place := fmt.Sprintf("x.cfg line %d: ", strings.Count(line, "\n")+1)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", line, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), place) || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want %s… %s", line, err, place, want)
		}
	}
}

func TestAnEntranceThatCannotBeMovedIsNotCarried(t *testing.T) {
	t.Parallel()
	_, err := Carriage{Entrances: map[Listener]string{{Proxy: "web", Port: 80}: "127.0.0.1:1"}}.
		Carry([]ConfigFile{{Name: "x.cfg", Content: []byte("frontend web\n bind :${PORT}\n")}})
	if err == nil || !strings.Contains(err.Error(), "opens port 80") {
		t.Errorf("got %v", err)
	}
}

func TestACommandGetsOtherConfigurations(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"haproxy -S /m.sock -f a.cfg -f generated":                  "haproxy -S /m.sock -f 0.cfg -f 1.cfg",
		"/docker-entrypoint.sh haproxy -f a.cfg -d":                 "/docker-entrypoint.sh haproxy -f 0.cfg -f 1.cfg -d",
		"haproxy -S /m.sock,mode,600 -S :9999 -S unix@/n.sock -f a": "haproxy -S /m.sock,mode,600 -S unix@/n.sock -f 0.cfg -f 1.cfg",
		"haproxy -W -- a.cfg b.cfg":                                 "haproxy -W -f 0.cfg -f 1.cfg",
		"/start.sh":                                                 "",
	} {
		got, found := CommandWith(strings.Fields(command), []string{"0.cfg", "1.cfg"})
		if found != (want != "") || found && strings.Join(got, " ") != want {
			t.Errorf("%s: got %q (%t), want %q", command, got, found, want)
		}
	}
}
