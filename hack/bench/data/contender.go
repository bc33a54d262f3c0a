package data

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/docker-haproxy/docker-haproxy/bench"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

//go:embed configs
var configs embed.FS

// contender is a proxy that does the job: a container, and where it is reached.
type contender struct {
	Name      string
	Network   string // of the proxy: host or bridge
	Listen    string // HOST:PORT on the loopback interface
	Container string // its name
}

// The networks that a proxy can be in.
const (
	hostNetwork   = "host network"
	bridgeNetwork = "bridge network, published port"
)

func (c contender) way() bench.Way {
	return bench.Way{Name: c.Name, From: c.Network, Proxied: c.Container != "", Plain: []string{c.Listen}}
}

// setting is what a configuration is made for.
type setting struct {
	Listen string
	Apps   []string // HOST:PORT
	Log    bool     // of each request, where that can be chosen
}

// render makes one of the configurations.
func (s setting) render(name string) (string, error) {
	t, err := template.ParseFS(configs, "configs/"+name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Execute(&text, s)
	return text.String(), err
}

// proxies is the project of those that no project of ours runs.
const proxies = "haproxy-bench-proxies"

// stage is where the contenders are set up.
type stage struct {
	lab   *lab.Lab
	ports []int // that are free still
}

func (s *stage) listen() string {
	port := s.ports[0]
	s.ports = s.ports[1:]
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// hardened are the options with which the generated project runs HAProxy.
func hardened() []string {
	return []string{
		"--user", "1000:1000", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true",
		"--tmpfs", "/var/run/haproxy:uid=1000,gid=1000,mode=0700,size=1m,noexec,nosuid,nodev",
	}
}

// start runs a proxy in a container with one configuration file, which it is
// given as /etc/bench/NAME, and waits until it answers.
func (s *stage) start(ctx context.Context, c contender, image, file, text string, options, command []string) (contender, error) {
	folder, err := s.lab.Folder("config-" + c.Container)
	if err != nil {
		return c, err
	}
	if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o644); err != nil {
		return c, err
	}
	c.Container = "haproxy-bench-" + c.Container
	args := append([]string{"run", "-d", "--name", c.Container, "--label", lab.ProjectLabel + proxies, "--volume", folder + ":/etc/bench:ro"}, options...)
	if _, err := s.lab.Docker(ctx, "", append(append(args, image), command...)...); err != nil {
		return c, err
	}
	return c, s.answers(ctx, c)
}

// answers waits until a contender answers as an app does.
func (s *stage) answers(ctx context.Context, c contender) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	row := bench.Row{Way: c.way(), Variant: bench.Variant{Protocol: bench.H1, Clients: 1}}
	for {
		err := (bench.Clients{}).Try(ctx, row, request().Try(row))
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			logs, _ := s.lab.Docker(context.WithoutCancel(ctx), "", "logs", "--tail", "20", c.Container)
			return fmt.Errorf("%s does not answer at %s: %w\n%s", c.Name, c.Listen, errors.Join(err, ctx.Err()), logs.Stdout+logs.Stderr)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// haproxy runs HAProxy with a configuration on the host's network.
func (s *stage) haproxy(ctx context.Context, name, container, listen, text string) (contender, error) {
	c := contender{Name: name, Network: hostNetwork, Listen: listen, Container: container}
	return s.start(ctx, c, s.lab.Images.HAProxy, "haproxy.cfg", text,
		append(hardened(), "--network", "host"), []string{"haproxy", "-f", "/etc/bench/haproxy.cfg"})
}

func (s *stage) nginx(ctx context.Context, apps []string) (contender, error) {
	listen := s.listen()
	return s.peer(ctx, "nginx", "nginx.conf", listen, setting{Listen: listen, Apps: apps},
		"nginx", "-c", "/etc/bench/nginx.conf")
}

// caddy is given the port only: the host of a site is one that requests must ask for.
func (s *stage) caddy(ctx context.Context, apps []string) (contender, error) {
	listen := s.listen()
	return s.peer(ctx, "Caddy", "Caddyfile", listen, setting{Listen: ":" + portOf(listen), Apps: apps},
		"caddy", "run", "--config", "/etc/bench/Caddyfile", "--adapter", "caddyfile")
}

// peer runs another proxy on the host's network.
func (s *stage) peer(ctx context.Context, name, file, listen string, set setting, command ...string) (contender, error) {
	c := contender{Name: name, Network: hostNetwork, Listen: listen, Container: strings.ToLower(name)}
	text, err := set.render(file)
	if err != nil {
		return c, err
	}
	return s.start(ctx, c, s.lab.Images.Peers, file, text,
		[]string{"--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", "65534:65534"}, command)
}
