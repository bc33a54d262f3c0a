package compose

import (
	"testing"

	"gotest.tools/v3/assert"
)

// TestHowManyWereAskedForLast: by a command, by an edit of the file, or by plain Compose.
func TestHowManyWereAskedForLast(t *testing.T) {
	t.Parallel()
	p := load(t, "services: {haproxy: {image: haproxy}, web: {image: app, scale: 2}}", nil)
	assert.Equal(t, p.Wanted("web", 0), 2, "nothing is noted, nothing runs")
	assert.Equal(t, p.Wanted("web", 5), 5, "nothing is noted: none is given up")
	p.noteScales()
	assert.Equal(t, p.Wanted("web", 2), 2)
	assert.Equal(t, p.Wanted("web", 1), 2, "one has failed")
	assert.Equal(t, p.Wanted("web", 5), 5, "another command has scaled")
	p.NoteScale(map[string]int{"web": 4})
	assert.Equal(t, p.Wanted("web", 4), 4)
	assert.Equal(t, p.Wanted("web", 3), 4, "one has failed")
	p.NoteScale(map[string]int{"web": 1})
	assert.Equal(t, p.Wanted("web", 1), 1)
	web := p.Services["web"]
	web.SetScale(3)
	p.Services["web"] = web
	assert.Equal(t, p.Wanted("web", 1), 3, "the file was edited since")
	assert.Equal(t, p.Wanted("web", 5), 3, "the file was edited since, and less is wanted")
}

func TestWhatUpTakesBackIsSaid(t *testing.T) {
	t.Parallel()
	p := load(t, "services: {haproxy: {image: haproxy}, web: {image: app, scale: 2}, other: {image: app}}", nil)
	containers := []Container{{Service: "web"}, {Service: "web"}, {Service: "web"}, {Service: "other", rollout: RolloutNote{Undone: true}}}
	notes := p.beyondFile(State{containers: containers})
	assert.DeepEqual(t, notes, []string{
		`Service other is of the Compose file's version again: "rollout undo" had gone back.`,
		`Service web has 2 containers, as the Compose file says, instead of 3. "docker haproxy scale web=3" starts the others again.`,
	})
	assert.Equal(t, len(p.beyondFile(State{containers: containers[:2]})), 0)
}
