package haproxy

import (
	"strings"
	"testing"
)

func TestParseMaster(t *testing.T) {
	t.Parallel()
	argv := func(words ...string) string { return strings.Join(words, "\x00") + "\x00" }
	const processes = "HAPROXY_PROCESSES=|type=m;fd=-1;cfd=5;pid=1;reloads=4;failedreloads=1;timestamp=1;id=;version=3.4.7|type=w;fd=7;cfd=8;pid=9;reloads=77;failedreloads=0;timestamp=2;id=;version=3.4.7|"
	for name, test := range map[string]struct {
		cmdline, environ, children string
		want                       Master
		fragile                    bool
	}{
		"just started": {
			argv("haproxy", "-W", "-S", "/run/master.sock", "-f", "/etc/haproxy"), argv("PATH=/bin"), "9 ",
			Master{},
			false,
		},
		"reloaded": {
			argv("haproxy", "-sf", "9", "-x", "sockpair@5", "-W", "-f", "/etc/haproxy"), argv("HAPROXY_STARTUP_VERSION=3.4.7", processes), "9 12 ",
			Master{Version: "3.4.7", Reloads: 4, NewWorker: 12},
			false,
		},
		"reloaded, and the old worker is gone": {
			argv("haproxy", "-sf", "9", "-x", "sockpair@5", "-W"), argv("HAPROXY_STARTUP_VERSION=3.4.7", processes), "12 ",
			Master{Version: "3.4.7", Reloads: 4, NewWorker: 12},
			false,
		},
		"the reload failed": {
			argv("haproxy", "-sf", "9", "12", "-x", "sockpair@5", "-W"), argv("HAPROXY_STARTUP_VERSION=3.4.7", processes), "9 12 ",
			Master{Version: "3.4.7", Reloads: 4, ReloadFailed: true},
			true,
		},
		"the reload of an older one failed": {
			argv("haproxy", "-sf", "9", "-W"), argv("HAPROXY_STARTUP_VERSION=3.2.26-1~bpo12+1", processes), "9 ",
			Master{Version: "3.2.26-1~bpo12+1", Reloads: 4, ReloadFailed: true},
			false,
		},
		"the reload of a newer one failed": {
			argv("haproxy", "-sf", "9", "-W"), argv("HAPROXY_STARTUP_VERSION=3.5-dev5", processes), "9",
			Master{Version: "3.5-dev5", Reloads: 4, ReloadFailed: true},
			true,
		},
		"the next major one": {
			argv("haproxy", "-sf", "9"), argv("HAPROXY_STARTUP_VERSION=4.0.0"), "9",
			Master{Version: "4.0.0", ReloadFailed: true},
			true,
		},
		"no worker at all": { // the container ends then
			argv("haproxy", "-sf", "9"), argv("HAPROXY_STARTUP_VERSION=3.4.7"), "",
			Master{Version: "3.4.7"},
			false,
		},
		"gone": {"", "", "", Master{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ParseMaster(test.cmdline, test.environ, test.children)
			if got != test.want || got.Fragile() != test.fragile {
				t.Errorf("got %+v, fragile %v", got, got.Fragile())
			}
		})
	}
}
