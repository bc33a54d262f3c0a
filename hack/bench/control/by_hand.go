package control

import (
	"context"
	"fmt"
	"strings"
)

// byHand is the project that docker haproxy replaces: what a person does with docker
// commands alone. Its containers and its network have the project's label, by
// which they are found when the lab closes.
type byHand struct{ project }

// newByHand writes the configuration that goes with the commands.
func (m *measurement) newByHand(ctx context.Context) (byHand, error) {
	p, err := m.newProject(ctx, "by-hand")
	if err != nil {
		return byHand{}, err
	}
	h := byHand{p}
	return h, h.write(configFile, strings.ReplaceAll(handMadeConfig, "NAME", h.name))
}

const handMadeConfig = `global
    stats socket /var/run/api.sock user haproxy group haproxy mode 660 level admin expose-fd listeners
    log stdout format raw local0 info

defaults
    mode http
    timeout client 10s
    timeout connect 5s
    timeout server 10s
    timeout http-request 10s
    log global

frontend stats
    bind *:8404
    stats enable
    stats uri /
    stats refresh 10s

frontend myfrontend
    bind :80
    default_backend webservers

backend webservers
    server s1 NAME-web1:8080 check
    server s2 NAME-web2:8080 check
    server s3 NAME-web3:8080 check
`

// balancer is the name of HAProxy's container.
func (h byHand) balancer() string { return h.name + "-haproxy" }

func (h byHand) containers() string {
	return fmt.Sprintf("%[1]s-haproxy %[1]s-web1 %[1]s-web2 %[1]s-web3", h.name)
}

func (h byHand) up() []string {
	label := "--label com.docker.compose.project=" + h.name
	lines := []string{fmt.Sprintf("docker network create --driver bridge %s %s", label, h.name)}
	for i := 1; i <= 3; i++ {
		lines = append(lines, fmt.Sprintf("docker run -d --name %[1]s-web%[2]d --network %[1]s %[3]s %[4]s", h.name, i, label, h.Images.Echo))
	}
	return append(lines, fmt.Sprintf("docker run -d --name %s --network %s %s -v %s/haproxy:/usr/local/etc/haproxy:ro -p %d:80 -p 127.0.0.1:%d:8404 %s haproxy -S %s -f /usr/local/etc/haproxy/haproxy.cfg",
		h.balancer(), h.name, label, h.folder, h.http, h.stats, h.Images.HAProxy, masterSocket))
}

func (h byHand) down() []string {
	return []string{"docker stop " + h.containers(), "docker rm " + h.containers(), "docker network rm " + h.name}
}

func (h byHand) check() string {
	return fmt.Sprintf("docker exec %s haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg", h.balancer())
}

// masterSocket is that of the master CLI, for those who want a verdict.
const masterSocket = "/var/run/master.sock"

// verdict reloads as well, and says whether HAProxy took the edit.
func (h byHand) verdict() string {
	return fmt.Sprintf(`docker exec %s sh -c "echo reload | socat -t5 - %s"`, h.balancer(), masterSocket)
}

func (h byHand) hup() string { return "docker kill -s HUP " + h.balancer() }

func (h byHand) ps() string { return "docker ps --filter network=" + h.name }

// ask asks the Runtime API.
func (h byHand) ask(commands string) string {
	return fmt.Sprintf(`docker exec %s sh -c "echo '%s' | socat - /var/run/api.sock"`, h.balancer(), commands)
}
