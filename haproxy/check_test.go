package haproxy

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected reports in testdata")

// Each file of testdata/check is a configuration, the real output of haproxy -c for it, and the
// report that is expected. Those whose name ends in -3.4 come from 3.4.7, the others from 3.2.26.
func TestParseCheck(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/check/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("testdata/check has %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sections := splitSections(content)
			exit, err := strconv.Atoi(strings.TrimSpace(sections["exit"]))
			if err != nil {
				t.Fatal(err)
			}
			read := func(string) ([]byte, error) { return []byte(sections["config"]), nil }
			report := ParseCheck(exit, sections["output"]).Locate(read)
			got := render(t, report)
			if again := render(t, report.Locate(read)); again != got {
				t.Errorf("located a second time:\n%s\ninstead of\n%s", again, got)
			}
			if *update {
				before, _, _ := bytes.Cut(content, []byte("-- report --\n"))
				content = slices.Concat(before, []byte("-- report --\n"+got))
				if err := os.WriteFile(file, content, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != sections["report"] {
				t.Errorf("got\n%s\nwant\n%s", got, sections["report"])
			}
		})
	}
}

// splitSections reads "-- name --" lines and what follows them.
func splitSections(content []byte) map[string]string {
	sections := map[string]string{}
	name := ""
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(rest, " --\n") {
			name = strings.TrimSuffix(rest, " --\n")
			continue
		}
		sections[name] += line
	}
	return sections
}

func render(t *testing.T, report Report) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAFailedCheckAlwaysHasAnError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		exit    int
		output  string
		message string
	}{
		"silent":         {1, "", "haproxy ended with exit code 1"},
		"crash":          {139, "", "haproxy ended with exit code 139"},
		"not there":      {127, "exec: \"haproxy\": not found\n", `haproxy ended with exit code 127: exec: "haproxy": not found`},
		"summary only":   {1, "[ALERT]    (7) : config : Fatal errors found in configuration.\n", "Fatal errors found in configuration."},
		"notices only":   {1, "[NOTICE]   (7) : haproxy version is 3.2.26-1\n", "haproxy ended with exit code 1"},
		"old log format": {1, "[ALERT] 123/114502 (1) : parsing [/a.cfg:2] : broken\n", "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := ParseCheck(test.exit, test.output)
			if report.Valid || len(report.Diagnostics) != 1 || report.Diagnostics[0].Message != test.message {
				t.Errorf("got %+v", report)
			}
		})
	}
}

func TestLocateWithoutFile(t *testing.T) {
	t.Parallel()
	report := ParseCheck(1, "[ALERT]    (7) : config : parsing [/a.cfg:2] : unknown keyword 'x'\n")
	located := report.Locate(func(string) ([]byte, error) { return nil, os.ErrNotExist })
	if d := located.Diagnostics[0]; d.Source != "" || d.Column != 0 || d.Line != 2 {
		t.Errorf("got %+v", d)
	}
}

func FuzzParseCheck(f *testing.F) {
	files, err := filepath.Glob("testdata/check/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		sections := splitSections(content)
		f.Add(1, sections["output"], sections["config"])
	}
	f.Fuzz(func(t *testing.T, exit int, output, config string) {
		report := ParseCheck(exit, output).Locate(func(string) ([]byte, error) { return []byte(config), nil })
		hasError := false
		for _, d := range report.Diagnostics {
			hasError = hasError || d.Severity == Error
			if d.Line < 0 || d.Column < 0 || d.Column > 0 && d.Length < 1 {
				t.Errorf("position out of range: %+v", d)
			}
		}
		if !report.Valid && !hasError {
			t.Errorf("invalid without an error: %+v", report)
		}
	})
}
