package plugin

import (
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

const (
	balancer = `
name: demo
services:
  haproxy:
    image: haproxy:3.2
    command: [haproxy, -S, /run/master.sock, -f, /usr/local/etc/haproxy/haproxy.cfg]
    volumes: [./haproxy:/usr/local/etc/haproxy]
    ports: ["8080:80", "127.0.0.1:8404:8404", "5432:5432"]
`
	config = `
frontend myfrontend
    mode http
    bind :80
frontend stats
    mode http
    bind *:8404
    stats enable
    stats uri /
frontend db
    mode tcp
    bind :5432
`
)

func TestUpPrintsTheAddressesAsData(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	project := load(t, balancer, config)
	printAddresses(term, project)
	assert.Equal(t, term.out.String(), "myfrontend  http://localhost:8080\nstats       http://localhost:8404\ndb          localhost:5432\n")
	assert.Equal(t, term.err.String(), "")

	term.Err().SetIsTerminal(true)
	printAddresses(term, project)
	testkit.Contains(t, term.err.String(), "What's next:", "docker haproxy reload", project.ConfigName(), "docker haproxy logs -f")
}

func TestTheStatsPageIsTheFirstAddressThatShowsIt(t *testing.T) {
	t.Parallel()
	url, err := statsURL(load(t, balancer, config))
	assert.NilError(t, err)
	assert.Equal(t, url, "http://localhost:8404")

	for _, without := range []string{"frontend a\n mode http\n bind :80\n", "", "frontend stats\n mode tcp\n bind :8404\n stats enable\n"} {
		_, err = statsURL(load(t, balancer, without))
		assert.ErrorContains(t, err, "no published port of service haproxy leads to a stats page")
		testkit.Contains(t, err.Error(), "stats enable", `"ports:"`)
	}
}

func TestUpWarnsOfServersThatAreAwayWhileOthersServe(t *testing.T) {
	t.Parallel()
	server := func(name, status string) haproxy.Stat {
		return haproxy.Stat{Proxy: "webservers", Server: name, Type: haproxy.StatServer, Status: status, Weight: 1}
	}
	frontend := haproxy.Stat{Proxy: "myfrontend", Server: "FRONTEND", Type: haproxy.StatFrontend, Status: "OPEN"}
	project := load(t, balancer, config)
	warnings := func(stats ...haproxy.Stat) string {
		term := newTerminal(t)
		printTroubles(term, project, compose.Outcome{Process: compose.Process{Stats: stats}})
		assert.Equal(t, term.out.String(), "")
		return term.err.String()
	}
	assert.Equal(t, warnings(frontend, server("s1", "UP"), server("s2", "UP")), "")
	testkit.Contains(t, warnings(frontend, server("s1", "UP"), server("s2", "DOWN")), "Warning: ", "webservers", "s2")
}

func TestWithoutAMasterCLIUpSaysThatItCannotAsk(t *testing.T) {
	t.Parallel()
	term := newTerminal(t)
	printTroubles(term, load(t, "name: demo\nservices:\n  haproxy: {image: 'haproxy:3.2'}\n", ""), compose.Outcome{})
	testkit.Contains(t, term.err.String(), "Warning: ", "without a master CLI socket (-S)")
}

func TestEveryCommandOfAProjectSaysThatThereIsNoComposeFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"up"}, {"up", "--dry-run"}, {"reload"}, {"check"}, {"down"}, {"stop"}, {"start"}, {"ps"}, {"logs"}, {"open"}} {
		err := newTerminal(t).run(t, args...)
		assert.ErrorIs(t, err, compose.ErrNoComposeFile, "%v", args)
		testkit.Contains(t, err.Error(), "docker haproxy init")
	}
}

func TestEveryCommandOfAProjectSaysThatNoEngineAnswers(t *testing.T) {
	folder := t.TempDir()
	testkit.Put(t, folder, "compose.yaml", balancer)
	testkit.Put(t, folder, "haproxy/haproxy.cfg", config)
	t.Chdir(folder)
	for _, args := range [][]string{{"up"}, {"up", "--dry-run"}, {"reload"}, {"check"}, {"down"}, {"stop"}, {"start"}, {"ps"}, {"logs"}, {"open"}, {"-p", "shop", "down"}} {
		err := newTerminal(t).run(t, args...)
		assert.ErrorContains(t, err, "no Docker engine answers at tcp://127.0.0.1:", "%v", args)
	}
}
