package compose

import (
	"os"
	"strings"
	"testing"
)

// TestMain keeps what the developer's machine is set up for out of the tests:
// its contexts, its engine, its Compose defaults.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "DOCKER_") || strings.HasPrefix(name, "COMPOSE_") {
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
	os.Exit(code)
}
