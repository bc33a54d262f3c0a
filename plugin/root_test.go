package plugin

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/plugin/about"
)

// everyCommand runs a check on each command of the tree.
func everyCommand(t *testing.T, check func(t *testing.T, cmd *cobra.Command)) {
	t.Helper()
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		t.Run(cmd.CommandPath(), func(t *testing.T) { check(t, cmd) })
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(NewRootCommand(t.Context(), newTerminal(t)))
}

func TestTheTreeHasTheCommandsOfTheProduct(t *testing.T) {
	t.Parallel()
	var names []string
	for _, cmd := range NewRootCommand(t.Context(), newTerminal(t)).Commands() {
		names = append(names, cmd.Name())
	}
	for _, want := range []string{"bench", "check", "diff", "down", "init", "logs", "open", "plan", "ps", "reload", "rollback", "runtime", "server", "start", "status", "stop", "top", "up", "version"} {
		assert.Assert(t, slices.Contains(names, want), "no %s in %v", want, names)
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		assert.Assert(t, cmd.Short != "" && cmd.Long != "" && cmd.Example != "")
		assert.Assert(t, !strings.HasSuffix(cmd.Short, "."), "Short is a headline: %q", cmd.Short)
		assert.Assert(t, len(cmd.Short) <= 80, "Short fits a line of the help: %q", cmd.Short)
		assert.Assert(t, strings.HasSuffix(cmd.Long, "."), "Long is a sentence: %q", cmd.Long)
		for _, text := range []string{cmd.Long, cmd.Example} {
			for line := range strings.SplitSeq(text, "\n") {
				assert.Assert(t, len(line) <= 120 && !strings.Contains(line, "\t"), "%q", line)
				assert.Equal(t, strings.TrimRight(line, " "), line)
			}
		}
	})
}

// exampleLine is how a line of an example may begin: the plugin, a comment, or
// something that is piped into the plugin or takes its output.
var exampleLine = regexp.MustCompile(`^  (?:docker haproxy(?: |$)|#|\S.*(?:\| |\$\()docker haproxy )`)

func TestEveryExampleCallsTheCommandItBelongsTo(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			assert.Assert(t, exampleLine.MatchString(line), "%q", line)
			if cmd.HasParent() {
				assert.Assert(t, strings.Contains(line, " "+cmd.Name()), "%q shows another command than %s", line, cmd.Name())
			}
		}
	})
}

func TestEveryExampleParses(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			_, after, _ := strings.Cut(line, "docker haproxy")
			for _, end := range []string{" #", " &&", " |", ")"} {
				after, _, _ = strings.Cut(after, end)
			}
			args := strings.Fields(strings.ReplaceAll(after, "'{{.Version}} {{.OS}}/{{.Arch}}'", "{{.Version}}"))
			if _, err := parsed(t, args...); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}

func TestEveryCommandWithFlagsSaysSoInItsUsage(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		words := strings.Fields(cmd.Use)
		assert.Assert(t, len(words) > 1 || !cmd.HasAvailableLocalFlags())
		if cmd.HasAvailableLocalFlags() {
			assert.Equal(t, words[1], "[OPTIONS]", cmd.Use)
		}
	})
}

func TestEveryCommandHasARuleForItsArgumentsAndACompletion(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		assert.Assert(t, cmd.Args != nil || cmd.ValidArgsFunction != nil)
		assert.Assert(t, cmd.RunE != nil, "a command without RunE does not fail where it is called with nonsense")
		assert.Assert(t, cmd.Run == nil)
		if takesArguments := strings.Contains(cmd.Use, "]..."+"]") || strings.Count(cmd.Use, "[") > 1; takesArguments {
			assert.Assert(t, cmd.ValidArgsFunction != nil, "no completion for the arguments of %q", cmd.Use)
		}
		if cmd.HasParent() {
			assert.Assert(t, cmd.ValidArgsFunction != nil, "file names are completed by default")
		}
	})
}

// A hook of a command's own would shadow the one by which the Docker CLI reads
// its configuration.
func TestNoCommandShadowsTheHooksOfTheDockerCLI(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		assert.Assert(t, cmd.PersistentPreRun == nil && cmd.PersistentPreRunE == nil)
		assert.Assert(t, cmd.PersistentPostRun == nil && cmd.PersistentPostRunE == nil)
	})
}

// choice is how a flag's usage lists what it takes: ("a"|"b").
var choice = regexp.MustCompile(`\((?:"[^"]+"\|)+"[^"]+"\)$`)

func TestEveryFlagIsExplainedAndEveryChoiceHasACompletion(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Name == "help" {
				return
			}
			assert.Assert(t, flag.Usage != "" && !strings.HasSuffix(strings.TrimSuffix(flag.Usage, "..."), "."), "--%s: %q", flag.Name, flag.Usage)
			assert.Assert(t, flag.Name == strings.ToLower(flag.Name) && !strings.Contains(flag.Name, "_"), flag.Name)
			listed := choice.FindString(flag.Usage)
			complete, ok := cmd.GetFlagCompletionFunc(flag.Name)
			if listed == "" {
				assert.Assert(t, ok || flag.Name != "format", "--format has no completion")
				return
			}
			assert.Assert(t, ok, "--%s has a choice and no completion", flag.Name)
			offered, directive := complete(cmd, nil, "")
			assert.Equal(t, directive, cobra.ShellCompDirectiveNoFileComp, flag.Name)
			for _, word := range offered {
				assert.Assert(t, strings.Contains(listed, `"`+word+`"`), "--%s: %s is offered and not listed", flag.Name, word)
			}
			assert.Equal(t, len(offered), strings.Count(listed, `"`)/2, "--%s: %v are offered, %s are listed", flag.Name, offered, listed)
		})
	})
}

func TestEveryCommandThatChangesSomethingCanBeTriedFirst(t *testing.T) {
	t.Parallel()
	readOnly := []string{about.Name, benchClientName, "check", "diff", "logs", "ls", "open", "plan", "ps", "status", "top", "version"}
	// What they change is one server of a process, and another word of theirs changes it back.
	atRunTime := []string{"server", "drain", "maint", "ready", "weight", "runtime"}
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		flag := cmd.Flags().Lookup("dry-run")
		if slices.Contains(append(readOnly, atRunTime...), cmd.Name()) {
			assert.Assert(t, flag == nil)
			return
		}
		assert.Assert(t, flag != nil, "%s changes something and has no --dry-run", cmd.Name())
		assert.Equal(t, flag.DefValue, "false")
	})
}

func TestEveryListHasAFormat(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		if slices.Contains([]string{"bench", "check", "diff", "ls", "plan", "ps", "rollback", "status", "version"}, cmd.Name()) {
			assert.Assert(t, cmd.Flags().Lookup("format") != nil)
		}
	})
}

func TestEveryCommandRunsUnderTheContextOfTheCaller(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		assert.Assert(t, cmd.Context() != nil)
	})
}

func TestAnUnknownCommandFails(t *testing.T) {
	t.Parallel()
	assert.ErrorContains(t, newTerminal(t).run(t, "no-such-command"), "no-such-command")
}

func TestMetadataIsWhatDockerInfoLists(t *testing.T) {
	t.Parallel()
	meta := about.Metadata()
	assert.Equal(t, meta.SchemaVersion, "0.1.0")
	assert.Assert(t, meta.Vendor != "" && meta.ShortDescription != "" && meta.URL != "")
	assert.Equal(t, meta.Version, about.Version)
	assert.Equal(t, NewRootCommand(t.Context(), newTerminal(t)).Name(), about.Name)
}
