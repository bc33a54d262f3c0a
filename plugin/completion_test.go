package plugin

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// completed is what a shell is offered for a line, and cobra's directive.
func completed(t *testing.T, args ...string) (offered []string, directive string) {
	t.Helper()
	root := NewRootCommand(t.Context(), newTerminal(t))
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	root.SetArgs(append([]string{cobra.ShellCompNoDescRequestCmd}, args...))
	assert.NilError(t, root.Execute())
	words := strings.Fields(out.String())
	assert.Assert(t, len(words) > 0, "nothing was answered")
	return words[:len(words)-1], words[len(words)-1]
}

const (
	noFiles  = ":4"
	files    = ":0"
	byEnding = ":8"
	folders  = ":16"
)

func TestCompletionOffersWhatFits(t *testing.T) {
	folder := t.TempDir()
	testkit.Put(t, folder, "compose.yaml", "name: demo\nservices:\n  haproxy: {image: a}\n  web1: {image: b}\n  web2: {image: b, profiles: [extra]}\n")
	t.Chdir(folder)
	for line, want := range map[string]string{
		"up --progress |":                   "auto tty plain json quiet " + noFiles,
		"--ansi |":                          "auto never always " + noFiles,
		"down --rmi |":                      "local all " + noFiles,
		"init --flavor |":                   "alpine debian ubuntu " + noFiles,
		"init --stats-address |":            "127.0.0.1 0.0.0.0 " + noFiles,
		"init --route |":                    "*=web1 *=web2 " + noFiles,
		"init --route a.example/x=|":        "a.example/x=web1 a.example/x=web2 " + noFiles,
		"init --route tcp:5432|":            "tcp:5432=web1 tcp:5432=web2 " + noFiles,
		"init --file |":                     "yaml yml " + byEnding,
		"init --profile |":                  "extra " + noFiles,
		"version --format |":                "table json " + noFiles,
		"ps --format |":                     "table json " + noFiles,
		"logs |":                            "haproxy web1 web2 " + noFiles,
		"logs web1 |":                       "haproxy web2 " + noFiles,
		"stop haproxy web1 |":               "web2 " + noFiles,
		"up --profile |":                    "extra " + noFiles,
		"up |":                              noFiles,
		"down |":                            noFiles,
		"version |":                         noFiles,
		"open |":                            noFiles,
		"-p |":                              noFiles, // no engine answers: nothing is offered, and nothing is said
		"init |":                            folders,
		"init demo |":                       noFiles,
		"check |":                           files,
		"check a.cfg |":                     noFiles,
		"--file |":                          "yaml yml " + byEnding,
		"up --env-file |":                   files,
		"up --project-directory |":          folders,
		"--file missing.yaml logs |":        noFiles,
		"--project-directory /nowhere ps |": noFiles,
	} {
		args := strings.Fields(line)
		args[len(args)-1] = strings.TrimSuffix(args[len(args)-1], "|")
		offered, directive := completed(t, args...)
		assert.Equal(t, strings.TrimSpace(strings.Join(append(offered, directive), " ")), want, line)
	}
}
