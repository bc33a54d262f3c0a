package attach

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
	"github.com/docker-haproxy/docker-haproxy/templates"
)

// attachDefaults are what init takes where no flag says otherwise.
func attachDefaults() Options {
	return Options{Image: compose.ImageOf("haproxytech/haproxy-alpine:3.2"), HTTPPort: 80, StatsPort: 8404, StatsAddress: "127.0.0.1"}
}

// onHostOptions are --network-mode host.
func onHostOptions(o *Options) {
	o.NetworkMode, o.HTTPPort = compose.HostNetwork, compose.UsualHTTPPort(compose.HostNetwork)
}

// theirs is a project of somebody's own, in a folder of its own.
type theirs struct {
	folder string
	engine *compose.Engine
	load   compose.LoadOptions
}

// project writes files of a project into a folder: names and contents in pairs.
func project(t *testing.T, files ...string) theirs {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	assert.NilError(t, err)
	folder = filepath.Join(folder, "demo")
	assert.NilError(t, os.Mkdir(folder, 0o755))
	for i := 0; i < len(files); i += 2 {
		testkit.Put(t, folder, files[i], files[i+1])
	}
	engine := nowhere(t)
	return theirs{folder: folder, engine: engine}
}

func (p theirs) place(t *testing.T) Place {
	t.Helper()
	place, found, err := FindPlace(p.folder, p.load)
	assert.NilError(t, err)
	assert.Assert(t, found)
	return place
}

func (p theirs) survey(t *testing.T) Survey {
	t.Helper()
	survey, err := MakeSurvey(t.Context(), p.engine, p.place(t), p.load)
	assert.NilError(t, err)
	return survey
}

// plan plans routes as flags give them.
func (p theirs) plan(t *testing.T, opts Options, flags ...string) (Plan, error) {
	t.Helper()
	survey := p.survey(t)
	routes, err := survey.Resolve(parsed(t, flags...))
	if err != nil {
		return Plan{}, err
	}
	opts.Routes = routes
	return survey.Plan(opts)
}

func (p theirs) attach(t *testing.T, opts Options, flags ...string) Plan {
	t.Helper()
	a, err := p.plan(t, opts, flags...)
	assert.NilError(t, err)
	assert.NilError(t, a.Do(t.Context(), p.engine, p.survey(t), p.load))
	return a
}

func (p theirs) remove(t *testing.T, force bool) Removal {
	t.Helper()
	d, err := PlanRemoval(t.Context(), p.engine, p.place(t), p.load, force)
	assert.NilError(t, err)
	assert.NilError(t, d.Do(t.Context(), p.engine))
	return d
}

// hashes are those of all files in the folder, with their modes.
func (p theirs) hashes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	assert.NilError(t, filepath.WalkDir(p.folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(p.folder, file)
		if err != nil {
			return err
		}
		all[rel] = info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			all[rel] += fmt.Sprintf(" %x", sha256.Sum256(content))
		}
		return nil
	}))
	return all
}

func (p theirs) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.folder, filepath.FromSlash(name)))
	assert.NilError(t, err)
	return string(content)
}

func parsed(t *testing.T, flags ...string) []Route {
	t.Helper()
	var routes []Route
	for _, flag := range flags {
		route, err := ParseRoute(flag)
		assert.NilError(t, err)
		routes = append(routes, route)
	}
	return routes
}

const (
	oneWeb = "services:\n  web: {image: app, expose: [8080]}\n"
	shop   = `# the user's own
services:
    web:
        image: app
        ports: ["8080:8080"]
        labels: [a=b]
        networks: [front, back]
    api:  { image: app, expose: [3000], networks: [back] }
    db:   { image: "postgres:16", networks: [back], profiles: [data] }
networks:
    front:
    back: {internal: true}
`
)

// claiming is a project in which services have addresses of their own.
const claiming = `services:
  web: {image: app, expose: [80], networks: {front: {ipv4_address: 172.28.0.2}}}
  db: {image: postgres, networks: {front: {ipv4_address: 172.28.0.3, ipv6_address: "fd00:28::2"}}}
  other: {image: app, expose: [80], networks: [back]}
networks:
  front:
    enable_ipv6: true
    ipam: {config: [{subnet: 172.28.0.0/24}, {subnet: "fd00:28::/64"}]}
  back:
    ipam: {config: [{subnet: 172.29.0.0/24}]}
`

func TestWhatAttachingWritesIsAsShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files []string
		opts  func(*Options)
		flags []string
	}{
		"one-route":    {[]string{"compose.yaml", oneWeb}, nil, []string{"shop.example.com=web"}},
		"any-host":     {[]string{"docker-compose.yml", oneWeb}, nil, []string{"*=web"}},
		"a-path":       {[]string{"compose.yaml", oneWeb}, nil, []string{"/api=web:3000"}},
		"many-hosts":   {[]string{"compose.yaml", oneWeb}, nil, []string{"a.example=web", "*.b.example=web", "c.example/x=web", "/$y=web", "tcp:9999=web:9"}},
		"tcp":          {[]string{"compose.yaml", shop}, nil, []string{"tcp:15432=db"}},
		"several":      {[]string{"compose.yaml", shop}, nil, []string{"shop.example.com=web", "shop.example.com/api=api", "tcp:5432=db"}},
		"close-ports":  {[]string{"compose.yaml", shop}, func(o *Options) { o.ClosePorts, o.HTTPPort = true, 8080 }, []string{"*=web"}},
		"close-some":   {[]string{"compose.yaml", "services:\n  logs: {image: x, ports: ['5044:5044', '127.0.0.1:9600:9600', '514:514/udp']}\n"}, func(o *Options) { o.ClosePorts = true }, []string{"*=logs:9600"}},
		"network":      {[]string{"compose.yaml", shop}, func(o *Options) { o.Network = "front" }, []string{"*=web", "/api=api"}},
		"other-images": {[]string{"compose.yaml", oneWeb}, func(o *Options) { o.Image, o.StatsAddress, o.StatsPort = compose.ImageOf("haproxy:3.2"), "::1", 9000 }, []string{"*=web"}},
		"labels":       {[]string{"compose.yaml", "services:\n  web: {image: app, expose: [80], labels: {haproxy.host: a.example, haproxy.x.listen: '99'}}\n"}, nil, nil},
		"host":         {[]string{"compose.yaml", shop}, func(o *Options) { onHostOptions(o); o.HTTPPort = 8000 }, []string{"shop.example.com=web", "tcp:15432=db"}},
		"addresses":    {[]string{"compose.yaml", claiming}, nil, []string{"a.example=web", "b.example=other"}},
		"host-address": {[]string{"compose.yaml", claiming}, func(o *Options) { onHostOptions(o); o.HTTPPort = 8000 }, []string{"a.example=web"}},
		"odd-names":    {[]string{"compose.yaml", "services:\n  \"1.0\": {image: app, expose: [80], networks: [\"on\", default]}\nnetworks: {\"on\": }\n"}, func(o *Options) { o.Network = "on" }, []string{"*=1.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := attachDefaults()
			if c.opts != nil {
				c.opts(&opts)
			}
			p := project(t, c.files...)
			before := p.hashes(t)
			p.attach(t, opts, c.flags...)
			golden.Assert(t, p.read(t, OverrideName), name+".yaml")
			config := "haproxy.cfg"
			if opts.NetworkMode == compose.HostNetwork {
				config = "host.cfg"
				assert.Equal(t, p.read(t, compose.DNSConfigName), templates.ForwarderConfig)
			}
			if opts.StatsAddress == "::1" {
				config = "stats-ipv6.cfg"
			}
			golden.Assert(t, p.read(t, compose.BaseConfigName), config)
			after := p.hashes(t)
			for file, hash := range before {
				assert.Equal(t, after[file], hash, "%s was touched", file)
			}
		})
	}
}

// Whatever way Compose is made to read our file, the user's files stay as they
// are to the byte, Compose understands the whole, and all of it goes again.
func TestAttachingAndRemovingLeavesNoTrace(t *testing.T) {
	t.Parallel()
	const own = "services: {web: {environment: {A: b}}}\n"
	for name, c := range map[string]struct {
		files []string
		args  []string // -f
		wrote string   // files that are new
		env   string   // what .env says of COMPOSE_FILE afterwards
		hand  string   // what the user has to add
	}{
		"no override":            {files: []string{"compose.yaml", oneWeb}, wrote: OverrideName},
		"the old name":           {files: []string{"docker-compose.yml", oneWeb}, wrote: OverrideName},
		"with an .env":           {files: []string{"compose.yaml", oneWeb, ".env", "A=1"}, wrote: OverrideName},
		"bytes that are unusual": {files: []string{"compose.yaml", "# \u00e4\r\nservices: {web: {image: app, expose: [8080]}}"}, wrote: OverrideName},
		"an override": {
			files: []string{"compose.yaml", oneWeb, "compose.override.yaml", own}, wrote: FileName + " .env",
			env: "compose.yaml:compose.override.yaml:compose.haproxy.yaml",
		},
		"an override of the old name, and an .env": {
			files: []string{"docker-compose.yml", oneWeb, "docker-compose.override.yml", own, ".env", "A=1"}, wrote: FileName,
			env: "docker-compose.yml:docker-compose.override.yml:compose.haproxy.yaml",
		},
		"COMPOSE_FILE in .env": {
			files: []string{"deploy/a.yml", oneWeb, "deploy/b.yml", own, ".env", "X=1\r\nCOMPOSE_FILE=deploy/a.yml:deploy/b.yml # mine\r\n"}, wrote: "deploy/" + FileName,
			env: "deploy/a.yml:deploy/b.yml:deploy/compose.haproxy.yaml",
		},
		"-f": {
			files: []string{"deploy/a.yml", oneWeb, "deploy/b.yml", own}, args: []string{"deploy/a.yml", "deploy/b.yml"},
			wrote: "deploy/" + FileName, hand: "-f ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := project(t, c.files...)
			for _, file := range c.args {
				p.load.ConfigPaths = append(p.load.ConfigPaths, filepath.Join(p.folder, file))
			}
			before := p.hashes(t)
			a := p.attach(t, attachDefaults(), "*=web")

			after := p.hashes(t)
			for file, hash := range before {
				if file != ".env" || c.env == "" {
					assert.Equal(t, after[file], hash, "%s was touched", file)
				}
			}
			for file := range strings.FieldsSeq(c.wrote) {
				assert.Assert(t, before[filepath.FromSlash(file)] == "" && after[filepath.FromSlash(file)] != "", "%s is not new: %v", file, after)
			}
			assert.Assert(t, strings.HasPrefix(a.AddByHand, c.hand) && (a.AddByHand == "") == (c.hand == ""), a.AddByHand)
			if c.env != "" {
				testkit.Contains(t, p.read(t, ".env"), "COMPOSE_FILE="+c.env)
			}
			again := p.place(t)
			if len(c.args) == 0 {
				assert.Equal(t, len(again.Ours), 1, "Compose does not read our file: %+v", again)
			}
			_, err := p.plan(t, attachDefaults(), "*=web")
			assert.ErrorContains(t, err, "attached to this project already")

			forced := attachDefaults()
			forced.Force = true
			p.attach(t, forced, "other.example=web")
			testkit.Contains(t, p.read(t, again.entry(again.target())), "other.example")

			d := p.remove(t, false)
			assert.DeepEqual(t, p.hashes(t), before)
			assert.Assert(t, d.Unseen != nil, "no engine answers, and that must be told")
			_, err = PlanRemoval(t.Context(), p.engine, p.place(t), p.load, false)
			assert.ErrorContains(t, err, "not attached")
		})
	}
}

func TestComposeItselfReadsWhatAttachingWrote(t *testing.T) {
	for name, files := range map[string][]string{
		"override":    {"docker-compose.yml", oneWeb},
		"environment": {"compose.yml", oneWeb, "compose.override.yml", "services: {web: {environment: {A: b}}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := project(t, files...)
			p.attach(t, attachDefaults(), "*=web")
			t.Chdir(p.folder)
			loaded, err := p.engine.LoadModel(t.Context(), compose.LoadOptions{})
			assert.NilError(t, err)
			assert.DeepEqual(t, slices.Sorted(maps.Keys(loaded.Services)), []string{"haproxy", "web"})
			assert.Equal(t, loaded.Services["web"].Labels["haproxy.host"], "*")
		})
	}
}

func TestAPlanSaysWhatItWritesAndWhy(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", oneWeb, "compose.override.yml", "services: {web: {environment: {A: b}}}\n", ".env", "COMPOSE_FILE=compose.yaml\n")
	before := p.hashes(t)
	a, err := p.plan(t, attachDefaults(), "*=web")
	assert.NilError(t, err)
	assert.DeepEqual(t, p.hashes(t), before)
	testkit.Contains(t, a.String(),
		"write "+filepath.Join(p.folder, FileName)+": service haproxy and the labels",
		"write "+filepath.Join(p.folder, "haproxy", "haproxy.cfg")+": global settings",
		"change "+filepath.Join(p.folder, ".env")+": :compose.haproxy.yaml is added at the end of your COMPOSE_FILE")
	assert.Equal(t, len(a.Files()), 3)
	assert.DeepEqual(t, a.Networks, []string{"default"})

	p = project(t, "compose.yaml", oneWeb)
	a, err = p.plan(t, attachDefaults(), "*=web")
	assert.NilError(t, err)
	testkit.Contains(t, a.String(), "Compose reads a file of this name by itself")
}

func TestNobodysFilesAreOverwritten(t *testing.T) {
	t.Parallel()
	demoFiles, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	for name, c := range map[string]struct {
		files           []string
		without, forced string // what is said without and with --force; "" writes
	}{
		"a base config of the user's": {[]string{"haproxy/haproxy.cfg", "global\n"}, "is there already, and is not from docker haproxy", "is there already, and is not from docker haproxy"},
		"an empty base config":        {[]string{"haproxy/haproxy.cfg", ""}, "is not from docker haproxy", "is not from docker haproxy"},
		"a base config of a demo":     {[]string{"haproxy/haproxy.cfg", string(demoFiles[1].Content)}, "is there already; nothing was changed", ""},
		"a file of our name": {
			[]string{"compose.override.yml", oneWeb, "compose.haproxy.yaml", "services: {}\n"},
			"compose.haproxy.yaml is there already, and is not from docker haproxy", "is not from docker haproxy",
		},
		"a service of our name": {
			[]string{"compose.override.yml", "services: {haproxy: {image: x}}\n"}, "has a service named haproxy of its own", "has a service named haproxy of its own",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for force, want := range map[bool]string{false: c.without, true: c.forced} {
				p := project(t, append([]string{"compose.yaml", oneWeb}, c.files...)...)
				before := p.hashes(t)
				opts := attachDefaults()
				opts.Force = force
				a, err := p.plan(t, opts, "*=web")
				if want == "" {
					assert.NilError(t, err)
					assert.NilError(t, a.Do(t.Context(), p.engine, p.survey(t), p.load))
					continue
				}
				assert.ErrorContains(t, err, want)
				testkit.Contains(t, err.Error(), "nothing was changed")
				assert.DeepEqual(t, p.hashes(t), before)
			}
		})
	}
}

func TestABaseConfigThatWasEditedStays(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", oneWeb)
	p.attach(t, attachDefaults(), "*=web")
	edited := testkit.Put(t, p.folder, compose.BaseConfigName, p.read(t, compose.BaseConfigName)+"# mine\n")
	mine := p.read(t, compose.BaseConfigName)

	forced := attachDefaults()
	forced.Force = true
	p.attach(t, forced, "a.example=web")
	assert.Equal(t, p.read(t, compose.BaseConfigName), mine)

	d := p.remove(t, false)
	assert.Equal(t, d.Edited, edited)
	testkit.Contains(t, strings.Join(d.Notes(), "\n"), "edited since", "--force")
	assert.Equal(t, p.read(t, compose.BaseConfigName), mine)
	assert.Assert(t, p.hashes(t)[OverrideName] == "")

	p.attach(t, attachDefaults(), "*=web") // and is used again
	assert.Equal(t, p.read(t, compose.BaseConfigName), mine)
	p.remove(t, true)
	assert.DeepEqual(t, slices.Sorted(maps.Keys(p.hashes(t))), []string{".", "compose.yaml"})
}

func TestSettingsThatTheUserAddedToOurFileAreNotLost(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", oneWeb)
	p.attach(t, attachDefaults(), "*=web")
	labelled := strings.Replace(p.read(t, OverrideName), "haproxy.host: \"*\"", "haproxy.host: \"*\"\n      haproxy.sticky: \"true\"", 1)
	testkit.Put(t, p.folder, OverrideName, labelled)
	_, err := PlanRemoval(t.Context(), p.engine, p.place(t), p.load, false)
	assert.NilError(t, err, "labels are what the file is for")

	testkit.Put(t, p.folder, OverrideName, strings.Replace(labelled, "    labels:", "    environment: {MINE: 1}\n    labels:", 1))
	before := p.hashes(t)
	_, err = PlanRemoval(t.Context(), p.engine, p.place(t), p.load, false)
	assert.ErrorContains(t, err, "environment of service web")
	testkit.Put(t, p.folder, OverrideName, labelled+"volumes: {mine: }\n")
	_, err = PlanRemoval(t.Context(), p.engine, p.place(t), p.load, false)
	assert.ErrorContains(t, err, "volumes")
	assert.Equal(t, len(p.hashes(t)), len(before))
	p.remove(t, true)
	assert.DeepEqual(t, slices.Sorted(maps.Keys(p.hashes(t))), []string{".", "compose.yaml"})
}

func TestRemovingTakesTheStateAndTheGeneratedConfigAndKeepsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", oneWeb)
	p.attach(t, attachDefaults(), "*=web")
	testkit.Put(t, p.folder, ".docker-haproxy/loaded.json", "{}")
	testkit.Put(t, p.folder, "haproxy/generated/routes.cfg", "# generated")
	testkit.Put(t, p.folder, "haproxy/pages/503.html", "mine")
	d, err := PlanRemoval(t.Context(), p.engine, p.place(t), p.load, false)
	assert.NilError(t, err)
	testkit.Contains(t, d.String(), "remove "+filepath.Join(p.folder, OverrideName)+": init wrote it", "generated", ".docker-haproxy")
	p.remove(t, false)
	assert.DeepEqual(t, slices.Sorted(maps.Keys(p.hashes(t))), []string{
		".", "compose.yaml", "haproxy", filepath.Join("haproxy", "pages"), filepath.Join("haproxy", "pages", "503.html"),
	})
}

func TestRemovingSaysHowClosedPortsAreOpenedAgain(t *testing.T) {
	t.Parallel()
	const own = "services:\n  web: {image: app, ports: ['18080:80', '1:22']}\n  api: {image: app, ports: ['18081:80']}\n  x: {image: app, profiles: [x]}\n"
	closing := attachDefaults()
	closing.ClosePorts = true

	p := project(t, "compose.yaml", own)
	p.attach(t, closing, "*=web:80")
	d := p.remove(t, false)
	assert.DeepEqual(t, d.Reopen, []string{"web"})
	assert.Equal(t, d.Reopening, "cd "+p.folder+" && docker compose up -d web")
	testkit.Contains(t, strings.Join(d.Notes(), "\n"), "without the ports that --close-ports took away", d.Reopening)

	p = project(t, "a b.yaml", own)
	p.load = compose.LoadOptions{ConfigPaths: []string{filepath.Join(p.folder, "a b.yaml")}, ProjectName: "p", Profiles: []string{"x"}}
	p.attach(t, closing, "*=web:80", "a.example=api:80")
	assert.Equal(t, p.remove(t, false).Reopening, "docker compose -p p --profile x -f '"+filepath.Join(p.folder, "a b.yaml")+"' up -d api web")

	p = project(t, "compose.yaml", own)
	p.attach(t, attachDefaults(), "*=web:80")
	assert.Equal(t, p.remove(t, false).Reopening, "")
}

func TestADemoIsNotTakenApart(t *testing.T) {
	t.Parallel()
	files, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	p := project(t, "compose.yaml", string(files[0].Content), compose.BaseConfigName, string(files[1].Content))
	assert.Assert(t, p.place(t).IsDemo())
	_, err = PlanRemoval(t.Context(), p.engine, p.place(t), p.load, true)
	assert.ErrorContains(t, err, "nothing to take away without the project")
	testkit.Contains(t, err.Error(), "docker haproxy down")
}

func TestAnAttachmentThatDoesNotLoadIsTakenAwayAgain(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", oneWeb, "compose.override.yaml", "services: {web: {environment: {A: b}}}\n", ".env", "A=1")
	before := p.hashes(t)
	a, err := p.plan(t, attachDefaults(), "*=web")
	assert.NilError(t, err)
	for name, content := range map[string]string{
		"no YAML":                     "services: [",
		"no load balancer":            "services: {}\n",
		"a service that is changed":   "services: {haproxy: {image: x, networks: [default]}, web: {environment: {B: c}}}\n",
		"a network that is not there": "services: {haproxy: {image: x, network_mode: none}}\n",
	} {
		broken := a
		broken.writes = slices.Clone(a.writes)
		broken.writes[0].after = []byte(content)
		err := broken.Do(t.Context(), p.engine, p.survey(t), p.load)
		assert.ErrorContains(t, err, "taken away again", name)
		assert.DeepEqual(t, p.hashes(t), before)
	}
	stale := a
	stale.writes = slices.Clone(a.writes)
	stale.writes[2].before = []byte("B=2")
	assert.ErrorContains(t, stale.Do(t.Context(), p.engine, p.survey(t), p.load), "changed by somebody else")
	assert.DeepEqual(t, p.hashes(t), before)
}

func TestTheModeOfTheEnvironmentFileStays(t *testing.T) {
	t.Parallel()
	p := project(t, "compose.yaml", oneWeb, "compose.override.yaml", "services: {web: {environment: {A: b}}}\n", "secret/env", "A=1\n")
	assert.NilError(t, os.Chmod(filepath.Join(p.folder, "secret", "env"), 0o600))
	assert.NilError(t, os.Symlink(filepath.Join("secret", "env"), filepath.Join(p.folder, ".env")))
	p.attach(t, attachDefaults(), "*=web")
	testkit.Contains(t, p.hashes(t)[filepath.Join("secret", "env")], "-rw------- ")
	testkit.Contains(t, p.hashes(t)[".env"], "L")
	testkit.Contains(t, p.read(t, "secret/env"), "COMPOSE_FILE=")
}
