package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestInit_dry_run_prints_both_files_and_writes_nothing(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	printed := p.init("--dry-run").stdout
	assert.Equal(t, len(p.files()), 0, "%v", p.files())

	p.init()
	for _, name := range []string{composeFile, configFile} {
		assert.Assert(t, strings.Contains(printed, name), "%s must be named in\n%s", name, printed)
		assert.Assert(t, strings.Contains(printed, p.read(name)), "what is printed of %s must be what is written", name)
	}
}

func TestInit_writes_two_files_and_names_them(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	assert.Equal(t, p.init().stdout, composeFile+"\n"+filepath.FromSlash(configFile)+"\n")
	assert.DeepEqual(t, p.files(), []string{composeFile, configFile})
	for _, name := range p.files() {
		assert.Assert(t, strings.HasSuffix(p.read(name), "\n"), "%s must end with a newline", name)
		assert.Assert(t, !strings.Contains(p.read(name), "\r"), "%s must have no CR", name)
	}

	p.init("sub/folder")
	assert.DeepEqual(t, p.files(), []string{composeFile, configFile, "sub/folder/" + composeFile, "sub/folder/" + configFile})
	assert.Equal(t, p.read("sub/folder/"+composeFile), p.read(composeFile))
}

func TestInit_takes_the_project_name_from_the_folder(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.mustSucceed(p.haproxy("init", "My Shop.2"))
	p.needsCompose()
	var loaded loadedProject
	p.decode(p.mustSucceed(p.compose("-f", p.path("My Shop.2/"+composeFile), "config", "--format", "json")), &loaded)
	assert.Equal(t, loaded.Name, "myshop2")
}

func TestInit_accepts_names_that_YAML_takes_for_something_else(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, name := range []string{"001", "2024", "1e3", "0x1f", "true", "null", "no", "y", "2024-01-01"} {
		t.Run(name, func(t *testing.T) {
			p := p.within(t)
			p.mustSucceed(p.haproxy("init", name)) // named after its folder
			var loaded loadedProject
			p.decode(p.mustSucceed(p.compose("-f", p.path(name+"/"+composeFile), "config", "--format", "json")), &loaded)
			assert.Equal(t, loaded.Name, name)
		})
	}
	for _, network := range []string{"true", "null", "no", "y"} {
		t.Run("network "+network, func(t *testing.T) {
			p := p.within(t)
			folder := "network-" + network
			p.mustSucceed(p.haproxy("init", "--network", network, folder))
			p.mustSucceed(p.compose("-f", p.path(folder+"/"+composeFile), "config", "--quiet"))
		})
	}
}

func TestInit_refuses_to_overwrite_and_force_overwrites_its_own(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	p.editConfig(func(text string) string { return text + "# mine\n" })
	compose, config := p.read(composeFile), p.read(configFile)

	p.mustFail(p.haproxy("init", "--name", p.name, "--servers", "5"), 1, composeFile, "is there already", "nothing was changed", "--force")
	assert.Equal(t, p.read(composeFile), compose)
	assert.Equal(t, p.read(configFile), config)

	p.init("--force", "--servers", "5")
	assert.Assert(t, strings.Contains(p.read(composeFile), "web5:"))
	assert.Assert(t, strings.Contains(p.read(configFile), "web5:8080"))
	assert.Assert(t, !strings.Contains(p.read(configFile), "# mine"))
}

func TestInit_refuses_when_only_the_configuration_is_there(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write(configFile, "# somebody's\n")
	p.mustFail(p.haproxy("init", "--name", p.name), 1, filepath.FromSlash(configFile), "is there already")
	assert.DeepEqual(t, p.files(), []string{configFile})
	assert.Equal(t, p.read(configFile), "# somebody's\n")
}

func TestInit_leaves_the_project_of_somebody_else_byte_identical(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			theirs := "# somebody's own\r\nservices: {web: {image: nginx, expose: [80]}}" // no last newline, on purpose
			p.write(name, theirs)
			for _, flags := range [][]string{{"--servers", "2"}, {"--servers", "2", "--force"}, {"--app-port", "80"}} {
				r := p.mustFail(p.haproxy(append([]string{"init"}, flags...)...), 1, name, flags[0], "project of your own", "nothing was changed")
				assert.Equal(t, r.stdout, "")
				assert.Equal(t, p.read(name), theirs)
				assert.DeepEqual(t, p.files(), []string{name})
			}
			assert.Assert(t, strings.Contains(p.mustSucceed(p.haproxy("init", "--dry-run")).stdout, "haproxy:"))
			assert.DeepEqual(t, p.files(), []string{name})

			// HAProxy gets files of its own, and they go again.
			assert.Equal(t, p.mustSucceed(p.haproxy("init")).stdout, "compose.override.yaml\n"+filepath.FromSlash(configFile)+"\n")
			assert.Equal(t, p.read(name), theirs)
			p.mustSucceed(p.haproxy("init", "--force"))
			assert.Equal(t, p.read(name), theirs)
			p.mustSucceed(p.haproxy("init", "--remove"))
			assert.Equal(t, p.read(name), theirs)
			assert.DeepEqual(t, p.files(), []string{name})
		})
	}
}

// loadedProject is the part of "docker compose config --format json" that the
// flags of init decide.
type loadedProject struct {
	Name     string
	Networks map[string]struct{ Name, Driver string }
	Services map[string]struct {
		Image    string
		User     string
		Networks map[string]any
		Tmpfs    any // a word or a list of words
		Ports    []struct {
			HostIP    string `json:"host_ip"`
			Published string
			Target    int
		}
	}
}

// published is where a port of the load balancer can be reached.
func (l loadedProject) published(target int) string {
	for _, port := range l.Services["haproxy"].Ports {
		if port.Target == target {
			return port.HostIP + ":" + port.Published
		}
	}
	return ""
}

func TestInit_flags_have_their_effect_in_the_loaded_project(t *testing.T) {
	t.Parallel()
	base := newProject(t)
	base.needsCompose()
	for _, c := range []struct {
		name  string
		flags []string
		got   func(loadedProject, string) string // of the project and haproxy.cfg
		want  string
	}{
		{"defaults", nil, func(l loadedProject, _ string) string {
			return strings.Join([]string{l.Services["haproxy"].Image, l.Services["web1"].Image, l.published(80), l.published(8404), l.Services["haproxy"].User, strconv.Itoa(len(l.Services))}, " ")
		}, "haproxytech/haproxy-alpine:3.2 jmalloc/echo-server:latest :80 127.0.0.1:8404 1000:1000 4"},
		{"name", []string{"--name", "another"}, func(l loadedProject, _ string) string { return l.Name }, "another"},
		{"servers", []string{"--servers", "5"}, func(l loadedProject, config string) string {
			return fmt.Sprint(len(l.Services), strings.Contains(config, "server s5 web5:8080"))
		}, "6 true"},
		{"one server", []string{"--servers", "1"}, func(l loadedProject, config string) string {
			return fmt.Sprint(len(l.Services), strings.Contains(config, "server s2"))
		}, "2 false"},
		{"app-image", []string{"--app-image", "ghcr.io/you/app:1.0@sha256:" + strings.Repeat("0", 64)}, func(l loadedProject, _ string) string { return l.Services["web3"].Image }, "ghcr.io/you/app:1.0@sha256:" + strings.Repeat("0", 64)},
		{"app-port", []string{"--app-port", "3000"}, func(_ loadedProject, config string) string {
			return fmt.Sprint(strings.Contains(config, "server s3 web3:3000 check"), strings.Contains(config, "8080"))
		}, "true false"},
		{"flavor debian", []string{"--flavor", "debian"}, func(l loadedProject, _ string) string {
			return l.Services["haproxy"].Image + l.Services["haproxy"].User
		}, "haproxytech/haproxy-debian:3.21000:1000"},
		{"flavor ubuntu", []string{"--flavor", "ubuntu"}, func(l loadedProject, _ string) string {
			return l.Services["haproxy"].Image + l.Services["haproxy"].User
		}, "haproxytech/haproxy-ubuntu:3.21001:1001"},
		{"haproxy-version", []string{"--haproxy-version", "3.4.7"}, func(l loadedProject, _ string) string { return l.Services["haproxy"].Image }, "haproxytech/haproxy-alpine:3.4.7"},
		{"image", []string{"--image", "registry.example:5000/haproxy:x"}, func(l loadedProject, _ string) string {
			return l.Services["haproxy"].Image + " " + l.Services["haproxy"].User
		}, "registry.example:5000/haproxy:x 1000:1000"},
		{"official image", []string{"--image", "haproxy:3.2"}, func(l loadedProject, _ string) string {
			return l.Services["haproxy"].User + fmt.Sprint(strings.Contains(fmt.Sprint(l.Services["haproxy"].Tmpfs), "uid=99,gid=99"))
		}, "99:99true"},
		{"http-port", []string{"--http-port", "8080"}, func(l loadedProject, _ string) string { return l.published(80) }, ":8080"},
		{"stats-port", []string{"--stats-port", "9000"}, func(l loadedProject, _ string) string { return l.published(8404) }, "127.0.0.1:9000"},
		{"stats-address", []string{"--stats-address", "0.0.0.0"}, func(l loadedProject, _ string) string { return l.published(8404) }, "0.0.0.0:8404"},
		{"stats-address IPv6", []string{"--stats-address", "::1"}, func(l loadedProject, _ string) string { return l.published(8404) }, "::1:8404"},
		{"network", []string{"--network", "edge"}, func(l loadedProject, _ string) string {
			_, balancer := l.Services["haproxy"].Networks["edge"]
			_, web := l.Services["web3"].Networks["edge"]
			return fmt.Sprintf("%d %s %t %t", len(l.Networks), l.Networks["edge"].Driver, balancer, web)
		}, "1 bridge true true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := base.within(t)
			p.dir = t.TempDir()
			p.mustSucceed(p.haproxy(append([]string{"init", "--name", "sample"}, c.flags...)...))
			var loaded loadedProject
			p.decode(p.mustSucceed(p.compose("config", "--format", "json")), &loaded)
			assert.Equal(t, c.got(loaded, p.read(configFile)), c.want, "%+v", loaded)
		})
	}
}

func TestInit_refuses_bad_values_and_names_the_flag(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, c := range []struct {
		exitCode int
		flags    []string
		words    []string
	}{
		{1, []string{"--name", "Bad Name"}, []string{"--name", "Bad Name"}},
		{1, []string{"--name", "-x"}, []string{"--name"}},
		{1, []string{"--servers", "0"}, []string{"--servers", "1 to"}},
		{125, []string{"--servers", "-1"}, []string{"--servers", "must not be negative"}},
		{1, []string{"--servers", "1000000"}, []string{"--servers"}},
		{1, []string{"--app-image", "Not An Image"}, []string{"--app-image", "Not An Image"}},
		{1, []string{"--app-image", ""}, []string{"--app-image"}},
		{1, []string{"--app-port", "0"}, []string{"--app-port", "1 to 65535"}},
		{1, []string{"--app-port", "65536"}, []string{"--app-port"}},
		{1, []string{"--flavor", "gentoo"}, []string{"--flavor", "gentoo", "alpine", "debian", "ubuntu"}},
		{1, []string{"--haproxy-version", "latest"}, []string{"--haproxy-version", "latest", "3.2"}},
		{1, []string{"--image", "UPPER:x:y"}, []string{"--image", "UPPER:x:y"}},
		{1, []string{"--image", "haproxy:3.2", "--flavor", "debian"}, []string{"--image", "--flavor"}},
		{1, []string{"--image", "haproxy:3.2", "--haproxy-version", "3.4"}, []string{"--image", "--haproxy-version"}},
		{1, []string{"--http-port", "70000"}, []string{"--http-port"}},
		{1, []string{"--stats-port", "0"}, []string{"--stats-port"}},
		{1, []string{"--http-port", "8404"}, []string{"--http-port", "--stats-port", "8404"}},
		{1, []string{"--stats-address", "localhost"}, []string{"--stats-address", "localhost", "127.0.0.1"}},
		{1, []string{"--network", "my network"}, []string{"--network", "my network"}},
		{1, []string{"--servers", "0", "--app-port", "0"}, []string{"--servers", "--app-port"}}, // all at once
		{125, []string{"--servers", "many"}, []string{"--servers", "many"}},
		{125, []string{"--http-port", "http"}, []string{"--http-port"}},
		{125, []string{"--nonsense"}, []string{"--nonsense"}},
	} {
		t.Run(strings.Join(c.flags, " "), func(t *testing.T) {
			p := p.within(t)
			r := p.mustFail(p.haproxy(append([]string{"init", "--name", "sample"}, c.flags...)...), c.exitCode, c.words...)
			assert.Equal(t, r.stdout, "")
			assert.Equal(t, len(p.files()), 0, "nothing must be written, but %v was", p.files())
		})
	}
}

func TestInit_leaves_nothing_where_it_cannot_write(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("haproxy", "a file where a folder must be\n")
	r := p.haproxy("init", "--name", p.name)
	p.mustFail(r, 1, "haproxy")
	assert.DeepEqual(t, p.files(), []string{"haproxy"})
	_, err := os.Stat(p.path(composeFile))
	assert.Assert(t, os.IsNotExist(err), "a half of a project must not stay")
}
