package compose

import (
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// remarksOn are the remarks on a project of several files, in the order of their names.
func remarksOn(t *testing.T, files map[string]string, order ...string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		testkit.Put(t, folder, name, content)
	}
	var paths []string
	for _, name := range order {
		paths = append(paths, filepath.Join(folder, name))
	}
	engine, _ := engineAt(t, testkit.Nobody)
	p, err := engine.Load(t.Context(), LoadOptions{ConfigPaths: paths, ProjectName: "shop"})
	assert.NilError(t, err)
	var lines []string
	for _, d := range p.Remarks(t.Context()) {
		lines = append(lines, d.File+": "+d.Message+" = "+d.Hint)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), folder+string(filepath.Separator), "")
}

const bare = "services: {haproxy: {image: haproxy}, web: {image: app"

func TestALabelThatAnotherFileOverrulesIsTold(t *testing.T) {
	t.Parallel()
	const told = `a.yaml: service web: label haproxy.host: "shop" is overruled by "*" in b.yaml = b.yaml wins: take the label out of it if "shop" is meant, else out of a.yaml`
	for name, c := range map[string]struct {
		a, b string
		want string
	}{
		"maps":                    {bare + ", labels: {haproxy.host: shop}}}", "services: {web: {labels: {haproxy.host: '*'}}}", told},
		"a list and a map":        {bare + ", labels: [haproxy.host=shop]}}", "services: {web: {labels: {haproxy.host: '*'}}}", told},
		"a map and a list":        {bare + ", labels: {haproxy.host: shop}}}", "services: {web: {labels: ['haproxy.host=*']}}", told},
		"a variable":              {bare + ", labels: {haproxy.host: '${NO_SUCH_VARIABLE-shop}'}}}", "services: {web: {labels: {haproxy.host: '*'}}}", told},
		"an anchor":               {"x-l: &l {haproxy.host: shop}\n" + bare + ", labels: {<<: *l}}}", "services: {web: {labels: {haproxy.host: '*'}}}", told},
		"the same value":          {bare + ", labels: {haproxy.host: shop}}}", "services: {web: {labels: [haproxy.host=shop]}}", ""},
		"the same number":         {bare + ", labels: {haproxy.port: 8080}}}", "services: {web: {labels: {haproxy.port: '8080'}}}", ""},
		"the same truth":          {bare + ", labels: {haproxy.enable: true}}}", "services: {web: {labels: {haproxy.enable: 'true'}}}", ""},
		"the same, by a variable": {bare + ", labels: {haproxy.host: '${NO_SUCH_VARIABLE-shop}'}}}", "services: {web: {labels: {haproxy.host: shop}}}", ""},
		"a dollar":                {bare + ", labels: {haproxy.path-regex: 'a$$'}}}", "services: {web: {labels: {haproxy.path-regex: 'a$$'}}}", ""},
		"another label":           {bare + ", labels: {haproxy.host: shop}}}", "services: {web: {labels: {haproxy.port: 80}}}", ""},
		"another service":         {bare + ", labels: {haproxy.host: shop}}}", "services: {api: {image: app, labels: {haproxy.host: '*'}}}", ""},
		"not ours":                {bare + ", labels: {traefik.enable: a}}}", "services: {web: {labels: {traefik.enable: b}}}", ""},
		"a reset": {
			bare + ", labels: {haproxy.host: shop}}}", "services: {web: {labels: !override {a: b}}}",
			`a.yaml: service web: label haproxy.host: "shop" is taken away by another Compose file = look there for !reset or !override`,
		},
		"the load balancer": {
			"services: {haproxy: {image: haproxy, labels: {haproxy.http-port: 80}}}", "services: {haproxy: {labels: {haproxy.http-port: 81}}}",
			`a.yaml: service haproxy: label haproxy.http-port: "80" is overruled by "81" in b.yaml = b.yaml wins: take the label out of it if "80" is meant, else out of a.yaml`,
		},
		"a profile that is off": {bare + ", profiles: [x], labels: {haproxy.host: shop}}}", "services: {web: {labels: {haproxy.host: '*'}}}", told},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, remarksOn(t, map[string]string{"a.yaml": c.a, "b.yaml": c.b}, "a.yaml", "b.yaml"), c.want)
		})
	}
}

func TestOfThreeFilesTheLastWins(t *testing.T) {
	t.Parallel()
	one := func(host string) string { return "services: {web: {labels: {haproxy.host: " + host + "}}}" }
	got := remarksOn(t, map[string]string{"a.yaml": bare + ", labels: {haproxy.host: a}}}", "b.yaml": one("b"), "c.yaml": one("c")}, "a.yaml", "b.yaml", "c.yaml")
	assert.Equal(t, got, `a.yaml: service web: label haproxy.host: "a" is overruled by "c" in c.yaml = c.yaml wins: take the label out of it if "a" is meant, else out of a.yaml
b.yaml: service web: label haproxy.host: "b" is overruled by "c" in c.yaml = c.yaml wins: take the label out of it if "b" is meant, else out of b.yaml`)
	assert.Equal(t, remarksOn(t, map[string]string{"a.yaml": bare + ", labels: {haproxy.host: a}}}", "b.yaml": one("b"), "c.yaml": one("a")}, "a.yaml", "b.yaml", "c.yaml"),
		`b.yaml: service web: label haproxy.host: "b" is overruled by "a" in c.yaml = c.yaml wins: take the label out of it if "b" is meant, else out of b.yaml`)
}

func TestWhatOtherFilesBringInIsToldAsWell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		main  string
		files map[string]string
		loses string
	}{
		"extends": {
			"services: {haproxy: {image: haproxy}, web: {extends: {file: base/web.yaml, service: app}, labels: {haproxy.host: '*'}}}",
			map[string]string{"base/web.yaml": "services: {app: {image: app, labels: [haproxy.host=shop]}}"},
			"base/web.yaml",
		},
		"extends of extends": {
			"services: {haproxy: {image: haproxy}, web: {extends: {file: base/web.yaml, service: app}, labels: {haproxy.host: '*'}}}",
			map[string]string{
				"base/web.yaml":  "services: {app: {extends: {file: deep.yaml, service: deep}}}",
				"base/deep.yaml": "services: {deep: {image: app, labels: [haproxy.host=shop]}}",
			},
			"base/deep.yaml",
		},
		"label_file": {
			"services: {haproxy: {image: haproxy}, web: {image: app, label_file: labels.env, labels: {haproxy.host: '*'}}}",
			map[string]string{"labels.env": "haproxy.host=shop\n"},
			"labels.env",
		},
		"include of two": {
			"include: [{path: [inc/web.yaml, over.yaml]}]\nservices: {haproxy: {image: haproxy}}",
			map[string]string{
				"inc/web.yaml": "services: {web: {image: app, labels: {haproxy.host: shop}}}",
				"over.yaml":    "services: {web: {labels: {haproxy.host: '*'}}}",
			},
			"inc/web.yaml",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.files["main.yaml"] = c.main
			got := filepath.ToSlash(remarksOn(t, c.files, "main.yaml"))
			testkit.Contains(t, got, c.loses+`: service web: label haproxy.host: "shop" is overruled by "*" in `, "wins: take the label out of it")
			assert.Equal(t, strings.Count(got, "\n"), 0, got)
		})
	}
	assert.Equal(t, remarksOn(t, map[string]string{
		"main.yaml": "services: {haproxy: {image: haproxy}, base: {image: app, labels: {haproxy.host: a}}, web: {extends: base, labels: {haproxy.host: b}}}",
	}, "main.yaml"), "", "one file knows what it says")
}
