package plugin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli/streams"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/attach"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

const ownProject = `services:
  web: {image: nginx}
  api: {image: x, expose: [3000, 8080]}
  db: {image: postgres}
`

// typing is a terminal at which somebody types lines.
func typing(t *testing.T, lines ...string) *terminal {
	t.Helper()
	term := newTerminal(t)
	in := streams.NewIn(io.NopCloser(strings.NewReader(strings.Join(lines, "\n") + "\n")))
	in.SetIsTerminal(true)
	term.SetIn(in)
	term.Out().SetIsTerminal(true)
	return term
}

// ownFolder is a folder with a Compose file of the user's own.
func ownFolder(t *testing.T, composeFile string) string {
	t.Helper()
	folder := t.TempDir()
	testkit.Put(t, folder, "compose.yaml", composeFile)
	return folder
}

// folderHash tells whether anything in a folder is another.
func folderHash(t *testing.T, folder string) string {
	t.Helper()
	hash := sha256.New()
	assert.NilError(t, filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(file)
		hash.Write([]byte(file))
		hash.Write(content)
		return err
	}))
	return string(hash.Sum(nil))
}

func override(t *testing.T, folder string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, attach.OverrideName))
	assert.NilError(t, err)
	return string(content)
}

func TestOnATerminalInitAsksForEachService(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typed []string
		wrote []string // in the override file
		not   []string
		asked []string
	}{
		"the defaults": {
			[]string{"", "", ""},
			[]string{`haproxy.host: "*"`, `haproxy.port: "3000"`, "haproxy.host: api.localhost"},
			nil,
			[]string{"Route http://HOST to web:80? host [*]:", "Port of api (3000, 8080)? [3000]:", "Route http://HOST to api:3000? host [api.localhost]:"},
		},
		"answers": {
			[]string{"shop.example.com", "8080", "/api"},
			[]string{"haproxy.path: /api", `haproxy.port: "8080"`, "haproxy.host: shop.example.com"},
			nil,
			[]string{"to api:8080?"},
		},
		"one of two": {[]string{"-", "", ""}, []string{`haproxy.host: "*"`, `haproxy.port: "3000"`}, []string{`"80"`}, []string{"Route http://HOST to api:3000? host [*]:"}},
		"mistakes": {
			[]string{"a b", "http://a.example", "x", "3000", "A.example", "b.example/x"},
			[]string{"haproxy.host: a.example", "haproxy.host: b.example", "haproxy.path: /x"},
			nil,
			[]string{`"x" is no port`, "is no host", "Those go to web already"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := ownFolder(t, ownProject)
			term := typing(t, c.typed...)
			assert.NilError(t, term.run(t, "init", folder))
			testkit.Contains(t, term.out.String(), c.asked...)
			testkit.Contains(t, override(t, folder), c.wrote...)
			for _, text := range c.not {
				assert.Assert(t, !strings.Contains(override(t, folder), text), text)
			}
		})
	}
}

func TestADialogueThatComesToNothingChangesNothing(t *testing.T) {
	t.Parallel()
	for name, typed := range map[string][]string{"all refused": {"-", "", "no"}, "the end of the input": {"a.example"}} {
		folder := ownFolder(t, ownProject)
		before := folderHash(t, folder)
		err := typing(t, typed...).run(t, "init", folder)
		assert.ErrorContains(t, err, "nothing was changed", name)
		assert.ErrorContains(t, err, "--route")
		assert.Equal(t, folderHash(t, folder), before, name)
	}
}

func TestADialogueEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	silent, writer := io.Pipe()
	defer writer.Close()
	_, err := prompter{in: bufio.NewReader(silent), out: &bytes.Buffer{}}.ask(ctx, "Well?", "no")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWithRoutesByFlagNobodyIsAsked(t *testing.T) {
	t.Parallel()
	folder := ownFolder(t, ownProject)
	term := typing(t)
	assert.NilError(t, term.run(t, "init", folder, "--route", "a.example=web", "--route", "tcp:5432=db", "--http-port", "8080", "--image", "haproxy:3.2"))
	assert.Assert(t, !strings.Contains(term.out.String(), "?"), term.out.String())
	testkit.Contains(t, override(t, folder), "haproxy.host: a.example", `haproxy.listen: "5432"`, `"5432:5432"`, `"8080:80"`, "image: haproxy:3.2", `user: "99:99"`)
}

func TestWhereNobodyCanBeAskedInitDoesNotGuess(t *testing.T) {
	t.Parallel()
	folder := ownFolder(t, ownProject)
	before := folderHash(t, folder)
	term := newTerminal(t)
	err := term.run(t, "init", folder)
	assert.ErrorContains(t, err, "not guessed; nothing was changed")
	testkit.Contains(t, err.Error(), "--route '*=web:80'", "--route api.localhost=api:3000  # or port 8080")
	assert.Equal(t, folderHash(t, folder), before)

	folder = ownFolder(t, "services:\n  web: {image: nginx, ports: ['8080:80']}\n  db: {image: postgres}\n")
	term = newTerminal(t)
	term.Err().SetIsTerminal(true)
	assert.NilError(t, term.run(t, "init", folder))
	assert.Equal(t, term.out.String(), filepath.Join(folder, attach.OverrideName)+"\n"+filepath.Join(folder, "haproxy", "haproxy.cfg")+"\n")
	testkit.Contains(t, term.err.String(), "All requests go to service web, port 80", "still reached past HAProxy, at 8080", "--close-ports", "docker haproxy up")
}

func TestFlagsThatFitNotTheFolderAreRefused(t *testing.T) {
	t.Parallel()
	own, empty := ownFolder(t, ownProject), t.TempDir()
	for want, args := range map[string][]string{
		"--servers is for a new project":          {own, "--servers", "3"},
		"--name is for a new project":             {own, "--name", "x"},
		"--app-image is for a new project":        {own, "--app-image", "x"},
		"--app-port is for a new project":         {own, "--app-port", "1"},
		"--route is for a project of your own":    {empty, "--route", "*=web"},
		"--remove is for a project of your own":   {empty, "--remove"},
		"--close-ports is for a project of your":  {empty, "--close-ports"},
		"--remove and --route do not go together": {own, "--remove", "--route", "*=web"},
		"there is no \"=\" with a service":        {own, "--route", "web"},
		"--http-port 0 is no port":                {own, "--route", "*=web", "--http-port", "0"},
		"--stats-address \"x\" is no IP address":  {own, "--route", "*=web", "--stats-address", "x"},
		"--image already names the whole image":   {own, "--image", "x", "--flavor", "debian"},
		"--flavor \"x\" is unknown":               {own, "--route", "*=web", "--flavor", "x"},
		"no service named wbe":                    {own, "--route", "*=wbe"},
		"HAProxy is not attached to":              {own, "--remove"},
	} {
		before := folderHash(t, own)
		assert.ErrorContains(t, newTerminal(t).run(t, append([]string{"init"}, args...)...), want)
		assert.Equal(t, folderHash(t, own), before)
		assert.Equal(t, len(readDir(t, empty)), 0)
	}
}

func readDir(t *testing.T, folder string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(folder)
	assert.NilError(t, err)
	return entries
}

func TestTheProjectsFlagsBeforeInitCountAsThoseBehindIt(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-f", "FOLDER/a.yaml", "-f", "FOLDER/b.yaml", "init"},
		{"-f", "FOLDER/a.yaml", "init", "-f", "FOLDER/b.yaml"},
		{"init", "--file", "FOLDER/a.yaml", "--file", "FOLDER/b.yaml"},
	} {
		folder := t.TempDir()
		testkit.Put(t, folder, "a.yaml", "services: {web: {image: nginx}}\n")
		testkit.Put(t, folder, "b.yaml", "services: {web: {image: caddy}}\n")
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "FOLDER", folder)
		}
		term := newTerminal(t)
		assert.NilError(t, term.run(t, args...))
		testkit.Contains(t, term.err.String(), "One line is left to you", "-f "+filepath.Join(folder, attach.FileName))
		_, err := os.Stat(filepath.Join(folder, attach.FileName))
		assert.NilError(t, err)
	}

	folder := ownFolder(t, "services: {web: {image: nginx}}\n")
	assert.NilError(t, newTerminal(t).run(t, "--project-directory", folder, "init"))
	testkit.Contains(t, override(t, folder), `haproxy.host: "*"`)
}

func TestInitRemoveAsksBeforeItRemovesWhatWasEdited(t *testing.T) {
	t.Parallel()
	for answer, stays := range map[string]bool{"": true, "n": true, "y": false, "yes": false} {
		folder := ownFolder(t, "services: {web: {image: nginx}}\n")
		assert.NilError(t, newTerminal(t).run(t, "init", folder))
		config := filepath.Join(folder, "haproxy", "haproxy.cfg")
		content, err := os.ReadFile(config)
		assert.NilError(t, err)
		testkit.Put(t, folder, "haproxy/haproxy.cfg", string(content)+"# mine\n")

		term := typing(t, answer)
		assert.NilError(t, term.run(t, "init", folder, "--remove"))
		testkit.Contains(t, term.out.String(), "was edited since init wrote it. Remove it all the same? [y/N]:")
		_, err = os.Stat(config)
		assert.Equal(t, err == nil, stays, "%q", answer)
		assert.Equal(t, strings.Contains(term.err.String(), "Kept "), stays)
	}
}

func TestInitRemoveSaysWhatItCouldNotFindOut(t *testing.T) {
	t.Parallel()
	folder := ownFolder(t, "services: {web: {image: nginx}}\n")
	before := folderHash(t, folder)
	assert.NilError(t, newTerminal(t).run(t, "init", folder))
	term := newTerminal(t)
	term.Err().SetIsTerminal(true)
	assert.NilError(t, term.run(t, "init", folder, "--remove"))
	assert.Equal(t, folderHash(t, folder), before)
	testkit.Contains(t, term.err.String(), "no Docker engine answers", "--remove-orphans", "docker compose up -d")
	testkit.Contains(t, term.out.String(), filepath.Join(folder, attach.OverrideName))
}
