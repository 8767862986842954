package replica

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner/backup"
	"aurorabot/runner/golden"
	"aurorabot/runner/tbinary"
)

// obj is short for building structs in tables.
func obj() *tbinary.Struct { return &tbinary.Struct{} }

func key(role, name string) *tbinary.Struct {
	return obj().SetStr(1, role).SetStr(2, "prod").SetStr(3, name)
}

func updateKeyOf(role, name, id string) *tbinary.Struct {
	return obj().SetStruct(1, key(role, name)).SetStr(2, id)
}

func saveUpdate(id string) op {
	summary := obj().SetStr(3, "ann").SetStruct(5, updateKeyOf("r", "j", id))
	return op{opSaveJobUpdate, obj().SetStruct(1, obj().SetStruct(1, summary))}
}

func updateEvent(id string, status int32, at int64) op {
	return op{opSaveJobUpdateEvent, obj().SetStruct(1, obj().SetI32(1, status).SetI64(2, at)).SetStruct(3, updateKeyOf("r", "j", id))}
}

func instanceEvent(id string, at int64) op {
	return op{opSaveJobInstanceUpdateEvent, obj().SetStruct(1, obj().SetI32(1, 0).SetI64(2, at).SetI32(3, 1)).SetStruct(3, updateKeyOf("r", "j", id))}
}

func cron(name, schedule string) op {
	return op{opSaveCronJob, obj().SetStruct(2, obj().SetStr(4, schedule).SetStruct(9, key("r", name)))}
}

// base is a snapshot of a release, as a LogEntry.
func base(version string) []byte {
	s := backup.New()
	s.SetTimestamp(1000)
	m := obj().SetStr(1, "framework").SetMap(8, &tbinary.Map{
		Key: tbinary.TypeString, Elem: tbinary.TypeString,
		Entries: []tbinary.Entry{{Key: []byte("version"), Value: []byte(version)}},
	})
	s.SetMetadata(m)
	root, err := tbinary.DecodeAll(s.Append(nil))
	if err != nil {
		panic(err)
	}
	return entry(entrySnapshot, tbinary.TypeStruct, root)
}

// written writes entries at 1, 2, 3... of a new log and returns its folder.
func written(t *testing.T, entries ...[]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l := newLog(t, dir)
	l.metadata(Voting, 1)
	l.action(Action{Learned: true, Type: Nop})
	for i, e := range entries {
		l.learned(uint64(i+1), e)
	}
	l.close()
	return dir
}

// contentsOf tells a snapshot in words.
func contentsOf(t *testing.T, s *backup.Snapshot) []string {
	t.Helper()
	out := []string{"framework " + s.FrameworkID()}
	for field, word := range map[backup.Field]func(*tbinary.Struct) string{
		backup.TaskSet: func(e *tbinary.Struct) string {
			return fmt.Sprintf("task %s %d tier %q", e.Struct(1).Str(1), e.I32(2), e.Struct(1).Struct(4).Str(30))
		},
		backup.CronJobs: func(e *tbinary.Struct) string {
			return "cron " + e.Struct(3).Struct(9).Str(3) + " " + e.Struct(3).Str(4)
		},
		backup.Quotas:              func(e *tbinary.Struct) string { return "quota " + e.Str(1) },
		backup.HostAttributes:      func(e *tbinary.Struct) string { return fmt.Sprintf("host %s mode %d", e.Str(1), e.I32(3)) },
		backup.MaintenanceRequests: func(e *tbinary.Struct) string { return "maintenance " + e.Str(1) },
		backup.Locks:               func(e *tbinary.Struct) string { return "lock " + e.Struct(1).Struct(1).Str(3) },
		backup.JobUpdates: func(e *tbinary.Struct) string {
			d := e.Struct(1)
			state := d.Struct(1).Struct(1).Struct(4)
			return fmt.Sprintf("update %s status %d created %d modified %d events %d+%d", d.Struct(1).Struct(1).Struct(5).Str(2),
				state.I32(1), state.I64(2), state.I64(3), d.List(2).Len(), d.List(3).Len())
		},
	} {
		for _, e := range s.Elements(field) {
			tree, err := e.Struct()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, word(tree))
		}
	}
	slices.Sort(out)
	return out
}

// Each Op does what the scheduler of that release does with it.
func TestOps(t *testing.T) {
	host := func(name, agent string, mode int32) op {
		h := obj().SetStr(1, name).SetI32(3, mode)
		if agent != "" {
			h.SetStr(4, agent)
		}
		return op{opSaveHostAttributes, obj().SetStruct(1, h)}
	}
	lock := obj().SetStruct(1, obj().SetStruct(1, key("r", "locked"))).SetStr(2, "token")
	for _, tt := range []struct {
		name    string
		version string
		ops     []op
		want    []string
		ignored string
	}{
		{"framework", "0.22.0", []op{{opSaveFrameworkID, obj().SetStr(1, "new")}}, []string{"framework new"}, ""},
		{"crons", "0.22.0", []op{cron("a", "1"), cron("b", "2"), cron("a", "3"), {opRemoveJob, obj().SetStruct(2, key("r", "b"))}}, []string{"cron a 3"}, ""},
		{"accepted job", "0.7.0", []op{{opSaveCronJob, obj().SetStr(1, "CRON").SetStruct(2, cron("a", "1").body.Struct(2))}}, []string{"cron a 1"}, ""},
		{"tasks", "0.22.0", []op{
			saveTasks(task("a", 0, 0), task("b", 0, 0), task("c", 0, 0)), saveTasks(task("a", 2, 0)),
			{opRemoveTasks, obj().SetSet(1, tbinary.Strings("b", "unknown"))},
		}, []string{"task a 2 tier \"\"", "task c 0 tier \"\""}, ""},
		{"rewrite", "0.12.0", []op{
			saveTasks(task("a", 2, 0)), {opRewriteTask, obj().SetStr(1, "a").SetStruct(2, obj().SetStr(30, "preferred"))},
		}, []string{"task a 2 tier \"preferred\""}, ""},
		{"rewrite of nothing", "0.12.0", []op{{opRewriteTask, obj().SetStr(1, "a").SetStruct(2, obj())}}, nil, "rewriteTask"},
		{"quotas", "0.22.0", []op{saveQuota("a", 1), saveQuota("b", 1), {opRemoveQuota, obj().SetStr(1, "a")}}, []string{"quota b"}, ""},
		{"hosts", "0.22.0", []op{host("h1", "S1", 1), host("h2", "", 1), host("h1", "S1", 3)}, []string{"host h1 mode 3"}, "agent id"},
		{"maintenance", "0.22.0", []op{
			{opSaveMaintenance, obj().SetStruct(1, obj().SetStr(1, "h1"))}, {opSaveMaintenance, obj().SetStruct(1, obj().SetStr(1, "h2"))},
			{opRemoveMaintenance, obj().SetStr(1, "h1")},
		}, []string{"maintenance h2"}, ""},
		{"locks since 0.20", "0.20.0", []op{{opSaveLock, obj().SetStruct(1, lock)}}, nil, "lock Ops"},
		{"locks before", "0.19.1", []op{{opSaveLock, obj().SetStruct(1, lock)}}, []string{"lock locked"}, ""},
		{"locks removed", "0.19.1", []op{{opSaveLock, obj().SetStruct(1, lock)}, {opRemoveLock, obj().SetStruct(1, lock.Struct(1))}}, nil, ""},
		{"update", "0.22.0", []op{
			saveUpdate("u1"), updateEvent("u1", 0, 2000), instanceEvent("u1", 3000), updateEvent("u1", 4, 2500), instanceEvent("u1", 2800),
		}, []string{"update u1 status 4 created 2000 modified 3000 events 2+2"}, ""},
		{"update without events", "0.22.0", []op{saveUpdate("u1")}, []string{"update u1 status 0 created 0 modified 0 events 0+0"}, ""},
		{"update removed", "0.22.0", []op{
			saveUpdate("u1"), saveUpdate("u2"), {opRemoveJobUpdate, obj().SetSet(1, tbinary.Structs(updateKeyOf("r", "j", "u1")))},
		}, []string{"update u2 status 0 created 0 modified 0 events 0+0"}, ""},
		{"prune since 0.20", "0.22.0", []op{
			saveUpdate("u1"), updateEvent("u1", 4, 2000), {opPruneJobUpdateHistory, obj().SetI32(1, 0).SetI64(2, 9000)},
		}, []string{"update u1 status 4 created 2000 modified 2000 events 1+0"}, "pruneJobUpdateHistory"},
		{"prune before", "0.19.0", []op{
			saveUpdate("expired"), updateEvent("expired", 4, 2000), saveUpdate("older"), updateEvent("older", 6, 3000),
			saveUpdate("newer"), updateEvent("newer", 5, 4000), saveUpdate("running"), updateEvent("running", 0, 1000),
			{opPruneJobUpdateHistory, obj().SetI32(1, 1).SetI64(2, 2500)},
		}, []string{
			"update newer status 5 created 4000 modified 4000 events 1+0", "update running status 0 created 1000 modified 1000 events 1+0",
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, out, err := Salvage(context.Background(), []string{written(t, base(tt.version), transaction(tt.ops...))}, SalvageOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if tt.name != "framework" {
				want = append(slices.Clone(want), "framework framework")
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, contentsOf(t, got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if tt.ignored == "" != (len(out.Ignored) == 0) || !strings.Contains(fmt.Sprint(out.Ignored), tt.ignored) {
				t.Errorf("ignored %v, want %q", out.Ignored, tt.ignored)
			}
			if out.Base != 1 || out.Position != 2 || out.Transactions != 1 {
				t.Errorf("%+v", out)
			}
		})
	}
}

// Ops that no release knows, or that speak of what is not there, stop a replay.
func TestOpsThatCannotBeApplied(t *testing.T) {
	for name, o := range map[string]op{
		"unknown op":                {42, obj()},
		"event without its update":  updateEvent("u9", 0, 1),
		"task without id":           saveTasks(obj()),
		"cron without key":          {opSaveCronJob, obj().SetStruct(2, obj())},
		"update without id":         {opSaveJobUpdate, obj()},
		"host without name":         {opSaveHostAttributes, obj().SetStruct(1, obj().SetStr(4, "S1"))},
		"maintenance without host":  {opSaveMaintenance, obj()},
		"quota without role":        {opSaveQuota, obj()},
		"save job without anything": {opSaveCronJob, obj()},
	} {
		dir := written(t, base("0.22.0"), transaction(saveQuota("a", 1)), transaction(o), transaction(saveQuota("b", 1)))
		_, _, err := Salvage(context.Background(), []string{dir}, SalvageOptions{})
		var refusal *Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "position 3") || !refusal.Partial || refusal.Position != 2 {
			t.Errorf("%s: %v, want a refusal that names position 3", name, err)
		}
		s, out, err := Salvage(context.Background(), []string{dir}, SalvageOptions{UpToDamage: true})
		if err != nil || out.Position != 2 || out.Transactions != 1 || len(out.Dropped) != 1 || len(s.Elements(backup.Quotas)) != 1 {
			t.Errorf("%s: up to damage: %v, %+v", name, err, out)
		}
	}
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return entry(entryDeflated, tbinary.TypeString, out.Bytes())
}

// Frames: an interrupted series does not count and harms nothing, a wrong MD5
// does, a chunk alone is passed over; the rules of the scheduler.
func TestFrames(t *testing.T) {
	whole := frames(deflate(base("0.22.0")), 100)
	large := frames(transaction(saveQuota("framed", 1)), 20)
	wrong := slices.Clone(large)
	wrong[2] = wrong[1]
	cat := slices.Concat[[][]byte]
	for _, tt := range []struct {
		name      string
		entries   [][]byte
		want      Aurora
		unreplied string // Of a salvage.
	}{
		{"framed snapshot and transaction", cat(whole, large), Aurora{Snapshots: 1, Transactions: 1}, ""},
		{"interrupted by a transaction", cat(whole, large[:2], [][]byte{transaction(saveQuota("b", 1))}), Aurora{Snapshots: 1, Transactions: 1, AbortedFrameSeries: 1}, ""},
		{"interrupted by another series", cat(whole, large[:2], large), Aurora{Snapshots: 1, Transactions: 1, AbortedFrameSeries: 1}, ""},
		{"unfinished at the end", cat(whole, large[:3]), Aurora{Snapshots: 1, AbortedFrameSeries: 1}, ""},
		{"orphan", cat(whole, large[2:3]), Aurora{Snapshots: 1}, ""}, // What has no header is no entry, but it is not nothing.
		{"wrong MD5", cat(whole, wrong), Aurora{Snapshots: 1, Undecodable: 1}, "MD5"},
		{"not deflated", cat(whole, [][]byte{entry(entryDeflated, tbinary.TypeString, []byte("xxxxxxxx"))}), Aurora{Snapshots: 1, Undecodable: 1}, "deflated"},
		{"noop", cat(whole, [][]byte{{2, 0, 3, 1, 0}}), Aurora{Snapshots: 1, Noops: 1}, ""},
		{"empty union", cat(whole, [][]byte{{0}}), Aurora{Snapshots: 1, Undecodable: 1}, "no member"},
		{"second snapshot wins", cat(whole, large, [][]byte{deflate(base("0.22.0"))}), Aurora{Snapshots: 2, Transactions: 1}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := written(t, tt.entries...)
			r := inspect(t, dir)
			if r.State != StateOK || r.Aurora == nil {
				t.Fatalf("%+v", r)
			}
			got := Aurora{Snapshots: r.Aurora.Snapshots, Transactions: r.Aurora.Transactions, Noops: r.Aurora.Noops, AbortedFrameSeries: r.Aurora.AbortedFrameSeries, Undecodable: r.Aurora.Undecodable}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			odd := tt.want.AbortedFrameSeries+tt.want.Undecodable > 0 || tt.name == "orphan"
			if unread := r.Aurora.LastUnread; odd != (unread > r.Aurora.LastSnapshotEnd) || !odd && unread != -1 {
				t.Errorf("the last that is no whole entry lies at %d, the snapshot ends at %d", unread, r.Aurora.LastSnapshotEnd)
			}
			s, _, err := Salvage(context.Background(), []string{dir}, SalvageOptions{})
			if tt.unreplied != "" {
				if err == nil || !strings.Contains(err.Error(), tt.unreplied) {
					t.Errorf("salvage: %v, want an error with %q", err, tt.unreplied)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			quotas := len(s.Elements(backup.Quotas))
			if want := int(tt.want.Transactions); tt.name != "second snapshot wins" && quotas != want || tt.name == "second snapshot wins" && quotas != 0 {
				t.Errorf("%d quotas", quotas)
			}
		})
	}
}

// Entries come in order, from begin on, with what they hold.
func TestEntries(t *testing.T) {
	var got []string
	err := Entries(context.Background(), golden.Unpack(t, "testdata/aurora/f-leader-killed-during-framed-snapshot/replica1.tar.gz"), func(e Entry) error {
		for _, a := range e.Aurora {
			if a.Kind != KindTransaction {
				got = append(got, fmt.Sprintf("%d %s: %s %d-%d", e.Position, e.Type, a.How, a.First, a.Last))
			}
		}
		if e.Type != "APPEND" {
			got = append(got, fmt.Sprintf("%d %s to %d", e.Position, e.Type, e.To))
		}
		return nil
	})
	want := []string{
		"2298 APPEND: framed deflated deduplicatedSnapshot 1903-2298", "2299 TRUNCATE to 1903",
		"2425 APPEND: aborted frame series: 96 of 395 chunks 2328-2424", "2425 APPEND: noop 2425-2425",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
	positions := []uint64{}
	err = Entries(context.Background(), golden.Unpack(t, "testdata/mesos/d-holes-unlearned-promise-only.log.tar.gz"), func(e Entry) error {
		positions = append(positions, e.Position)
		if e.Position == 12 && (e.Type != "PROMISE" || e.Learned) {
			t.Errorf("%+v", e)
		}
		return nil
	})
	if diff := cmp.Diff([]uint64{0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17}, positions); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
}
