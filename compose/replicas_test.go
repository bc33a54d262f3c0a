package compose

import (
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
)

func TestUpdateRules(t *testing.T) {
	t.Parallel()
	_, found := Definition{}.UpdateRules()
	assert.Assert(t, !found)
	two := uint64(2)
	d := Definition{Service: types.ServiceConfig{Deploy: &types.DeployConfig{UpdateConfig: &types.UpdateConfig{
		Parallelism: &two, Order: "stop-first", Delay: types.Duration(time.Second), Monitor: types.Duration(time.Minute),
	}}}}
	rules, found := d.UpdateRules()
	assert.Assert(t, found)
	assert.Assert(t, !rules.All)
	assert.DeepEqual(t, rules, UpdateRules{Batch: 2, StopFirst: true, Pause: time.Second, Monitor: time.Minute})
}

func TestAddressBeside(t *testing.T) {
	t.Parallel()
	old := Container{networks: "back/10.0.1.2 front/10.0.2.2"}
	fresh := Container{networks: "back/10.0.1.9 front/10.0.2.9 other/10.0.3.9"}
	assert.Equal(t, fresh.AddressBeside(old, "10.0.2.2"), "10.0.2.9")
	assert.Equal(t, fresh.AddressBeside(old, "10.0.9.9"), "")
	assert.Equal(t, Container{networks: "other/10.0.3.9"}.AddressBeside(old, "10.0.2.2"), "")
	c := Container{addresses: "10.0.1.2 10.0.2.2"}
	assert.Assert(t, c.HasAddress("10.0.2.2") && !c.HasAddress("") && !c.HasAddress("10.0.2"))
}

func TestServicesInOrder(t *testing.T) {
	t.Parallel()
	service := func(name string, needs ...string) types.ServiceConfig {
		s := types.ServiceConfig{Name: name}
		s.DependsOn = types.DependsOnConfig{}
		for _, need := range needs {
			s.DependsOn[need] = types.ServiceDependency{}
		}
		return s
	}
	p := &Project{Project: &types.Project{Name: "demo", Services: types.Services{
		"a": service("a", "c", LoadBalancer), "b": service("b"), "c": service("c", "d"), "d": service("d"), LoadBalancer: service(LoadBalancer, "a"),
	}}}
	got, err := p.InOrder(nil)
	assert.NilError(t, err)
	assert.DeepEqual(t, got, []string{"d", "c", "a", "b"})
	got, err = p.InOrder([]string{"a", "d"})
	assert.NilError(t, err)
	assert.DeepEqual(t, got, []string{"d", "a"})
	_, err = p.InOrder([]string{"aa"})
	assert.ErrorContains(t, err, `project "demo" has no service named aa`)
	_, err = p.InOrder([]string{LoadBalancer})
	assert.ErrorContains(t, err, "the load balancer itself is not rolled out")
}

func TestRolloutNote(t *testing.T) {
	t.Parallel()
	c := Container{rollout: readRolloutNote(map[string]string{rolloutLabel: "20260101T000000.000Z", previousImageLabel: "app:1", previousImageIDLabel: "sha256:1"})}
	assert.Equal(t, c.RolloutID(), "20260101T000000.000Z")
	assert.Equal(t, c.Previous(), Version{Image: ImageRef{Name: "app:1", ID: "sha256:1"}})
	note := RolloutNote{ID: "20260101T000000.000Z", Previous: Version{Image: ImageRef{Name: "app:1", ID: "sha256:1"}, Definition: "0123456789ab"}, Undone: true}
	assert.Equal(t, readRolloutNote(note.labels()), note)
	assert.Equal(t, len(RolloutNote{}.labels()), 0)
	assert.Assert(t, NewRolloutID() > c.RolloutID(), "they sort by time")
}

func TestParallelismOfNoneSaidAndOfNone(t *testing.T) {
	t.Parallel()
	none := uint64(0)
	update := types.UpdateConfig{}
	d := Definition{Service: types.ServiceConfig{Deploy: &types.DeployConfig{UpdateConfig: &update}}}
	rules, _ := d.UpdateRules()
	assert.Assert(t, !rules.All)
	update.Parallelism = &none
	rules, _ = d.UpdateRules()
	assert.Assert(t, rules.All)
}
