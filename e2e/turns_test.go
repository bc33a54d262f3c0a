package e2e

import (
	"maps"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// manySyntaxes is a Compose file whose services say things in the ways that
// versions of Compose complete differently, or that only one of them resolves
// before it computes the hash of a definition.
const manySyntaxes = `
services:
  web:
    image: ECHO_IMAGE
    hostname: web
    ipc: shareable
    labels: {haproxy.host: "*", haproxy.port: "8080"}
    volumes: ["./data:/a", "./data:/b:ro", "./data:/c:ro,z", "/tmp:/d", "vol:/e", "vol:/f:ro", "/anonymous"]
    restart: unless-stopped
  long:
    image: ECHO_IMAGE
    volumes:
      - {type: bind, source: ./data, target: /a}
      - {type: bind, source: ./data, target: /b, read_only: true, bind: {create_host_path: true}}
      - {type: bind, source: ./data, target: /c, bind: {create_host_path: false}}
      - {type: bind, source: ./data, target: /d, bind: {propagation: rprivate}}
      - {type: volume, source: vol, target: /e, volume: {nocopy: true}}
      - {type: tmpfs, target: /f, tmpfs: {size: 1m, mode: 0o755}}
      - {type: volume, target: /g}
    tmpfs: ["/t:size=1m"]
    restart: unless-stopped
  files:
    image: ECHO_IMAGE
    env_file: [{path: app.env}, {path: absent.env, required: false}]
    environment: {PRICE: "5$$", EMPTY: "", PASSED_ON: , LIST: "a,b"}
    secrets: [secret, {source: secret, target: /else, mode: 0o440}]
    configs: [config, {source: inline, target: /inline}]
    volumes: ["./data:/a"]
    restart: unless-stopped
  labelled:
    image: ECHO_IMAGE
    label_file: [app.labels]
    labels: [c=d]
    restart: unless-stopped
  ports:
    image: ECHO_IMAGE
    ports: ["127.0.0.1::8080", {target: 8081, host_ip: 127.0.0.1, mode: host}, "127.0.0.1::53/udp"]
    expose: ["80", "81-82"]
    networks: {default: {aliases: [other]}, back: {priority: 10}}
    extra_hosts: ["a:1.2.3.4", "b=::1"]
    ulimits: {core: 0, nofile: {soft: 500, hard: 1000}}
    sysctls: [net.core.somaxconn=1024]
    volumes: ["./data:/a"]
    depends_on: [web]
    restart: unless-stopped
  shares:
    image: ECHO_IMAGE
    network_mode: service:web
    ipc: service:web
    pid: service:web
    volumes_from: [web]
    environment: {LISTEN: ":8090"}
    restart: unless-stopped
  deployed:
    image: ECHO_IMAGE
    deploy: {replicas: 1, resources: {limits: {cpus: "0.5", memory: 50M}}, update_config: {order: start-first}, restart_policy: {condition: any}}
    healthcheck: {test: [CMD, /echo-server, -healthcheck], interval: 1s, timeout: 3s, start_period: 1s}
    logging: {driver: json-file, options: {max-size: 10m}}
    command: [-name, deployed]
    entrypoint: /echo-server
    scale: 1
  extends:
    extends: {service: long}
volumes: {vol: }
networks: {back: {internal: true, labels: [a=b]}}
secrets: {secret: {file: app.env}}
configs: {config: {file: app.env}, inline: {content: "price: 5$$"}}
`

// newSyntaxesProject is a project of manySyntaxes with HAProxy in front of it.
func newSyntaxesProject(t *testing.T) *project {
	t.Helper()
	p := newProject(t)
	p.needsCompose()
	needsImage(t, standInEcho)
	p.write(composeFile, strings.ReplaceAll(manySyntaxes, "ECHO_IMAGE", standInEcho))
	p.write("app.env", "A=1\nB=$A\n")
	p.write("app.labels", "x=y\n")
	p.write("data/file", "")
	p.mustSucceed(p.tryAttach())
	return p
}

// TestTurns: a routine "up" of one Compose must not replace what the other has
// made from the same file, be it a database; what is edited is replaced by either.
func TestTurns_with_the_installed_Compose_recreate_nothing(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"docker haproxy first": true, "docker compose first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newSyntaxesProject(t)
			ours := func() { p.up() }
			theirs := func() { p.mustSucceed(p.compose("up", "-d", "--wait")) }
			turns := []func(){ours, theirs, ours, theirs, ours}
			if !first {
				turns = turns[1:]
			}
			turns[0]()
			before := p.ids()
			assert.Equal(t, len(before), 9)
			for i, turn := range turns[1:] {
				turn()
				assert.DeepEqual(t, p.ids(), before)
				if i == 0 { // nor is it only found out by replacing nothing
					assert.Equal(t, strings.TrimSpace(p.mustSucceed(p.haproxy("plan", "--format", "{{ .What }}")).stdout), "")
				}
			}

			p.edit(composeFile, replacing("hostname: web", "hostname: web\n    environment: {EDITED: \"1\"}"))
			p.up()
			after := p.ids()
			assert.Assert(t, after["web"] != before["web"])
			assert.Assert(t, after["shares"] != before["shares"], "it shared what is gone")
			maps.DeleteFunc(before, func(service, id string) bool { return after[service] != id })
			assert.Equal(t, len(before), 7, "the others were left alone: %v", before)
		})
	}
}
