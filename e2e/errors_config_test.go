package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
)

// brokenConfig is a way in which haproxy.cfg is of no use.
type brokenConfig struct {
	name     string
	breaking func(*project)
	up       []string // what up and reload must say on standard error
	check    []string // what check must say, on either stream
}

func brokenConfigs() []brokenConfig {
	file := func(p *project) string { return p.path(configFile) }
	remove := func(p *project) {
		p.t.Helper()
		assert.NilError(p.t, os.Remove(file(p)))
	}
	return []brokenConfig{
		{
			name:     "invalid",
			breaking: func(p *project) { p.editConfig(replacing("    bind :80\n", "    bimd :80\n")) },
			up:       []string{"haproxy/haproxy.cfg:", "bimd", "did you mean 'bind'", "refuses haproxy/haproxy.cfg"},
			check:    []string{"haproxy/haproxy.cfg:", "bimd", "did you mean 'bind'", "haproxy/haproxy.cfg is not valid"},
		},
		{
			name:     "missing",
			breaking: remove,
			up:       []string{"haproxy/haproxy.cfg", "does not exist", "init --force"},
			check:    []string{"haproxy/haproxy.cfg", "does not exist", "init --force"},
		},
		{
			name: "folder",
			breaking: func(p *project) {
				remove(p)
				assert.NilError(p.t, os.Mkdir(file(p), 0o755))
			},
			up:    []string{"haproxy/haproxy.cfg", "is a folder", "remove it"},
			check: []string{"haproxy/haproxy.cfg", "is a folder", "remove it"},
		},
		{
			name:     "empty",
			breaking: func(p *project) { p.write(configFile, "") },
			up:       []string{"haproxy/haproxy.cfg", "no listener", "frontend", "bind :80"},
			check:    []string{"haproxy/haproxy.cfg is not valid", "no listener", "frontend", "bind :80"},
		},
		{
			name:     "unreadable",
			breaking: func(p *project) { assert.NilError(p.t, os.Chmod(file(p), 0)) },
			up:       []string{"haproxy/haproxy.cfg", "read", "0000", "chmod"},
			check:    []string{"haproxy/haproxy.cfg", "read", "0000", "chmod"},
		},
		{
			name: "without a trailing LF",
			breaking: func(p *project) {
				p.editConfig(func(text string) string { return text[:len(text)-1] })
			},
			up:    []string{"haproxy/haproxy.cfg:", "Missing LF on last line", "end the file with a newline"},
			check: []string{"haproxy/haproxy.cfg:", "Missing LF on last line", "end the file with a newline"},
		},
		{
			name: "without its folder",
			breaking: func(p *project) {
				assert.NilError(p.t, os.Rename(filepath.Dir(file(p)), p.path("elsewhere")))
			},
			up:    []string{"haproxy/haproxy.cfg", "does not exist", "init --force"},
			check: []string{"haproxy/haproxy.cfg", "does not exist", "init --force"},
		},
	}
}

// restoreConfig puts the folder haproxy/ back as it was.
func (p *project) restoreConfig(text string) {
	p.t.Helper()
	if _, err := os.Stat(p.path("elsewhere")); err == nil {
		assert.NilError(p.t, os.Rename(p.path("elsewhere"), p.path("haproxy")))
	}
	assert.NilError(p.t, os.RemoveAll(p.path(configFile)))
	p.write(configFile, text)
}

// TestBrokenConfigOnAnEmptyEngine: nothing must be created.
func TestBrokenConfigOnAnEmptyEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	config := p.read(configFile)
	for _, broken := range brokenConfigs() {
		t.Run(broken.name, func(t *testing.T) {
			p := p.within(t)
			defer p.restoreConfig(config)
			broken.breaking(p)

			p.refuses([]string{"up"}, broken.up...)
			p.mustLeaveNothing()
			r := p.refuses([]string{"check"})
			p.mustSay(r, r.output(), broken.check...)
			p.mustSay(r, r.stderr, "haproxy/haproxy.cfg") // whoever reads only this stream
			p.mustLeaveNothing()
			p.refuses([]string{"reload"}, p.name, "not running", "docker haproxy up")
			p.mustLeaveNothing()
		})
	}
	// The way out was named, and it is one.
	assert.NilError(t, os.Remove(p.path(configFile)))
	p.init("--force")
	p.up()
	assert.DeepEqual(t, p.servedBy(9), threeWebs)
}

// TestBrokenConfigOnARunningProject: what runs must go on with what it has.
func TestBrokenConfigOnARunningProject(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	brokenConfigsOnARunningProject(t, p)
}

// TestBrokenConfigOn34: the master process of 3.4 crashes after some reloads
// that it refuses, so that it must never be asked for one.
func TestBrokenConfigOn34(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t, "--image", standIn34)
	brokenConfigsOnARunningProject(t, p)
}

func brokenConfigsOnARunningProject(t *testing.T, p *project) {
	t.Helper()
	config, worker := p.read(configFile), p.worker()
	before := p.everything()
	for _, broken := range brokenConfigs() {
		t.Run(broken.name, func(t *testing.T) {
			p := p.within(t)
			defer p.restoreConfig(config)
			broken.breaking(p)
			for _, command := range []string{"reload", "up"} {
				p.refuses([]string{command}, broken.up...)
				p.mustStillServe(before)
			}
			r := p.refuses([]string{"check"})
			p.mustSay(r, r.output(), broken.check...)
			p.mustSay(r, r.stderr, "haproxy/haproxy.cfg")
			p.mustStillServe(before)
			assert.Equal(t, p.worker(), worker, "HAProxy must not have been asked to reload")
		})
	}
	p.editConfig(addingHeader("X-Mended", "yes"))
	p.mustSucceed(p.haproxy("reload"))
	p.mustStillServe(before)
	assert.Equal(t, p.get("/").header.Get("X-Mended"), "yes")
}

// TestConfigThatOnlyFailsToStart: "haproxy -c" accepts what cannot be bound. On
// an empty engine nothing must stay; what runs must go on, and still take the
// next good configuration.
func TestConfigThatOnlyFailsToStart(t *testing.T) {
	t.Parallel()
	// No container has this address (RFC 5737).
	unbindable := replacing("    bind :80\n", "    bind :80\n    bind 192.0.2.1:81\n")

	t.Run("up on an empty engine", func(t *testing.T) {
		t.Parallel()
		p := newProject(t)
		p.init()
		p.editConfig(unbindable)
		r := p.refuses([]string{"up"})
		p.mustLeaveNothing()
		why := failingService{
			words: []string{p.name + "-haproxy-1", "192.0.2.1:81", "Cannot assign requested address", "haproxy/haproxy.cfg"},
		}
		why.mustSayWhy(p, r)
	})
	t.Run("on a running project", func(t *testing.T) {
		t.Parallel()
		p := newRunningProject(t)
		before := p.everything()
		config := p.read(configFile)
		p.editConfig(unbindable)
		for _, command := range []string{"reload", "up"} {
			p.refuses([]string{command}, "haproxy/haproxy.cfg", "192.0.2.1:81", "not an address of the container",
				"bind to :81", "keeps running")
			p.mustStillServe(before)
		}
		p.write(configFile, config)
		p.editConfig(addingHeader("X-Mended", "yes"))
		p.mustSucceed(p.haproxy("reload"))
		p.mustStillServe(before)
		assert.Equal(t, p.get("/").header.Get("X-Mended"), "yes")
	})
}

// TestCheckOfAnotherFile: what is named on the command line can be wrong too.
func TestCheckOfAnotherFile(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	good := p.read(configFile)
	p.write("bad.cfg", "nonsense\n")
	p.write("noLF.cfg", good[:len(good)-1])
	p.write("empty.cfg", "")

	check := func(stdin string, args, words []string) {
		t.Helper()
		r := p.refusesAs(how{stdin: stdin}, append([]string{"check"}, args...))
		p.mustSay(r, r.output(), words...)
		p.mustLeaveNothing()
	}
	check("", []string{"absent.cfg"}, []string{"absent.cfg", "no such file"})
	check("", []string{"haproxy"}, []string{"haproxy is a folder", "Name a configuration file"})
	check("", []string{"bad.cfg"}, []string{"bad.cfg:1", "nonsense", "bad.cfg is not valid"})
	check("", []string{"noLF.cfg"}, []string{"noLF.cfg:", "Missing LF", "newline"})
	check("", []string{"empty.cfg"}, []string{"empty.cfg is not valid", "no listener"})
	check("nonsense\n", []string{"-"}, []string{"standard input:1", "nonsense"})
	check("", []string{"-"}, []string{"standard input is not valid", "no listener"})
	check("", []string{"--format", "yaml"}, []string{"--format", "yaml", "table or json"})
	p.mustFail(p.haproxy("check", "one.cfg", "two.cfg"), 1, "docker haproxy check --help")
	p.mustFail(p.haproxy("check", "--unheard-of"), 125, "unheard-of", "docker haproxy check --help")
}
