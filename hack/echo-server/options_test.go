package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	hostname, _ := os.Hostname()
	defaults := options{listen: ":8080", name: hostname, version: "dev", tlsNames: "localhost", grace: 10 * time.Second}
	for _, tc := range []struct {
		name string
		args []string
		env  map[string]string
		want func(*options)
	}{
		{"defaults", nil, nil, func(*options) {}},
		{
			"environment wins over the default", nil,
			map[string]string{"LISTEN": ":9000", "NAME": "web1", "VERSION": "2"},
			func(o *options) { o.listen, o.name, o.version = ":9000", "web1", "2" },
		},
		{
			"flag wins over the environment",
			[]string{"-listen", ":9001", "-version", "3"},
			map[string]string{"LISTEN": ":9000", "VERSION": "2"},
			func(o *options) { o.listen, o.version = ":9001", "3" },
		},
		{"an empty variable is not set", nil, map[string]string{"VERSION": "", "DRAIN": ""}, func(*options) {}},
		{
			"faults", nil,
			map[string]string{"FAIL_HEALTH": "1", "START_DELAY": "1500ms", "CRASH_AFTER": "1s", "STATUS": "500"},
			func(o *options) {
				o.failHealth, o.startDelay, o.crashAfter, o.status = true, 1500*time.Millisecond, time.Second, 500
			},
		},
		{
			"stopping",
			[]string{"-grace", "3s"},
			map[string]string{"DRAIN": "2s", "GRACE": "1s"},
			func(o *options) { o.drain, o.grace = 2*time.Second, 3*time.Second },
		},
		{
			"other protocols",
			[]string{"-tls-names", "shop.example.com,*.example.org"},
			map[string]string{"TCP_LISTEN": ":5432", "TLS_LISTEN": ":8443", "TLS_NAMES": "other", "GRPC_LISTEN": ":50051"},
			func(o *options) {
				o.tcpListen, o.tlsListen, o.grpcListen = ":5432", ":8443", ":50051"
				o.tlsNames = "shop.example.com,*.example.org"
			},
		},
		{"health check", []string{"-healthcheck"}, nil, func(o *options) { o.healthcheck = true }},
		{"health check is no variable", nil, map[string]string{"HEALTHCHECK": "1"}, func(*options) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := defaults
			tc.want(&want)
			got, err := parseOptions(tc.args, func(k string) string { return tc.env[k] }, io.Discard)
			if err != nil || got != want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for _, tc := range []struct {
		args []string
		env  string
		want string
	}{
		{[]string{"-status", "99"}, "", "want 200 to 599"},
		{[]string{"-drain", "soon"}, "", "invalid value"},
		{[]string{"serve"}, "", `unexpected argument "serve"`},
		{nil, "DRAIN=soon", "DRAIN=soon: "},
	} {
		key, value, _ := strings.Cut(tc.env, "=")
		_, err := parseOptions(tc.args, func(k string) string {
			if k == key {
				return value
			}
			return ""
		}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("parseOptions(%q, %q) = %v, want %q", tc.args, tc.env, err, tc.want)
		}
	}
}
