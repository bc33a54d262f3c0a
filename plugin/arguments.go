package plugin

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noLimit is what a wait of 0 means, as for Compose: a hundred years.
const noLimit = 100 * 365 * 24 * time.Hour

// waitVar adds a flag that says how long something is waited for; 0 is no limit.
func waitVar(flags *pflag.FlagSet, target *time.Duration, name, shorthand string, byDefault time.Duration, usage string) {
	*target = byDefault
	flags.VarP((*waiting)(target), name, shorthand, usage+"; 0: no limit")
}

// waiting is the value of such a flag. A bare number is seconds, as for Compose.
type waiting time.Duration

// Set reads the value.
func (w *waiting) Set(text string) error {
	d, err := time.ParseDuration(text)
	if seconds, wrong := strconv.ParseInt(text, 10, 32); wrong == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	switch {
	case err != nil:
		return errors.New("is no time: give one such as 90s or 5m")
	case d < 0:
		return errNegative
	case d == 0 || d > noLimit:
		d = noLimit
	}
	*w = waiting(d)
	return nil
}

// String gives the value as it is written.
func (w *waiting) String() string {
	if time.Duration(*w) == noLimit {
		return "0s"
	}
	return time.Duration(*w).String()
}

// Type is what the help says of the value.
func (w *waiting) Type() string { return "duration" }

var errNegative = errors.New("must not be negative")

// refuseNegatives makes the flags of a command, and of those below it, refuse times
// and numbers below 0: none of ours has a meaning for them but "--timeout -1".
func refuseNegatives(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, done := flag.Value.(notNegative); done {
			return
		}
		switch flag.Value.Type() {
		case "duration", "int", "float64":
			flag.Value = notNegative{Value: flag.Value, forever: flag.Name == "timeout" && flag.Value.Type() == "int"}
		}
	})
	for _, child := range cmd.Commands() {
		refuseNegatives(child)
	}
}

// notNegative is the value of a flag that is a time or a number.
type notNegative struct {
	pflag.Value

	forever bool // -1 is for ever, as for "docker stop --timeout"
}

// Set reads the value.
func (v notNegative) Set(text string) error {
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		switch {
		case math.IsNaN(number) || math.IsInf(number, 0):
			return errors.New("is no number")
		case v.forever && number == -1:
		case number < 0:
			return errNegative
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d < 0 && v.Type() == "duration" {
		return errNegative
	}
	return v.Value.Set(text)
}

// knownCommand refuses what is no command, and names the one that was probably meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(args[0])
	if len(near) == 0 {
		return cli.NoArgs(cmd, args)
	}
	return fmt.Errorf("%s: unknown command: %s\n\nDid you mean this?\n\t%s\n\nRun '%[1]s --help' for more information",
		cmd.CommandPath(), args[0], strings.Join(near, "\n\t"))
}

// checkTail refuses what is no number of lines.
func checkTail(text string) error {
	if n, err := strconv.Atoi(text); text == "all" || err == nil && n >= -1 {
		return nil
	}
	return usage("invalid argument %q for \"--tail\" flag: give a number of lines, or all", text)
}

// usage is the error of a command line that means nothing; docker exits with 125.
func usage(format string, args ...any) error {
	return cli.StatusError{StatusCode: 125, Status: fmt.Sprintf(format, args...)}
}

// checkFolder refuses what cannot be meant as the folder of a project.
func checkFolder(folder string) error {
	switch {
	case folder == "":
		return usage("the name of the folder is empty: give one, or leave it out for this folder")
	case strings.ContainsFunc(folder, unicode.IsControl):
		return problem(fmt.Sprintf("the folder %q has control characters in its path, which no Compose file can hold", folder), "Choose another folder.")
	}
	return nil
}
