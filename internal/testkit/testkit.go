// Package testkit is what the tests of several packages begin with.
package testkit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// Nobody is an address where no engine answers: a port that is not given out, as a
// free one soon is to another test.
const Nobody = "tcp://127.0.0.1:1"

// Main runs the tests of a package, and keeps out of them what the developer's
// machine is set up for: its contexts, its engine, its Compose defaults, its colours.
func Main(m *testing.M) {
	for _, variable := range os.Environ() { //nolint:forbidigo // to take it out of the tests
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "DOCKER_") || strings.HasPrefix(name, "COMPOSE_") || name == "NO_COLOR" {
			_ = os.Unsetenv(name)
		}
	}
	config, err := os.MkdirTemp("", "docker-config-*")
	if err != nil {
		panic(err)
	}
	_ = os.Setenv("DOCKER_CONFIG", config)
	code := m.Run()
	_ = os.RemoveAll(config)
	os.Exit(code) //nolint:forbidigo // as a TestMain does
}

// Put writes a file, makes the folders that it is in, and gives its path.
func Put(t *testing.T, folder, name, content string) string {
	t.Helper()
	file := filepath.Join(folder, filepath.FromSlash(name))
	assert.NilError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	assert.NilError(t, os.WriteFile(file, []byte(content), 0o644))
	return file
}

// Contains tells of each part that a text does not have.
func Contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}
