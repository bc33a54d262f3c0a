package compose

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func statsOf(t *testing.T, rows string) []haproxy.Stat {
	t.Helper()
	stats, err := haproxy.ParseStat("# pxname,svname,type,status,check_status,weight,addr,mode,rate,req_rate,req_tot,stot\n" + rows)
	assert.NilError(t, err)
	return stats
}

func TestAStatusJoinsWhatHAProxyAndComposeKnow(t *testing.T) {
	t.Parallel()
	s := seen{
		at:   midday,
		info: haproxy.Info{Version: "3.2.26", PID: 12, Uptime: time.Minute, CurrConns: 5, MaxConn: 100},
		stats: statsOf(t, `front,FRONTEND,0,OPEN,,,,http,2,7,40,30
tcp,FRONTEND,0,OPEN,,,,tcp,3,0,0,20
web,s1,2,UP,L7OK,1,10.0.0.1:80,http,,,,
web,s2,2,DOWN,L4CON,1,10.0.0.9:80,http,,,,
web,BACKEND,1,UP,,1,,http,,,,9
`),
		proc: haproxy.Proc{
			Workers:    []haproxy.Process{{PID: 12, Uptime: time.Minute}},
			OldWorkers: []haproxy.Process{{PID: 7, Reloads: 3, Uptime: 3 * time.Hour}, {PID: 8, Reloads: 2, Uptime: 2 * time.Hour}, {PID: 9, Reloads: 1, Uptime: time.Hour}},
		},
		old: map[int]int64{9: 3, 7: 1},
	}
	status := statusOf(s, []Container{{Name: "demo-web1-1", Service: "web1", addresses: "fd00::1 10.0.0.1"}})
	assert.Equal(t, status.RequestRate, int64(7))
	assert.Equal(t, fmt.Sprint(status.Frontends[0].Total, status.Frontends[1].Total), "40 20", "requests, and sessions where there are no requests")
	assert.Equal(t, len(status.Backends), 1)
	assert.Equal(t, status.Backends[0].Total, int64(9))
	servers := status.Servers()
	assert.Equal(t, servers[0].Container+" "+servers[0].Service+" "+string(servers[0].State), "demo-web1-1 web1 up")
	assert.Equal(t, servers[1].Container+" "+string(servers[1].State), " down")
	assert.Equal(t, len(status.Workers), 3, "one that was not asked has ended")
	assert.Assert(t, status.Workers[0].Current)
	old := status.OldWorkers()
	assert.Equal(t, len(old), 2)
	assert.Equal(t, fmt.Sprint(old[1].PID, old[1].Sessions, old[1].Uptime, old[1].Draining), "9 3 1h0m0s 1m0s", "it drains since the next one took over")
	assert.Assert(t, old[1].Since.Equal(midday.Add(-time.Minute)))
	assert.Equal(t, fmt.Sprint(old[0].PID, old[0].Sessions, old[0].Draining), "7 1 2h0m0s", "also where the next one has ended its sessions since")
}

func TestTheStateOfAServerInOneWord(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]ServerState{
		"UP,L7OK,1":             ServerUp,
		"UP 2/3,L7OK,1":         ServerUp,
		"no check,,1":           ServerUp,
		"UP 1/3,INI,1":          ServerPending,
		"DOWN,INI,1":            ServerPending,
		"DOWN,L4CON,1":          ServerDown,
		"DOWN 1/2,L7STS,1":      ServerDown,
		"DRAIN,L7OK,1":          ServerDraining,
		"UP,L7OK,0":             ServerDraining,
		"NOLB,L7STS,1":          ServerDraining,
		"MAINT,,1":              ServerMaintenance,
		"MAINT (resolution),,1": ServerNoAddress,
	} {
		assert.Equal(t, serverState(statsOf(t, "web,s1,2,"+row+",,http,,,,\n")[0]), want, row)
	}
}

func TestAStatusWarnsOfWhatAPersonShouldLookAt(t *testing.T) {
	t.Parallel()
	p := configured(t)
	well := seen{info: haproxy.Info{PID: 9, StartTime: midday}, stats: statsOf(t, "front,FRONTEND,0,OPEN,,,,http,,,,\nweb,s1,2,UP,L7OK,1,,http,,,,\n")}
	failed := well
	failed.proc.Master = haproxy.Process{Reloads: 4, FailedReloads: 1}
	config := read(t, p)
	assert.NilError(t, p.Remember(runs, 9, config))

	judged := func(s seen, b Balancer) string {
		status := Status{}
		p.describe(&status, b)
		p.judge(&status, b, s)
		return string(status.Config.State) + ": " + strings.Join(status.Warnings, "; ")
	}
	assert.Equal(t, judged(well, runs), "loaded: ")
	testkit.Contains(t, judged(failed, runs), "loaded: ", "somebody reloaded HAProxy by hand")

	assert.NilError(t, p.noteVerdict(verdictNote{Container: runs.ID, StartedAt: runs.StartedAt, Reloads: 4}))
	testkit.Contains(t, judged(failed, runs), "the last reload failed, and HAProxy serves with the configuration before")

	restarted := runs
	restarted.Restarts = 2
	testkit.Contains(t, judged(well, restarted), "restarted 2 times")

	testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend edited\n  bind :80\n")
	testkit.Contains(t, judged(well, runs), "edited: ", "was edited since HAProxy loaded it")
}

func TestALoadBalancerBetweenTwoStartsIsNotRunningWhateverComesNext(t *testing.T) {
	t.Parallel()
	crashing := ours("1", LoadBalancer)
	crashing.State, crashing.Then, crashing.Logs = "restarting", "running", "[ALERT] (1) : unknown keyword 'bimd'\n"
	engine, _ := (&fakeEngine{containers: []fakeContainer{crashing}}).start(t)
	status, err := engine.Status(t.Context(), demoProject(t))
	assert.ErrorIs(t, err, ErrNotRunning)
	assert.ErrorContains(t, err, "bimd")
	assert.Equal(t, status.State, "restarting")
}
