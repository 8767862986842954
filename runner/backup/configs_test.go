package backup

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"aurorabot/runner/tbinary"

	"github.com/google/go-cmp/cmp"
)

// walked is the report of a walk that remembers no configuration.
func walked(b []byte) Report {
	in := &inspector{r: tbinary.NewReaderBytes(b), tally: newTally()}
	in.report = Report{Metadata: map[string]string{}, Quotas: map[string]Quota{}, CronJobs: map[string]string{}}
	lenient(in.r, &in.warn)
	eachField(in.r, &in.warn, in.field)
	if tail := int64(len(b)) - in.r.Offset(); in.r.Err() == nil && tail > 0 {
		in.warn.say(oddTail, in.r.Offset(), "")
		in.warn[oddTail].n = int(tail)
	}
	in.finish(lately)
	return in.report
}

// That configurations are remembered may not be seen in any report, of whole
// backups and of damaged ones.
func TestKnownConfigurationsMeanTheSame(t *testing.T) {
	check := func(name string, b []byte) {
		t.Helper()
		got, err := Inspect(bytes.NewReader(b), Options{Now: lately, Unhashed: true, Size: int64(len(b))})
		if err != nil {
			t.Fatal(err)
		}
		want := walked(b)
		want.Bytes = got.Bytes
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s (-walked over +remembered):\n%s", name, d)
		}
	}
	for _, pattern := range []string{"small/*", "10k/*", "old-formats/*", "empty/*"} {
		for _, name := range recorded(t, pattern) {
			check(name, load(t, name))
		}
	}
	all := load(t, recorded(t, "small/*")[0])
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		b := slices.Clone(all)
		for range 1 + random.IntN(4) {
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		}
		check("flipped", b)
	}
}

// A task may have its fields in any order, two configurations or none, and ids that say nothing.
func TestConfigurationsInOddPlaces(t *testing.T) {
	job := func(name string) *tbinary.Struct {
		key := (&tbinary.Struct{}).SetStr(1, "role").SetStr(2, "prod").SetStr(3, name)
		return (&tbinary.Struct{}).SetStruct(28, key)
	}
	old := (&tbinary.Struct{}).SetStr(3, "old").SetStr(26, "prod").SetStruct(17, (&tbinary.Struct{}).SetStr(1, "role"))
	nothing := &tbinary.Struct{}
	const id = "role-prod-a-7-3a027a4f-66c4-4ed4-9733-eb7e10a1cd0e"
	config := func(s *tbinary.Struct) tbinary.Field {
		return tbinary.Field{ID: 4, Type: tbinary.TypeStruct, Value: s}
	}
	named := func(id string) tbinary.Field {
		return tbinary.Field{ID: 1, Type: tbinary.TypeString, Value: []byte(id)}
	}
	var tasks []*tbinary.Struct
	for range 2 { // Each of them first as a new one, then as a known one.
		for _, fields := range [][]tbinary.Field{
			{named(id), config(job("a"))},
			{named(id), config(job("a"))},
			{named(id), config(job("b"))}, // The same id, another configuration.
			{config(job("c")), named(id)},
			{named(id), config(job("a")), config(old)},
			{named(id), config(old), config(job("a"))},
			{named(id), config(nothing), config(job("a"))},
			{named(id)},
			{named(""), config(job("a"))},
			{named("7"), config(old)},
			{named("short"), config(old)},
		} {
			tasks = append(tasks, (&tbinary.Struct{}).SetStruct(1, &tbinary.Struct{Fields: fields}))
		}
	}
	s := New()
	var elems []Element
	for _, task := range tasks {
		elems = append(elems, task.Encode())
	}
	s.SetElements(TaskSet, elems)
	b := s.Append(nil)
	got, err := Inspect(bytes.NewReader(b), Options{Now: lately, Unhashed: true, Size: int64(len(b))})
	want := walked(b)
	want.Bytes = got.Bytes
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-walked over +remembered):\n%s", err, d)
	}
	if got.SHA256 != "" {
		t.Errorf("a hash that nobody wanted: %s", got.SHA256)
	}
}
