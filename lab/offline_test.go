package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/script"
)

// The later recipe, both ways of bringing the loaded log to the others. The lab compares
// state, files, supervision and what Mesos killed, as with the other recipe.
func TestOffline(t *testing.T) {
	for name, args := range map[string][]string{
		"copy":     {"--damage", "corrupt:2"},
		"catch-up": {"--catch-up", "--damage", "missing:1"},
		"salvage":  {"--salvage", "--damage", "corrupt:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := play(t, script.Done, append([]string{"--recipe", "offline"}, args...)...)
			s.endsAs("recovered")
			s.want(true, "commit.proved", "")
			s.want(true, "step.done", "cleanup/holds-state")
			s.want(false, "step.started", "prepare/change-configuration")
			if sent := s.first("commit.sent", ""); sent > s.first("step.started", "restore/start-schedulers") || sent < s.first("step.done", "restore/compare-loaded") {
				t.Errorf("the commit was announced at the wrong moment:\n%s", s.last(60))
			}
		})
	}
}

// first is where the first event of a kind and step is; behind all if there is none.
func (s *story) first(kind, step string) int {
	at := slices.IndexFunc(s.events, func(e script.Event) bool { return e.Kind == kind && (step == "" || e.Step == step) })
	if at < 0 {
		return len(s.events)
	}
	return at
}

// golden/real/offline, b2: blank replicas that start before the loaded one are a quorum,
// and lead with no task. Here the host with the loaded log loses its power as its
// scheduler starts: no blank one may start, and the host may not be left out.
func TestBlankReplicasNeverStartFirst(t *testing.T) {
	t.Parallel()
	s := play(t, script.Stopped, "--recipe", "offline", "--catch-up", "--vanish", "commit.sent%s1")
	s.want(true, "commit.sent", "")
	s.want(false, "step.started", "restore/start-schedulers")
	s.want(false, "step.started", "restore/start-rest")
	s.refusedToLeave()
}

// golden/aurora/surprises/recovery-tool-docs-order-then-failover: a crash of the loaded
// leader before its first snapshot loses everything, where a second blank replica is up.
// Here none is: without the loaded one there is no quorum, and nothing is lost.
func TestNoSecondBlankReplicaBeforeTheSnapshot(t *testing.T) {
	t.Parallel()
	s := play(t, script.Stopped, "--recipe", "offline", "--catch-up", "--vanish", "step.done@restore/prove-commit%s1")
	s.want(true, "commit.proved", "")
	s.want(false, "step.done", "restore/snapshot")
	s.want(false, "step.started", "restore/start-rest")
	s.refusedToLeave()
}

func (s *story) refusedToLeave() {
	s.t.Helper()
	if !slices.ContainsFunc(s.events, func(e script.Event) bool {
		return e.Kind == "step.failed" && e.Step == "without/look" && strings.Contains(e.Why, "alone holds the state")
	}) {
		s.t.Errorf("s1 could have been left out, with the only copy of the state:\n%s", s.last(12))
	}
	s.want(false, "host.left", "")
}

// The host whose log was loaded fails before the commit: another one is loaded, people
// consent anew, and the old one settles with an empty log.
func TestOfflineWithoutTheLoadedHost(t *testing.T) {
	t.Parallel()
	s := play(t, script.Done, "--recipe", "offline", "--vanish", "gate.opened@commit%s1")
	s.endsAs("recovered")
	for _, kind := range []string{"host.left", "gate.voided", "host.settled"} {
		s.want(true, kind, "")
	}
	if !slices.ContainsFunc(s.events, func(e script.Event) bool {
		return e.Kind == "step.done" && e.Step == "restore/load" && e.Host == "s2"
	}) {
		t.Errorf("no other host was loaded:\n%s", s.last(40))
	}
}

// A task is dropped at the commit gate: the log is loaded again without it and copied
// anew, and whoever dropped it has become a requester.
func TestOfflineDrop(t *testing.T) {
	t.Parallel()
	s := play(t, script.Refused, "--recipe", "offline", "--cheat", script.Drops)
	if n := s.count("step.done", "restore/compare-loaded"); n != 2 {
		t.Errorf("the folders were compared %d times, want twice:\n%s", n, s.last(30))
	}
}

func (s *story) count(kind, step string) int {
	n := 0
	for _, e := range s.events {
		if e.Kind == kind && e.Step == step {
			n++
		}
	}
	return n
}

// Killed on its way, it is resumed to the end, or undone; after the first start on the
// loaded log there is no undo.
func TestOfflineKill(t *testing.T) {
	for _, at := range []string{
		"step.started@reinitialize/move-log-aside,step.started@restore/load,step.started@restore/distribute%s2,step.started@cleanup/snapshot",
		"step.started@reinitialize/initialize-log,step.done@restore/load,step.done@restore/compare-loaded,step.done@restore/commit,commit.proved,undo.started@prepare/stop-schedulers",
	} {
		t.Run("resume "+at, func(t *testing.T) {
			t.Parallel()
			s := play(t, script.Done, "--recipe", "offline", "--kill-at", at, "--after", "resume")
			if n, want := strings.Count(s.out, "kill -9"), strings.Count(at, ",")+1; n != want {
				t.Errorf("the bot was killed %d times, want %d:\n%s", n, want, s.last(5))
			}
			s.endsAs("recovered")
		})
	}
	for at, status := range map[string]int{
		"step.started@restore/load": script.Done, "step.started@restore/distribute%s2": script.Done, "gate.approved@commit": script.Done,
		"step.done@restore/commit": script.Refused,
	} {
		t.Run("undo "+at, func(t *testing.T) {
			t.Parallel()
			s := play(t, status, "--recipe", "offline", "--kill-at", at, "--after", "undo", "--damage", "missing:1")
			s.want(status == script.Refused, "commit.sent", "")
		})
	}
}

// Killed as the first start is announced: either it took place, or it is sure after a while
// that nothing opened the log, and people approve anew. No other host starts before that.
func TestOfflineKillAsTheStartLeaves(t *testing.T) {
	t.Parallel()
	s := playWithin(t, 5*time.Minute, script.Done, "--recipe", "offline", "--kill-at", "commit.sent", "--limit", "5m")
	s.endsAs("recovered")
	absent := s.first("commit.absent", "")
	if others := s.first("step.started", "restore/start-schedulers"); absent < len(s.events) && others < absent {
		t.Errorf("another host started on the loaded log, which nobody was to have committed:\n%s", s.last(40))
	}
	if s.first("step.done", "restore/first-start") > s.first("step.started", "restore/start-schedulers") && s.first("step.skipped", "restore/first-start") > s.first("step.started", "restore/start-schedulers") {
		t.Errorf("another host started before the first one was seen to run:\n%s", s.last(40))
	}
}

// Clusters of one and of five: what a quorum is, who can lead after the commit, who may
// be left out. A cluster of one has nobody who shows the commit but the scheduler itself.
func TestSchedulers(t *testing.T) {
	for _, args := range []string{
		"--schedulers 1", "--schedulers 1 --damage missing:1", "--schedulers 1 --recipe offline", "--schedulers 1 --recipe offline --catch-up",
		"--schedulers 5 --damage corrupt:3", "--schedulers 5 --recipe offline --catch-up", "--schedulers 5 --vanish gate.opened@commit%s2",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			play(t, script.Done, strings.Fields(args)...).endsAs("recovered")
		})
	}
}
