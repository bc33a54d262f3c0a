package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

const (
	unknownKeyword = `[NOTICE]   (8) : haproxy version is 3.2.26-1
[ALERT]    (8) : config : parsing [/usr/local/etc/haproxy/haproxy.cfg:2] : unknown keyword 'bimd' in 'frontend' section; did you mean 'bind' maybe ?
[ALERT]    (8) : config : Error(s) found in configuration file : /usr/local/etc/haproxy/haproxy.cfg
[ALERT]    (8) : config : Fatal errors found in configuration.
`
	inStdin = "[ALERT]    (8) : config : parsing [/dev/stdin:1] : unknown keyword 'gobal' out of section.\n"
)

// configured is the demo with a configuration that is mounted.
func configured(t *testing.T) *Project {
	t.Helper()
	return load(t, `
name: demo
services:
  haproxy:
    image: haproxy:3.2
    user: "1000:1000"
    environment: {COLOR: blue}
    command: [haproxy, -S, "/run/master.sock,mode,600", -f, /usr/local/etc/haproxy/haproxy.cfg]
    ports: ["80:80"]
    volumes: [./haproxy:/usr/local/etc/haproxy:ro]
`, map[string]string{BaseConfigName: "frontend a\n  bimd :80\n"})
}

func TestACheckInTheRunningContainerNamesFilesAsTheirOwnerDoes(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{exec: func(p *fakeProcess) int { p.Err(unknownKeyword); return 1 }}
	engine, _ := fake.start(t)
	p := configured(t)
	report, err := engine.Check(t.Context(), p, &runs, nil)
	assert.NilError(t, err)
	assert.DeepEqual(t, report, haproxy.Report{Version: "3.2.26-1", Diagnostics: []haproxy.Diagnostic{{
		Severity: haproxy.Error, File: filepath.Join(p.WorkingDir, "haproxy", "haproxy.cfg"), Line: 2, Column: 3, Length: 4,
		Source: "  bimd :80", Message: "unknown keyword 'bimd' in 'frontend' section", Hint: "did you mean 'bind'?",
	}}})
	assert.DeepEqual(t, fake.argv["exec1"], []string{"haproxy", "-c", "-f", "/usr/local/etc/haproxy/haproxy.cfg"})
}

func TestACandidateIsCheckedFromStandardInputUnderItsOwnName(t *testing.T) {
	t.Parallel()
	var got string
	fake := &fakeEngine{exec: func(p *fakeProcess) int {
		content, _ := io.ReadAll(p.Stdin)
		got = string(content)
		p.Err(inStdin)
		return 1
	}}
	engine, _ := fake.start(t)
	report, err := engine.Check(t.Context(), configured(t), &runs, &Candidate{Name: "new.cfg", Content: []byte("gobal\n")})
	assert.NilError(t, err)
	assert.Equal(t, got, "gobal\n")
	assert.Assert(t, !report.Valid)
	assert.Equal(t, report.Diagnostics[0].File, "new.cfg")
	assert.Equal(t, report.Diagnostics[0].Source, "gobal")
	assert.DeepEqual(t, fake.argv["exec1"], []string{"haproxy", "-c", "-f", "/dev/stdin"})
}

func TestARemarkWithoutAPlaceIsOneOfTheOnlyConfiguration(t *testing.T) {
	t.Parallel()
	p := configured(t)
	report := haproxy.Report{Diagnostics: []haproxy.Diagnostic{{Severity: haproxy.Error, Message: "no place"}}}
	assert.Equal(t, p.located(report, nil).Diagnostics[0].File, p.ConfigName())
	report.Diagnostics[0].File = ""
	assert.Equal(t, p.located(report, &Candidate{Name: "new.cfg"}).Diagnostics[0].File, "new.cfg")
	report.Diagnostics[0].File = ""
	p.command = haproxy.ParseCommand([]string{"-f", "/a.cfg", "-f", "/b.cfg"})
	assert.Equal(t, p.located(report, nil).Diagnostics[0].File, "")
}

func TestWhatALocatedReportWasMadeOfIsLeftAsItWas(t *testing.T) {
	t.Parallel()
	report := haproxy.Report{Diagnostics: []haproxy.Diagnostic{{File: "/usr/local/etc/haproxy/haproxy.cfg", Line: 2}}}
	p := configured(t)
	located := p.located(report, nil)
	assert.Equal(t, located.Diagnostics[0].Source, "  bimd :80")
	assert.Equal(t, report.Diagnostics[0].File, "/usr/local/etc/haproxy/haproxy.cfg")
}

func TestACheckBeforeTheFirstStartRunsInAContainerThatTouchesNothing(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{oneOff: func(p *fakeProcess) int { p.Out("Configuration file is valid\n"); return 0 }}
	engine, _ := fake.start(t)
	p := configured(t)
	report, err := engine.Check(t.Context(), p, nil, nil)
	assert.NilError(t, err)
	assert.Assert(t, report.Valid)

	assert.Equal(t, len(fake.created), 1)
	made := fake.created[0]
	assert.Equal(t, made.Image, "haproxy:3.2")
	assert.Equal(t, made.User, "1000:1000")
	argv := slices.Concat(made.Entrypoint, made.Cmd)
	assert.DeepEqual(t, argv, []string{"haproxy", "-dr", "-c", "-f", "/usr/local/etc/haproxy/haproxy.cfg"})
	assert.Assert(t, !slices.Contains(argv, "-S"))
	assert.Assert(t, made.NetworkDisabled)
	assert.Equal(t, made.HostConfig.NetworkMode, "none")
	assert.Equal(t, len(made.HostConfig.PortBindings), 0)
	assert.Assert(t, made.HostConfig.ReadonlyRootfs)
	assert.DeepEqual(t, made.HostConfig.CapDrop, []string{"ALL"})
	assert.DeepEqual(t, made.HostConfig.SecurityOpt, []string{"no-new-privileges:true"})
	assert.Equal(t, len(made.HostConfig.Mounts), 1)
	mounted := made.HostConfig.Mounts[0]
	assert.Equal(t, mounted.Source, filepath.Join(p.WorkingDir, "haproxy"))
	assert.Equal(t, mounted.Target, "/usr/local/etc/haproxy")
	assert.Assert(t, mounted.ReadOnly)
	assert.Equal(t, made.Labels["com.docker.compose.project"], "demo", "so that down finds it")
	assert.Equal(t, made.Labels["com.docker.compose.oneoff"], "True")
	assert.DeepEqual(t, fake.gone(), []string{"container oneoff"})
}

func TestACandidateReachesTheOneOffContainer(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{oneOff: func(p *fakeProcess) int {
		content, _ := io.ReadAll(p.Stdin)
		if string(content) == "gobal\n" {
			p.Err(inStdin)
		}
		return 1
	}}
	engine, _ := fake.start(t)
	report, err := engine.Check(t.Context(), configured(t), nil, &Candidate{Name: "standard input", Content: []byte("gobal\n")})
	assert.NilError(t, err)
	assert.Equal(t, report.Diagnostics[0].File, "standard input")
	assert.DeepEqual(t, fake.gone(), []string{"container oneoff"})
}

func TestTheOneOffContainerIsRemovedEvenWhenInterrupted(t *testing.T) {
	t.Parallel()
	forEver := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	fake := &fakeEngine{oneOff: func(p *fakeProcess) int {
		p.Out("begun")
		cancel()
		<-forEver
		return 0
	}}
	engine, _ := fake.start(t)
	defer close(forEver)
	p := configured(t)
	start := time.Now()
	_, err := engine.Check(ctx, p, nil, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Assert(t, time.Since(start) < 5*time.Second)
	assert.DeepEqual(t, fake.gone(), []string{"container oneoff"})
}

func TestAnImageWithoutHAProxyIsSaidToBeNone(t *testing.T) {
	t.Parallel()
	for name, fake := range map[string]*fakeEngine{
		"the engine finds no such file": {startError: `OCI runtime create failed: exec: "haproxy": executable file not found in $PATH: unknown`},
		"a shell finds none":            {oneOff: func(p *fakeProcess) int { p.Err("haproxy: not found\n"); return 127 }},
		"it may not be executed":        {oneOff: func(*fakeProcess) int { return 126 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if fake.oneOff == nil {
				hold := make(chan struct{})
				t.Cleanup(func() { close(hold) })
				fake.oneOff = func(*fakeProcess) int { <-hold; return 0 }
			}
			engine, _ := fake.start(t)
			_, err := engine.Check(t.Context(), configured(t), nil, nil)
			contains(t, fmt.Sprint(err), "image haproxy:3.2 of service haproxy has no haproxy that can be run", "Use an image of HAProxy")
			assert.DeepEqual(t, fake.gone(), []string{"container oneoff"})
		})
	}
}

func TestARefusedConfigurationSaysWhatWasKept(t *testing.T) {
	t.Parallel()
	engine, events := (&fakeEngine{exec: func(p *fakeProcess) int { p.Err(unknownKeyword); return 1 }}).start(t)
	p := configured(t)
	_, err := engine.accepted(t.Context(), p, &runs, nothingTouched(state(runs.Container)))
	var invalid *InvalidError
	assert.Assert(t, errors.As(err, &invalid))
	contains(t, err.Error(), "HAProxy refuses ", "haproxy.cfg; nothing was touched: the configuration that was running keeps running")
	assert.Equal(t, nothingTouched(State{}), "nothing was created")
	assert.Assert(t, strings.HasSuffix(events.seen(), ": Error"), events.seen())
}

// masterCLI answers like HAProxy's master to "prompt" and "reload", and to a
// check with an exit code.
func masterCLI(checkExit int, verdict string, onCheck func()) func(*fakeProcess) int {
	return func(p *fakeProcess) int {
		if p.Argv[0] == "haproxy" {
			onCheck()
			if checkExit != 0 {
				p.Err(unknownKeyword)
			}
			return checkExit
		}
		if p.Argv[2] == checkThenConnect {
			onCheck()
			if checkExit != 0 {
				p.Out(unknownKeyword)
			}
			p.Out(fmt.Sprintf("\n%s %d\n", p.Argv[3], checkExit))
		}
		received := make([]byte, 256)
		for {
			n, err := p.Stdin.Read(received)
			if err != nil {
				return 0
			}
			switch strings.TrimSpace(string(received[:n])) {
			case "prompt":
				p.Out("master> ")
			case "reload":
				p.Out(verdict)
				return 0
			}
		}
	}
}

func TestAReloadGivesHAProxysVerdictAndNotesIt(t *testing.T) {
	t.Parallel()
	engine, events := (&fakeEngine{exec: masterCLI(0, "Success=1\n--\n[NOTICE]   (1) : New worker (12) forked\n\n", func() {})}).start(t)
	p := configured(t)
	config := read(t, p)
	verdict, err := engine.Reload(t.Context(), p, runs, config)
	assert.NilError(t, err)
	assert.Assert(t, verdict.Loaded)
	assert.Equal(t, verdict.Worker, 12)
	assert.Equal(t, p.note().Worker, 12)
	assert.Assert(t, !p.Drift(runs, 12, midday, config))
	contains(t, events.seen(), "Checking", "Valid", "HAProxy demo-haproxy-1: Reloading\nHAProxy demo-haproxy-1: Reloaded")
}

func TestAReloadThatHAProxyRefusesIsAnErrorAndIsNotNoted(t *testing.T) {
	t.Parallel()
	engine, _ := (&fakeEngine{exec: masterCLI(0, "Success=0\n--\n"+unknownKeyword+"\n", func() {})}).start(t)
	p := configured(t)
	_, err := engine.Reload(t.Context(), p, runs, read(t, p))
	var invalid *InvalidError
	assert.Assert(t, errors.As(err, &invalid), "%v", err)
	assert.Equal(t, invalid.Kept, keepsRunning)
	assert.Equal(t, invalid.Report.Diagnostics[0].Source, "  bimd :80")
	assert.Equal(t, p.note(), loaded{})
}

func TestWhatTheCheckRefusesIsNeverReloaded(t *testing.T) {
	t.Parallel()
	fake := &fakeEngine{exec: masterCLI(1, "Success=1\n--\n\n", func() {})}
	engine, events := fake.start(t)
	p := configured(t)
	_, err := engine.Reload(t.Context(), p, runs, read(t, p))
	var invalid *InvalidError
	assert.Assert(t, errors.As(err, &invalid), "%v", err)
	assert.Assert(t, !strings.Contains(events.seen(), "Reloading"))
}

func TestAConfigurationThatIsEditedDuringItsCheckIsNotReloaded(t *testing.T) {
	t.Parallel()
	p := configured(t)
	edit := func() { put(t, p.WorkingDir, BaseConfigName, "edited\n") }
	engine, events := (&fakeEngine{exec: masterCLI(0, "Success=1\n--\n\n", edit)}).start(t)
	_, err := engine.Reload(t.Context(), p, runs, read(t, p))
	assert.ErrorIs(t, err, ErrConfigChanged)
	contains(t, err.Error(), "edited while it was being checked; nothing was applied")
	assert.Assert(t, !strings.Contains(events.seen(), "Reloading"))
}

func TestWithoutAMasterCLINothingIsReloaded(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, nobody(t))
	_, err := engine.Reload(t.Context(), demoProject(t), runs, Config{})
	assert.ErrorIs(t, err, ErrNoMasterSocket)
	contains(t, err.Error(), "compose.yaml", "-S ", `"command:"`)
}

func TestAMasterCLIThatDoesNotAnswerIsExplained(t *testing.T) {
	t.Parallel()
	noShell := func(p *fakeProcess) int {
		if p.Argv[0] == "haproxy" {
			return 0
		}
		p.Err("sh: nc: not found\n")
		return 127
	}
	lb, ended := ours("c1", LoadBalancer), ours("c1", LoadBalancer)
	lb.StartedAt = midday.Format(time.RFC3339Nano)
	ended.State, ended.ExitCode, ended.Logs = "exited", 139, "segmentation fault\n"
	p := configured(t)
	for name, c := range map[string]struct {
		container fakeContainer
		want      []string
	}{
		"it runs":  {lb, []string{"HAProxy in demo-haproxy-1 does not answer on its master CLI (/run/master.sock)", "nc: not found", "socat"}},
		"it ended": {ended, []string{"container demo-haproxy-1 ended with exit code 139", "segmentation fault"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine, _ := (&fakeEngine{containers: []fakeContainer{c.container}, exec: noShell}).start(t)
			_, err := engine.Reload(t.Context(), p, runs, read(t, p))
			contains(t, fmt.Sprint(err), c.want...)
		})
	}
}
