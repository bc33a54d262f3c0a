package compose

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

// demo is what "docker haproxy init" in a folder named demo describes.
func demo(changes ...func(*Demo)) Demo {
	d := Demo{
		Project:      "demo",
		ServerCount:  3,
		AppImage:     DefaultAppImage,
		AppPort:      DefaultAppPort,
		Image:        ImageOf("haproxytech/haproxy-alpine:3.2"),
		HTTPPort:     80,
		StatsPort:    8404,
		StatsAddress: "127.0.0.1",
		Network:      "mynetwork",
		NetworkMode:  BridgeNetwork,
	}
	for _, change := range changes {
		change(&d)
	}
	return d
}

func TestWhatInitWritesIsAsShown(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Demo){
		"default":    func(*Demo) {},
		"one-server": func(d *Demo) { d.ServerCount = 1 },
		"ubuntu":     func(d *Demo) { d.Image = ImageOf("haproxytech/haproxy-ubuntu:3.2.26") },
		"official":   func(d *Demo) { d.Image = ImageOf("haproxy:3.2") },
		"stats-everybody": func(d *Demo) {
			d.StatsAddress = "0.0.0.0"
		},
		"host": onHost,
		"host-other-ports": func(d *Demo) {
			onHost(d)
			d.Image, d.StatsAddress = ImageOf("haproxy:3.2"), "::1"
			d.AppPort, d.HTTPPort, d.StatsPort = 3000, 8000, 9000
		},
		"stats-ipv6": func(d *Demo) { d.StatsAddress = "::1" },
		"ipv6":       func(d *Demo) { d.IPv6 = true },
		"host-ipv6":  func(d *Demo) { onHost(d); d.IPv6 = true },
		"other-ports": func(d *Demo) {
			d.Project, d.AppImage, d.Network = "shop", "ghcr.io/you/app@sha256:"+strings.Repeat("0a", 32), "front.net"
			d.AppPort, d.HTTPPort, d.StatsPort = 3000, 8080, 9000
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := demo(change).Generate(t.Context())
			assert.NilError(t, err)
			want := []string{ComposeFileName, BaseConfigName}
			if demo(change).OnHost() {
				want = append(want, DNSConfigName)
			}
			assert.Equal(t, len(files), len(want))
			for i, want := range want {
				assert.Equal(t, files[i].Path, want)
				golden.Assert(t, string(files[i].Content), path.Join("generate", name, path.Base(want)))
			}
		})
	}
}

// onHost is --network-mode host.
func onHost(d *Demo) { d.NetworkMode, d.HTTPPort = HostNetwork, 8080 }

func TestBaseConfig_BeginsItsFrontendWithTheClientRules(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Demo){"bridge": func(*Demo) {}, "host": onHost} {
		files, err := demo(change).Generate(t.Context())
		assert.NilError(t, err)
		for _, file := range files {
			if file.Path != BaseConfigName {
				continue
			}
			_, frontend, found := strings.Cut(string(file.Content), "\nfrontend myfrontend\n")
			assert.Assert(t, found, name)
			for _, rule := range routing.ClientRules() {
				assert.Check(t, strings.Contains(frontend, "\n    "+rule+"\n"), "%s: %s", name, rule)
			}
		}
	}
}

func TestWhatInitWritesEndsWithANewlineAndHasNoTrace(t *testing.T) {
	t.Parallel()
	files, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	for _, file := range files {
		text := string(file.Content)
		assert.Assert(t, strings.HasSuffix(text, "\n"), "%s: HAProxy takes a file without a last newline for truncated", file.Path)
		assert.Assert(t, !strings.HasSuffix(text, "\n\n"), file.Path)
		assert.Assert(t, !strings.ContainsAny(text, "\t\r"), file.Path)
		for i, line := range strings.Split(text, "\n") {
			assert.Equal(t, strings.TrimRight(line, " "), line, "%s:%d ends with a space", file.Path, i+1)
		}
		assert.Assert(t, !strings.Contains(text, "<no value>"), file.Path)
	}
}

// The table is that of the walkthrough which the product grows from, less what
// a better default replaced: that must be named in a comment.
func TestEveryValueOfTheWalkthroughIsInTheBaseConfigOrNamedInAComment(t *testing.T) {
	t.Parallel()
	files, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	var settings, comments []string
	for line := range strings.Lines(string(files[1].Content)) {
		setting, comment, _ := strings.Cut(line, "#")
		settings = append(settings, strings.Join(strings.Fields(setting), " "))
		comments = append(comments, comment)
	}
	inConfig, inComments := "\n"+strings.Join(settings, "\n")+"\n", strings.Join(comments, "")

	for _, want := range []string{
		"global", "log stdout len 4096 format raw local0 info",
		"defaults", "mode http", "timeout http-request 10s", "log global",
		"frontend stats", "bind *:8404", "stats enable", "stats uri /", "stats refresh 10s",
		"frontend myfrontend", "bind :80", "default_backend webservers",
		"backend webservers",
		"server s1 web1:8080 check", "server s2 web2:8080 check", "server s3 web3:8080 check",
	} {
		assert.Assert(t, strings.Contains(inConfig, "\n"+want+"\n"), "no line %q in:%s", want, inConfig)
	}
	testkit.Contains(t, inConfig, "\nstats socket /var/run/haproxy/api.sock ", "level admin")
	for _, keyword := range []string{"timeout client ", "timeout connect ", "timeout server "} {
		assert.Assert(t, strings.Contains(inConfig, "\n"+keyword), keyword)
	}
	testkit.Contains(t, inComments, `"user"`, `"group"`, "mode 660", `"expose-fd listeners"`, "10s", "slow answers", "connect decides")
}

func TestValidateNamesTheFlagOfEachBadValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flag   string
		change func(*Demo)
	}{
		{`--name ""`, func(d *Demo) { d.Project = "" }},
		{`--name "Shop"`, func(d *Demo) { d.Project = "Shop" }},
		{`--name "-shop"`, func(d *Demo) { d.Project = "-shop" }},
		{`--name "my shop"`, func(d *Demo) { d.Project = "my shop" }},
		{"--servers 0", func(d *Demo) { d.ServerCount = 0 }},
		{"--servers -3", func(d *Demo) { d.ServerCount = -3 }},
		{"--servers 501", func(d *Demo) { d.ServerCount = maxServers + 1 }},
		{`--app-image ""`, func(d *Demo) { d.AppImage = "" }},
		{`--app-image "Upper/Case"`, func(d *Demo) { d.AppImage = "Upper/Case" }},
		{`--image ""`, func(d *Demo) { d.Image = ImageOf("") }},
		{`--image "haproxy:"`, func(d *Demo) { d.Image = ImageOf("haproxy:") }},
		{"--app-port 0", func(d *Demo) { d.AppPort = 0 }},
		{"--app-port 65536", func(d *Demo) { d.AppPort = 65536 }},
		{"--http-port -1", func(d *Demo) { d.HTTPPort = -1 }},
		{"--stats-port 70000", func(d *Demo) { d.StatsPort = 70000 }},
		{"--http-port and --stats-port are both 8404", func(d *Demo) { d.HTTPPort = 8404 }},
		{`--stats-address ""`, func(d *Demo) { d.StatsAddress = "" }},
		{`--stats-address "localhost"`, func(d *Demo) { d.StatsAddress = "localhost" }},
		{`--stats-address "127.0.0.1:80"`, func(d *Demo) { d.StatsAddress = "127.0.0.1:80" }},
		{`--network-mode "none"`, func(d *Demo) { d.NetworkMode = "none" }},
		{`--network ""`, func(d *Demo) { d.Network = "" }},
		{`--network "1net"`, func(d *Demo) { d.Network = "1net" }},
		{`--network "a b"`, func(d *Demo) { d.Network = "a b" }},
		{"--network", func(d *Demo) { d.Network = strings.Repeat("n", 64) }},
	} {
		bad := demo(c.change)
		err := bad.Validate()
		assert.ErrorContains(t, err, c.flag)
		assert.Equal(t, strings.Count(err.Error(), "--"+strings.Fields(c.flag[2:])[0]+" "), 1, "said more than once: %v", err)

		_, err = bad.Generate(t.Context())
		assert.ErrorContains(t, err, c.flag)
	}
}

func TestValidateSaysAllThatIsWrongAtOnce(t *testing.T) {
	t.Parallel()
	err := Demo{Project: "A", StatsAddress: "x"}.Validate()
	for _, flag := range []string{"--name", "--servers", "--app-image", "--image", "--app-port", "--http-port", "--stats-port", "--stats-address", "--network"} {
		assert.ErrorContains(t, err, flag)
	}
}

// hostile values would say something else in YAML, in Compose's interpolation
// or in HAProxy's language than in Go.
var hostile = []string{
	"a\nprivileged: true", "a\n", "\na", "a\r", "a\x00b", "a: b", "a #b", "#a", `a"b`, "a'b", "${HOME}", "$a", "{{.}}",
	"&a", "*a", "!a", "|", ">", "%a", "@a", "`a`", "[a]", "{a}", "a,b", "- a", "a\u2028b", "ä",
}

func TestHostileTextNeverGetsThroughValidate(t *testing.T) {
	t.Parallel()
	for _, value := range hostile {
		for flag, change := range map[string]func(*Demo){
			"--name":          func(d *Demo) { d.Project = value },
			"--app-image":     func(d *Demo) { d.AppImage = value },
			"--image":         func(d *Demo) { d.Image = ImageOf(value) },
			"--stats-address": func(d *Demo) { d.StatsAddress = value },
			"--network":       func(d *Demo) { d.Network = value },
		} {
			assert.ErrorContains(t, demo(change).Validate(), flag, "%s %q", flag, value)
		}
	}
}

func TestHostileZonesOfAnAddressNeverGetThroughValidate(t *testing.T) {
	t.Parallel()
	for _, zone := range append(hostile, "eth0") {
		d := demo(func(d *Demo) { d.StatsAddress = "fe80::1%" + zone })
		assert.ErrorContains(t, d.Validate(), "--stats-address", "zone %q", zone)
	}
}

// What YAML reads as a number, a truth or nothing is a good name for a folder,
// an image and a network all the same.
func TestNamesThatYAMLReadsAsSomethingElseAreWrittenAsText(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"true", "null", "yes", "no", "on", "off", "y", "n", "2024", "123", "1e3", "0x1f", "0o17", "1_000", "2024-01-01"} {
		for field, change := range map[string]func(*Demo){
			"name":    func(d *Demo) { d.Project = word },
			"app":     func(d *Demo) { d.AppImage = word },
			"image":   func(d *Demo) { d.Image = ImageOf(word) },
			"network": func(d *Demo) { d.Network = word },
		} {
			t.Run(field+" "+word, func(t *testing.T) {
				t.Parallel()
				d := demo(change)
				if d.Validate() != nil {
					return
				}
				files, err := d.Generate(t.Context())
				assert.NilError(t, err)
				p := load(t, string(files[0].Content), map[string]string{BaseConfigName: string(files[1].Content)})
				assert.Equal(t, p.Name, d.Project)
				assert.Equal(t, p.Services["web1"].Image, d.AppImage)
				assert.Equal(t, p.balancer.Image, d.Image.Ref)
				_, ok := p.Networks[d.Network]
				assert.Assert(t, ok, "networks: %v", p.Networks)
			})
		}
	}
}

func TestWhatIsGeneratedLoadsAsItWasMeant(t *testing.T) {
	t.Parallel()
	files, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	p := load(t, string(files[0].Content), map[string]string{BaseConfigName: string(files[1].Content)})

	lb := p.balancer
	assert.Equal(t, lb.User, "1000:1000")
	assert.Assert(t, lb.ReadOnly)
	assert.DeepEqual(t, lb.CapDrop, []string{"ALL"})
	assert.DeepEqual(t, lb.SecurityOpt, []string{"no-new-privileges:true"})
	assert.Equal(t, fmt.Sprint(lb.Ports[1].HostIP, ":", lb.Ports[1].Published), "127.0.0.1:8404")
	assert.Equal(t, p.MasterSocket(), "/var/run/haproxy/master.sock")
	assert.Equal(t, len(lb.Volumes), 1)
	assert.Assert(t, lb.Volumes[0].ReadOnly)
	for name, service := range p.Services {
		if name != LoadBalancer {
			assert.Equal(t, len(service.Ports), 0, "%s publishes a port past HAProxy", name)
			assert.Equal(t, service.Image, DefaultAppImage)
		}
		assert.Equal(t, service.Privileged, false)
		for _, v := range service.Volumes {
			assert.Assert(t, !strings.Contains(v.Source, "docker.sock"), "%s holds the Docker socket", name)
		}
	}
	config, err := p.ReadConfig()
	assert.NilError(t, err)
	assert.Assert(t, config.Hash != "")
}

func TestGeneratingIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	first, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	second, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	assert.DeepEqual(t, first, second)
}

func TestAComposeFileOfInitIsRecognizedByItsFirstLineOnly(t *testing.T) {
	t.Parallel()
	files, err := demo().Generate(t.Context())
	assert.NilError(t, err)
	for _, c := range []struct {
		text string
		want bool
	}{
		{string(files[0].Content), true},
		{strings.ReplaceAll(string(files[0].Content), "\n", "\r\n"), true},
		{"", false},
		{"services: {}\n", false},
		{"services: {} # by \"docker haproxy init\"\n", false},
		{"# mine\n# by \"docker haproxy init\"\n", false},
		{"# Written by \"docker haproxy init\".", true},
	} {
		assert.Equal(t, WrittenByInit([]byte(c.text)), c.want, "%.40q", c.text)
	}
}

func TestAFoldersNameMakesAProjectNameThatComposeTakes(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"demo": "demo", "My Shop": "myshop", "-_x": "x", "ä.b": "b", "...": "", "": "", "A-B_c": "a-b_c",
	} {
		got := ProjectNameOf(folder)
		assert.Equal(t, got, want, "%q", folder)
		if got != "" {
			assert.NilError(t, demo(func(d *Demo) { d.Project = got }).Validate())
		}
	}
}

func FuzzWhateverPassesValidateGeneratesFilesThatLoad(f *testing.F) {
	f.Add("demo", 3, DefaultAppImage, 8080, "haproxytech/haproxy-alpine:3.2", 80, 8404, "127.0.0.1", "mynetwork")
	f.Add("shop-1", 1, "localhost:5000/a/b:1@sha256:"+strings.Repeat("ab", 32), 1, "haproxy", 65535, 1, "::", "a.b-c_d")
	f.Add("x", 500, "a", 65535, "b", 1, 2, "::ffff:192.0.2.1", "Z")
	for _, text := range hostile {
		f.Add(text, 1, text, 80, text, 80, 81, text, text)
	}
	f.Fuzz(func(t *testing.T, name string, servers int, app string, appPort int, image string, httpPort, statsPort int, address, network string) {
		d := Demo{
			Project: name, ServerCount: servers, AppImage: app, AppPort: appPort, Image: ImageOf(image),
			HTTPPort: httpPort, StatsPort: statsPort, StatsAddress: address, Network: network,
		}
		if d.Validate() != nil {
			return
		}
		files, err := d.Generate(t.Context())
		if err != nil {
			t.Fatalf("%+v passes Validate and does not generate: %v", d, err)
		}
		for i, file := range files {
			if got, want := strings.Count(string(file.Content), "\n"), lineCount(t, i, d); got != want {
				t.Errorf("%+v writes %d lines into %s, not %d", d, got, file.Path, want)
			}
		}
	})
}

// lineCount is the number of lines that a file has for so many servers.
func lineCount(t *testing.T, file int, described Demo) int {
	t.Helper()
	servers := described.ServerCount
	one, err := demo(func(d *Demo) {
		d.ServerCount = 1
		if described.StatsBind6() != "" {
			d.StatsAddress = "::1"
		}
	}).Generate(t.Context())
	assert.NilError(t, err)
	perServer := []int{2, 1}[file]
	return strings.Count(string(one[file].Content), "\n") + perServer*(servers-1)
}
