package handlers_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner/backup/check"
)

// Everybody sees what policy lets them see, whose turn it is, and a line about the
// backups that is a minute old at most; nobody waits for it.
func TestOverview(t *testing.T) { synctest.Test(t, overview) }

func overview(t *testing.T) {
	b := newBench(t)
	asked := 0
	b.s.Clusters[0].Check = func(context.Context, []check.Window) (check.Result, error) {
		asked++
		return check.Result{Cluster: "dev", Says: "dev: newest backup 31m old"}, nil
	}
	b.toCommit()
	o := &handlers.Overviews{Service: b.s}
	of := func(id string) handlers.Overview {
		t.Helper()
		a, _ := b.who.Person(t.Context(), "T1", id, handlers.Looking)
		seen, err := o.Of(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	if seen := of("UBOB"); len(seen.Clusters) != 1 || !seen.Clusters[0].Recover || !strings.Contains(seen.Clusters[0].Health, "are being asked") {
		t.Errorf("%+v", seen.Clusters)
	}
	synctest.Wait()
	for range 3 {
		if seen := of("UBOB"); !strings.Contains(seen.Clusters[0].Health, "newest backup 31m old; asked ") {
			t.Errorf("%+v", seen.Clusters)
		}
		time.Sleep(10 * time.Second)
	}
	if asked != 1 {
		t.Errorf("the hosts were asked %d times within a minute", asked)
	}
	time.Sleep(2 * time.Minute)
	of("UBOB")
	synctest.Wait()
	if asked != 2 {
		t.Errorf("the hosts were asked %d times in two minutes, want 2", asked)
	}
	mine := func(id string) bool {
		return slices.ContainsFunc(of(id).Runs, func(r handlers.RunLine) bool { return r.Mine })
	}
	if mine("UANN") || !mine("UCAT") || mine("UEVE") || len(of("UEVE").Runs) != 1 || of("UEVE").Clusters[0].Recover {
		t.Errorf("requester %v, approver %v, reader %v: %+v", mine("UANN"), mine("UCAT"), mine("UEVE"), of("UEVE"))
	}
	if seen := of("UGUS"); len(seen.Clusters) != 0 || len(seen.Runs) != 0 {
		t.Errorf("a guest sees %+v", seen)
	}
	b.ask("UCAT", "approve dev --typed dev")
	if mine("UCAT") {
		t.Error("who has approved is asked again")
	}
	if ids, except := b.s.Approvers(b.state().Run, "commit"); !slices.Equal(ids, []string{"S1", "S2"}) || !slices.Equal(except, []string{"UANN", "UCAT"}) {
		t.Errorf("approvers %v but %v", ids, except)
	}
}
