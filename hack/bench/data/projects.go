package data

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// project is what "docker haproxy init" generates, and where it runs.
type project struct {
	contender

	folder string
	name   string
	apps   []string // HOST:PORT as HAProxy has them
	config string   // haproxy.cfg
}

// onHost generates a project whose HAProxy is on the host's network. Its apps are
// there as well, on the loopback interface, so that all contenders can be given
// the same ones. Nothing else of it is touched.
func (s *stage) onHost(ctx context.Context) (project, error) {
	apps := []string{s.listen(), s.listen(), s.listen()}
	p, err := s.generate(ctx, "host", "--network-mode", "host")
	if err != nil {
		return p, err
	}
	compose := []string{"networks: [mynetwork]\n  restart", "network_mode: host\n  restart"}
	config := []string{}
	for i, app := range apps {
		service := fmt.Sprintf("web%d", i+1)
		compose = append(compose, "  "+service+":\n    <<: *web\n", "  "+service+":\n    <<: *web\n    environment: { LISTEN: \""+app+"\" }\n")
		config = append(config, service+":8080", app)
	}
	p.Name, p.Network, p.apps = ours, hostNetwork, apps
	if err := edit(filepath.Join(p.folder, "compose.yaml"), compose...); err != nil {
		return p, err
	}
	if err := edit(filepath.Join(p.folder, "haproxy", "haproxy.cfg"), config...); err != nil {
		return p, err
	}
	return s.up(ctx, p)
}

// onBridge generates a project as it is by default.
func (s *stage) onBridge(ctx context.Context) (project, error) {
	p, err := s.generate(ctx, "bridge")
	if err != nil {
		return p, err
	}
	p.Name, p.Network, p.apps = ours, bridgeNetwork, []string{"web1:8080", "web2:8080", "web3:8080"}
	return s.up(ctx, p)
}

// routed puts HAProxy in front of a project that is there, of one service with
// three containers, by a route.
func (s *stage) routed(ctx context.Context) (project, error) {
	p := project{contender: contender{Name: "docker haproxy init --route", Network: bridgeNetwork, Listen: s.listen()}}
	folder, err := s.lab.Folder("routed")
	if err != nil {
		return p, err
	}
	p.folder, p.name = folder, filepath.Base(folder)
	p.Container = p.name + "-haproxy-1"
	text := fmt.Sprintf("services:\n  web:\n    image: %s\n    expose: [8080]\n    scale: 3\n", s.lab.Images.Echo)
	if err := os.WriteFile(filepath.Join(folder, "compose.yaml"), []byte(text), 0o644); err != nil {
		return p, err
	}
	if _, err := s.lab.Docker(ctx, folder, "haproxy", "init", "--route", "*=web", "--image", s.lab.Images.HAProxy,
		"--http-port", portOf(p.Listen), "--stats-port", portOf(s.listen())); err != nil {
		return p, err
	}
	return s.up(ctx, p)
}

func (s *stage) generate(ctx context.Context, name string, options ...string) (project, error) {
	folder, err := s.lab.Folder(name)
	p := project{folder: folder, name: filepath.Base(folder)}
	if err != nil {
		return p, err
	}
	p.Listen = s.listen()
	p.Container = p.name + "-haproxy-1"
	_, err = s.lab.Docker(ctx, folder, append([]string{
		"haproxy", "init", "--image", s.lab.Images.HAProxy, "--app-image", s.lab.Images.Echo,
		"--http-port", portOf(p.Listen), "--stats-port", portOf(s.listen()),
	}, options...)...)
	return p, err
}

// edit replaces each old text by the new one behind it; all of them must be there.
func edit(file string, oldNew ...string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	edited := string(text)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(edited, oldNew[i]) {
			return fmt.Errorf("%s has no %q any more", file, oldNew[i])
		}
		edited = strings.ReplaceAll(edited, oldNew[i], oldNew[i+1])
	}
	return os.WriteFile(file, []byte(edited), 0o644)
}

func (s *stage) up(ctx context.Context, p project) (project, error) {
	if err := s.lab.Own(ctx, p.name); err != nil {
		return p, err
	}
	if _, err := s.lab.Docker(ctx, p.folder, "haproxy", "up"); err != nil {
		return p, err
	}
	config, err := os.ReadFile(filepath.Join(p.folder, "haproxy", "haproxy.cfg"))
	p.config = string(config)
	return p, err
}

// movedTo is the configuration of a project with its ports elsewhere.
func movedTo(config, listen, stats string) (string, error) {
	binds := regexp.MustCompile(`(?m)^    bind (.*)$`).FindAllStringSubmatchIndex(config, -1)
	if len(binds) != 2 {
		return "", fmt.Errorf("the generated configuration has %d ports, and not those of statistics and requests", len(binds))
	}
	return config[:binds[0][2]] + stats + config[binds[0][3]:binds[1][2]] + listen + config[binds[1][3]:], nil
}

// versions are those of the contenders, as they tell them.
func (s *stage) versions(ctx context.Context) (v Versions, err error) {
	for _, ask := range []struct {
		into    *string
		image   string
		command []string
		version string // as a regular expression
	}{
		{&v.HAProxy, s.lab.Images.HAProxy, []string{"haproxy", "-v"}, `version (\S+?)-`},
		{&v.Nginx, s.lab.Images.Peers, []string{"nginx", "-V"}, `nginx/(\S+)`},
		{&v.Caddy, s.lab.Images.Peers, []string{"caddy", "version"}, `v?(\S+)`},
	} {
		said, err := s.lab.Docker(ctx, "", append([]string{"run", "--rm", "--network", "none", "--tty", ask.image}, ask.command...)...)
		if err != nil {
			return v, err
		}
		found := regexp.MustCompile(ask.version).FindStringSubmatch(said.Stdout)
		if found == nil {
			return v, fmt.Errorf("%v tells no version: %s", ask.command, said.Stdout)
		}
		*ask.into = found[1]
	}
	return v, nil
}
