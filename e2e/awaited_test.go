package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"gotest.tools/v3/assert"
)

// namesThatMustBeThere is a configuration of the user's own that HAProxy loads
// only if the names in it lead somewhere.
const namesThatMustBeThere = `global
    log logger:514 local0
    stats socket /var/run/haproxy/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
peers mine
    peer other web1:1024
frontend web
    bind :80
    default_backend app
backend app
    server s1 web1:8080 check inter 300ms
`

func TestNames_of_what_up_is_about_to_start_are_no_mistake(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--servers", "1")
	p.edit(composeFile, replacing("\n  web1:\n", "\n  logger:\n    image: "+standInEcho+"\n    networks: [mynetwork]\n  web1:\n"))
	p.write(configFile, namesThatMustBeThere)
	served := func() error {
		if answer, err := tryGet(p.http, "/"); err != nil || answer.status != http.StatusOK {
			return fmt.Errorf("answered with %d: %w", answer.status, err)
		}
		return nil
	}
	p.up()
	p.eventually("the app is served", served)
	haproxy := p.container("haproxy").ID

	for name, takeAway := range map[string][]string{"stopped": {"stop"}, "removed": {"rm", "-f"}} {
		for _, service := range []string{"web1", "logger"} {
			p.mustSucceed(p.docker(append(takeAway, p.container(service).ID)...))
		}
		p.editConfig(replacing("inter 300ms", "inter 299ms"))
		p.mustFail(p.haproxy("check"), 1, "not valid") // nothing is about to be started there
		p.mustSucceed(p.haproxy("plan"))
		p.up()
		p.eventually("the app is served after it was "+name, served)
		assert.Equal(t, p.container("haproxy").ID, haproxy)
		p.editConfig(replacing("inter 299ms", "inter 300ms"))
	}

	p.mustSucceed(p.docker("stop", p.container("web1").ID))
	p.up() // with nothing edited that is loaded
	p.eventually("the app is served", served)

	p.editConfig(replacing("web1:8080", "wob1:8080"))
	p.refuses([]string{"up"}, "wob1")
	p.eventually("the app is served", served)
}
