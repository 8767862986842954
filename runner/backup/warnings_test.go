package backup

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/tbinary"

	"github.com/google/go-cmp/cmp"
)

const uuid = "3a027a4f-66c4-4ed4-9733-eb7e10a1cd0e"

// aTask makes a ScheduledTask of release 0.22 that nothing is wrong with.
func aTask() *tbinary.Struct {
	key := (&tbinary.Struct{}).SetStr(1, "ads").SetStr(2, "prod").SetStr(3, "bid.der")
	assigned := (&tbinary.Struct{}).
		SetStr(1, "ads-prod-bid-der-7-"+uuid).
		SetStr(3, "agent1.lab.example").
		SetStruct(4, (&tbinary.Struct{}).SetStruct(28, key)).
		SetI32(6, 7)
	return (&tbinary.Struct{}).SetStruct(1, assigned).SetI32(2, 2)
}

// aBackup makes a backup with one task, that nothing is wrong with.
func aBackup(task *tbinary.Struct) *Snapshot {
	s := New()
	s.SetTimestamp(lately.Add(-time.Hour).UnixMilli())
	s.SetFrameworkID("111341c1-058c-4858-a009-be74d9d75afb-0000")
	s.Add(TaskSet, task)
	return s
}

// Whatever looks wrong though it decodes is said, and nothing else is.
func TestWarnings(t *testing.T) {
	assigned := func(f func(*tbinary.Struct)) func(*Snapshot) {
		return func(s *Snapshot) {
			task := aTask()
			f(task.Struct(1))
			s.SetElements(TaskSet, nil)
			s.Add(TaskSet, task)
		}
	}
	job := func(id int16, v string) func(*Snapshot) {
		return assigned(func(a *tbinary.Struct) { a.Struct(4).Struct(28).SetStr(id, v) })
	}
	tests := []struct {
		name   string
		change func(*Snapshot)
		want   string // A part of the only warning; "" for none.
	}{
		{"nothing", func(*Snapshot) {}, ""},
		{"timestamp 0", func(s *Snapshot) { s.SetTimestamp(0) }, "timestamp is 0"},
		{"now", func(s *Snapshot) { s.SetTimestamp(lately.UnixMilli()) }, ""},
		{"a minute ahead", func(s *Snapshot) { s.SetTimestamp(lately.Add(skew).UnixMilli()) }, ""},
		{"more than a minute ahead", func(s *Snapshot) { s.SetTimestamp(lately.Add(skew).UnixMilli() + 1) }, "in the future: 2026-11-24T00:01:00.001Z"},
		{"no framework id", func(s *Snapshot) { s.SetMetadata(&tbinary.Struct{}) }, "no framework id"},
		{"damaged framework id", func(s *Snapshot) { s.SetFrameworkID("1113`1c1-0000") }, "name that Aurora does not allow"},
		{"no tasks", func(s *Snapshot) { s.SetElements(TaskSet, nil) }, "no tasks"},
		{"unknown status", func(s *Snapshot) { s.Add(TaskSet, another(1).SetI32(2, 8)) }, "unknown status, at byte 176: UNKNOWN 8"},
		{"status -1", func(s *Snapshot) { s.Add(TaskSet, another(1).SetI32(2, -1)) }, "UNKNOWN -2"},
		{"no status", func(s *Snapshot) {
			task := another(1)
			task.Delete(2)
			s.Add(TaskSet, task)
		}, "unknown status, at byte 176: UNSET"},
		{"no id", assigned(func(a *tbinary.Struct) { a.Delete(1) }), "a task without id"},
		{"no job", assigned(func(a *tbinary.Struct) { a.Struct(4).Delete(28) }), "a task without job"},
		{"no configuration", assigned(func(a *tbinary.Struct) { a.Delete(4) }), "a task without job"},
		{"half a job", assigned(func(a *tbinary.Struct) { a.SetStr(1, "ads-prod--7-"+uuid).Struct(4).Struct(28).Delete(3) }), "a task without job"},
		{"doubled id", func(s *Snapshot) { s.Add(TaskSet, aTask().SetI32(2, 5)) }, "occurs twice, at byte 176: \"ads-prod-bid-der-7-" + uuid},
		{"two instances", func(s *Snapshot) { s.Add(TaskSet, another(8)) }, ""},
		{"other instance", assigned(func(a *tbinary.Struct) { a.SetI32(6, 17) }), "does not fit"},
		{"other role", job(1, "adt"), "does not fit"},
		{"other name", job(3, "bid.der2"), "does not fit"},
		{"no UUID", assigned(func(a *tbinary.Struct) { a.SetStr(1, "ads-prod-bid-der-7-3a027a4f-66c4-4ed4-9733-eb7e10a1cdxe") }), "does not fit"},
		{"old id", assigned(func(a *tbinary.Struct) { a.SetStr(1, "1456000000000-ads-prod-bid-der-7-"+uuid) }), ""},
		{"old id, damaged", assigned(func(a *tbinary.Struct) { a.SetStr(1, "14560000o0000-ads-prod-bid-der-7-"+uuid) }), "does not fit"},
		{"name with a blank", job(3, "bid der"), "name that Aurora does not allow, at byte 27: \"ads/prod/bid der\""},
		{"host with a blank", assigned(func(a *tbinary.Struct) { a.SetStr(3, "agent1 lab") }), "host whose name is none"},
		{"address as host", assigned(func(a *tbinary.Struct) { a.SetStr(3, "fe80::1") }), ""},
		{"not UTF-8", assigned(func(a *tbinary.Struct) { a.SetStr(2, "agent\xff") }), `not UTF-8, at byte 179: "agent\xff"`},
		{"control character", assigned(func(a *tbinary.Struct) { a.SetStr(2, "agent\x01") }), "control characters"},
		{"delete", assigned(func(a *tbinary.Struct) { a.SetStr(2, "agent\x7f") }), "control characters"},
		{"lines, tabs and letters", assigned(func(a *tbinary.Struct) { a.SetStr(2, "first\tline\r\nZürich") }), ""},
		{"unknown field", func(s *Snapshot) { s.fields = append(s.fields, field{id: 99, t: tbinary.TypeBool, value: []byte{1}}) }, "that no release has, at byte 260: field 99"},
		{"unknown field of a task", assigned(func(a *tbinary.Struct) { a.SetStr(99, "of a later release") }), ""},
		{"field of another type", func(s *Snapshot) {
			s.set(Locks, tbinary.TypeI32).value = []byte{0, 0, 0, 1}
		}, "locks is of type i32"},
		{"tasks twice", func(s *Snapshot) {
			f := *s.get(TaskSet, tbinary.TypeSet)
			f.elems = []Element{another(8).Encode()}
			s.fields = append(s.fields, f)
		}, "occurs twice"},
		{"set of the wrong type", func(s *Snapshot) { s.get(TaskSet, tbinary.TypeSet).elem = byte(tbinary.TypeString) }, "marked as one of the wrong type"},
		{"statements", func(s *Snapshot) {
			s.set(DBScript, tbinary.TypeList).value = tbinary.AppendString(tbinary.AppendString(
				tbinary.AppendList(nil, tbinary.TypeString, 2), "INSERT INTO\nx"), "")
		}, "2 statements in dbScript"},
		{"no statement", func(s *Snapshot) {
			s.set(DBScript, tbinary.TypeList).value = tbinary.AppendList(nil, tbinary.TypeString, 0)
		}, ""},
		{"host with attributes", attributes("agent1.lab.example"), ""},
		{"host without attributes", attributes("agent2.lab.example"), "host without attributes, at byte 60: \"agent1.lab.example\""},
		{"host without attributes, inactive", func(s *Snapshot) {
			attributes("agent2.lab.example")(s)
			s.SetElements(TaskSet, []Element{aTask().SetI32(2, 3).Encode()})
		}, ""},
		{"attributes twice", attributes("agent1.lab.example", "agent2", "agent1.lab.example"), "key occurs twice"},
		{"quota twice", func(s *Snapshot) {
			q := (&tbinary.Struct{}).SetStr(1, "ads")
			s.SetElements(Quotas, []Element{q.Encode(), q.SetI32(9, 1).Encode()})
		}, "key occurs twice"},
		{"cron twice", func(s *Snapshot) {
			key := aTask().Struct(1).Struct(4).Struct(28)
			c := (&tbinary.Struct{}).SetStruct(3, (&tbinary.Struct{}).SetStr(4, "* * * * *").SetStruct(9, key)).Encode()
			s.SetElements(CronJobs, []Element{c, c})
		}, "key occurs twice"},
		{"cron without job", func(s *Snapshot) { s.Add(CronJobs, &tbinary.Struct{}) }, "an entry without its key"},
		{"quota without role", func(s *Snapshot) { s.Add(Quotas, &tbinary.Struct{}) }, "an entry without its key"},
		{"update without job", func(s *Snapshot) { s.Add(JobUpdates, &tbinary.Struct{}) }, "an entry without its key"},
		{"attributes without host", func(s *Snapshot) { s.Add(HostAttributes, &tbinary.Struct{}) }, "an entry without its key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := aBackup(aTask())
			tt.change(s)
			got := inspect(t, s.Append(nil))
			if !got.Valid {
				t.Fatal(got.Error)
			}
			switch {
			case tt.want == "" && len(got.Warnings) > 0:
				t.Errorf("warnings %q, want none", got.Warnings)
			case tt.want != "" && (len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], tt.want)):
				t.Errorf("warnings %q, want one with %q", got.Warnings, tt.want)
			}
		})
	}
}

// attributes gives hosts attributes.
func attributes(hosts ...string) func(*Snapshot) {
	return func(s *Snapshot) {
		for _, h := range hosts {
			s.Add(HostAttributes, (&tbinary.Struct{}).SetStr(1, h).SetI32(3, 1))
		}
	}
}

// another makes a task of the same job, of another instance.
func another(instance int32) *tbinary.Struct {
	t := aTask()
	t.Struct(1).SetI32(6, instance).SetStr(1, fmt.Sprintf("ads-prod-bid-der-%d-%s", instance, uuid))
	return t
}

// What is outside of the snapshot is said, too.
func TestWarningsAboutTheFile(t *testing.T) {
	b := aBackup(aTask()).Append(nil)
	want := []string{fmt.Sprintf("4 bytes after the end; the first at byte %d", len(b))}
	got := inspect(t, append(slices.Clone(b), "tail"...))
	if diff := cmp.Diff(want, got.Warnings); diff != "" || !got.Valid {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	got, err := Inspect(bytes.NewReader(b), Options{})
	if err != nil || !got.Clean() {
		t.Errorf("without a clock: %v, %v", got.Warnings, err)
	}
}

// A task of 0.5 has no job key, but role, environment and name apart.
func TestOldestRelease(t *testing.T) {
	got := inspect(t, load(t, recorded(t, "old-formats/*0.5.0*")[0]))
	want := TaskFigures{
		Total: 5, Active: 4,
		ByStatus: map[string]int{"RUNNING": 4, "FINISHED": 1},
		ByRole:   map[string]int{"www": 5}, ByJob: map[string]int{"www/prod/front": 5}, ActiveByJob: map[string]int{"www/prod/front": 4},
	}
	if diff := cmp.Diff(want, got.Tasks); diff != "" || !got.Clean() || got.FrameworkID != "20160220-000000-0000" {
		t.Errorf("report %+v (-want +got):\n%s", got, diff)
	}
}

func TestQuotasAndCrons(t *testing.T) {
	got := inspect(t, load(t, recorded(t, "small/*")[0]))
	q := Quota{CPUs: 50, RAMMB: 65536, DiskMB: 1048576}
	wantQuotas := map[string]Quota{"ads": q, "payments": q, "search": q, "www-data": q}
	wantCrons := map[string]string{
		"ads/prod/report": "0 3 * * *", "payments/prod/settle": "*/15 * * * *", "search/prod/compact": "30 1 * * SUN",
	}
	if diff := cmp.Diff(wantQuotas, got.Quotas); diff != "" {
		t.Errorf("quotas (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantCrons, got.CronJobs); diff != "" {
		t.Errorf("cron jobs (-want +got):\n%s", diff)
	}
	old := (&tbinary.Struct{}).SetStr(1, "www").SetStruct(2, (&tbinary.Struct{}).SetDouble(1, 0.5).SetI64(2, 64).SetI64(3, 32))
	s := aBackup(aTask())
	s.Add(Quotas, old)
	if diff := cmp.Diff(Quota{0.5, 64, 32, 0}, inspect(t, s.Append(nil)).Quotas["www"]); diff != "" {
		t.Errorf("quota of 0.5 (-want +got):\n%s", diff)
	}
}

func TestInstant(t *testing.T) {
	for ms, want := range map[int64]string{
		0:                    "1970-01-01T00:00:00Z",
		1795422711130:        "2026-11-23T08:31:51.130Z",
		1456000000000:        "2016-02-20T20:26:40Z",
		-1:                   "1969-12-31T23:59:59.999Z",
		253402300800000:      "+10000-01-01T00:00:00Z",
		9223372036854775807:  "+292278994-08-17T07:12:55.807Z",
		-9223372036854775808: "-292275055-05-16T16:47:04.192Z",
	} {
		if got := instant(ms); got != want {
			t.Errorf("instant(%d) = %s, want %s", ms, got, want)
		}
	}
}

// Doubled ids are found whatever the number, until no more are remembered.
func TestSeen(t *testing.T) {
	var s seen
	for i := range maxSeen {
		if s.add(fmt.Append(nil, i)) {
			t.Fatalf("id %d was not there before", i)
		}
	}
	if !s.full() || !s.add([]byte("77")) || s.add([]byte("new")) || s.add([]byte("new")) {
		t.Error("a full table forgets, or remembers more")
	}
}

// Names without end don't fill the memory, and it is said that the figures are not complete.
func TestManyNames(t *testing.T) {
	s := aBackup(aTask())
	long := strings.Repeat("x", 60<<10)
	for i := range 200 {
		role := fmt.Sprint(i) + long
		s.Add(Quotas, (&tbinary.Struct{}).SetStr(1, role))
	}
	got := inspect(t, s.Append(nil))
	if n := len(got.Quotas); n < 100 || n*len(long) > maxNames || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "not complete") {
		t.Errorf("%d quotas, warnings %q", n, got.Warnings)
	}
}
