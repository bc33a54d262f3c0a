package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// generated is what init writes for a folder named demo.
func generated(t *testing.T) []compose.File {
	t.Helper()
	options := initOptions{
		servers: 3, appImage: compose.DefaultAppImage, appPort: compose.DefaultAppPort, flavor: "alpine", haproxyVersion: "3.2",
		httpPort: 80, statsPort: 8404, statsAddress: "127.0.0.1", network: "mynetwork",
	}
	demo, err := options.demo(filepath.FromSlash("/srv/demo"))
	assert.NilError(t, err)
	files, err := demo.Generate(t.Context())
	assert.NilError(t, err)
	return files
}

func TestInitMayWriteWhereNobodyElseWrote(t *testing.T) {
	t.Parallel()
	files := generated(t)
	own := string(files[0].Content)
	const foreign = "services:\n  web: {image: nginx}\n"
	for name, c := range map[string]struct {
		there         map[string]string
		without, with string // what is said without and with --force; "" writes
	}{
		"an empty folder":               {nil, "", ""},
		"other files":                   {map[string]string{"README.md": "", "haproxy/maps/a.map": ""}, "", ""},
		"what init wrote":               {map[string]string{"compose.yaml": own, "haproxy/haproxy.cfg": ""}, "compose.yaml is there already", ""},
		"a base config alone":           {map[string]string{"haproxy/haproxy.cfg": "global\n"}, "haproxy.cfg is there already", ""},
		"what init wrote, edited":       {map[string]string{"compose.yaml": own + "\n# mine\n"}, "compose.yaml is there already", ""},
		"a foreign compose.yaml":        {map[string]string{"compose.yaml": foreign}, "is a Compose file of your own", "is a Compose file of your own"},
		"an empty compose.yaml":         {map[string]string{"compose.yaml": ""}, "is a Compose file of your own", "is a Compose file of your own"},
		"compose.yml":                   {map[string]string{"compose.yml": foreign}, "compose.yml is a Compose file of your own", "is a Compose file of your own"},
		"docker-compose.yaml":           {map[string]string{"docker-compose.yaml": foreign}, "docker-compose.yaml is a Compose file of your own", "is a Compose file of your own"},
		"docker-compose.yml":            {map[string]string{"docker-compose.yml": foreign}, "docker-compose.yml is a Compose file of your own", "is a Compose file of your own"},
		"our text under a foreign name": {map[string]string{"docker-compose.yml": own}, "is a Compose file of your own", "is a Compose file of your own"},
		"ours beside a foreign one":     {map[string]string{"compose.yaml": own, "docker-compose.yml": foreign}, "is a Compose file of your own", "is a Compose file of your own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for file, content := range c.there {
				testkit.Put(t, folder, file, content)
			}
			for force, want := range map[bool]string{false: c.without, true: c.with} {
				err := mayWrite(folder, files, force)
				if want == "" {
					assert.NilError(t, err)
					continue
				}
				assert.ErrorContains(t, err, want)
				testkit.Contains(t, err.Error(), "nothing was changed")
			}
			for file, content := range c.there {
				got, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(file)))
				assert.NilError(t, err)
				assert.Equal(t, string(got), content, "%s was touched", file)
			}
		})
	}
}

func TestAFolderThatDoesNotExistMayBeWrittenTo(t *testing.T) {
	t.Parallel()
	assert.NilError(t, mayWrite(filepath.Join(t.TempDir(), "new", "demo"), generated(t), false))
}

func TestADanglingLinkIsNotOverwrittenByInit(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	assert.NilError(t, os.Symlink("elsewhere", filepath.Join(folder, "compose.yaml")))
	assert.ErrorContains(t, mayWrite(folder, generated(t), false), "there already")
}

func TestTheProjectIsNamedAfterTheFolderUnlessItIsGivenAName(t *testing.T) {
	t.Parallel()
	options := initOptions{flavor: "alpine", haproxyVersion: "3.2"}
	for folder, want := range map[string]string{"/srv/My Shop": "myshop", "/srv/demo": "demo", "/srv/_a.b": "ab"} {
		demo, err := options.demo(filepath.FromSlash(folder))
		assert.NilError(t, err)
		assert.Equal(t, demo.Project, want)
	}
	_, err := options.demo(filepath.FromSlash("/srv/…"))
	testkit.Contains(t, err.Error(), "makes no project name", "--name")

	options.name = "Given" // Validate has the last word
	demo, err := options.demo(filepath.FromSlash("/srv/demo"))
	assert.NilError(t, err)
	assert.Equal(t, demo.Project, "Given")
}

func TestAnImageTakesTheplaceOfFlavorAndVersion(t *testing.T) {
	t.Parallel()
	demo, err := initOptions{flavor: "alpine", haproxyVersion: "3.2", image: "haproxy:3.2"}.demo("/srv/demo")
	assert.NilError(t, err)
	assert.Equal(t, demo.Image, compose.Image{Ref: "haproxy:3.2", UID: 99})

	for _, args := range [][]string{
		{"init", "--image", "haproxy:3.2", "--flavor", "alpine"},
		{"init", "--image", "haproxy:3.2", "--haproxy-version", "3.2"},
	} {
		assert.ErrorContains(t, newTerminal(t).run(t, args...), "--image already names the whole image")
	}
}

func TestInitSaysWhatComesNext(t *testing.T) {
	t.Parallel()
	for folder, first := range map[string]string{".": "docker haproxy up", "./": "docker haproxy up", "demo": "cd demo", "a/b": "cd a/b"} {
		assert.Assert(t, strings.HasPrefix(nextAfterInit(folder)[0], first), folder)
	}
}

func TestInitNeedsNoEngine(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "demo")
	term := newTerminal(t)
	term.Err().SetIsTerminal(true)
	assert.NilError(t, term.run(t, "init", folder))
	assert.Equal(t, term.out.String(), filepath.Join(folder, "compose.yaml")+"\n"+filepath.Join(folder, "haproxy", "haproxy.cfg")+"\n")
	testkit.Contains(t, term.err.String(), "What's next:", "cd "+folder, "docker haproxy up")
}
