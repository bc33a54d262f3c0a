package plugin

import (
	"fmt"
	"testing"

	"github.com/docker/compose/v5/cmd/display"
	"gotest.tools/v3/assert"
)

// The tests of this file are not parallel: Compose's displays keep their
// colours in variables of the package.

func TestProgressIsShownAsTheFlagsAndTheTerminalSay(t *testing.T) {
	term := newTerminal(t)
	full := fmt.Sprintf("%T", display.Full(term.Err(), term.Err(), true))
	plain := fmt.Sprintf("%T", display.Plain(term.Err()))
	json := fmt.Sprintf("%T", display.JSON(term.Err()))
	quiet := fmt.Sprintf("%T", display.Quiet())
	for _, c := range []struct {
		progress, ansi string
		terminal       bool
		noColor        string
		want           string
	}{
		{"auto", "auto", true, "", full},
		{"auto", "always", true, "", full},
		{"auto", "never", true, "", plain},
		{"auto", "auto", false, "", plain},
		{"auto", "always", false, "", plain},
		{"auto", "auto", true, "1", plain},
		{"tty", "auto", false, "", full},
		{"tty", "auto", true, "1", full},
		{"plain", "auto", true, "", plain},
		{"json", "auto", true, "", json},
		{"quiet", "auto", true, "", quiet},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		term.Err().SetIsTerminal(c.terminal)
		options := &projectOptions{progress: c.progress, ansi: c.ansi}
		renderer, err := options.renderer(term, false)
		assert.NilError(t, err, "%+v", c)
		assert.Equal(t, fmt.Sprintf("%T", renderer), c.want, "%+v", c)
	}
}

func TestWrongModesOfProgressAreRefusedWithTheChoice(t *testing.T) {
	for _, c := range []struct{ progress, ansi, want string }{
		{"fancy", "auto", `--progress "fancy" is unknown: choose auto, tty, plain, json, quiet`},
		{"", "auto", `--progress "" is unknown`},
		{"auto", "sometimes", `--ansi "sometimes" is unknown: choose auto, never or always`},
		{"auto", "", `--ansi "" is unknown`},
		{"tty", "never", "--progress tty needs ANSI control characters, which --ansi never forbids"},
	} {
		options := &projectOptions{progress: c.progress, ansi: c.ansi}
		_, err := options.renderer(newTerminal(t), false)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestAWrongValueOfAnsiIsRefusedUnderNoColorToo(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	options := &projectOptions{progress: "auto", ansi: "sometimes"}
	_, err := options.renderer(newTerminal(t), false)
	assert.ErrorContains(t, err, `--ansi "sometimes" is unknown`)
}

func TestEveryModeThatIsOfferedIsKnown(t *testing.T) {
	for _, mode := range progressModes() {
		options := &projectOptions{progress: mode, ansi: "auto"}
		_, err := options.renderer(newTerminal(t), true)
		assert.NilError(t, err, mode)
	}
}

func TestAWrongModeIsRefusedBeforeAnythingIsDone(t *testing.T) {
	term := newTerminal(t)
	assert.ErrorContains(t, term.run(t, "--progress", "fancy", "up"), `--progress "fancy" is unknown`)
	assert.ErrorContains(t, term.run(t, "down", "--rmi", "some"), `--rmi "some" is unknown`)
	assert.ErrorContains(t, term.run(t, "check", "--format", "yaml"), `--format "yaml" is unknown here`)
}
