package e2e

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// job is a service that runs a command of the shell and ends.
func job(name, command string, more ...string) string {
	var b strings.Builder
	b.WriteString("  " + name + ":\n    image: " + standIn + "\n    entrypoint: [sh, -c, \"" + command + "\"]\n    restart: \"no\"\n    user: root\n")
	for _, line := range more {
		b.WriteString("    " + line + "\n")
	}
	return b.String()
}

// newProjectWith is a running project of apps behind HAProxy and of other services,
// as YAML.
func newProjectWith(t *testing.T, others string, apps ...app) *project {
	t.Helper()
	p := newProject(t)
	p.write(composeFile, composeOf(apps...)+others)
	p.attach()
	p.up()
	return p
}

// TestRolloutAwaitsAMigration: a job that a service depends on runs before, to its
// end, and where it fails the old version serves on.
func TestRolloutAwaitsAMigration(t *testing.T) {
	t.Parallel()
	const afterSeed = "depends_on: {seed: {condition: service_completed_successfully}}"
	p := newProjectWith(t, job("seed", "echo one; sleep 0"), versioned(1, afterSeed))
	web, seed := p.replicasOf("web"), p.container("seed")
	load := p.startRolloutLoad()
	load.goOn(20)

	// A job that has ended as it was meant to is done.
	r := p.mustSucceed(p.haproxy("rollout"))
	p.mustSay(r, r.stdout, "service seed: nothing to do", "service web: nothing to do")
	assert.Equal(t, p.container("seed").Inspect.State.StartedAt, seed.Inspect.State.StartedAt)

	// One that fails.
	good := p.read(composeFile)
	p.nextVersion()
	p.editCompose(replacing("echo one; sleep 0", "echo no such table; exit 3"))
	r = p.mustSucceed(p.haproxy("rollout", "--dry-run", "web"))
	p.mustSay(r, r.stdout, "service seed: replaced by Compose", "wait until seed has ended with exit code 0")
	assert.DeepEqual(t, p.replicasOf("web"), web)
	r = p.haproxy("rollout", "web")
	p.mustFail(r, 1, "seed-1 ended with exit code 3", "no such table", "web")
	assert.DeepEqual(t, p.replicasOf("web"), web)
	assert.DeepEqual(t, p.versions(3), []string{"1"})

	// One that takes its time: the new version does not start before its end.
	p.write(composeFile, good)
	p.nextVersion()
	p.editCompose(replacing("echo one; sleep 0", "echo two; sleep 4"))
	p.mustSucceed(p.haproxy("rollout", "web"))
	load.goOn(20)
	load.mustLoseNothing()
	assert.DeepEqual(t, p.versions(3), []string{"2"})
	seed = p.container("seed")
	assert.Equal(t, seed.State, "exited")
	ended := p.mustSucceed(p.docker("inspect", "--format", "{{ .State.FinishedAt }}", seed.ID)).stdout
	created := p.mustSucceed(p.docker("inspect", "--format", "{{ .Created }}", p.replicasOf("web")[0])).stdout
	assert.Assert(t, created > ended, "web was created at %s, the migration ended at %s", created, ended)
}
