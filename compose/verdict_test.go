package compose

import (
	"os"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestAVerdictIsNotedWithoutTheLinesOfTheFile(t *testing.T) {
	t.Parallel()
	p := configured(t)
	assert.Assert(t, p.LastVerdict(runs) == nil)
	said := []haproxy.Diagnostic{{Severity: haproxy.Error, Line: 3, Message: "unknown keyword", Source: "  user admin insecure-password pa55word"}}
	assert.NilError(t, p.noteVerdict(verdictNote{LastVerdict: LastVerdict{What: "reload", Diagnostics: said}, Container: runs.ID}))
	assert.Equal(t, said[0].Source, "  user admin insecure-password pa55word", "the caller's is left as it is")
	assert.Equal(t, p.LastVerdict(runs).Diagnostics[0].Message, "unknown keyword")
	assert.Assert(t, p.LastVerdict(Balancer{Container: Container{ID: "c2"}}) == nil, "another project with this folder has no part in it")

	file := p.StateFile("verdict.json")
	text, err := os.ReadFile(file)
	assert.NilError(t, err)
	assert.Assert(t, !strings.Contains(string(text), "pa55word"), "%s", text)
	info, err := os.Stat(file)
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))

	testkit.Put(t, p.WorkingDir, ".docker-haproxy/verdict.json", "{")
	assert.Assert(t, p.LastVerdict(runs) == nil, "one that cannot be read is none")
}

func TestAFailureIsOursOnlyIfItIsTheLastOne(t *testing.T) {
	t.Parallel()
	p := configured(t)
	assert.Assert(t, !p.knowsFailure(runs, haproxy.Master{}))
	assert.NilError(t, p.noteVerdict(verdictNote{Container: runs.ID, StartedAt: runs.StartedAt, Reloads: 4}))
	assert.Assert(t, p.knowsFailure(runs, haproxy.Master{Reloads: 4}))
	assert.Assert(t, !p.knowsFailure(runs, haproxy.Master{Reloads: 5}), "somebody has tried since")
	another := runs
	another.StartedAt = another.StartedAt.Add(1)
	assert.Assert(t, !p.knowsFailure(another, haproxy.Master{Reloads: 4}), "it was started again since")
	assert.NilError(t, p.noteVerdict(verdictNote{LastVerdict: LastVerdict{Loaded: true}, Container: runs.ID, StartedAt: runs.StartedAt, Reloads: 4}))
	assert.Assert(t, !p.knowsFailure(runs, haproxy.Master{Reloads: 4}), "it was none")
}
