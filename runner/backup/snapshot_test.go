package backup

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"aurorabot/runner/tbinary"

	"github.com/google/go-cmp/cmp"
)

// whole gives the names of all undamaged recordings.
func whole(t testing.TB) []string {
	return slices.Concat(recorded(t, "small/*"), recorded(t, "empty/*"), recorded(t, "10k/*"), recorded(t, "old-formats/*"))
}

// Writing what was read gives the same bytes, of every release.
func TestWriteWhatWasRead(t *testing.T) {
	for _, name := range whole(t) {
		want := load(t, name)
		s, err := Read(bytes.NewReader(want))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got bytes.Buffer
		if err := Write(&got, s); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d bytes written, %d read, %v", name, got.Len(), len(want), err)
		}
		tree, n, err := tbinary.Decode(want)
		if err != nil || n != len(want) || !bytes.Equal(tree.Encode(), want) {
			t.Errorf("%s: as a tree: %d of %d bytes, %v", name, n, len(want), err)
		}
		if again, err := Parse(tree.Encode()); err != nil || !Equal(s, again) {
			t.Errorf("%s: Parse: %v, or not equal", name, err)
		}
	}
}

// Tasks, by walk and of a snapshot held whole, are those of the truth.
func TestTasks(t *testing.T) {
	for _, name := range whole(t) {
		want, ok := loadTruth(t, name)
		if !ok {
			continue
		}
		all := load(t, name)
		var walked []Task
		if err := Tasks(bytes.NewReader(all), func(task Task) error {
			walked = append(walked, task)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		s, err := Parse(all)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(walked, append([]Task(nil), s.Tasks()...)); diff != "" {
			t.Errorf("%s: walk and snapshot differ:\n%s", name, diff)
		}
		hosts, ids := map[string]int{}, []string{}
		for _, task := range walked {
			if task.Host != "" {
				hosts[task.Host]++
			}
			ids = append(ids, task.ID+" "+task.Status.String())
		}
		slices.Sort(ids)
		if diff := cmp.Diff(want.TasksByHost, hosts); diff != "" {
			t.Errorf("%s: tasks by host (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want.TaskIDs, ids); diff != "" && want.TaskIDs != nil {
			t.Errorf("%s: ids (-want +got):\n%s", name, diff)
		}
	}
}

func TestTasksStops(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	err := Tasks(bytes.NewReader(load(t, recorded(t, "10k/*")[0])), func(Task) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("Tasks = %v after %d tasks, want %v after 3", err, n, stop)
	}
}

func TestDeleteTasks(t *testing.T) {
	s, err := Parse(load(t, recorded(t, "small/*")[0]))
	if err != nil {
		t.Fatal(err)
	}
	first, last := s.Tasks()[0].ID, s.Tasks()[64].ID
	before := s.Fingerprint()
	if got := s.DeleteTasks("none"); got != nil || s.Fingerprint() != before {
		t.Errorf("DeleteTasks of none = %v, or a change", got)
	}
	want := []string{first, last}
	slices.Sort(want)
	if diff := cmp.Diff(want, s.DeleteTasks(last, first, first)); diff != "" {
		t.Errorf("DeleteTasks (-want +got):\n%s", diff)
	}
	got := inspect(t, s.Append(nil))
	if !got.Clean() || got.Tasks.Total != 63 || got.JobUpdates != 2 || s.Fingerprint() == before {
		t.Errorf("after DeleteTasks: %+v", got)
	}
}

// A snapshot made of the parts of another one is equal to it, and is a clean backup.
func TestBuildFromParts(t *testing.T) {
	from, err := Parse(load(t, recorded(t, "small/*")[0]))
	if err != nil {
		t.Fatal(err)
	}
	s := New()
	s.SetTimestamp(from.Time().UnixMilli())
	s.SetFrameworkID(from.FrameworkID())
	for _, id := range fullState {
		if id == Locks {
			continue // Aurora 0.22 writes none.
		}
		for _, e := range from.Elements(id) {
			tree, err := e.Struct()
			if err != nil {
				t.Fatal(err)
			}
			s.Add(id, tree)
		}
	}
	if !Equal(from, s) {
		t.Error("not equal to the snapshot it was made of")
	}
	if got := inspect(t, s.Append(nil)); !got.Clean() || got.Tasks.Total != 65 {
		t.Errorf("report: %+v", got)
	}
	s.SetMetadata(from.Metadata())
	if !bytes.Equal(s.Append(nil), from.Append(nil)) {
		t.Error("with the same metadata the bytes differ")
	}
	s.Add(Locks, (&tbinary.Struct{}).SetStr(2, "token"))
	if got := inspect(t, s.Append(nil)); !got.Clean() || Equal(from, s) {
		t.Errorf("with a lock: equal, or %+v", got)
	}
}

// The order of sets and maps says nothing; the order of lists does.
func TestFingerprintKnowsNoOrder(t *testing.T) {
	all := load(t, recorded(t, "small/*")[0])
	tree, err := tbinary.DecodeAll(all)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse(all)
	if err != nil {
		t.Fatal(err)
	}
	shuffle(rand.New(rand.NewPCG(3, 4)), tbinary.TypeStruct, tree, false)
	got, err := Parse(tree.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got.Append(nil), all) || !Equal(got, want) {
		t.Error("shuffled sets make another fingerprint")
	}
	shuffle(rand.New(rand.NewPCG(3, 4)), tbinary.TypeStruct, tree, true)
	if got, err = Parse(tree.Encode()); err != nil || Equal(got, want) {
		t.Errorf("shuffled lists make the same fingerprint: %v", err)
	}
}

// shuffle puts sets and maps in another order, and lists if asked for.
func shuffle(r *rand.Rand, t tbinary.Type, v any, lists bool) {
	switch v := v.(type) {
	case *tbinary.Struct:
		for _, f := range v.Fields {
			shuffle(r, f.Type, f.Value, lists)
		}
	case *tbinary.List:
		for _, e := range v.Values {
			shuffle(r, v.Elem, e, lists)
		}
		if t == tbinary.TypeSet || lists {
			r.Shuffle(len(v.Values), func(i, j int) { v.Values[i], v.Values[j] = v.Values[j], v.Values[i] })
		}
	case *tbinary.Map:
		r.Shuffle(len(v.Entries), func(i, j int) { v.Entries[i], v.Entries[j] = v.Entries[j], v.Entries[i] })
	}
}

func TestElementsOfNoSet(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, errNotSet) {
			t.Errorf("panic with %v, want %v", err, errNotSet)
		}
	}()
	New().Elements(DBScript)
}
