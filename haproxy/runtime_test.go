package haproxy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAnswerReader(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("a line of a long answer, with > and master> in it\n", 100_000)
	for name, test := range map[string]struct{ received, answer string }{
		"text":                  {"one\ntwo\n\nmaster> ", "one\ntwo\n"},
		"empty":                 {"\nmaster> ", ""},
		"prompt alone":          {"master> ", ""},
		"experimental":          {"master(x)> ", ""},
		"after a failed reload": {"text\n\nmaster[ReloadFailed]> ", "text\n"},
		"both":                  {"text\n\nmaster[ReloadFailed](xed)> ", "text\n"},
		"master's own error":    {"Can't find the target PID matching the prefix '@!9'\nmaster> ", "Can't find the target PID matching the prefix '@!9'"},
		"no prompt in the text": {"a > b\nmaster> c\nxmaster> \n> \n\nmaster> ", "a > b\nmaster> c\nxmaster> \n> \n"},
		"long":                  {big + "\nmaster> ", big},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readers := map[string]io.Reader{"whole": strings.NewReader(test.received)}
			if len(test.received) < 1000 {
				readers["bytes"] = iotest.OneByteReader(strings.NewReader(test.received))
				for i := range test.received {
					readers["cut at "+test.received[:i]] = io.MultiReader(
						strings.NewReader(test.received[:i]), strings.NewReader(test.received[i:]))
				}
			}
			for how, from := range readers {
				got, err := (&answerReader{from: from}).next(cutPrompt)
				if err != nil || string(got) != test.answer {
					// What looks like a prompt ends an answer when nothing follows it yet.
					if name == "no prompt in the text" && strings.HasPrefix(test.received, string(got)) {
						continue
					}
					t.Errorf("%s: got %.80q, %v", how, got, err)
				}
			}
		})
	}
}

func TestAnswerReaderAtTheEnd(t *testing.T) {
	t.Parallel()
	for received, want := range map[string]error{
		"":                io.EOF,
		"half an ans":     io.EOF,
		"text\n\nmaster>": io.EOF,
		"text\n\n> ":      io.EOF,
	} {
		got, err := (&answerReader{from: strings.NewReader(received)}).next(cutPrompt)
		if !errors.Is(err, want) || string(got) != received {
			t.Errorf("%q: got %q, %v", received, got, err)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for argument, want := range map[string]string{
		"web":   "web",
		"a b;c": `a\ b\;c`,
		`a\b`:   `a\\b`,
		"<<EOF": `\<\<EOF`,
		"ü\t":   "ü\\\t",
	} {
		if got := Quote(argument); got != want {
			t.Errorf("Quote(%q) = %q, want %q", argument, got, want)
		}
	}
}

func TestCheckCommand(t *testing.T) {
	t.Parallel()
	for command, ok := range map[string]bool{
		"show stat":                     true,
		`echo a\;b`:                     true,
		`echo \<\<x`:                    true,
		"set var proc.x str(<<) y":      true,
		"":                              false,
		"  ":                            false,
		"show stat\nreload":             false,
		"show stat\r":                   false,
		"show info;show stat":           false,
		`echo a\\;show stat`:            false,
		"@1 show info":                  false,
		`\@1 show info`:                 false,
		"prompt":                        false,
		"prompt i":                      false,
		`\pro\mpt`:                      false,
		"echo prompt":                   true,
		"add map #1 <<":                 false,
		"add map #1 <<EOF":              false,
		"set ssl cert a.pem <<  ":       false,
		"echo " + Quote("a;b <<c\\ \t"): true,
	} {
		if err := checkCommand(command); (err == nil) != ok || err != nil && !errors.Is(err, ErrBadCommand) {
			t.Errorf("%q: %v", command, err)
		}
	}
}

func FuzzAnswerReader(f *testing.F) {
	f.Add([]byte("text\n"), uint8(3), false)
	f.Add([]byte("a\nmaster> b"), uint8(11), true)
	f.Fuzz(func(t *testing.T, text []byte, cut uint8, failed bool) {
		prompt := "\nmaster> "
		if failed {
			prompt = "\nmaster[ReloadFailed](x)> "
		}
		received := append(bytes.Clone(text), prompt...)
		at := min(int(cut), len(received))
		if _, ok := cutPrompt(received[:at]); ok && at > 0 {
			return // cut right after something like a prompt
		}
		got, err := (&answerReader{from: io.MultiReader(bytes.NewReader(received[:at]), bytes.NewReader(received[at:]))}).next(cutPrompt)
		if len(text) < len((&answerReader{}).chunk)/2 && (err != nil || !bytes.Equal(got, text)) {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
	})
}

func FuzzQuote(f *testing.F) {
	f.Add(`a b;c\<<d`)
	f.Fuzz(func(t *testing.T, argument string) {
		err := checkCommand("echo " + Quote(argument))
		if (err != nil) != strings.ContainsAny(argument, "\n\r\x00") {
			t.Errorf("%q: %v", argument, err)
		}
	})
}
