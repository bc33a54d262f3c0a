package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
	"github.com/docker-haproxy/docker-haproxy/templates"
)

// LoadBalancer is the name of the Compose service that runs HAProxy.
const LoadBalancer = "haproxy"

// Paths of what init writes, relative to the project's folder, with slashes.
const (
	ComposeFileName = "compose.yaml"
	BaseConfigName  = "haproxy/haproxy.cfg"
	DNSConfigName   = "haproxy/dns.cfg" // of the Forwarder
)

// maxServers keeps a typing error from writing a file of a million services.
const maxServers = 500

// Demo describes the project that init generates: one load balancer in front
// of Servers containers of one web app, on a network of their own.
type Demo struct {
	Project      string // Compose project name
	ServerCount  int    // app containers, named web1 … webN
	AppImage     string
	AppPort      int    // the port that the app listens on, in its container
	Image        Image  // of the load balancer
	HTTPPort     int    // of every address of the host
	StatsPort    int    // of StatsAddress
	StatsAddress string // an IP address of the host; loopback keeps the stats page private
	Network      string // key of the network in the Compose file
	NetworkMode  string // of the load balancer: BridgeNetwork, which "" is too, or HostNetwork
	IPv6         bool   // the base config listens for requests on IPv6 too
}

// File is a file to be written: its path relative to the project's folder,
// with slashes, and its text.
type File struct {
	Path    string
	Content []byte
}

// networkName is what Compose accepts as a key, less what YAML would read as
// something else than a plain string.
var networkName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,62}$`)

// Validate tells what in the description cannot work, all of it at once.
func (d Demo) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if d.Project == "" || loader.NormalizeProjectName(d.Project) != d.Project {
		refuse("--name %q is no Compose project name: use lowercase letters, digits, - and _, and begin with a letter or a digit", d.Project)
	}
	if d.ServerCount < 1 || d.ServerCount > maxServers {
		refuse("--servers %d is out of range: 1 to %d", d.ServerCount, maxServers)
	}
	for _, image := range []struct{ flag, ref string }{{"--app-image", d.AppImage}, {"--image", d.Image.Ref}} {
		if _, err := reference.ParseNormalizedNamed(image.ref); err != nil {
			refuse("%s %q is no image reference: %w", image.flag, image.ref, err)
		}
	}
	for _, port := range []struct {
		flag   string
		number int
	}{{"--app-port", d.AppPort}, {"--http-port", d.HTTPPort}, {"--stats-port", d.StatsPort}} {
		if port.number < 1 || port.number > 65535 {
			refuse("%s %d is no port: 1 to 65535", port.flag, port.number)
		}
	}
	if d.HTTPPort == d.StatsPort {
		refuse("--http-port and --stats-port are both %d: choose two ports", d.HTTPPort)
	}
	if addr, err := netip.ParseAddr(d.StatsAddress); err != nil || addr.Zone() != "" {
		refuse("--stats-address %q is no IP address: use 127.0.0.1 for this machine only, or 0.0.0.0 for everybody", d.StatsAddress)
	}
	if !slices.Contains(NetworkModes(), orDefault(d.NetworkMode, BridgeNetwork)) {
		refuse("--network-mode %q is unknown here: use %s", d.NetworkMode, strings.Join(NetworkModes(), " or "))
	}
	if !networkName.MatchString(d.Network) {
		refuse("--network %q is no network name: use letters, digits, -, _ and ., and begin with a letter", d.Network)
	}
	return errors.Join(errs...)
}

// AppServer is one line of the backend and one service of the Compose file.
type AppServer struct {
	Name string // HAProxy's: s1
	Host string // Compose's, and so the DNS name: web1
}

// Servers are the app containers in their order.
func (d Demo) Servers() []AppServer {
	servers := make([]AppServer, d.ServerCount)
	for i := range servers {
		servers[i] = AppServer{Name: "s" + strconv.Itoa(i+1), Host: "web" + strconv.Itoa(i+1)}
	}
	return servers
}

// LastServer is the index of the last of Servers.
func (d Demo) LastServer() int { return d.ServerCount - 1 }

// UID is the user, as a number, that the load balancer runs as.
func (d Demo) UID() int { return d.Image.UID }

// StatsPublish is the host's side of the published stats port, as Compose writes it.
func (d Demo) StatsPublish() string {
	addr := netip.MustParseAddr(d.StatsAddress)
	return netip.AddrPortFrom(addr, uint16(d.StatsPort)).String()
}

// StatsIsLoopback tells whether only this machine reaches the stats page.
func (d Demo) StatsIsLoopback() bool { return netip.MustParseAddr(d.StatsAddress).IsLoopback() }

// ClientRules are the lines that begin an HTTP frontend.
func (Demo) ClientRules() []string { return routing.ClientRules() }

// Generate renders the files of a valid description and proves them by loading
// the Compose file as Compose will. It touches no disk.
func (d Demo) Generate(ctx context.Context) ([]File, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	composeFile, err := Render(ComposeFileName, templates.ComposeFile, d)
	if err != nil {
		return nil, err
	}
	baseConfig, err := Render(BaseConfigName, templates.BaseConfig, d)
	if err != nil {
		return nil, err
	}
	if err := d.loadBack(ctx, composeFile); err != nil {
		return nil, fmt.Errorf("the generated %s does not load, which is a fault of docker haproxy: %w", ComposeFileName, err)
	}
	files := []File{composeFile, baseConfig}
	if d.OnHost() {
		files = append(files, forwarderConfig())
	}
	return files, nil
}

// Render renders one of the templates of what init writes.
func Render(path, text string, data any) (File, error) {
	funcs := template.FuncMap{"plain": plain, "text": literal, "join": func(names []string) string { return strings.Join(names, ", ") }}
	t, err := template.New(path).Option("missingkey=error").Funcs(funcs).Parse(templates.Parts)
	if err == nil {
		t, err = t.Parse(text)
	}
	if err != nil {
		return File{}, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return File{}, err
	}
	return File{Path: path, Content: out.Bytes()}, nil
}

// plain writes a validated value as YAML: as it is where YAML reads it as
// text, else in quotes. A name such as 2024 or null would become something else.
func plain(value string) string {
	if yamlText.MatchString(value) && !slices.Contains(yamlWords(), strings.ToLower(value)) {
		return value
	}
	return strconv.Quote(value)
}

// pathText matches paths that YAML and Compose read as they are.
var pathText = regexp.MustCompile(`^/[a-zA-Z0-9_./-]*$`)

// literal writes a value as plain does, with nothing in it that Compose would
// interpolate.
func literal(value string) string {
	if pathText.MatchString(value) {
		return value
	}
	return plain(strings.ReplaceAll(value, "$", "$$"))
}

// yamlText matches values that begin with a letter and hold nothing that means
// something to YAML.
var yamlText = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_./@:-]*[a-zA-Z0-9]$`)

// yamlWords are the words that YAML 1.1 or 1.2 reads as no text.
func yamlWords() []string {
	return []string{"true", "false", "null", "yes", "no", "on", "off"}
}

// loadBack loads a generated Compose file with the loader of Compose itself
// and compares what it understood with what was meant.
func (d Demo) loadBack(ctx context.Context, file File) error {
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		ConfigFiles: []types.ConfigFile{{Filename: file.Path, Content: file.Content}},
		Environment: types.Mapping{},
	})
	if err != nil {
		return err
	}
	if project.Name != d.Project {
		return fmt.Errorf("it reads as project %q, not %q", project.Name, d.Project)
	}
	ours := 1
	if d.OnHost() {
		ours++
	}
	if got, want := len(project.Services), d.ServerCount+ours; got != want {
		return fmt.Errorf("it has %d services, not %d", got, want)
	}
	lb := project.Services[LoadBalancer]
	if d.OnHost() {
		return ProvenOnHost(lb, project.Services[Forwarder])
	}
	if got := fmt.Sprint(lb.Ports[0].Published, lb.Ports[1].Published); got != fmt.Sprint(strconv.Itoa(d.HTTPPort), strconv.Itoa(d.StatsPort)) {
		return fmt.Errorf("it publishes the ports %s", got)
	}
	return nil
}

// ProjectNameOf makes a Compose project name of a folder's name, as Compose
// does; "" where nothing usable remains.
func ProjectNameOf(folder string) string {
	return strings.TrimLeft(loader.NormalizeProjectName(folder), "-_")
}

// WrittenByInit tells, by its first line, whether init wrote a file.
func WrittenByInit(content []byte) bool {
	first, _, _ := bytes.Cut(content, []byte("\n"))
	return bytes.HasPrefix(first, []byte("#")) && bytes.Contains(first, []byte(`by "docker haproxy init"`))
}
