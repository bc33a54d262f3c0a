package attach

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestChangesAreCarriedOverIntoAnEditedText(t *testing.T) {
	t.Parallel()
	const from, to = "a\nb\nc\nd\ne\n", "a\nB\nc\nd\nx\ne\n"
	for edited, want := range map[string]string{
		from:                          to,
		"a\nb\nc\nmine\nd\ne\n":       "a\nB\nc\nmine\nd\nx\ne\n",
		"mine\na\nb\nc\nd\ne\nmine\n": "mine\na\nB\nc\nd\nx\ne\nmine\n",
		"b\n\nc\n\nd\ne\n":            "B\n\nc\n\nd\nx\ne\n",
		to:                            to, // made already
		"a\nb\nc\nd\nx\ne\n":          to, // one of them made already
	} {
		got, left := carriedOver(edited, from, to)
		assert.Equal(t, got, want)
		assert.Equal(t, len(left), 0, "%q: %v", edited, left)
	}
	for edited, want := range map[string]string{
		"a\nmine\nc\nd\ne\n":     "in place of\n    b\nwrite\n    B",
		"a\nb\nc\nmine\nd\n":     "behind the line\n    d\nwrite\n    x",
		"y\nb\ny\nz\nb\nz\nd\ne": "in place of\n    b\nwrite\n    B", // which of the two?
	} {
		_, left := carriedOver(edited, from, to)
		assert.Assert(t, len(left) > 0, edited)
		assert.Equal(t, left[0].String(), want)
	}
}

// made is a project that init made as a whole.
func made(t *testing.T, d compose.Demo) theirs {
	t.Helper()
	files, err := d.Generate(t.Context())
	assert.NilError(t, err)
	p := project(t)
	assert.NilError(t, compose.WriteFiles(p.folder, files))
	return p
}

func (p theirs) switchTo(t *testing.T, opts SwitchOptions) error {
	t.Helper()
	plan, found, err := PlanSwitch(t.Context(), p.engine, p.place(t), p.load, opts)
	if err != nil {
		return err
	}
	assert.Assert(t, found)
	return plan.Do(t.Context(), p.engine, p.load)
}

func (p theirs) edit(t *testing.T, name, old, replacement string) {
	t.Helper()
	text := p.read(t, name)
	assert.Assert(t, strings.Contains(text, old), old)
	testkit.Put(t, p.folder, name, strings.Replace(text, old, replacement, 1))
}

var toHost, toBridge = SwitchOptions{NetworkMode: compose.HostNetwork}, SwitchOptions{NetworkMode: compose.BridgeNetwork, HTTPPort: 80}

func TestAProjectOfInitsGoesToTheHostsNetworkAndBack(t *testing.T) {
	t.Parallel()
	for _, ipv6 := range []bool{false, true} {
		d := demo(func(d *compose.Demo) {
			d.ServerCount, d.AppImage, d.AppPort, d.Network = 5, "ghcr.io/you/app:1", 3000, "front"
			d.IPv6, d.StatsAddress = ipv6, map[bool]string{false: "127.0.0.1", true: "::1"}[ipv6]
			d.Image, d.StatsPort = compose.ImageOf("haproxy:3.2"), 9000
		})
		p, direct := made(t, d), d
		before := p.hashes(t)
		assert.NilError(t, p.switchTo(t, toHost))
		direct.NetworkMode, direct.HTTPPort = compose.HostNetwork, compose.UsualHTTPPort(compose.HostNetwork)
		want, err := direct.Generate(t.Context())
		assert.NilError(t, err)
		for _, file := range want {
			assert.Equal(t, p.read(t, file.Path), string(file.Content), "a switch must come to what init writes: %s", file.Path)
		}
		assert.NilError(t, p.switchTo(t, toBridge))
		assert.DeepEqual(t, p.hashes(t), before)

		_, found, err := PlanSwitch(t.Context(), p.engine, p.place(t), p.load, toBridge)
		assert.NilError(t, err)
		assert.Assert(t, !found, "it has that mode already")
	}
}

func TestASwitchKeepsWhatWasEdited(t *testing.T) {
	t.Parallel()
	p := made(t, demo())
	p.edit(t, compose.BaseConfigName, "timeout server 60s", "timeout server 5m # mine")
	p.edit(t, compose.BaseConfigName, "    default_backend webservers\n", "    http-response set-header X-Mine 1\n    default_backend webservers\n")
	p.edit(t, compose.ComposeFileName, "  web2:\n", "  web2:\n    environment: {MINE: 1}\n")
	edited := p.hashes(t)
	assert.NilError(t, p.switchTo(t, toHost))
	testkit.Contains(t, p.read(t, compose.BaseConfigName), "# mine", "X-Mine", "bind :8080", forwarderSocket)
	testkit.Contains(t, p.read(t, compose.ComposeFileName), "MINE: 1", "network_mode: host")
	assert.NilError(t, p.switchTo(t, toBridge))
	assert.DeepEqual(t, p.hashes(t), edited)
}

func TestASwitchThatWouldLoseAnEditTellsTheLines(t *testing.T) {
	t.Parallel()
	p := made(t, demo())
	p.edit(t, compose.BaseConfigName, "    bind :80\n", "    bind :80\n    bind :443 ssl crt /etc/x.pem\n")
	p.edit(t, compose.BaseConfigName, "nameserver dns 127.0.0.11:53", "nameserver docker 127.0.0.11:53")
	before := p.hashes(t)
	err := p.switchTo(t, toHost)
	testkit.Contains(t, fmt.Sprint(err), compose.BaseConfigName, "nothing was changed", "nameserver dns "+forwarderSocket, "then run this again")
	assert.Assert(t, !strings.Contains(fmt.Sprint(err), ":443"), "only what cannot be done is told: %v", err)
	assert.DeepEqual(t, p.hashes(t), before)
}

func TestAnAttachedProjectGoesToTheHostsNetworkAndBack(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", shop)
	p.attach(t, attachDefaults(), "shop.example.com=web", "tcp:15432=db")
	p.edit(t, compose.BaseConfigName, "timeout server 60s", "timeout server 5m # mine")
	p.edit(t, OverrideName, "haproxy.host: shop.example.com", "haproxy.host: edited.example.com")
	before := p.hashes(t)
	assert.NilError(t, p.switchTo(t, toHost))
	testkit.Contains(t, p.read(t, OverrideName), "network_mode: host", "edited.example.com", `haproxy.http-port: "8080"`, "networks: [back, default]")
	testkit.Contains(t, p.read(t, compose.BaseConfigName), "# mine", forwarderSocket, "bind 127.0.0.1:8404")
	testkit.Contains(t, p.read(t, "haproxy/generated/routes.cfg"), "bind :8080")
	testkit.Contains(t, p.read(t, "haproxy/generated/prefix.map"), "edited.example.com")
	assert.NilError(t, p.switchTo(t, toBridge))
	after := p.hashes(t)
	for _, name := range []string{OverrideName, compose.BaseConfigName, "compose.yaml"} {
		assert.Equal(t, after[filepath.FromSlash(name)], before[filepath.FromSlash(name)], name)
	}
	_, err := os.Stat(filepath.Join(p.folder, filepath.FromSlash(compose.DNSConfigName)))
	assert.Assert(t, os.IsNotExist(err))
}

func TestAttachingAnewInAnotherModeKeepsTheBaseConfigsEdits(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", oneWeb)
	before := p.hashes(t)
	p.attach(t, attachDefaults(), "*=web")
	p.edit(t, compose.BaseConfigName, "timeout server 60s", "timeout server 5m # mine")
	opts := attachDefaults()
	onHostOptions(&opts)
	opts.Force, opts.StatsPort = true, 9000
	p.attach(t, opts, "other.example.com=web")
	testkit.Contains(t, p.read(t, compose.BaseConfigName), "# mine", "bind 127.0.0.1:9000")
	p.edit(t, compose.BaseConfigName, "timeout server 5m # mine", "timeout server 60s")
	p.remove(t, false)
	assert.DeepEqual(t, p.hashes(t), before)
}
