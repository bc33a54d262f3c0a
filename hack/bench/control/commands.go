package control

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
)

// startUp is what the plugins take before they do anything: docker asks each one
// for its metadata before it runs a command of it.
func (m *measurement) startUp(ctx context.Context) ([]Comparison, error) {
	start := func(args ...string) task {
		t := task{name: "start of the plugins, " + args[0]}
		for _, plugin := range []string{"docker-haproxy", "docker-compose"} {
			t.ways = append(t.ways, way{name: "`" + plugin + " " + args[0] + "`", run: func(ctx context.Context) (lab.Command, error) {
				return m.Run(ctx, "", m.Plugin(plugin), args...)
			}})
		}
		return t
	}
	return m.allInTurns(ctx, m.opts.starts(), start("docker-cli-plugin-metadata"), start("version"))
}

// allInTurns measures tasks that have nothing to do with one another, one after
// the other.
func (m *measurement) allInTurns(ctx context.Context, rounds int, tasks ...task) ([]Comparison, error) {
	var all []Comparison
	for _, t := range tasks {
		measured, err := m.inTurns(ctx, rounds, t)
		if err != nil {
			return nil, err
		}
		all = append(all, measured...)
	}
	return all, nil
}

// commands compares the commands on a project of four containers.
func (m *measurement) commands(ctx context.Context) ([]Comparison, error) {
	demo, err := m.newProject(ctx, "demo")
	if err != nil {
		return nil, err
	}
	if err := demo.init(ctx, "--app-image", m.Images.Echo); err != nil {
		return nil, err
	}
	hand, err := m.newByHand(ctx)
	if err != nil {
		return nil, err
	}
	first, err := m.inTurns(ctx, m.opts.Rounds, upAndDown(demo, hand)...)
	if err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context) (lab.Command, error){demo.haproxy("up"), hand.script(hand.up()...)} {
		if _, err := start(ctx); err != nil {
			return nil, err
		}
	}
	running, err := onRunning(demo, hand)
	if err != nil {
		return nil, err
	}
	second, err := m.allInTurns(ctx, m.opts.many(), running...)
	if err != nil {
		return nil, err
	}
	third, err := m.allInTurns(ctx, m.opts.starts(), version(demo))
	return slices.Concat(first, second, third), err
}

// upAndDown are a cold start and its end.
func upAndDown(demo project, hand byHand) []task {
	forget := func(context.Context) error { return os.RemoveAll(filepath.Join(demo.folder, ".docker-haproxy")) }
	return []task{
		{
			name: "`up`, cold", until: "the first answer",
			ways: []way{
				{name: "`docker haproxy up`", prepare: forget, run: demo.haproxy("up"), await: demo.served},
				{name: "`docker compose up -d --wait`", run: demo.compose("up", "-d", "--wait"), await: demo.served},
				{name: "`docker network create`, 4 × `docker run`", raw: true, run: hand.script(hand.up()...), await: hand.served},
			},
		},
		{
			name: "`down`",
			ways: []way{
				{name: "`docker haproxy down`", run: demo.haproxy("down")},
				{name: "`docker compose down`", run: demo.compose("down")},
				{name: "`docker stop`, `docker rm`, `docker network rm`", raw: true, run: hand.script(hand.down()...)},
			},
		},
	}
}

// onRunning are the commands on a project that runs.
func onRunning(demo project, hand byHand) ([]task, error) {
	ours, err := demo.editions()
	if err != nil {
		return nil, err
	}
	theirs, err := hand.editions()
	if err != nil {
		return nil, err
	}
	return []task{
		{
			name: "`up`, nothing to do",
			ways: []way{
				{name: "`docker haproxy up`", run: demo.haproxy("up")},
				{name: "`docker compose up -d --wait`", run: demo.compose("up", "-d", "--wait")},
				{name: "`docker compose up -d`", run: demo.compose("up", "-d")},
			},
		},
		{
			name: "`reload`", until: "the first answer of the edited configuration",
			ways: []way{
				{name: "`docker haproxy reload`", prepare: ours.edit, run: demo.haproxy("reload"), await: ours.served},
				{name: "`docker exec … haproxy -c`, `docker exec … reload` to the master CLI through socat", raw: true, prepare: theirs.edit, run: hand.script(hand.check(), hand.verdict()), await: theirs.served},
				{name: "`docker exec … haproxy -c`, `docker kill -s HUP`", raw: true, prepare: theirs.edit, run: hand.script(hand.check(), hand.hup()), await: theirs.served},
				{name: "`docker kill -s HUP` alone", raw: true, prepare: theirs.edit, run: hand.script(hand.hup()), await: theirs.served},
			},
		},
		{
			name: "`check`",
			ways: []way{
				{name: "`docker haproxy check`", run: demo.haproxy("check")},
				{name: "`docker exec … haproxy -c`", raw: true, run: hand.script(hand.check())},
			},
		},
		{
			name: "`status`",
			ways: []way{
				{name: "`docker haproxy status`", run: demo.haproxy("status")},
				{name: "`docker exec`, `show info; show stat` through socat, `docker ps`", raw: true, run: hand.script(hand.ask("show info; show stat"), hand.ps())},
				{name: "`docker exec`, `show stat` through socat", raw: true, run: hand.script(hand.ask("show stat"))},
			},
		},
		{
			name: "`ps`",
			ways: []way{
				{name: "`docker haproxy ps`", run: demo.haproxy("ps")},
				{name: "`docker compose ps`", run: demo.compose("ps")},
				{name: "`docker ps`", raw: true, run: hand.script(hand.ps())},
			},
		},
	}, nil
}

// version is the way of every command through the docker CLI. That alone is there
// to be taken off; it is no command that ours replaces.
func version(p project) task {
	return task{
		name: "`version`",
		ways: []way{
			{name: "`docker haproxy version`", run: p.haproxy("version")},
			{name: "`docker compose version`", run: p.compose("version")},
			{name: "`docker --version`, no plugin", run: p.docker("--version")},
		},
	}
}
