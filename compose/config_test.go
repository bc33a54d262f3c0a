package compose

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// inFolder is a project whose folder haproxy/ is mounted, with these files.
func inFolder(t *testing.T, files map[string]string) (p *Project, folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "haproxy")
	assert.NilError(t, os.Mkdir(folder, 0o755))
	for name, content := range files {
		testkit.Put(t, folder, name, content)
	}
	p = with(bind(folder, "/usr/local/etc/haproxy"))
	p.WorkingDir = filepath.Dir(folder)
	return p, folder
}

func read(t *testing.T, p *Project) Config {
	t.Helper()
	config, err := p.ReadConfig()
	assert.NilError(t, err)
	return config
}

func TestAMissingConfigurationSaysHowToGetOne(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, nil)
	_, err := p.ReadConfig()
	assert.ErrorIs(t, err, fs.ErrNotExist)
	testkit.Contains(t, err.Error(), filepath.Join(folder, "haproxy.cfg"), "does not exist", "docker haproxy init --force")
}

func TestAFolderThatDockerMadeOfAMissingFileIsExplained(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, nil)
	assert.NilError(t, os.Mkdir(filepath.Join(folder, "haproxy.cfg"), 0o755))
	_, err := p.ReadConfig()
	testkit.Contains(t, err.Error(), "is a folder without a .cfg file", "Docker makes an empty folder", "remove it")
}

func TestAFolderOfConfigurationsIsAConfiguration(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"conf.d/a.cfg": "global\n"})
	p.command = haproxy.ParseCommand([]string{"haproxy", "-f", "/usr/local/etc/haproxy/conf.d"})
	before := read(t, p)
	testkit.Put(t, folder, "conf.d/b.cfg", "defaults\n")
	assert.Assert(t, read(t, p).Hash != before.Hash)
}

func TestAConfigurationInTheImageReadsAsTheZeroConfig(t *testing.T) {
	t.Parallel()
	assert.Assert(t, reflect.DeepEqual(read(t, with()), Config{}))
}

func TestOneMissingConfigurationOfSeveralIsFound(t *testing.T) {
	t.Parallel()
	p, _ := inFolder(t, map[string]string{"haproxy.cfg": "global\n"})
	p.command = haproxy.ParseCommand([]string{"-f", "/usr/local/etc/haproxy/haproxy.cfg", "-f", "/usr/local/etc/haproxy/generated.cfg"})
	_, err := p.ReadConfig()
	assert.ErrorContains(t, err, "generated.cfg does not exist")
}

// Whether a line may end without one is for HAProxy to say, with the line.
func TestAMissingLastNewlineIsHAProxysBusiness(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "global", "\x00", "global\r\n"} {
		p, _ := inFolder(t, map[string]string{"haproxy.cfg": content})
		assert.Assert(t, read(t, p).Hash != "")
	}
}

func TestTheHashIsTheSameUntilAContentOrANameChanges(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n", "maps/hosts.map": "a b\n"})
	first := read(t, p)
	assert.Equal(t, len(first.Hash), 64)
	assert.Assert(t, reflect.DeepEqual(read(t, p), first))

	// The date alone is no change.
	later := time.Now().Add(time.Hour).Truncate(time.Second)
	assert.NilError(t, os.Chtimes(filepath.Join(folder, "maps", "hosts.map"), later, later))
	touched := read(t, p)
	assert.Equal(t, touched.Hash, first.Hash)
	assert.Assert(t, touched.Changed.Equal(later), "%v", touched.Changed)

	seen := map[string]string{first.Hash: "first"}
	for _, step := range []struct {
		name   string
		change func() error
	}{
		{"content", func() error { return os.WriteFile(filepath.Join(folder, "haproxy.cfg"), []byte("global \n"), 0o644) }},
		{"content of a map", func() error {
			return os.WriteFile(filepath.Join(folder, "maps", "hosts.map"), []byte("a c\n"), 0o644)
		}},
		{"name", func() error {
			return os.Rename(filepath.Join(folder, "maps", "hosts.map"), filepath.Join(folder, "maps", "paths.map"))
		}},
		{"another file", func() error { return os.WriteFile(filepath.Join(folder, "a.pem"), nil, 0o644) }},
		{"a content moved to another file", func() error {
			return errors.Join(
				os.WriteFile(filepath.Join(folder, "a.pem"), []byte("a c\n"), 0o644),
				os.WriteFile(filepath.Join(folder, "maps", "paths.map"), nil, 0o644),
			)
		}},
		{"removal", func() error { return os.Remove(filepath.Join(folder, "a.pem")) }},
	} {
		assert.NilError(t, step.change())
		hash := read(t, p).Hash
		assert.Equal(t, seen[hash], "", "%s: the hash is an earlier one", step.name)
		seen[hash] = step.name
	}
}

func TestAnEditorsScratchFilesAreNoConfiguration(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n"})
	before := read(t, p)
	future := time.Now().Add(time.Hour)
	for _, name := range []string{".haproxy.cfg.swp", ".haproxy.cfg.swx", "haproxy.cfg~", ".#haproxy.cfg", ".git/HEAD", ".haproxy.cfg.123456"} {
		file := testkit.Put(t, folder, name, "x")
		assert.NilError(t, os.Chtimes(file, future, future))
	}
	assert.NilError(t, os.Symlink("nowhere", filepath.Join(folder, "dangling")))
	assert.Assert(t, reflect.DeepEqual(read(t, p), before))
}

func TestTheAutosaveFileOfEmacsIsNoConfiguration(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n"})
	before := read(t, p)
	testkit.Put(t, folder, "#haproxy.cfg#", "x")
	assert.Equal(t, read(t, p).Hash, before.Hash)
}

func TestAMountedFolderMayBeHidden(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), ".haproxy")
	testkit.Put(t, folder, "haproxy.cfg", "global\n")
	p := with(bind(folder, "/usr/local/etc/haproxy"))
	before := read(t, p)
	testkit.Put(t, folder, "haproxy.cfg", "defaults\n")
	assert.Assert(t, read(t, p).Hash != before.Hash)
}

func TestAFileThatIsMountedAloneIsItsOwnConfiguration(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := testkit.Put(t, folder, "main.cfg", "global\n")
	testkit.Put(t, folder, "unrelated.txt", "1")
	p := with(bind(file, "/usr/local/etc/haproxy/haproxy.cfg"))
	before := read(t, p)
	testkit.Put(t, folder, "unrelated.txt", "2")
	assert.Equal(t, read(t, p).Hash, before.Hash)
	testkit.Put(t, folder, "main.cfg", "defaults\n")
	assert.Assert(t, read(t, p).Hash != before.Hash)
}

func TestAFileThatIsMountedIntoAMountedFolderIsPartOfTheConfiguration(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"errors/503.http": "x"})
	special := testkit.Put(t, t.TempDir(), "special.cfg", "global\n")
	p.balancer.Volumes = append(p.balancer.Volumes, bind(special, "/usr/local/etc/haproxy/haproxy.cfg"))
	before := read(t, p)
	testkit.Put(t, folder, "errors/503.http", "y")
	edited := read(t, p)
	assert.Assert(t, edited.Hash != before.Hash)
	testkit.Put(t, filepath.Dir(special), "special.cfg", "defaults\n")
	assert.Assert(t, read(t, p).Hash != edited.Hash, "an edit of the configuration itself is not noticed")
}

func TestALinkedConfigurationChangesWithWhatItLeadsTo(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, nil)
	target := testkit.Put(t, t.TempDir(), "real.cfg", "global\n")
	assert.NilError(t, os.Symlink(target, filepath.Join(folder, "haproxy.cfg")))
	before := read(t, p)
	testkit.Put(t, filepath.Dir(target), "real.cfg", "defaults\n")
	assert.Assert(t, read(t, p).Hash != before.Hash)
}

func TestAConfigurationFolderMayBeALink(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n"})
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	assert.NilError(t, os.Rename(folder, elsewhere))
	assert.NilError(t, os.Symlink(elsewhere, folder))
	before := read(t, p)
	assert.DeepEqual(t, before.names(), []string{filepath.Join(folder, "haproxy.cfg")})
	testkit.Put(t, elsewhere, "haproxy.cfg", "defaults\n")
	assert.Assert(t, read(t, p).Hash != before.Hash)
}

func TestALinkedFolderIsPartOfTheConfiguration(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n"})
	certificates := t.TempDir()
	testkit.Put(t, certificates, "site.pem", "1")
	assert.NilError(t, os.Symlink(certificates, filepath.Join(folder, "certs")))
	before := read(t, p)
	assert.DeepEqual(t, before.names(), []string{filepath.Join(folder, "certs", "site.pem"), filepath.Join(folder, "haproxy.cfg")})
	testkit.Put(t, certificates, "site.pem", "2")
	assert.Assert(t, read(t, p).Hash != before.Hash)
}

func TestLinksThatLeadInACircleEnd(t *testing.T) {
	t.Parallel()
	p, folder := inFolder(t, map[string]string{"haproxy.cfg": "global\n", "maps/a.map": "x y\n"})
	for link, target := range map[string]string{
		"itself": ".", "above": "..", "maps/up": "..", "maps/self": "../maps", "ring1": "ring2", "ring2": "ring1", "twin": "maps",
	} {
		assert.NilError(t, os.Symlink(filepath.FromSlash(target), filepath.Join(folder, filepath.FromSlash(link))))
	}
	names := read(t, p).names()
	for _, want := range []string{"haproxy.cfg", "maps/a.map"} {
		assert.Assert(t, slices.Contains(names, filepath.Join(folder, filepath.FromSlash(want))), "%v", names)
	}
	assert.Assert(t, len(names) < 6, "%v", names)
}

func TestAConfigurationWithoutFilesIsNeitherNotedNorKept(t *testing.T) {
	t.Parallel()
	config, err := snapshot([]string{t.TempDir(), filepath.Join(t.TempDir(), "nowhere")})
	assert.NilError(t, err)
	assert.Assert(t, reflect.DeepEqual(config, Config{}))
	p := configured(t)
	assert.NilError(t, p.Remember(runs, 9, config))
	assert.NilError(t, p.keep("up", config, true))
	assert.Equal(t, p.note(), loaded{})
	entries, err := p.History().List()
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 0)
}
