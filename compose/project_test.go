package compose

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// with is a project whose load balancer has these volumes, as Compose hands
// them over.
func with(volumes ...types.ServiceVolumeConfig) *Project {
	var service types.ServiceConfig
	service.Name, service.Image, service.Volumes = LoadBalancer, "haproxy:3.2", volumes
	return &Project{
		Project:  &types.Project{Name: "demo", Services: types.Services{LoadBalancer: service}},
		balancer: service,
		command:  haproxy.ParseCommand(nil),
	}
}

func bind(source, target string) types.ServiceVolumeConfig {
	return types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: source, Target: target}
}

func TestBelowKnowsFoldersFromNamesThatBeginAlike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folder, file, rest string
		inside             bool
	}{
		{"/etc/haproxy", "/etc/haproxy/haproxy.cfg", "haproxy.cfg", true},
		{"/etc/haproxy", "/etc/haproxy/certs/a.pem", "certs/a.pem", true},
		{"/etc/haproxy", "/etc/haproxy", "", true},
		{"/etc/haproxy", "/etc/haproxy/", "", true},
		{"/etc/haproxy", "/etc/haproxy/./x", "x", true},
		{"/etc/haproxy", "/etc/haproxy2/x", "", false},
		{"/etc/haproxy", "/etc", "", false},
		{"/etc/haproxy", "/etc/haproxy/../passwd", "", false},
		{"/", "/etc/haproxy.cfg", "etc/haproxy.cfg", true},
	} {
		rest, inside := below(c.folder, c.file)
		assert.Equal(t, inside, c.inside, "below(%q, %q)", c.folder, c.file)
		if inside {
			assert.Equal(t, rest, c.rest)
		}
	}
}

func TestAFileOfTheContainerIsFoundThroughTheInnermostMount(t *testing.T) {
	t.Parallel()
	root := filepath.FromSlash("/srv/shop")
	p := with(
		bind(filepath.Join(root, "haproxy"), "/usr/local/etc/haproxy/"),
		bind(filepath.Join(root, "certs"), "/usr/local/etc/haproxy/certs"),
		bind(filepath.Join(root, "special.cfg"), "/usr/local/etc/haproxy/haproxy.cfg"),
		types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Source: "data", Target: "/data"},
	)
	for inContainer, want := range map[string]string{
		"/usr/local/etc/haproxy/other.cfg":   "haproxy/other.cfg",
		"/usr/local/etc/haproxy/haproxy.cfg": "special.cfg",
		"/usr/local/etc/haproxy/certs/a.pem": "certs/a.pem",
		"/usr/local/etc/haproxy":             "haproxy",
		"/data/x":                            "",
		"/usr/local/etc/haproxy2/x":          "",
		"/dev/stdin":                         "",
	} {
		got, ok := p.hostPath(inContainer)
		assert.Equal(t, ok, want != "", inContainer)
		if ok {
			assert.Equal(t, got, filepath.Join(root, filepath.FromSlash(want)))
		}
	}
}

func TestARelativePathIsOneOfTheContainersWorkingFolder(t *testing.T) {
	t.Parallel()
	p := with(bind("/srv/etc", "/etc/haproxy"))
	p.balancer.WorkingDir = "/etc/haproxy"
	got, ok := p.hostPath("conf.d/a.cfg")
	assert.Assert(t, ok)
	assert.Equal(t, got, filepath.FromSlash("/srv/etc/conf.d/a.cfg"))

	p.balancer.WorkingDir = "" // the image's own; the file system's root is as good a guess as any
	_, ok = p.hostPath("haproxy.cfg")
	assert.Assert(t, !ok)
}

func TestConfigsAndSecretsThatAreFilesAreMountedToo(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: demo
services:
  haproxy:
    image: haproxy:3.2
    configs:
      - source: main
        target: /usr/local/etc/haproxy/haproxy.cfg
      - plain
      - inline
    secrets:
      - cert
      - source: key
        target: tls.key
      - source: key
        target: /etc/tls.key
configs:
  main: { file: ./main.cfg }
  plain: { file: ./plain.map }
  inline: { content: "x" }
secrets:
  cert: { file: ./cert.pem }
  key: { file: ./key.pem }
`, map[string]string{"main.cfg": "", "plain.map": "", "cert.pem": "", "key.pem": ""})
	for inContainer, want := range map[string]string{
		"/usr/local/etc/haproxy/haproxy.cfg": "main.cfg",
		"/plain":                             "plain.map",
		"/inline":                            "",
		"/run/secrets/cert":                  "cert.pem",
		"/run/secrets/tls.key":               "key.pem",
		"/etc/tls.key":                       "key.pem",
	} {
		got, ok := p.hostPath(inContainer)
		assert.Equal(t, ok, want != "", inContainer)
		if ok {
			assert.Equal(t, got, filepath.Join(p.WorkingDir, want))
		}
	}
	assert.Equal(t, p.ConfigName(), filepath.Join(p.WorkingDir, "main.cfg"))
}

func TestPathsAreShownRelativeToTheWorkingFolderWhereTheyAreBelowIt(t *testing.T) {
	folder := t.TempDir()
	folder, err := filepath.EvalSymlinks(folder)
	assert.NilError(t, err)
	t.Chdir(folder)
	p := with(bind(filepath.Join(folder, "haproxy"), "/usr/local/etc/haproxy"), bind(filepath.Dir(folder), "/outside"))
	assert.Equal(t, p.DisplayPath("/usr/local/etc/haproxy/haproxy.cfg"), filepath.Join("haproxy", "haproxy.cfg"))
	assert.Equal(t, p.ConfigName(), filepath.Join("haproxy", "haproxy.cfg"))
	assert.Equal(t, p.DisplayPath("/outside/x.cfg"), filepath.Join(filepath.Dir(folder), "x.cfg"))
	assert.Equal(t, p.DisplayPath("/etc/other.cfg"), "/etc/other.cfg", "what is in the image keeps its name")
}

func TestAFolderWithoutAComposeFileSaysHowToMakeOne(t *testing.T) {
	t.Chdir(t.TempDir())
	engine, _ := engineAt(t, testkit.Nobody)
	_, err := engine.Load(t.Context(), LoadOptions{})
	assert.ErrorIs(t, err, ErrNoComposeFile)
	testkit.Contains(t, err.Error(), "no Compose file", "docker haproxy init", "-f", "--project-directory")
}

func TestAComposeFileIsFoundInAFolderAbove(t *testing.T) {
	folder := t.TempDir()
	testkit.Put(t, folder, "compose.yaml", "name: above\nservices:\n  haproxy:\n    image: haproxy\n")
	testkit.Put(t, folder, "a/b/x", "")
	t.Chdir(filepath.Join(folder, "a", "b"))
	engine, _ := engineAt(t, testkit.Nobody)
	p, err := engine.Load(t.Context(), LoadOptions{})
	assert.NilError(t, err)
	assert.Equal(t, p.Name, "above")
}

func TestAComposeFileThatIsNamedAndMissingIsNamedInTheError(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	missing := filepath.Join(t.TempDir(), "other.yaml")
	_, err := engine.Load(t.Context(), LoadOptions{ConfigPaths: []string{missing}})
	assert.ErrorIs(t, err, ErrNoComposeFile)
	assert.ErrorIs(t, err, os.ErrNotExist)
	testkit.Contains(t, err.Error(), "other.yaml", "-f")
}

func TestAComposeFileThatDoesNotLoadKeepsComposesWords(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	for text, want := range map[string]string{
		"services:\n  haproxy:\n    imag: x\n": "imag",
		"services: [\n":                        "yaml",
		"name: demo\nservices:\n  haproxy:\n    image: x\n    depends_on: [nobody]\n": "nobody",
	} {
		file := testkit.Put(t, t.TempDir(), "compose.yaml", text)
		_, err := engine.Load(t.Context(), LoadOptions{ConfigPaths: []string{file}})
		testkit.Contains(t, err.Error(), "does not load", want, "docker compose config")
		assert.Assert(t, !errors.Is(err, ErrNoComposeFile))
	}
}

func TestAProjectWithoutALoadBalancerListsItsServices(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	for services, want := range map[string]string{
		"  web: {image: a}\n  db: {image: b}\n":                      "db, web",
		"  haproxy: {image: a, profiles: [lb]}\n  web: {image: b}\n": "web",
		"  haproxy: {image: a, profiles: [lb]}\n":                    "none",
	} {
		file := testkit.Put(t, t.TempDir(), "compose.yaml", "name: demo\nservices:\n"+services)
		_, err := engine.Load(t.Context(), LoadOptions{ConfigPaths: []string{file}})
		assert.ErrorIs(t, err, ErrNoLoadBalancer)
		testkit.Contains(t, err.Error(), `project "demo" has no service named haproxy (its services: `+want+")", "--profile")
	}
}

func TestAProfileEnablesTheLoadBalancer(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	file := testkit.Put(t, t.TempDir(), "compose.yaml", "name: demo\nservices:\n  haproxy: {image: a, profiles: [lb]}\n")
	_, err := engine.Load(t.Context(), LoadOptions{ConfigPaths: []string{file}, Profiles: []string{"lb"}})
	assert.NilError(t, err)
}

func TestACommandThatNamesNoConfigurationReadsTheImagesOwn(t *testing.T) {
	t.Parallel()
	p := load(t, "name: demo\nservices:\n  haproxy:\n    image: x\n    command: [sh, /start.sh]\n", nil)
	assert.DeepEqual(t, p.command.Configs, []string{"/usr/local/etc/haproxy/haproxy.cfg"})
	assert.Equal(t, p.MasterSocket(), "")
}

func TestAProjectGivenByItsNameNeedsNoComposeFile(t *testing.T) {
	t.Chdir(t.TempDir())
	engine, _ := engineAt(t, testkit.Nobody)
	name, model, err := engine.Find(t.Context(), LoadOptions{ProjectName: "shop"})
	assert.NilError(t, err)
	assert.Equal(t, name, "shop")
	assert.Assert(t, model == nil)

	t.Setenv("COMPOSE_PROJECT_NAME", "fromenv")
	name, _, err = engine.Find(t.Context(), LoadOptions{})
	assert.NilError(t, err)
	assert.Equal(t, name, "fromenv")

	file := testkit.Put(t, t.TempDir(), "compose.yaml", "name: other\nservices:\n  haproxy: {image: a}\n")
	name, model, err = engine.Find(t.Context(), LoadOptions{ProjectName: "shop", ConfigPaths: []string{file}})
	assert.NilError(t, err)
	assert.Equal(t, name, "shop")
	assert.Equal(t, model.Name, "shop")
}

func TestAnUnknownServiceIsRefusedWithThoseThatThereAre(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	file := testkit.Put(t, t.TempDir(), "compose.yaml", "name: demo\nservices:\n  haproxy: {image: a}\n  web: {image: b}\n")
	options := LoadOptions{ConfigPaths: []string{file}}
	_, err := engine.Target(t.Context(), options, "web", "wep")
	testkit.Contains(t, err.Error(), `project "demo" has no service named wep`, "haproxy, web")
	target, err := engine.Target(t.Context(), options, "web")
	assert.NilError(t, err)
	narrowed, err := target.narrowed()
	assert.NilError(t, err)
	assert.DeepEqual(t, narrowed.ServiceNames(), []string{"web"})
}

func TestCompletionOffersServicesAndProfilesAndNothingWhereThereIsNoProject(t *testing.T) {
	t.Chdir(t.TempDir())
	engine, _ := engineAt(t, testkit.Nobody)
	assert.Equal(t, len(engine.ServiceNames(t.Context(), LoadOptions{}, nil)), 0)
	assert.Equal(t, len(engine.ProfileNames(t.Context(), LoadOptions{})), 0)
	assert.Equal(t, len(engine.ProjectNames(t.Context())), 0)

	testkit.Put(t, ".", "compose.yaml", "name: demo\nservices:\n  web: {image: a}\n  db: {image: b, profiles: [data, all]}\n  haproxy: {image: c, profiles: [all]}\n")
	assert.DeepEqual(t, engine.ServiceNames(t.Context(), LoadOptions{}, []string{"web"}), []string{"db", "haproxy"})
	assert.DeepEqual(t, engine.ProfileNames(t.Context(), LoadOptions{}), []string{"all", "data"})
}

func TestAProblemIsItsSummaryItsDetailsAndTheWayOut(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for want, problem := range map[string]*Problem{
		"it failed":                         {Summary: "it failed"},
		"it failed\nDo that.":               {Summary: "it failed", Advice: "Do that.", Cause: cause},
		"it failed\n  one\n  two\nDo that.": {Summary: "it failed", Details: []string{"one", "two"}, Advice: "Do that."},
	} {
		assert.Equal(t, problem.Error(), want)
		assert.Equal(t, errors.Is(problem, cause), problem.Cause != nil)
	}
	assert.Assert(t, !strings.HasSuffix((&Problem{Summary: "a", Advice: "b"}).Error(), "\n"))
}

func TestAProjectThatIsReadUncheckedIsTheSame(t *testing.T) {
	t.Parallel()
	engine, _ := engineAt(t, testkit.Nobody)
	for name, c := range map[string]struct {
		file      string
		unchecked string // what it says then; "" for nothing
	}{
		"valid":            {"services: {haproxy: {image: haproxy, ports: ['80:80']}}\n", ""},
		"an unknown key":   {"services: {haproxy: {image: haproxy, nonsense: 1}}\n", ""},
		"no YAML":          {"services: [\n", "does not load"},
		"no services":      {"services: 5\n", "does not load"},
		"a list":           {"- services\n", "does not load"},
		"a service":        {"services: {haproxy: 5}\n", "does not load"},
		"a service's list": {"services: {haproxy: [image]}\n", "does not load"},
		"an image":         {"services: {haproxy: {image: [a]}}\n", "does not load"},
		"ports":            {"services: {haproxy: {image: haproxy, ports: {a: {}}}}\n", "does not load"},
		"a port":           {"services: {haproxy: {image: haproxy, ports: [[80]]}}\n", "does not load"},
		"volumes":          {"services: {haproxy: {image: haproxy, volumes: 5}}\n", "does not load"},
		"a volume":         {"services: {haproxy: {image: haproxy, volumes: [{target: [a]}]}}\n", "does not load"},
		"networks":         {"services: {haproxy: {image: haproxy, networks: 5}}\n", "does not load"},
		"a network":        {"services: {haproxy: {image: haproxy}}\nnetworks: {a: [b]}\n", "does not load"},
		"environment":      {"services: {haproxy: {image: haproxy, environment: 5}}\n", "does not load"},
		"depends_on":       {"services: {haproxy: {image: haproxy, depends_on: 5}}\n", "does not load"},
		"extends":          {"services: {haproxy: {extends: [a]}}\n", "does not load"},
		"build":            {"services: {haproxy: {build: [a]}}\n", "does not load"},
		"secrets":          {"services: {haproxy: {image: haproxy, secrets: {a: b}}}\n", "does not load"},
		"a name":           {"name: [a]\nservices: {haproxy: {image: haproxy}}\n", "does not load"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			testkit.Put(t, folder, "compose.yaml", c.file)
			checked, checkedErr := engine.Load(t.Context(), LoadOptions{ProjectDir: folder})
			unchecked, err := engine.Load(t.Context(), LoadOptions{ProjectDir: folder, Unchecked: true})
			switch {
			case c.unchecked != "":
				assert.ErrorContains(t, err, c.unchecked)
				assert.Equal(t, err.Error(), checkedErr.Error(), "the schema says what is wrong")
			case checkedErr == nil:
				assert.NilError(t, err)
				assert.DeepEqual(t, unchecked.Project, checked.Project)
			default:
				assert.NilError(t, err)
			}
		})
	}
}
