package plugin

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gotest.tools/v3/assert"
)

// everyFlag calls a function for each flag of each command.
func everyFlag(t *testing.T, look func(path []string, flag *pflag.Flag)) {
	t.Helper()
	var walk func(*cobra.Command, []string)
	walk = func(cmd *cobra.Command, path []string) {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { look(path, flag) })
		for _, child := range cmd.Commands() {
			walk(child, append(path[:len(path):len(path)], child.Name()))
		}
	}
	walk(NewRootCommand(t.Context(), newTerminal(t)), nil)
}

func TestNoFlagTakesATimeOrANumberBelowZero(t *testing.T) {
	t.Parallel()
	looked := 0
	everyFlag(t, func(path []string, flag *pflag.Flag) {
		bad := map[string][]string{
			"duration": {"-5s", "-1ns", "-1h", "soon"},
			"int":      {"-2", "-100", "many", "1.5"},
			"float64":  {"-1", "-0.5", "NaN", "Inf", "-Inf", "some"},
		}[flag.Value.Type()]
		for _, value := range bad {
			_, err := parsed(t, append(path, "--"+flag.Name+"="+value)...)
			assert.Check(t, err != nil && strings.Contains(err.Error(), "invalid argument") && strings.Contains(err.Error(), flag.Name), "%v --%s=%s: %v", path, flag.Name, value, err)
			looked++
		}
	})
	assert.Assert(t, looked > 50, "%d", looked)
}

func TestAWaitOfZeroIsNoLimitOnEveryCommand(t *testing.T) {
	t.Parallel()
	var commands []string
	everyFlag(t, func(path []string, flag *pflag.Flag) {
		if flag.Name != "wait-timeout" {
			return
		}
		commands = append(commands, strings.Join(path, " "))
		assert.Check(t, strings.HasSuffix(flag.Usage, "; 0: no limit"), "%v: %s", path, flag.Usage)
		for text, want := range map[string]string{"0": "0s", "0s": "0s", "90": "1m30s", "5m": "5m0s"} {
			path = append(path[:len(path):len(path)], "--wait-timeout", text)
			got, err := parsed(t, path...)
			if err != nil { // some need a service
				got, err = parsed(t, append(path, "web=1")...)
			}
			assert.NilError(t, err)
			assert.Equal(t, got.flag("wait-timeout"), want)
		}
	})
	assert.Equal(t, strings.Join(commands, ", "), "reload, restart, rollback, rollout, rollout undo, scale, start, up")
	var limit time.Duration
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	waitVar(flags, &limit, "wait-timeout", "", time.Second, "")
	assert.Equal(t, limit, time.Second)
	assert.NilError(t, flags.Parse([]string{"--wait-timeout", "0"}))
	assert.Equal(t, limit, noLimit)
}

func TestACommandThatIsMisspeltIsKnownAllTheSame(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"relaod": "reload", "statsu": "status", "chekc": "check", "server drian": "drain",
	} {
		_, err := parsed(t, strings.Fields(line)...)
		assert.ErrorContains(t, err, "unknown command")
		assert.ErrorContains(t, err, "Did you mean this?\n\t"+want)
	}
	_, err := parsed(t, "frobnicate")
	assert.ErrorContains(t, err, "unknown command")
	assert.Assert(t, !strings.Contains(err.Error(), "Did you mean"))
}

func TestArgumentsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	for want, args := range map[string][]string{
		"is no name of a Compose project":  {"-p", "BAD NAME!", "ps"},
		"such as badname":                  {"-p", "BAD NAME!", "--project-directory", project, "up"},
		`"=3" is not SERVICE=N`:            {"scale", "=3"},
		`"web=-1" is not SERVICE=N`:        {"scale", "web=-1"},
		`"web" is not SERVICE=N`:           {"scale", "web"},
		"service web is given twice":       {"scale", "web=2", "web=3"},
		`"abc" for "--tail"`:               {"logs", "--tail", "abc"},
		`"-2" for "--tail"`:                {"logs", "--tail", "-2"},
		`"" for "--tail"`:                  {"logs", "--tail", ""},
		"the name of the folder is empty":  {"init", ""},
		"has control characters":           {"init", "a\nb"},
		"has control characters in its":    {"init", "--dry-run", "a\x1bb"},
		`"101" for "--canary-errors"`:      {"rollout", "--canary", "10%", "--canary-errors", "101"},
		"is no share of the requests":      {"rollout", "--canary", "100%"},
		`--canary "0%"`:                    {"rollout", "--canary", "0%"},
		`"101%" is neither`:                {"rollout", "--batch", "101%"},
		`"0" is neither`:                   {"rollout", "--batch", "0"},
		"--order \"sideways\" is unknown":  {"rollout", "--order", "sideways"},
		"--progress \"loud\" is unknown":   {"up", "--progress", "loud"},
		"--ansi \"perhaps\" is unknown":    {"up", "--ansi", "perhaps"},
		"--format \"xml\" is unknown here": {"check", "--format", "xml"},
		`--format "yaml" is unknown here`:  {"diff", "--format", "yaml"},
		"--rmi \"some\" is unknown":        {"down", "--rmi", "some"},
		"--flavor \"windows\" is unknown":  {"init", "--dry-run", "--flavor", "windows", project},
		"--http-port 0":                    {"init", "--dry-run", "--http-port", "0", project},
		"--stats-port 70000":               {"init", "--dry-run", "--stats-port", "70000", project},
		"--app-port 0":                     {"init", "--dry-run", "--app-port", "0", project},
		"--servers":                        {"init", "--dry-run", "--servers", "0", project},
		"\"300\" is no weight":             {"server", "weight", "web/s1", "300"},
		"\"-1\" is no weight":              {"server", "weight", "web/s1", "--", "-1"},
		"--duration must be more than":     {"bench", "--duration", "0s"},
		"there must be a client":           {"bench", "--clients", "0"},
	} {
		assert.ErrorContains(t, newTerminal(t).run(t, args...), want, "%q", args)
	}
}
