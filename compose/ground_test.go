package compose

import (
	"io"
	"slices"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestACheckSeesWhatHAProxysOwnOverlooks(t *testing.T) {
	t.Parallel()
	for config, words := range map[string]string{
		"global\n  pidfile /nowhere/h.pid\nfrontend f\n  bind :80\n": "pidfile /nowhere/h.pid cannot be written",
		"frontend f\n  bind /nowhere/x.sock\n":                       "cannot listen on '/nowhere/x.sock'",
		"frontend f\n  bind 192.0.2.1:80\n":                          "192.0.2.1 is not an address of the container",
		"global\n  stats socket /run/api.sock\n":                     "no listener",
		"frontend f\n  bind :80\n  bind /run/x.sock\n":               "",
	} {
		p := configured(t)
		testkit.Put(t, p.WorkingDir, BaseConfigName, config)
		fake := healthy()
		fake.writable = []string{"/run"}
		fake.network = "  |-- 10.0.0.7\n    /32 host LOCAL\n\x01\x01\x010\n\x010\n\x01CapEff:\t0\n"
		engine, _ := (&fakeEngine{exec: func(p *fakeProcess) int {
			if slices.Contains(p.Argv, stdin) {
				_, _ = io.Copy(io.Discard, p.Stdin)
			}
			return fake.exec(p)
		}}).start(t)

		report, err := engine.Check(t.Context(), p, &runs, nil)
		assert.NilError(t, err)
		assert.Equal(t, report.Valid, words == "", config)
		_, reloadErr := engine.Reload(t.Context(), p, runs, promptly)
		if words == "" {
			assert.NilError(t, reloadErr)
			continue
		}
		assert.ErrorContains(t, reloadErr, "HAProxy refuses ")
		testkit.Contains(t, report.Diagnostics[0].Message, words)
		assert.Equal(t, len(fake.sent("reload")), 0)

		report, err = engine.Check(t.Context(), p, &runs, &Candidate{Name: "standard input", Content: []byte(config)})
		assert.NilError(t, err)
		assert.Assert(t, !report.Valid)
		assert.Equal(t, report.Diagnostics[0].File, "standard input")
	}
}

func TestWhatHAProxyListensOnAlreadyIsNotQuestioned(t *testing.T) {
	t.Parallel()
	p := configured(t)
	testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend f\n  bind 192.0.2.1:80\n")
	config := read(t, p)
	assert.NilError(t, p.keep("up", config, true))
	assert.NilError(t, p.Remember(runs, 9, config))
	files, worker := p.loadedFiles(runs)
	assert.Equal(t, len(files), 1)
	assert.Equal(t, worker, 9)
	fake := healthy()
	fake.network = "  |-- 10.0.0.7\n    /32 host LOCAL\n\x01\x01\x010\n\x010\n\x01CapEff:\t0\n"
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)

	another := runs
	another.StartedAt = another.StartedAt.Add(1)
	files, worker = p.loadedFiles(another)
	assert.Equal(t, len(files)+worker, 0, "what another process has in memory is not known")
}
