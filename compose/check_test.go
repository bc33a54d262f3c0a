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
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
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
`, map[string]string{BaseConfigName: "frontend a\n  bimd :80\nfrontend b\n  bind :80\n"})
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
	assert.Equal(t, made.HostConfig.NetworkMode, "none")
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
			testkit.Contains(t, fmt.Sprint(err), "image haproxy:3.2 of service haproxy has no haproxy that can be run", "Use an image of HAProxy")
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
	testkit.Contains(t, err.Error(), "HAProxy refuses ", "haproxy.cfg; nothing was touched: the configuration that was running keeps running")
	assert.Equal(t, nothingTouched(State{}), "nothing was created")
	assert.Assert(t, strings.HasSuffix(events.seen(), ": Error"), events.seen())
}
