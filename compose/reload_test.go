package compose

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// healthy is a HAProxy whose only server is up before and after a reload.
func healthy() *fakeHAProxy {
	return &fakeHAProxy{verdict: loadedWell, workers: []fakeWorker{{oneServer, serving}}}
}

var promptly = ReloadOptions{WaitTimeout: 100 * time.Millisecond}

func TestAReloadGivesHAProxysVerdictAndNotesIt(t *testing.T) {
	t.Parallel()
	fake := healthy()
	engine, events := (&fakeEngine{exec: fake.exec}).start(t)
	p := configured(t)
	done, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.Assert(t, done.Verdict.Loaded)
	assert.Equal(t, done.Verdict.Worker, 10)
	assert.Equal(t, p.note().Worker, 10)
	assert.Assert(t, !p.Drift(runs, 10, midday, read(t, p)))
	assert.Assert(t, p.LastVerdict(runs).Loaded)
	testkit.Contains(t, p.LastVerdict(runs).Summary, "HAProxy loaded ")
	testkit.Contains(t, events.seen(), "Checking", "Valid", "HAProxy demo-haproxy-1: Reloading\nHAProxy demo-haproxy-1: Reloaded")
	assert.DeepEqual(t, fake.sent("reload"), []string{"reload"})
}

func TestAReloadPutsBackWhatWasSetAtRunTime(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.workers = []fakeWorker{
		{"3 web 1 s1 10.0.0.1 2 0 1 1 web1 80\n3 web 2 s2 10.0.0.2 2 8 7 1 web2 80\n3 web 3 s3 10.0.0.3 0 1 1 1 web3 80\n3 web 4 s4 10.0.0.4 2 0 1 1 - 80\n", serving},
		{"3 web 1 s1 10.0.0.1 2 0 1 1 web1 80\n3 web 2 s2 10.0.0.2 2 0 1 1 web2 80\n3 web 3 s3 10.0.0.3 2 0 1 1 web3 80\n", serving},
	}
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	done, err := engine.Reload(t.Context(), configured(t), runs, promptly)
	assert.NilError(t, err)
	assert.DeepEqual(t, fake.sent("set server"), []string{
		"set server web/s2 state drain", "set server web/s2 weight 7", "set server web/s3 state maint",
	})
	assert.Equal(t, fmt.Sprint(done.Restored), "[web/s2 drain, weight 7 web/s3 maint]")
	assert.Equal(t, len(done.Forgotten.Gone), 1)
	assert.Equal(t, done.Forgotten.Gone[0].Server, "s4")
}

func TestAConfigurationThatServesLessIsTakenBack(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.workers = []fakeWorker{{oneServer, serving}, {oneServer, notServing}, {oneServer, serving}}
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	p := configured(t)
	before := read(t, p)
	assert.NilError(t, p.Remember(runs, 9, before))
	assert.NilError(t, p.keep("up", before, true))
	testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend edited\n  bind :80\n")

	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.ErrorIs(t, err, ErrServesWorse)
	testkit.Contains(t, err.Error(), "serves less than before; the configuration before was loaded again", "web: no server takes requests any more", "Your edit is still on disk")
	assert.Equal(t, len(fake.sent("reload")), 2)
	text, err := os.ReadFile(filepath.Join(p.WorkingDir, BaseConfigName))
	assert.NilError(t, err)
	assert.Equal(t, string(text), "frontend edited\n  bind :80\n")
	assert.Equal(t, p.memory(runs, 11), before.Hash)
	assert.Assert(t, !p.LastVerdict(runs).Loaded)
}

func TestWithForceAConfigurationThatServesLessStays(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.workers = []fakeWorker{{oneServer, serving}, {oneServer, notServing}}
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	done, err := engine.Reload(t.Context(), configured(t), runs, ReloadOptions{Force: true, WaitTimeout: time.Second})
	assert.NilError(t, err)
	assert.Assert(t, !done.Process.Readiness().Serves())
	assert.Equal(t, len(fake.sent("reload")), 1)
}

func TestAReloadThatHAProxyRefusesIsAnErrorAndIsNotTakenForLoaded(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.verdict = "Success=0\n--\n" + unknownKeyword + "\n"
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	p := configured(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	var invalid *InvalidError
	assert.Assert(t, errors.As(err, &invalid), "%v", err)
	assert.Equal(t, invalid.Kept, keepsRunning)
	assert.Equal(t, invalid.Report.Diagnostics[0].Source, "  bimd :80")
	assert.Equal(t, p.note(), loaded{})
	verdict := p.LastVerdict(runs)
	assert.Assert(t, !verdict.Loaded)
	assert.Equal(t, verdict.Diagnostics[0].Source, "", "a line of the file may hold a secret")
}

func TestWhatTheCheckRefusesIsNeverReloaded(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.checkExit, fake.checkSays = 1, unknownKeyword
	engine, events := (&fakeEngine{exec: fake.exec}).start(t)
	p := configured(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	var invalid *InvalidError
	assert.Assert(t, errors.As(err, &invalid), "%v", err)
	assert.Assert(t, !strings.Contains(events.seen(), "Reloading"))
	assert.Equal(t, len(fake.sent("")), 0, "HAProxy must not even be talked to")
	assert.Assert(t, !p.LastVerdict(runs).Loaded)
}

func TestAConfigurationThatIsEditedDuringItsCheckIsNotReloaded(t *testing.T) {
	t.Parallel()
	p := configured(t)
	fake := healthy()
	fake.onCheck = func() { testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend edited\n  bind :80\n") }
	engine, events := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.ErrorIs(t, err, ErrConfigChanged)
	testkit.Contains(t, err.Error(), "edited while it was being checked; nothing was applied")
	assert.Assert(t, !strings.Contains(events.seen(), "Reloading"))
}

func TestAConfigurationThatIsEditedAfterItsCheckIsNotReloaded(t *testing.T) {
	t.Parallel()
	p := configured(t)
	fake := healthy()
	fake.onCommand = func(command string) {
		if strings.HasSuffix(command, "show servers state") {
			testkit.Put(t, p.WorkingDir, BaseConfigName, "frontend edited\n  bind :80\n")
		}
	}
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.ErrorIs(t, err, ErrConfigChanged)
	assert.Equal(t, len(fake.sent("reload")), 0)
	assert.Equal(t, p.note(), loaded{})
}

func TestAReloadTellsThatItsConfigurationCouldNotBeKept(t *testing.T) {
	t.Parallel()
	p := configured(t)
	testkit.Put(t, p.statePath(), "history", "a file where the folder belongs")
	engine, _ := (&fakeEngine{exec: healthy().exec}).start(t)
	done, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.Assert(t, done.NotKept != nil && done.Verdict.Loaded)
}

func TestWithoutAMasterCLINothingIsReloaded(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	_, err := engine.Reload(t.Context(), demoProject(t), runs, promptly)
	assert.ErrorIs(t, err, ErrNoMasterSocket)
	testkit.Contains(t, err.Error(), "compose.yaml", "-S ", `"command:"`)
}

func TestAMasterThatAConnectionMayCrashIsReloadedBySignal(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.master = fragileMaster
	engineOf := &fakeEngine{exec: fake.exec, onKill: func(signal string) {
		fake.mu.Lock()
		defer fake.mu.Unlock()
		if signal == "SIGHUP" {
			fake.reloads++
			fake.master = strings.NewReplacer("reloads=4", "reloads=5", "\x0177 ", "\x0177 104 ").Replace(fragileMaster)
		}
	}}
	engine, _ := engineOf.start(t)
	p := configured(t)

	_, err := engine.Runtime(p, runs).Open(t.Context())
	assert.ErrorIs(t, err, ErrFragile)
	testkit.Contains(t, fmt.Sprint(err), "docker kill -s HUP", "docker haproxy reload")
	assert.Equal(t, len(fake.sent("")), 0, "it must not be talked to")

	done, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.Assert(t, done.Verdict.Loaded && done.Unasked)
	assert.Equal(t, len(fake.sent("reload")), 0)
}

// fragileMaster is what the kernel tells of HAProxy 3.4.7 after a SIGHUP with a
// file whose last line does not end.
const fragileMaster = "haproxy\x00-sf\x0077\x00-x\x00sockpair@4\x00-W\x00-f\x00/c.cfg\x00\x01" +
	"HAPROXY_STARTUP_VERSION=3.4.7-1\x00HAPROXY_PROCESSES=|type=m;fd=6;cfd=7;pid=1;reloads=4;failedreloads=0;timestamp=1;id=;version=|type=w;fd=4;pid=77;reloads=1;version=3.4.7-1\x00\x01" +
	"77 "

func TestTwoReloadsDoNotInterleave(t *testing.T) {
	t.Parallel()
	p := configured(t)
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	fake := healthy()
	fake.onCheck = func() { entered <- struct{}{}; <-leave }
	engine, events := (&fakeEngine{exec: fake.exec}).start(t)
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := engine.Reload(t.Context(), p, runs, promptly)
			results <- err
		}()
	}
	<-entered
	for !strings.Contains(events.seen(), "Waiting for another docker haproxy") {
		time.Sleep(time.Millisecond)
	}
	assert.Equal(t, len(entered), 0, "the second one must wait")
	close(leave)
	assert.NilError(t, <-results)
	assert.NilError(t, <-results)
}

func TestAMasterCLIThatDoesNotAnswerIsExplained(t *testing.T) {
	t.Parallel()
	noShell := func(p *fakeProcess) int {
		p.Err("sh: nc: not found\n")
		return 127
	}
	lb, ended := ours("c1", LoadBalancer), ours("c1", LoadBalancer)
	lb.StartedAt = midday.Format(time.RFC3339Nano)
	recovered, crashing := lb, lb
	recovered.Restarts, crashing.Restarts = 1, 3
	waiting := recovered
	waiting.State = "restarting"
	crashing.StartedAt = time.Now().Add(time.Minute).Format(time.RFC3339Nano) // however long the others take
	ended.State, ended.ExitCode, ended.Logs = "exited", 139, "segmentation fault\n"
	p := configured(t)
	for name, c := range map[string]struct {
		container fakeContainer
		want      []string
	}{
		"it crashed long ago": {recovered, []string{"HAProxy in demo-haproxy-1 does not answer on its master CLI"}},
		"it is started again": {waiting, []string{"container demo-haproxy-1 ends as soon as it starts (restarted 1 times)"}},
		"it keeps crashing":   {crashing, []string{"container demo-haproxy-1 ends as soon as it starts (restarted 3 times)"}},
		"it runs":             {lb, []string{"HAProxy in demo-haproxy-1 does not answer on its master CLI (/run/master.sock)", "nc: not found", "socat"}},
		"it ended":            {ended, []string{"container demo-haproxy-1 ended with exit code 139", "segmentation fault"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine, _ := (&fakeEngine{containers: []fakeContainer{c.container}, exec: noShell}).start(t)
			seen := runs
			seen.Restarts = c.container.Restarts // it has not crashed since
			seen.StartedAt, _ = time.Parse(time.RFC3339Nano, c.container.StartedAt)
			_, err := engine.Reload(t.Context(), p, seen, promptly)
			testkit.Contains(t, fmt.Sprint(err), c.want...)
		})
	}
}

func TestAReloadThatFindsAnotherOneUnderWayWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	fake := healthy()
	fake.verdict = "Success=0\n--\nAnother reload is still in progress.\n\n"
	asked := 0
	fake.onCommand = func(command string) {
		if command != "reload" {
			return
		}
		if asked++; asked == 3 {
			fake.verdict = loadedWell
		}
	}
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	done, err := engine.Reload(t.Context(), configured(t), runs, promptly)
	assert.NilError(t, err)
	assert.Assert(t, done.Verdict.Loaded)
	assert.Equal(t, asked, 3)
}

func TestAReloadSaysWhatHAProxyOverlooks(t *testing.T) {
	t.Parallel()
	fake := healthy()
	engine, _ := (&fakeEngine{exec: fake.exec}).start(t)
	p := configured(t)
	testkit.Put(t, p.WorkingDir, BaseConfigName, "global\n  stats socket :9999\nfrontend f\n  bind :80\n")
	done, err := engine.Reload(t.Context(), p, runs, promptly)
	assert.NilError(t, err)
	assert.Equal(t, len(done.Verdict.Diagnostics), 1)
	testkit.Contains(t, done.Verdict.Diagnostics[0].Message, "':9999' opens the Runtime API at level operator")
	assert.Equal(t, done.Verdict.Diagnostics[0].File, p.ConfigName())
}
