package compose

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	mounttypes "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestWhichServicesAFailedRunHasMadeUnreachable(t *testing.T) {
	t.Parallel()
	running := string(container.StateRunning)
	web := Container{ID: "1", Name: "demo-web-1", Service: "web", State: running, published: "5044/udp 8080/tcp"}
	closed, ended, open := web, web, web
	closed.ID, closed.published = "2", "5044/udp" // only what a route takes over is closed
	ended.State, ended.published = "exited", ""
	open.ID = "3"
	other := open
	other.Service = "api"
	balancer := Container{ID: "8", Service: LoadBalancer, State: running}
	stopped := balancer
	stopped.State = "exited"
	for name, c := range map[string]struct {
		before, now []Container
		lost        bool
	}{
		"nothing happened":           {[]Container{web}, []Container{web}, false},
		"replaced without its port":  {[]Container{web}, []Container{closed}, true},
		"replaced, and it publishes": {[]Container{web}, []Container{open}, false},
		"stopped":                    {[]Container{web}, []Container{ended}, true},
		"gone":                       {[]Container{web}, nil, true},
		"its port is at another container of its":   {[]Container{web}, []Container{closed, open}, false},
		"its port is at another service":            {[]Container{web}, []Container{closed, other}, true},
		"HAProxy runs as before":                    {[]Container{web, balancer}, []Container{closed, balancer}, false},
		"HAProxy ran, and does not":                 {[]Container{web, balancer}, []Container{closed, stopped}, true},
		"HAProxy had been stopped":                  {[]Container{web, stopped}, []Container{closed, stopped}, true},
		"HAProxy had been stopped, and runs by now": {[]Container{web, stopped}, []Container{closed, balancer}, true},
	} {
		before := state(c.before...)
		before.publishers = []publisher{{Container: web}}
		assert.Equal(t, len(before.unreached(state(c.now...))) == 1, c.lost, name)
		assert.Equal(t, len(before.publishers), 1)
	}
	assert.Equal(t, len(state(web).unreached(state())), 0, "HAProxy sends it no requests")
}

// TestTheSameContainerOnceMore has the volumes and the ports of the first one, those
// that the engine chose too.
func TestTheSameContainerOnceMore(t *testing.T) {
	t.Parallel()
	spec := madeFrom("demo-web-1", "1")
	spec.Host.Mounts = append(spec.Host.Mounts, mounttypes.Mount{Type: mounttypes.TypeVolume, Target: "/chosen"})
	volume := func(letter, target string) container.MountPoint {
		return container.MountPoint{Type: mounttypes.TypeVolume, Name: strings.Repeat(letter, 64), Destination: target, RW: true}
	}
	http, metrics := network.MustParsePort("80/tcp"), network.MustParsePort("9100/tcp")
	chosen := []network.PortBinding{{HostIP: netip.IPv4Unspecified(), HostPort: "32768"}}
	same := spec.again(1, container.InspectResponse{
		Mounts: []container.MountPoint{
			{Type: mounttypes.TypeVolume, Name: "demo_data", Destination: "/data", RW: true},
			volume("a", "/cache"), volume("b", "/spool"), volume("c", "/chosen"), volume("d", "/of-the-image"),
		},
		NetworkSettings: &container.NetworkSettings{Ports: network.PortMap{http: chosen, metrics: nil}},
	})
	assert.Equal(t, same.Name, "demo-web-1")
	assert.DeepEqual(t, same.Config.Labels, spec.Config.Labels)
	assert.DeepEqual(t, same.Host.Binds, spec.Host.Binds)
	assert.DeepEqual(t, same.Host.Mounts, []mounttypes.Mount{
		{Type: mounttypes.TypeBind, Source: "/srv", Target: "/srv"},
		{Type: mounttypes.TypeVolume, Source: strings.Repeat("b", 64), Target: "/spool"},
		{Type: mounttypes.TypeVolume, Source: strings.Repeat("c", 64), Target: "/chosen"},
		{Type: mounttypes.TypeVolume, Source: strings.Repeat("d", 64), Target: "/of-the-image"},
	})
	assert.Equal(t, len(same.Host.PortBindings), 1)
	assert.Equal(t, same.Host.PortBindings[http][0].HostPort, "32768")
}

func TestAFailedRunMakesAgainWhatHasLostItsPort(t *testing.T) {
	t.Parallel()
	spec := madeFrom("demo-web-1", "1")
	before := state(Container{ID: "1", Name: "demo-web-1", Service: "web", published: "8080/tcp"})
	before.publishers = []publisher{{Container: before.containers[0], spec: spec}}
	stops := 0
	fake := &fakeEngine{containers: []fakeContainer{ours("2", "web"), ours("3", LoadBalancer)}, onStop: func() { stops++ }}
	engine, _ := fake.start(t)
	cause := errors.New("it failed")
	err := engine.undone(t.Context(), before, cause)
	assert.ErrorIs(t, err, cause)
	testkit.Contains(t, err.Error(), "service web is reached at its own published ports, as before this run")
	assert.DeepEqual(t, fake.gone(), []string{"container 3", "container 2"})
	assert.Equal(t, stops, 1)
	assert.Equal(t, len(fake.created), 1)

	fake = &fakeEngine{containers: []fakeContainer{ours("2", "web")}, onStop: func() {}, startError: "port is already allocated"}
	engine, _ = fake.start(t)
	err = engine.undone(t.Context(), before, cause)
	testkit.Contains(t, err.Error(), "Service web has lost its published ports", "container demo-web-1", "port is already allocated", "docker haproxy up")
}

func TestThePublishedPortsOfAContainer(t *testing.T) {
	t.Parallel()
	assert.Equal(t, publishedPorts([]container.PortSummary{
		{PrivatePort: 80, PublicPort: 8080, Type: "tcp", IP: netip.IPv4Unspecified()},
		{PrivatePort: 80, PublicPort: 8080, Type: "tcp", IP: netip.IPv6Unspecified()},
		{PrivatePort: 9100, Type: "tcp"}, // exposed only
		{PrivatePort: 5044, PublicPort: 5044, Type: "udp"},
	}), "5044/udp 8080/tcp")
}
