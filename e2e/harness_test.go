// Package e2e holds scenarios: what a person does with docker haproxy, through
// the real docker CLI on a real engine, and what must then be so. They look at
// the state of the engine and at HTTP answers rather than at output.
//
//	go test -timeout 60m ./e2e        everything; a few minutes. Do not let Go's
//	                                  timeout strike: what runs then stays behind
//	go test -short ./...              everything but these
//	HAPROXY_IMAGE=… ECHO_IMAGE=… go test -timeout 60m ./e2e
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The stand-ins that hack/images.sh builds.
const (
	standIn         = "localhost/docker-haproxy/haproxy:3.2"
	standIn34       = "localhost/docker-haproxy/haproxy:3.4"
	standInOfficial = "localhost/docker-haproxy/haproxy:3.2-official"
	standInNoSocat  = "localhost/docker-haproxy/haproxy:3.2-nosocat"
	standInEcho     = "localhost/docker-haproxy/echo:1"
	standInEcho2    = "localhost/docker-haproxy/echo:2"
)

// maxParallel bounds how many projects run at once, whatever -parallel says:
// each has a network of its own, and the engine has addresses for about thirty.
const maxParallel = 6

// suite is what TestMain prepares once for all tests.
type suite struct {
	config       string // DOCKER_CONFIG: with the plugin, without the developer's settings
	plugin       string // the plugin's binary
	haproxyImage string
	echoImage    string
	noCompose    string // why there is no plain "docker compose"; "" where there is one
}

// prepared is global because TestMain has no other way to hand anything to a test.
var prepared suite

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run()) // every test skips
	}
	os.Exit(runSuite(m))
}

func runSuite(m *testing.M) int {
	if parallel := flag.Lookup("test.parallel"); parallel != nil {
		if n, err := strconv.Atoi(parallel.Value.String()); err == nil && n > maxParallel {
			_ = flag.Set("test.parallel", strconv.Itoa(maxParallel))
		}
	}
	folder, err := os.MkdirTemp("", "docker-haproxy-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(folder)
	if prepared, err = prepare(folder); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

// prepare builds the plugin and finds what the scenarios need.
func prepare(folder string) (suite, error) {
	s := suite{
		config:       folder,
		haproxyImage: envOr("HAPROXY_IMAGE", standIn),
		echoImage:    envOr("ECHO_IMAGE", standInEcho),
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()

	if err := takeOverContext(folder); err != nil {
		return s, err
	}
	if err := s.engineAnswers(ctx); err != nil {
		return s, err
	}
	if err := s.buildPlugin(ctx); err != nil {
		return s, err
	}
	if err := s.haveImages(ctx); err != nil {
		return s, err
	}
	s.noCompose = s.haveCompose(ctx)
	return s, nil
}

// takeOverContext lets the DOCKER_CONFIG of the tests talk to the engine that
// the developer's own one talks to; nothing else is taken from there.
func takeOverContext(folder string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		home = folder // no developer's configuration to be found then
	}
	theirs := envOr("DOCKER_CONFIG", filepath.Join(home, ".docker"))
	var settings struct {
		CurrentContext string `json:"currentContext,omitempty"`
	}
	if text, err := os.ReadFile(filepath.Join(theirs, "config.json")); err == nil {
		_ = json.Unmarshal(text, &settings) // one that docker cannot read either is no reason to stop
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), text, 0o600); err != nil {
		return err
	}
	contexts := filepath.Join(theirs, "contexts")
	if _, err := os.Stat(contexts); err != nil {
		return nil // there are none
	}
	return os.Symlink(contexts, filepath.Join(folder, "contexts"))
}

// environment is the one that docker runs in: without the developer's settings
// of Docker, Compose and colours, except those that say where the engine is.
func (s *suite) environment() []string {
	kept := []string{"DOCKER_CONFIG=" + s.config}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case name == "DOCKER_HOST", name == "DOCKER_CONTEXT", name == "DOCKER_TLS_VERIFY", name == "DOCKER_CERT_PATH":
		case strings.HasPrefix(name, "DOCKER_"), strings.HasPrefix(name, "COMPOSE_"),
			strings.HasPrefix(name, "BUILDKIT_"), strings.HasPrefix(name, "BUILDX_"),
			strings.HasPrefix(name, "CLICOLOR"), name == "NO_COLOR", name == "FORCE_COLOR", name == "PWD",
			name == "ECHO_IMAGE", name == "HAPROXY_IMAGE":
			continue
		}
		kept = append(kept, variable)
	}
	return kept
}

// command is a docker command outside of any project.
func (s *suite) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = s.environment()
	cmd.WaitDelay = waitDelay
	return cmd
}

// docker runs a docker command outside of any project, and gives its standard output.
func (s *suite) docker(ctx context.Context, args ...string) (string, error) {
	out, err := s.command(ctx, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

func (s *suite) engineAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := s.docker(ctx, "version", "--format", "{{ .Server.Version }}"); err != nil {
		return fmt.Errorf("the Docker engine does not answer, and these scenarios need one (go test -short does without): %w", err)
	}
	if _, err := s.docker(ctx, "network", "ls", "-q"); err != nil {
		return fmt.Errorf("the Docker engine answers, but not what its networks are: it has locked itself up, as one before 23.0 can (moby/moby#46661), and must be restarted: %w", err)
	}
	return nil
}

func (s *suite) buildPlugin(ctx context.Context) error {
	folder := filepath.Join(s.config, "cli-plugins")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	s.plugin = filepath.Join(folder, "docker-haproxy"+exe())
	build := exec.CommandContext(ctx, "go", "build", "-o", s.plugin, "../cmd/docker-haproxy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released: bench runs it in a container
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the plugin does not build: %w\n%s", err, out)
	}
	return nil
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// haveImages builds the stand-ins unless all images are here. Only the two that
// every scenario uses must be; the others are for a few (see needsImage).
func (s *suite) haveImages(ctx context.Context) error {
	if s.allHere(ctx, s.haproxyImage, s.echoImage, standIn, standIn34, standInOfficial, standInNoSocat, standInEcho, standInEcho2) {
		return nil
	}
	build := exec.CommandContext(ctx, "../hack/images.sh", "all")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	err := build.Run()
	if s.allHere(ctx, s.haproxyImage, s.echoImage) {
		return nil
	}
	return fmt.Errorf("%s and %s must be on the engine: pull or build them, or set HAPROXY_IMAGE and ECHO_IMAGE (hack/images.sh: %w)", s.haproxyImage, s.echoImage, err)
}

func (s *suite) allHere(ctx context.Context, images ...string) bool {
	_, err := s.docker(ctx, append([]string{"image", "inspect", "--format", "{{ .Id }}"}, images...)...)
	return err == nil
}

// haveCompose makes plain "docker compose" available, or says why not.
func (s *suite) haveCompose(ctx context.Context) (whyNot string) {
	find := exec.CommandContext(ctx, "../hack/compose.sh")
	find.Stderr = os.Stderr
	out, err := find.Output()
	if err != nil {
		return fmt.Sprintf("hack/compose.sh found no plain \"docker compose\": %v", err)
	}
	link := filepath.Join(s.config, "cli-plugins", "docker-compose"+exe())
	if err := os.Symlink(strings.TrimSpace(string(out)), link); err != nil {
		return err.Error()
	}
	return ""
}

func envOr(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
