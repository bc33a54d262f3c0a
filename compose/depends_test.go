package compose

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
)

func TestConditionsOfDependencies(t *testing.T) {
	t.Parallel()
	running := Container{Name: "c", State: "running"}
	healthy, sick, young := running, running, running
	healthy.Health, sick.Health, young.Health = "healthy", "unhealthy", "starting"
	done := Container{Name: "c", State: "exited"}
	failed := Container{Name: "c", State: "exited", ExitCode: 3}
	created := Container{Name: "c", State: "created"}
	const started, well, completed = types.ServiceConditionStarted, types.ServiceConditionHealthy, types.ServiceConditionCompletedSuccessfully
	for name, test := range map[string]struct {
		condition  string
		containers []Container
		met        bool
		why        string
	}{
		"started, and runs":                 {started, []Container{running}, true, ""},
		"started, and is starting":          {started, []Container{young}, true, ""},
		"started, and is being created":     {started, []Container{created}, false, ""},
		"started, and has ended well":       {started, []Container{done}, true, ""},
		"started, and has failed":           {started, []Container{failed}, false, "ended with exit code 3"},
		"started, and one has failed":       {started, []Container{running, failed}, false, "ended with exit code 3"},
		"started, and is not there":         {started, nil, false, "has no container"},
		"healthy":                           {well, []Container{healthy, healthy}, true, ""},
		"healthy, and one is starting":      {well, []Container{healthy, young}, false, ""},
		"healthy, and is not":               {well, []Container{sick}, false, "is unhealthy"},
		"healthy, without a check":          {well, []Container{running}, false, "has no health check"},
		"healthy, and has ended":            {well, []Container{done}, false, "ended and is not healthy"},
		"completed, and runs":               {completed, []Container{running}, false, ""},
		"completed":                         {completed, []Container{done}, true, ""},
		"completed, and failed":             {completed, []Container{failed}, false, "ended with exit code 3"},
		"completed, and one of two runs":    {completed, []Container{done, running}, false, ""},
		"completed, and has not been there": {completed, nil, false, "has no container"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			met, _, why := Dependency{Service: "seed", Condition: test.condition}.Met(test.containers)
			assert.Equal(t, met, test.met)
			assert.Equal(t, why, test.why)
		})
	}
}

func TestAJobIsDone(t *testing.T) {
	t.Parallel()
	done := Container{State: "exited", configHash: "h", ImageID: "i"}
	failed, other, running := done, done, done
	failed.ExitCode, other.configHash, running.State = 1, "before", "running"
	definition := func(restart string, deploy *types.DeployConfig) Definition {
		return Definition{Service: serviceWith("seed", func(s *types.ServiceConfig) { s.Restart, s.Deploy = restart, deploy }), ImageID: "i", hash: "h"}
	}
	for _, test := range []struct {
		definition Definition
		container  Container
		want       bool
	}{
		{definition("", nil), done, true},
		{definition("no", nil), done, true},
		{definition("on-failure:3", nil), done, true},
		{definition("always", nil), done, false},
		{definition("unless-stopped", nil), done, false},
		{definition("", &types.DeployConfig{RestartPolicy: &types.RestartPolicy{Condition: "any"}}), done, false},
		{definition("always", &types.DeployConfig{RestartPolicy: &types.RestartPolicy{Condition: "none"}}), done, true},
		{definition("no", nil), failed, false},
		{definition("no", nil), other, false},
		{definition("no", nil), running, false},
	} {
		assert.Equal(t, test.definition.Done(test.container), test.want, "%+v", test)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]int{
		"Exited (137) 3 seconds ago": 137, "Exited (0) 2 hours ago": 0, "Up 3 seconds (healthy)": 0, "Created": 0, "Restarting (1) now": 1,
	} {
		assert.Equal(t, exitCodeOf(status), want, status)
	}
}

func TestDependenciesOfDependencies(t *testing.T) {
	t.Parallel()
	services := types.Services{}
	for name, needs := range map[string][]string{"web": {"seed", "cache", LoadBalancer}, "seed": {"db"}, "db": nil, "cache": nil, "other": nil, LoadBalancer: nil} {
		services[name] = serviceWith(name, func(s *types.ServiceConfig) {
			s.DependsOn = types.DependsOnConfig{}
			for _, need := range needs {
				s.DependsOn[need] = types.ServiceDependency{Condition: types.ServiceConditionStarted, Required: true}
			}
		})
	}
	p := &Project{Project: &types.Project{Name: "shop", Services: services}}
	all := p.WithDependencies([]string{"web"})
	assert.DeepEqual(t, p.Ordered(all, nil), []string{"cache", "db", "seed", "web"})
	tie := Tie{Project: "shop", Container: Container{Service: "cache"}, With: Container{Service: "other"}}
	assert.DeepEqual(t, p.Ordered([]string{"cache", "other"}, []Tie{tie}), []string{"other", "cache"})
	tie.Project = "another"
	assert.DeepEqual(t, p.Ordered([]string{"cache", "other"}, []Tie{tie}), []string{"cache", "other"})
}
