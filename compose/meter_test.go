package compose

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/fs"
)

// The kernel's files as they are in a container, with both versions of control
// groups.
func TestAMeterReadsBothVersionsOfControlGroups(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the script is for the shell of a Linux container")
	}
	for name, files := range map[string][]fs.PathOp{
		"version 2": {
			fs.WithFile("cpu.stat", "usage_usec 2499336\nuser_usec 1499336\nsystem_usec 1000000\nnr_periods 0\n"),
			fs.WithFile("memory.current", "32636928\n"),
			fs.WithFile("memory.stat", "anon 21000000\nfile 2000000\ninactive_anon 7\ninactive_file 1048576\nactive_file 9\n"),
		},
		"version 1": {
			fs.WithDir("cpuacct", fs.WithFile("cpuacct.usage", "2499336000\n"), fs.WithFile("cpuacct.stat", "user 149\nsystem 100\n")),
			fs.WithDir("memory",
				fs.WithFile("memory.usage_in_bytes", "32636928\n"),
				fs.WithFile("memory.stat", "cache 2000000\ninactive_file 4096\nhierarchical_memory_limit 9223372036854771712\ntotal_inactive_file 1048576\ntotal_active_file 9\n")),
		},
	} {
		folder := fs.NewDir(t, "cgroup", files...)
		lines := runMeter(t, folder.Path(), 2)
		assert.Equal(t, len(lines), 2, "%s: one answer for each line: %q", name, lines)
		cpu, memory, err := parseUsage(lines[1])
		assert.NilError(t, err, name)
		assert.Equal(t, cpu, 2499336*time.Microsecond, name)
		assert.Equal(t, memory, int64(32636928-1048576), name)
	}
}

func TestAMeterSaysWhatIsNotThere(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the script is for the shell of a Linux container")
	}
	lines := runMeter(t, filepath.Join(t.TempDir(), "none"), 1)
	assert.Assert(t, len(lines) > 0)
	_, _, err := parseUsage(lines[0])
	assert.ErrorContains(t, err, "does not tell what it uses")
}

// runMeter asks the script so many times.
func runMeter(t *testing.T, controlGroup string, times int) []string {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "/bin/sh", "-c", meterScript, "sh", controlGroup)
	shell.Stdin = strings.NewReader(strings.Repeat("\n", times))
	output, err := shell.Output()
	assert.NilError(t, err)
	return strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
}
