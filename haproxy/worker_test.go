package haproxy

import (
	"errors"
	"testing"
)

const (
	procWithOld = "#<PID>          <type>          <reloads>       <uptime>        <version>      \n" +
		"1               master          1 [failed: 0]   0d00h00m03s     3.2.26-1       \n" +
		"# workers\n" +
		"12              worker          0               0d00h00m01s     3.2.26-1       \n" +
		"# old workers\n" +
		"9               worker          1               0d00h00m03s     3.2.26-1       \n\n"
	connColumns = "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[1]\n"
	noTarget    = "Can't find the target PID matching the prefix '@!9'!\n"
)

func TestRemaining_counts_old_workers_too(t *testing.T) {
	t.Parallel()
	s := open(t,
		step{expect: "show proc", chunks: []string{procWithOld, prompt[1:]}},
		step{expect: "@!12 show servers conn", chunks: []string{connColumns + "be/s1 3/1 10.0.0.1 80 - 5000 2 2 2 0 0 -1 0 0\nbe/s2 3/2 10.0.0.2 80 - 5000 70 2 2 0 0 -1 0 0\n" + prompt}},
		step{expect: "@!9 show servers conn", chunks: []string{connColumns + "be/s1 3/1 10.0.0.1 80 - 5000 3 2 2 0 0 -1 0 0\n" + prompt}},
	)
	if got, err := s.Remaining(t.Context(), "be", "s1"); got != 5 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func TestRemaining_of_a_worker_that_has_ended_is_none(t *testing.T) {
	t.Parallel()
	s := open(t,
		step{expect: "show proc", chunks: []string{procWithOld, prompt[1:]}},
		step{expect: "@!12 show servers conn", chunks: []string{connColumns + "be/s1 3/1 10.0.0.1 80 - 5000 2 2 2 0 0 -1 0 0\n" + prompt}},
		step{expect: "@!9 show servers conn", chunks: []string{noTarget + prompt}},
	)
	if got, err := s.Remaining(t.Context(), "be", "s1"); got != 2 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func TestSetServerModeEverywhere_reaches_the_workers_that_finish(t *testing.T) {
	t.Parallel()
	s := open(t,
		step{expect: "show proc", chunks: []string{procWithOld, prompt[1:]}},
		step{expect: "@!12 set server be/s1 state drain", chunks: []string{prompt}},
		step{expect: "show proc", chunks: []string{procWithOld, prompt[1:]}},
		step{expect: "@!9 set server be/s1 state drain", chunks: []string{"No such server.\n" + prompt}}, // was added since: fine
	)
	if err := s.SetServerModeEverywhere(t.Context(), "be", "s1", ModeDrain); err != nil {
		t.Error(err)
	}
}

func TestSetServerModeEverywhere_says_what_the_worker_in_charge_refuses(t *testing.T) {
	t.Parallel()
	s := open(t,
		step{expect: "show proc", chunks: []string{procWithOld, prompt[1:]}},
		step{expect: "@!12 set server be/no state maint", chunks: []string{"No such server.\n" + prompt}},
	)
	if err := s.SetServerModeEverywhere(t.Context(), "be", "no", ModeMaintenance); !errors.Is(err, ErrNoSuchServer) {
		t.Error(err)
	}
}

func TestWorkerAt_of_one_that_is_gone(t *testing.T) {
	t.Parallel()
	s := open(t, step{expect: "@!9 show info", chunks: []string{noTarget + prompt}})
	if _, err := s.InfoAt(t.Context(), 9); !errors.Is(err, ErrNoWorker) {
		t.Error(err)
	}
}
