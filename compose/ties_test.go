package compose

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
)

func TestSharing(t *testing.T) {
	t.Parallel()
	web := Container{ID: "id", Name: "shop-web-1"}
	for name, test := range map[string]struct {
		b    bonds
		want Shared
	}{
		"nothing":                  {sharing("shop_default", "", "private", nil), ""},
		"the host's":               {sharing("host", "host", "host", nil), ""},
		"another container's":      {sharing("container:other", "", "", nil), ""},
		"network by ID":            {sharing("container:id", "", "", nil), SharedNetwork},
		"network by name":          {sharing("container:shop-web-1", "", "", nil), SharedNetwork},
		"pid":                      {sharing("", "container:id", "", nil), SharedPID},
		"ipc":                      {sharing("", "", "container:id", nil), SharedIPC},
		"volumes":                  {sharing("", "", "", []string{"id"}), SharedVolumes},
		"volumes, only to read":    {sharing("", "", "", []string{"container:shop-web-1:ro"}), SharedVolumes},
		"network and volumes":      {sharing("container:id", "", "", []string{"id"}), SharedNetwork},
		"volumes of another, pids": {sharing("", "container:id", "", []string{"other"}), SharedPID},
	} {
		got, bound := test.b.with(web)
		assert.Equal(t, got, test.want, name)
		assert.Equal(t, bound, test.want != "", name)
	}
}

// serviceWith is a service; the library keeps its fields in structs within it.
func serviceWith(name string, set func(*types.ServiceConfig)) types.ServiceConfig {
	service := types.ServiceConfig{Name: name}
	if set != nil {
		set(&service)
	}
	return service
}

// tiedProject is a project with services of all kinds that hang on web.
func tiedProject() *Project {
	restart := types.DependsOnConfig{"web": {Restart: true}}
	services := types.Services{}
	for name, set := range map[string]func(*types.ServiceConfig){
		"web":     nil,
		"side":    func(s *types.ServiceConfig) { s.NetworkMode, s.DependsOn = "service:web", restart },
		"chained": func(s *types.ServiceConfig) { s.Pid = "service:side" },
		"ipc":     func(s *types.ServiceConfig) { s.Ipc = "service:web" },
		"backup":  func(s *types.ServiceConfig) { s.VolumesFrom = []string{"web:ro"} },
		"named":   func(s *types.ServiceConfig) { s.NetworkMode = "container:shop-web-1" },
		"follows": func(s *types.ServiceConfig) { s.DependsOn = restart },
		"later":   func(s *types.ServiceConfig) { s.DependsOn = types.DependsOnConfig{"web": {}} },

		LoadBalancer: nil,
	} {
		services[name] = serviceWith(name, set)
	}
	debug := serviceWith("debug", func(s *types.ServiceConfig) { s.NetworkMode = "service:web" })
	return &Project{Project: &types.Project{Name: "shop", Services: services, DisabledServices: types.Services{"debug": debug}}}
}

func TestWhatHangsOnAService(t *testing.T) {
	t.Parallel()
	p := tiedProject()
	for service, want := range map[string]string{
		"web": "", "side": "network", "chained": "", "ipc": "ipc namespace", "backup": "volumes", "named": "",
		"follows": "restart: true", "later": "", "debug": "network", "gone": "",
	} {
		assert.Equal(t, p.Hangs(service, "web"), want, service)
	}
	assert.Assert(t, p.RestartsWith("follows", "web") && !p.RestartsWith("side", "web"))
	assert.Assert(t, p.mayShare("side") && p.mayShare("named") && p.mayShare("backup") && p.mayShare("gone") && !p.mayShare("later"))
}

func TestWhatGoesAlongWithUp(t *testing.T) {
	t.Parallel()
	p := tiedProject()
	state := State{}
	for name := range p.Services {
		state.containers = append(state.containers, Container{ID: name, Service: name})
	}
	var said []string
	for _, step := range p.alongSteps(state, []Container{{Service: "web"}}) {
		said = append(said, step.What+": "+step.Cause)
	}
	assert.DeepEqual(t, said, []string{
		"service backup: to be replaced: it shares the volumes of web, which is replaced",
		"service follows: to be restarted: service web is replaced, and depends_on says restart: true",
		"service ipc: to be replaced: it shares the ipc namespace of web, which is replaced",
		"service side: to be replaced: it shares the network of web, which is replaced",
		"service chained: to be replaced: it shares the pid namespace of side, which is replaced",
	})
	assert.Equal(t, len(p.alongSteps(state, nil)), 0)
}

func TestTiesThatAreRefused(t *testing.T) {
	t.Parallel()
	p := tiedProject()
	tie := func(project, service, state string, change ...func(*Tie)) Tie {
		t := Tie{Container: Container{Name: "c", Service: service, State: state}, Project: project, Shares: SharedNetwork, With: Container{Name: "shop-web-1", Service: "web"}}
		for _, c := range change {
			c(&t)
		}
		return t
	}
	byName := func(t *Tie) { t.ByName = true }
	oneOff := func(t *Tie) { t.oneOff = true }
	pid := func(t *Tie) { t.Shares = SharedPID }
	for name, test := range map[string]struct {
		tie             Tie
		renamed, served bool
		rollout, up     string // why it is refused
	}{
		"a sidecar":                          {tie("shop", "side", "running"), true, false, "", ""},
		"a sidecar that takes requests":      {tie("shop", "side", "running"), true, true, "takes requests too", ""},
		"one that only shares its processes": {tie("shop", "side", "running", pid), true, true, "", ""},
		"a sidecar that was stopped":         {tie("shop", "side", "exited"), true, true, "", ""},
		"of another profile":                 {tie("shop", "debug", "running"), true, false, "", "its profile is not enabled"},
		"of another profile, stopped":        {tie("shop", "debug", "exited"), true, false, "", ""},
		"a container by name":                {tie("shop", "named", "running", byName), true, false, "names that very container", "names that very container"},
		"a container by a name that stays":   {tie("shop", "named", "running", byName), false, false, "", "names that very container"},
		"of another project":                 {tie("other", "side", "running"), true, false, "no part of the Compose file", "no part of the Compose file"},
		"of no project":                      {tie("", "", "running"), true, false, "no part of the Compose file", "no part of the Compose file"},
		"of no project, stopped":             {tie("", "", "exited"), true, false, "", ""},
		"of a service that is gone":          {tie("shop", "gone", "running"), true, false, "no part of the Compose file", "no part of the Compose file"},
		"docker compose run":                 {tie("shop", "side", "running", oneOff), true, false, "no part of the Compose file", "no part of the Compose file"},
		"the load balancer":                  {tie("shop", LoadBalancer, "running"), true, false, "it is the load balancer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusal(t, test.tie.Refused(p, test.renamed, test.served), test.rollout)
			refusal(t, test.tie.leftByUp(p), test.up)
		})
	}
}

// refusal makes sure that an error says something, or that there is none.
func refusal(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		assert.NilError(t, err)
		return
	}
	assert.ErrorContains(t, err, want)
	assert.ErrorIs(t, err, ErrTied)
}

// TestHashOf: what Compose notes of a service that shares something names the
// container that is first by its name.
func TestHashOf(t *testing.T) {
	t.Parallel()
	containers := []Container{{ID: "two", Name: "shop-web-2", Service: "web"}, {ID: "ten", Name: "shop-web-10", Service: "web"}}
	same := func(a, b func(*types.ServiceConfig)) {
		t.Helper()
		was, err := hashOf(serviceWith("s", a), containers)
		assert.NilError(t, err)
		is, err := hashOf(serviceWith("s", b), nil)
		assert.NilError(t, err)
		assert.Equal(t, was, is)
	}
	same(func(s *types.ServiceConfig) { s.NetworkMode = "service:web" }, func(s *types.ServiceConfig) { s.NetworkMode = "container:ten" })
	same(func(s *types.ServiceConfig) { s.Pid, s.Ipc = "service:web", "service:other" }, func(s *types.ServiceConfig) { s.Pid, s.Ipc = "container:ten", "service:other" })
	same(func(s *types.ServiceConfig) { s.VolumesFrom = []string{"web:ro", "container:x:ro"} }, func(s *types.ServiceConfig) { s.VolumesFrom = []string{"ten", "x"} })
	same(nil, nil)
}
