package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// copyProject makes the project's folder a copy of testdata/projects/NAME. In its
// files ECHO_IMAGE and STAND_IN, and what else is given in pairs, are replaced.
func (p *project) copyProject(name string, replacements ...string) {
	p.t.Helper()
	needsImage(p.t, standInEcho)
	from := filepath.Join("testdata", "projects", name)
	fill := strings.NewReplacer(append([]string{"ECHO_IMAGE", prepared.echoImage, "STAND_IN", standInEcho}, replacements...)...)
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		p.write(filepath.ToSlash(rel), fill.Replace(string(text)))
		return nil
	})
	assert.NilError(p.t, err)
}

// app is a service of the echo app, for a Compose file. Its answers say its name.
type app struct {
	name   string
	labels []string // as YAML: "haproxy.host: shop.example.com"
	more   []string // other lines of the service
	scale  int      // containers; more than 0: each answers under a name of its own
}

// writeApps writes a Compose file with the apps.
func (p *project) writeApps(apps ...app) {
	p.t.Helper()
	needsImage(p.t, standInEcho)
	p.write(composeFile, composeOf(apps...))
}

func composeOf(apps ...app) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for _, a := range apps {
		fmt.Fprintf(&b, "  %s:\n    image: %s\n", a.name, standInEcho)
		if a.scale > 0 {
			fmt.Fprintf(&b, "    scale: %d\n", a.scale)
		} else {
			fmt.Fprintf(&b, "    hostname: %s\n", a.name)
		}
		for _, line := range a.more {
			fmt.Fprintf(&b, "    %s\n", line)
		}
		if len(a.labels) > 0 {
			b.WriteString("    labels:\n")
		}
		for _, label := range a.labels {
			fmt.Fprintf(&b, "      %s\n", strings.ReplaceAll(label, "\n", "\n      "))
		}
	}
	return b.String()
}

// tryAttach runs "docker haproxy init" in a folder with a Compose file.
func (p *project) tryAttach(flags ...string) result {
	p.t.Helper()
	return p.haproxy(append([]string{
		"init", "--image", prepared.haproxyImage,
		"--http-port", strconv.Itoa(p.http), "--stats-port", strconv.Itoa(p.stats),
	}, flags...)...)
}

// attach puts HAProxy in front of the project in the folder.
func (p *project) attach(flags ...string) result {
	p.t.Helper()
	return p.mustSucceed(p.tryAttach(flags...))
}

// newRoutedProject is a running project of apps with labels, behind HAProxy.
func newRoutedProject(t *testing.T, apps ...app) *project {
	t.Helper()
	p := newProject(t)
	p.writeApps(apps...)
	p.attach()
	p.up()
	return p
}

// request is what a scenario asks HAProxy, on a new connection.
type request struct {
	method string // default: GET
	host   string
	path   string // default: /
	header map[string]string
	body   string
}

func (p *project) try(r request) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	method, path := orDefault(r.method, http.MethodGet), orDefault(r.path, "/")
	asked, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:"+strconv.Itoa(p.http)+path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	asked.Host = orDefault(r.host, "localhost")
	for name, value := range r.header {
		asked.Header.Set(name, value)
	}
	transport := newTransport()
	transport.DisableKeepAlives = true
	transport.DisableCompression = true // what is asked for is asked for by the scenario
	return roundTrip(transport, asked)
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// ask sends a request that must be answered, with whatever status.
func (p *project) ask(r request) answer {
	p.t.Helper()
	a, err := p.try(r)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// by is who served the request: the host name of the container, as the app
// gives it in the first line of its answers; "" where it was not the app.
func (a answer) by() string {
	line, _, _ := strings.Cut(a.body, "\n")
	name, found := strings.CutPrefix(strings.TrimSpace(line), "Request served by ")
	if !found {
		return ""
	}
	return name
}

// answers is a condition for eventually: requests for a host are answered so,
// by an app of that name if one is given.
func (p *project) answers(host string, status int, by string) func() error {
	return func() error {
		a, err := p.try(request{host: host})
		switch {
		case err != nil:
			return err
		case a.status != status:
			return fmt.Errorf("%s is answered with %d and not %d: %.200s", host, a.status, status, a.body)
		case by != "" && a.by() != by:
			return fmt.Errorf("%s is answered by %q and not %q", host, a.by(), by)
		}
		return nil
	}
}

// snapshot is everything in the project's folder: files with their contents and
// modes, folders with their modes.
func (p *project) snapshot() map[string]string {
	p.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(p.dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(p.dir, file)
		if err != nil {
			return err
		}
		text := []byte(nil)
		if !entry.IsDir() {
			if text, err = os.ReadFile(file); err != nil {
				return err
			}
		}
		all[filepath.ToSlash(rel)] = info.Mode().String() + "\n" + string(text)
		return nil
	})
	assert.NilError(p.t, err)
	return all
}

// mustHoldStill makes sure that files of the user's are as they were, except
// those that are named.
func (p *project) mustHoldStill(before map[string]string, except ...string) {
	p.t.Helper()
	now := p.snapshot()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if !slices.Contains(except, name) {
			assert.Equal(p.t, now[name], before[name], "%s must stay as it was", name)
		}
	}
}

// service is the service whose container has a host name, which is its ID.
func (p *project) service(host string) string {
	p.t.Helper()
	for _, c := range p.containers() {
		if strings.HasPrefix(c.ID, host) && host != "" {
			return c.Service
		}
	}
	return ""
}

func TestAttach_three_commands_put_HAProxy_in_front_of_a_project_that_never_heard_of_it(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.copyProject("shop")
	before := p.snapshot()

	p.attach("--route", "shop.example.com=web") // one,
	p.up()                                      // two,
	a := p.ask(request{host: "shop.example.com", path: "/cart?item=7"})
	assert.Equal(t, a.status, http.StatusOK) // three.
	assert.Equal(t, p.service(a.by()), "web")
	assert.Assert(t, strings.Contains(a.body, "GET /cart?item=7"), a.body)
	assert.Equal(t, p.ask(request{host: "other.example.com"}).status, http.StatusNotFound)
	p.mustHoldStill(before)
	mustBeHardened(t, p)

	p.needsCompose()
	services := strings.Fields(p.mustSucceed(p.compose("ps", "--services", "--status", "running")).stdout)
	slices.Sort(services)
	assert.DeepEqual(t, services, []string{"db", "haproxy", "web"})
	ids := p.ids()
	r := p.mustSucceed(p.compose("up", "-d", "--wait"))
	assert.DeepEqual(t, p.ids(), ids)
	assert.Assert(t, !strings.Contains(r.stderr, "orphan"), "%s", r)
	p.mustSucceed(p.compose("down"))
	p.mustLeaveNothing()
}

func TestAttach_plain_compose_starts_what_init_wrote(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.copyProject("shop")
	p.attach("--route", "shop.example.com=web")

	p.mustSucceed(p.compose("up", "-d", "--wait"))
	p.eventually("the route is served", p.answers("shop.example.com", http.StatusOK, ""))
	ids := p.ids()
	p.up()
	assert.DeepEqual(t, p.ids(), ids)
	p.mustSucceed(p.haproxy("down"))
	p.mustLeaveNothing()
}

func TestAttach_remove_leaves_the_folder_as_it_was(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, name := range []string{"shop", "override"} {
		t.Run(name, func(t *testing.T) {
			p := p.within(t)
			for _, file := range p.files() {
				assert.NilError(t, os.Remove(p.path(file)))
			}
			p.copyProject(name)
			before := p.snapshot()
			p.attach("--route", "*=web")
			assert.Assert(t, len(p.snapshot()) > len(before))
			p.mustSucceed(p.haproxy("init", "--remove"))
			assert.DeepEqual(t, p.snapshot(), before)

			// Also after it was used.
			p.attach("--route", "*=web")
			p.up()
			p.mustSucceed(p.haproxy("down"))
			p.mustSucceed(p.haproxy("init", "--remove"))
			assert.DeepEqual(t, p.snapshot(), before)

			p.mustFail(p.haproxy("init", "--remove"), 1, "nothing was changed")
		})
	}
}

func TestAttach_remove_keeps_what_the_user_wrote_into_our_files(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.copyProject("shop")
	p.attach("--route", "*=web")
	p.editConfig(func(text string) string { return text + "# mine\n" })
	edited := p.read(configFile)
	r := p.haproxy("init", "--remove")
	if text, err := os.ReadFile(p.path(configFile)); r.exitCode == 0 {
		assert.NilError(t, err, "an edited file must not be lost:\n%s", r)
		assert.Equal(t, string(text), edited)
		p.mustSay(r, r.output(), "haproxy.cfg")
		return
	}
	p.mustFail(r, 1, "haproxy.cfg", "--force")
	assert.Equal(t, p.read(configFile), edited)
}

func TestAttach_goes_by_COMPOSE_FILE_where_there_is_an_override_file(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.copyProject("override")
	before := p.snapshot()

	p.attach("--route", "shop.example.com=web")
	p.mustHoldStill(before, ".", ".env")
	env := p.read(".env")
	_, user, _ := strings.Cut(before[".env"], "\n") // the mode stands before it
	assert.Assert(t, strings.HasPrefix(env, user), "the user's lines must stay as they are:\n%q", env)
	assert.Assert(t, strings.Contains(env, "COMPOSE_FILE=compose.yaml:compose.override.yaml:compose.haproxy.yaml"), env)

	p.up()
	a := p.ask(request{host: "shop.example.com"})
	assert.Equal(t, a.status, http.StatusOK)
	assert.Equal(t, a.by(), "overridden", "the user's override must count as before")
	assert.Equal(t, a.header.Get("X-Echo-Version"), "7", "the user's .env must count as before")

	p.needsCompose()
	ids := p.ids()
	p.mustSucceed(p.compose("up", "-d", "--wait"))
	assert.DeepEqual(t, p.ids(), ids)
	p.mustSucceed(p.compose("down"))
	p.mustLeaveNothing()
}

func TestAttach_dry_run_prints_what_it_would_write(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.copyProject("shop")
	before := p.snapshot()
	printed := p.attach("--route", "shop.example.com=web", "--dry-run").stdout
	assert.DeepEqual(t, p.snapshot(), before)
	p.attach("--route", "shop.example.com=web")
	for _, name := range []string{"compose.override.yaml", configFile} {
		assert.Assert(t, strings.Contains(printed, name), "%s must be named in\n%s", name, printed)
		assert.Assert(t, strings.Contains(printed, p.read(name)), "what is printed of %s must be what is written", name)
	}
}

func TestAttach_twice_is_refused(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.copyProject("shop")
	p.attach("--route", "shop.example.com=web")
	before := p.snapshot()
	p.mustFail(p.tryAttach("--route", "shop.example.com=web"), 1, "attached", "nothing was changed", "--force", "--remove")
	assert.DeepEqual(t, p.snapshot(), before)
	p.attach("--route", "other.example.com=web", "--force")
	assert.Assert(t, strings.Contains(p.read("compose.override.yaml"), "other.example.com"))
}

// flagsOf are the --route flags that a message tells to type.
var flagsOf = regexp.MustCompile(`(?m)^\s*--route (\S+)\s*$`)

func TestAttach_refuses_to_guess_and_prints_the_flags(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web"}, app{name: "admin"})
	before := p.snapshot()
	r := p.mustFail(p.tryAttach(), 1, "web", "admin", "nothing was changed")
	assert.DeepEqual(t, p.snapshot(), before)

	flags := flagsOf.FindAllStringSubmatch(r.stderr, -1)
	assert.Assert(t, len(flags) == 2, "a flag for each service must be told:\n%s", r)
	for _, flag := range flags {
		p.attach("--dry-run", "--route", strings.Trim(flag[1], "'")) // the shell takes the quotes away
	}
}

func TestAttach_takes_the_only_service_that_can_be_meant(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web"})
	p.attach()
	p.up()
	assert.Equal(t, p.ask(request{host: "whatever.example.com"}).by(), "web")
}

func TestAttach_names_what_is_wrong_with_a_route(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.copyProject("shop")
	before := p.snapshot()
	for route, words := range map[string][]string{
		"shop.example.com=wbe":     {"wbe", "web"},
		"shop.example.com":         {"=", "--route"},
		"shop.example.com=web:0":   {"port", "0"},
		"shop_example!.com=web":    {"host"},
		"https://shop.example=web": {"host"},
		"tcp:80=db":                {"80"},
	} {
		t.Run(route, func(t *testing.T) {
			p := p.within(t)
			p.mustFail(p.tryAttach("--route", route), 1, words...)
			assert.DeepEqual(t, p.snapshot(), before)
		})
	}
}

func TestAttach_refuses_a_port_that_a_service_publishes_and_closes_it_when_asked(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", more: []string{fmt.Sprintf(`ports: ["%d:8080"]`, p.http)}})
	before := p.snapshot()
	r := p.mustFail(p.tryAttach("--route", "*=web"), 1, "service web publishes", strconv.Itoa(p.http), "--close-ports", "--http-port", "nothing was changed")
	assert.Assert(t, !strings.Contains(r.stderr, "--http-port "+strconv.Itoa(p.http)+"\n"), "another port must be proposed:\n%s", r)
	assert.DeepEqual(t, p.snapshot(), before)

	p.attach("--route", "*=web", "--close-ports")
	p.mustHoldStill(before, ".")
	p.up()
	assert.Equal(t, p.get("/").by(), "web")
	assert.DeepEqual(t, p.container("web").Ports, []string(nil))
}

func TestAttach_tells_which_ports_go_past_HAProxy(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	open := freePorts(t, 1)[0]
	p.writeApps(app{name: "web", more: []string{fmt.Sprintf(`ports: ["127.0.0.1:%d:8080"]`, open)}})
	r := p.attach("--route", "*=web")
	p.mustSay(r, r.output(), strconv.Itoa(open), "--close-ports")
}

func TestAttach_finds_the_network_and_keeps_routes_of_profiles(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.needsCompose()
	p.copyProject("networks")
	p.attach("--route", "shop.example.com=web", "--route", "admin.example.com=admin")
	p.up()
	assert.DeepEqual(t, p.container("haproxy").Network, []string{p.name + "_front"})
	assert.Equal(t, p.service(p.ask(request{host: "shop.example.com"}).by()), "web")

	// A profile that is not enabled: the route is there, its container is not.
	a := p.ask(request{host: "admin.example.com"})
	assert.Equal(t, a.status, http.StatusServiceUnavailable)
	assert.Assert(t, a.header.Get("Retry-After") != "")
	p.mustSucceed(p.compose("--profile", "tools", "up", "-d", "admin"))
	p.eventually("the service of the profile is served", p.answers("admin.example.com", http.StatusOK, ""))
}

func TestAttach_refuses_networks_that_it_would_have_to_guess(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.writeApps(app{name: "web", more: []string{"networks: [one, two]"}})
	p.edit(composeFile, func(text string) string { return text + "networks:\n  one:\n  two:\n" })
	p.mustFail(p.tryAttach("--route", "*=web"), 1, "web", "one", "two", "--network one")
	p.attach("--route", "*=web", "--network", "two")
	p.up()
	assert.DeepEqual(t, p.container("haproxy").Network, []string{p.name + "_two"})
	assert.Equal(t, p.get("/").by(), "web")
}
