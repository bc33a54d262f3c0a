package attach

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestTheLeastIntrusiveWayIsChosen(t *testing.T) {
	const override = "services: {web: {environment: {A: b}}}\n"
	separator := string(os.PathListSeparator)
	for name, c := range map[string]struct {
		files []string
		load  func(folder string) compose.LoadOptions
		env   map[string]string
		want  way
		hand  string // what the user has to add
	}{
		"alone":                         {files: []string{"compose.yaml", oneWeb}, want: wayOverride},
		"the old name":                  {files: []string{"docker-compose.yaml", oneWeb}, want: wayOverride},
		"an override":                   {files: []string{"compose.yaml", oneWeb, "compose.override.yml", override}, want: wayEnvFile},
		"an override of the old name":   {files: []string{"compose.yaml", oneWeb, "docker-compose.override.yaml", override}, want: wayEnvFile},
		"COMPOSE_FILE in .env":          {files: []string{"a.yml", oneWeb, ".env", "COMPOSE_FILE=a.yml\n"}, want: wayEnvFile},
		"COMPOSE_FILE in the process":   {files: []string{"a.yml", oneWeb}, env: map[string]string{"COMPOSE_FILE": "a.yml"}, want: wayByHand, hand: "COMPOSE_FILE=a.yml" + separator + FileName},
		"both":                          {files: []string{"a.yml", oneWeb, ".env", "COMPOSE_FILE=b.yml\n"}, env: map[string]string{"COMPOSE_FILE": "a.yml"}, want: wayByHand, hand: "COMPOSE_FILE=a.yml" + separator + FileName},
		"a separator of one's own":      {files: []string{"a.yml", oneWeb, "b.yml", override}, env: map[string]string{"COMPOSE_FILE": "a.yml,b.yml", "COMPOSE_PATH_SEPARATOR": ","}, want: wayByHand, hand: "COMPOSE_FILE=a.yml,b.yml," + FileName},
		"an override, .env is not read": {files: []string{"compose.yaml", oneWeb, "compose.override.yaml", override}, env: map[string]string{"COMPOSE_DISABLE_ENV_FILE": "1"}, want: wayByHand, hand: "COMPOSE_FILE=compose.yaml" + separator + "compose.override.yaml" + separator + FileName},
		"-f": {
			files: []string{"a.yml", oneWeb}, want: wayByHand, hand: "-f ",
			load: func(folder string) compose.LoadOptions {
				return compose.LoadOptions{ConfigPaths: []string{filepath.Join(folder, "a.yml")}}
			},
		},
		"COMPOSE_FILE in another env file": {
			files: []string{"a.yml", oneWeb, "my.env", "COMPOSE_FILE=a.yml\n"}, want: wayByHand, hand: "COMPOSE_FILE=a.yml" + separator + FileName,
			load: func(folder string) compose.LoadOptions {
				return compose.LoadOptions{EnvFiles: []string{filepath.Join(folder, "my.env")}}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			p := project(t, c.files...)
			if c.load != nil {
				p.load = c.load(p.folder)
			}
			place := p.place(t)
			assert.Equal(t, place.way(), c.want)
			a, err := p.plan(t, attachDefaults(), "*=web")
			assert.NilError(t, err)
			assert.Assert(t, strings.HasPrefix(a.AddByHand, c.hand) && (c.hand == "") == (a.AddByHand == ""), "%q", a.AddByHand)
			assert.Equal(t, a.AddByHand == "", a.Where == "")
		})
	}
}

func TestAFolderWithoutAComposeFileHasNoProject(t *testing.T) {
	for name, files := range map[string][]string{
		"empty":                       nil,
		"an override alone":           {"compose.override.yaml", oneWeb},
		"other files":                 {"README.md", "", "haproxy/haproxy.cfg", "global\n"},
		"COMPOSE_FILE of elsewhere":   {".env", "COMPOSE_FILE=/nowhere/compose.yaml\n"},
		"a Compose file further down": {"sub/compose.yaml", oneWeb},
	} {
		t.Run(name, func(t *testing.T) {
			_, found, err := FindPlace(project(t, files...).folder, compose.LoadOptions{})
			assert.NilError(t, err)
			assert.Assert(t, !found)
		})
	}
	p := project(t, "compose.yaml", oneWeb)
	_, found, err := FindPlace(filepath.Join(p.folder, "demo"), compose.LoadOptions{})
	assert.NilError(t, err)
	assert.Assert(t, !found, "a new project may be made below one")
}

func TestWhatKeepsOurFileInPlaceIsSaidBeforeItIsRemoved(t *testing.T) {
	p := project(t, "a.yml", oneWeb)
	t.Setenv("COMPOSE_FILE", "a.yml")
	p.attach(t, attachDefaults(), "*=web")
	t.Setenv("COMPOSE_FILE", "a.yml"+string(os.PathListSeparator)+FileName)
	_, err := PlanRemoval(t.Context(), p.engine, p.place(t), p.load, true)
	testkit.Contains(t, problemOf(t, err).Error(), "COMPOSE_FILE in the environment names", "COMPOSE_FILE=a.yml", "nothing was changed")

	t.Setenv("COMPOSE_FILE", "b.yml")
	testkit.Put(t, p.folder, "b.yml", "include: ["+FileName+"]\nservices: {web: {image: app, networks: [default]}}\n")
	_, err = PlanRemoval(t.Context(), p.engine, p.place(t), p.load, true)
	testkit.Contains(t, problemOf(t, err).Error(), "a file of your own includes", "nothing was changed")
	_, err = p.plan(t, attachDefaults(), "*=web:80")
	testkit.Contains(t, problemOf(t, err).Error(), "is included by a file of your own already")
}

// Where .env is not Compose's alone, it stays as it is, and nothing that the user's
// services are made of changes.
func TestAnEnvironmentFileThatServicesUseIsNotChanged(t *testing.T) {
	t.Parallel()
	const override = "services: {web: {environment: {A: b}}}\n"
	for name, c := range map[string]struct {
		web   string // of service web
		files []string
		want  string // why .env is left alone; "" where it is not
	}{
		"nothing reads it":         {"", nil, ""},
		"another file":             {"env_file: web.env", []string{"web.env", "A=1\n"}, ""},
		"env_file":                 {"env_file: .env", nil, "service web reads that file (env_file)"},
		"a list":                   {"env_file: [./.env]", nil, "service web reads that file (env_file)"},
		"long syntax":              {"env_file: [{path: .env, required: false}]", nil, "service web reads that file (env_file)"},
		"a link to it":             {"env_file: link.env", nil, "service web reads that file (env_file)"},
		"label_file":               {"label_file: .env", nil, "service web reads that file (label_file)"},
		"a mount":                  {"volumes: ['./.env:/app/.env:ro']", nil, "service web reads that file (volumes)"},
		"a secret":                 {"secrets: [s]", nil, "service web reads that file (secrets)"},
		"a config":                 {"configs: [c]", nil, "service web reads that file (configs)"},
		"a secret of the build":    {"build: {context: ., secrets: [s]}", nil, "service web reads that file (secrets of its build)"},
		"a Dockerfile":             {"build: .", []string{"Dockerfile", "FROM x\nCOPY .env /app/\n"}, "service web reads that file (its Dockerfile names it)"},
		"another Dockerfile":       {"build: .", []string{"Dockerfile", "FROM x\nCOPY src /app/\n"}, ""},
		"a Dockerfile in the file": {"build: {context: ., dockerfile_inline: 'COPY [\".env\", \"/\"]'}", nil, "service web reads that file (its Dockerfile names it)"},
		"its value":                {"environment: {FILES: '${COMPOSE_FILE}'}", nil, "service web uses the variable COMPOSE_FILE"},
		"its value by name":        {"environment: [COMPOSE_FILE]", nil, "service web uses the variable COMPOSE_FILE"},
		"its value with a default": {"labels: {files: '${COMPOSE_FILE:-none}'}", nil, "service web uses the variable COMPOSE_FILE"},
		"its value in a file":      {"env_file: web.env", []string{"web.env", "F=${COMPOSE_FILE}\n"}, "service web uses the variable COMPOSE_FILE"},
		"of another service":       {"", []string{"compose.override.yaml", "services: {b: {image: x, env_file: .env}}\n"}, "service b reads that file (env_file)"},
		"of one not enabled":       {"", []string{"compose.override.yaml", "services: {b: {image: x, env_file: .env, profiles: [p]}}\n"}, "service b reads that file (env_file)"},
		"of a network":             {"", []string{"compose.override.yaml", "networks: {default: {labels: {a: '${COMPOSE_FILE-}'}}}\n"}, "the Compose file uses the variable COMPOSE_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "services:\n  web:\n    image: app\n    expose: [80]\n    " + c.web + "\nsecrets: {s: {file: .env}}\nconfigs: {c: {file: ./.env}}\n"
			p := project(t, append([]string{"compose.yaml", text, "compose.override.yaml", override, ".env", "A=1\n"}, c.files...)...)
			assert.NilError(t, os.Symlink(".env", filepath.Join(p.folder, "link.env")))
			plan := p.attach(t, attachDefaults(), "*=web") // which proves that the services are the same
			if c.want == "" {
				assert.Equal(t, plan.AddByHand, "")
				testkit.Contains(t, p.read(t, ".env"), "COMPOSE_FILE=")
				return
			}
			assert.Equal(t, plan.AddByHand, "export COMPOSE_FILE=compose.yaml:compose.override.yaml:compose.haproxy.yaml")
			testkit.Contains(t, plan.Where, "not in .env", c.want)
			assert.Equal(t, p.read(t, ".env"), "A=1\n")
			p.remove(t, false)
			assert.Equal(t, p.read(t, ".env"), "A=1\n")
		})
	}
}
