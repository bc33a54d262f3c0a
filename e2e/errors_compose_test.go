package e2e

import (
	"os"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// brokenCompose is a way in which the Compose file is of no use.
type brokenCompose struct {
	name     string
	breaking func(*project)
	flags    []string
	words    []string
}

func brokenComposes() []brokenCompose {
	onlyWeb := "services:\n  web1:\n    image: " + prepared.echoImage + "\n"
	write := func(text string) func(*project) { return func(p *project) { p.write(composeFile, text) } }
	named := func(text string) func(*project) {
		return func(p *project) { p.write(composeFile, "name: "+p.name+"\n"+text) }
	}
	nothing := func(*project) {}
	return []brokenCompose{
		{
			name: "YAML", breaking: named("services:\n  haproxy: [\n"),
			words: []string{composeFile, "Mend it", "nothing was changed"},
		},
		{
			name: "a tab", breaking: named("services:\n\thaproxy:\n"),
			words: []string{composeFile, "3", "Mend it"},
		},
		{
			name: "an unknown key", breaking: func(p *project) { p.editCompose(configured("web2", "imagee: x")) },
			words: []string{composeFile, "web2", "imagee", "Mend it"},
		},
		{
			name: "a network that is not declared", breaking: func(p *project) { p.editCompose(replacing("[mynetwork]", "[yournetwork]")) },
			words: []string{"web", "yournetwork", "Mend it"},
		},
		{
			name: "an unset variable that is required",
			breaking: func(p *project) {
				p.editCompose(replacing("restart: unless-stopped", "restart: ${E2E_NOBODY:?say how}"))
			},
			words: []string{"web1", "E2E_NOBODY", "say how", "Mend it"},
		},
		{
			name: "an env_file that is missing", breaking: func(p *project) { p.editCompose(configured("web1", "env_file: absent.env")) },
			words: []string{"absent.env", "env_file"},
		},
		{
			name: "--env-file that is missing", breaking: nothing, flags: []string{"--env-file", "absent.env"},
			words: []string{"absent.env", "--env-file"},
		},
		{
			name: "-f that is missing", breaking: nothing, flags: []string{"-f", "absent.yaml"},
			words: []string{"absent.yaml", "no such file", "-f"},
		},
		{
			name: "-f that is a folder", breaking: nothing, flags: []string{"-f", "haproxy"},
			words: []string{"haproxy", "is a directory"},
		},
		{
			name: "--project-directory that is missing", breaking: nothing, flags: []string{"--project-directory", "absent"},
			words: []string{"absent", "--project-directory"},
		},
		{
			name: "empty", breaking: write(""),
			words: []string{composeFile, "empty"},
		},
		{
			name: "no haproxy service", breaking: named(onlyWeb),
			words: []string{"no service named haproxy", "web1", "init"},
		},
		{
			name: "no services", breaking: named("services: {}\n"),
			words: []string{"no service named haproxy", "init"},
		},
		{
			name: "haproxy behind a profile", breaking: func(p *project) { p.editCompose(configured("haproxy", "profiles: [edge]")) },
			words: []string{"haproxy", "--profile"},
		},
		{
			name: "missing", breaking: func(p *project) { assert.NilError(p.t, os.Remove(p.path(composeFile))) },
			words: []string{"no Compose file", "docker haproxy init", "-f", "--project-directory"},
		},
	}
}

// TestBrokenCompose: a Compose file that is of no use must be named with what
// is wrong; what runs must go on.
func TestBrokenCompose(t *testing.T) {
	t.Parallel()
	for _, state := range []struct {
		name    string
		project func(*testing.T) *project
		mustBe  func(*project, []string)
	}{
		{"on an empty engine", func(t *testing.T) *project {
			t.Helper()
			p := newProject(t)
			p.init()
			return p
		}, (*project).mustStandAs},
		{"on a running project", func(t *testing.T) *project { t.Helper(); return newRunningProject(t) }, (*project).mustStillServe},
	} {
		t.Run(state.name, func(t *testing.T) {
			t.Parallel()
			p := state.project(t)
			compose := p.read(composeFile)
			before := p.everything()
			for _, broken := range brokenComposes() {
				t.Run(broken.name, func(t *testing.T) {
					p := p.within(t)
					defer p.write(composeFile, compose)
					broken.breaking(p)
					for _, command := range []string{"up", "reload", "check"} {
						p.refuses(append(append([]string{}, broken.flags...), command), broken.words...)
					}
					state.mustBe(p, before)
				})
			}
		})
	}
}

// TestBrokenComposeAtTheEnd: what works on containers alone must say how it
// does without the Compose file.
func TestBrokenComposeAtTheEnd(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.everything()
	p.write(composeFile, "services: [\n")
	for _, command := range []string{"ps", "logs", "stop", "start", "down"} {
		p.refuses([]string{command}, composeFile, "Mend it")
		p.mustStillServe(before)
	}
	assert.Assert(t, strings.Contains(p.mustSucceed(p.haproxy("-p", p.name, "ps")).stdout, p.name+"-web3-1"))
	p.mustSucceed(p.haproxy("-p", p.name, "down"))
	p.mustLeaveNothing()
}

// TestUnknownProject: a name that no container has.
func TestUnknownProject(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, command := range []string{"stop", "start", "logs"} {
		p.refuses([]string{"-p", p.name, command}, p.name, "no containers", "docker haproxy up")
	}
	r := p.mustSucceed(p.haproxy("-p", p.name, "down"))
	p.mustSay(r, r.stderr, p.name, "Nothing to remove")
	r = p.mustSucceed(p.haproxy("-p", p.name, "ps", "-q"))
	assert.Equal(t, r.stdout, "")
	for _, command := range []string{"up", "reload", "check"} {
		p.refuses([]string{"-p", p.name, command}, "no Compose file", "init")
	}
	p.mustLeaveNothing()
}

// TestUnknownService: a service that the project has not.
func TestUnknownService(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	before := p.everything()
	for _, command := range []string{"stop", "start", "logs", "ps"} {
		p.refuses([]string{command, "web9"}, "web9", p.name, "web1, web2, web3")
		p.mustStillServe(before)
	}
	for _, command := range []string{"stop", "start", "logs"} {
		p.refuses([]string{"-p", p.name, command, "web9"}, "web9", p.name)
		p.mustStillServe(before)
	}
}
