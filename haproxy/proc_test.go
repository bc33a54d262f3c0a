package haproxy

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// capture reads an answer that a real HAProxy gave.
func capture(tb testing.TB, name string) string {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "runtime", name+".txt"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

// seed adds the captures whose names match a pattern to a fuzz test.
func seed(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob("testdata/runtime/" + pattern + ".txt")
	if err != nil || len(files) == 0 {
		f.Fatal(pattern, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
}

func TestParseProc(t *testing.T) {
	t.Parallel()
	got, err := ParseProc(capture(t, "show-proc-3.4"))
	want := Proc{
		Master:  Process{PID: 1, Uptime: 5 * time.Second, Version: "3.4.7-1"},
		Workers: []Process{{PID: 14, Uptime: 5 * time.Second, Version: "3.4.7-1"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}

	got, err = ParseProc("#<PID> <type> <reloads> <uptime> <version>\n" +
		"1               master          10 [failed: 2]  1d02h04m13s     3.2.26-1       \n" +
		"# workers\n# old workers\n" +
		"135             worker          1               0d00h00m02s     3.2.26-1       \n" +
		"# programs\n7  prog  0  0d00h00m02s  -\n")
	want = Proc{
		Master:     Process{PID: 1, Reloads: 10, FailedReloads: 2, Uptime: 26*time.Hour + 4*time.Minute + 13*time.Second, Version: "3.2.26-1"},
		OldWorkers: []Process{{PID: 135, Reloads: 1, Uptime: 2 * time.Second, Version: "3.2.26-1"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestInCharge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		proc Proc
		want int
	}{
		"current":             {Proc{Workers: []Process{{PID: 9}}, OldWorkers: []Process{{PID: 7, Reloads: 1}}}, 9},
		"newest of the old":   {Proc{OldWorkers: []Process{{PID: 7, Reloads: 4}, {PID: 8, Reloads: 1}, {PID: 5, Reloads: 3}}}, 8},
		"none":                {Proc{}, 0},
		"a starting one, too": {Proc{Workers: []Process{{PID: 9}, {PID: 10}}}, 9},
	} {
		if got, ok := test.proc.InCharge(); got.PID != test.want || ok != (test.want != 0) {
			t.Errorf("%s: got %+v, %v", name, got, ok)
		}
	}
}

func TestParseProcRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "# workers\n", "Unknown command", "x master 0 0 0"} {
		if _, err := ParseProc(answer); !errors.Is(err, ErrUnexpectedAnswer) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func FuzzParseProc(f *testing.F) {
	seed(f, "show-proc-*")
	f.Fuzz(func(t *testing.T, answer string) {
		if proc, err := ParseProc(answer); err == nil && proc.Master.PID <= 0 {
			t.Errorf("got %+v", proc)
		}
	})
}
