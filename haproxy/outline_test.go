package haproxy

import (
	"reflect"
	"testing"
)

func TestListeners_are_the_ports_that_people_may_open(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		want   []Listener
	}{
		"nothing": {config: "global\n  log stdout format raw local0\n"},
		"a frontend": {
			config: "defaults\n mode http\nfrontend web\n bind :80\n",
			want:   []Listener{{Proxy: "web", Port: 80}},
		},
		"a stats page at its own place": {
			config: "defaults\n mode http\nfrontend stats\n bind *:8404\n stats enable\n stats uri /\n",
			want:   []Listener{{Proxy: "stats", Port: 8404, StatsURI: "/"}},
		},
		"a stats page at HAProxy's place": {
			config: "listen stats\n mode http\n bind 127.0.0.1:9000\n stats enable\n",
			want:   []Listener{{Proxy: "stats", Host: "127.0.0.1", Port: 9000, StatsURI: "/haproxy?stats"}},
		},
		"TLS, IPv6, several addresses": {
			config: "frontend web\n mode http\n bind [::]:443,10.0.0.1:8443 ssl crt /etc/x.pem # bind :1\n",
			want:   []Listener{{Proxy: "web", Host: "::", Port: 443, TLS: true}, {Proxy: "web", Host: "10.0.0.1", Port: 8443, TLS: true}},
		},
		"every way to write all addresses": {
			config: "frontend web\n mode http\n bind *:1,0.0.0.0:2,ipv4@:3,:::4,ipv6@*:5\n",
			want:   []Listener{{Proxy: "web", Port: 1}, {Proxy: "web", Port: 2}, {Proxy: "web", Port: 3}, {Proxy: "web", Host: "::", Port: 4}, {Proxy: "web", Port: 5}},
		},
		"IPv6 beside IPv4 is the same place": {
			config: "frontend web\n mode http\n bind :80\n bind [::]:80 v6only\n bind [::]:81 v6only\nfrontend b\n mode http\n bind [::]:80\n",
			want:   []Listener{{Proxy: "web", Port: 80}, {Proxy: "web", Host: "::", Port: 81}, {Proxy: "b", Host: "::", Port: 80}},
		},
		"tcp, which is HAProxy's default": {
			config: "frontend db\n bind :5432\ndefaults\n mode http\nfrontend sql\n mode tcp\n bind :3306\n",
			want:   []Listener{{Proxy: "db", Port: 5432, TCP: true}, {Proxy: "sql", Port: 3306, TCP: true}},
		},
		"what cannot be shown is left out": {
			config: "frontend web\n mode http\n bind :8000-8010\n bind unix@/run/x.sock\n bind \"${ADDR}\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Listeners([]byte(test.config)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func FuzzListeners(f *testing.F) {
	f.Add([]byte("frontend a\n bind :80 # x\n stats enable\n mode \"tcp\""))
	f.Fuzz(func(_ *testing.T, config []byte) { Listeners(config) })
}
