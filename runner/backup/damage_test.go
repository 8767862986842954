package backup

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"aurorabot/runner/tbinary"
)

// A full disk cuts a backup under its final name: wherever that is, it is not valid, and the error says where it ends.
func TestCutAtEveryByteIsInvalid(t *testing.T) {
	for _, name := range append(recorded(t, "small/*"), recorded(t, "empty/*")...) {
		all := load(t, name)
		step := 1
		if (testing.Short() || raceDetector) && len(all) > 1000 {
			step = 101
		}
		for n := 0; n < len(all); n += step {
			in := &inspector{r: tbinary.NewReaderBytes(all[:n]), tally: newTally()}
			in.report.Quotas, in.report.CronJobs, in.report.Metadata = map[string]Quota{}, map[string]string{}, map[string]string{}
			lenient(in.r, &in.warn)
			eachField(in.r, &in.warn, in.field)
			if in.finish(lately); in.report.Valid || !strings.HasPrefix(in.report.Error, "byte ") {
				t.Fatalf("%s cut at byte %d of %d: valid %v, error %q", name, n, len(all), in.report.Valid, in.report.Error)
			}
		}
		for _, n := range []int{0, 1, 10, len(all) / 2, len(all) - 1} { // The whole of Inspect, as it reads files.
			if got := inspect(t, all[:n]); got.Valid || got.Bytes != int64(n) {
				t.Errorf("%s cut at byte %d: valid %v, %d bytes", name, n, got.Valid, got.Bytes)
			}
		}
		if got := inspect(t, all); !got.Valid {
			t.Errorf("%s whole: %s", name, got.Error)
		}
	}
}

// Whatever bits flip: no panic, and what the report calls valid can be walked over by the others.
func TestBitFlips(t *testing.T) {
	all := load(t, recorded(t, "small/*")[0])
	random := rand.New(rand.NewPCG(1, 2))
	noticed := 0
	const rounds = 1000
	for range rounds {
		b := slices.Clone(all)
		for range 1 + random.IntN(3) {
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		}
		got := inspect(t, b)
		if !got.Clean() {
			noticed++
		}
		err := Tasks(bytes.NewReader(b), func(Task) error { return nil })
		if (err == nil) != got.Valid {
			t.Fatalf("Tasks: %v; Inspect: valid %v, %s", err, got.Valid, got.Error)
		}
		if s, err := Parse(b); err == nil && !bytes.Equal(s.Append(nil), b) {
			t.Fatal("Append(Parse(b)) differs from b")
		}
	}
	// Most of a backup is free text (messages, executor data), where a letter may be any other.
	t.Logf("%d of %d noticed", noticed, rounds)
	if noticed < rounds/3 {
		t.Errorf("only %d of %d damaged backups noticed", noticed, rounds)
	}
}

// Lengths and counts of 2 GB must not cost more than the file's own bytes.
func TestHostileHeads(t *testing.T) {
	for name, in := range map[string]string{
		"tasks":          "\x0e\x00\x04\x0c\x7f\xff\xff\xff",
		"tasks of none":  "\x0e\x00\x04\x00\x7f\xff\xff\xff\x00",
		"script":         "\x0f\x00\x0b\x0b\x7f\xff\xff\xff",
		"details":        "\x0c\x00\x06\x0d\x00\x08\x0b\x0b\x7f\xff\xff\xff",
		"string":         "\x0b\x00\x63\x7f\xff\xff\xffabc",
		"framework id":   "\x0c\x00\x06\x0b\x00\x01\x7f\xff\xff\xffabc",
		"negative count": "\x0e\x00\x04\x0c\xff\xff\xff\xff",
		"nesting":        strings.Repeat("\x0c\x00\x63", 1<<20),
		"nested lists":   "\x0f\x00\x63" + strings.Repeat("\x0f\x00\x00\x00\x01", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			if got := inspect(t, []byte(in)); got.Valid || got.Error == "" {
				t.Errorf("valid %v, error %q", got.Valid, got.Error)
			}
			if _, err := Parse([]byte(in)); err == nil {
				t.Error("Parse takes it")
			}
			if _, err := ReadState(strings.NewReader(in)); err == nil {
				t.Error("ReadState takes it")
			}
		})
	}
}

// A disk that can't be read is not a short backup.
func TestErrorOfTheDisk(t *testing.T) {
	cause := errors.New("input/output error")
	all := load(t, recorded(t, "small/*")[0])
	broken := func() io.Reader { return io.MultiReader(bytes.NewReader(all[:5000]), iotest.ErrReader(cause)) }
	got, err := Inspect(broken(), Options{Name: "b1", Now: lately})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "b1: byte 5000") || got.Valid || got.Bytes != 5000 {
		t.Errorf("Inspect = %d bytes, valid %v, error %v", got.Bytes, got.Valid, err)
	}
	if err := Tasks(broken(), func(Task) error { return nil }); !errors.Is(err, cause) {
		t.Errorf("Tasks = %v", err)
	}
	if _, err := Read(broken()); !errors.Is(err, cause) {
		t.Errorf("Read = %v", err)
	}
}

// The report may not depend on how the bytes arrive.
func TestAnyPace(t *testing.T) {
	all := load(t, recorded(t, "10k/*")[0])
	want := inspect(t, all)
	for name, r := range map[string]io.Reader{
		"halves": iotest.HalfReader(bytes.NewReader(all)), "EOF with data": iotest.DataErrReader(bytes.NewReader(all)),
	} {
		got, err := Inspect(r, Options{Now: lately, Size: int64(len(all))})
		if err != nil || got.SHA256 != want.SHA256 || got.Tasks.Active != want.Tasks.Active || !got.Clean() {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// FuzzInspect: no panic, and the walks agree on what is valid.
func FuzzInspect(f *testing.F) {
	for _, name := range append(recorded(f, "corrupt/*"), recorded(f, "old-formats/*")...) {
		if b := load(f, name); len(b) < 8<<10 {
			f.Add(b)
		}
	}
	f.Add(load(f, recorded(f, "empty/*")[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Inspect(bytes.NewReader(b), Options{Now: lately})
		if err != nil || got.Bytes != int64(len(b)) {
			t.Fatalf("Inspect of %d bytes: %d, %v", len(b), got.Bytes, err)
		}
		marked := strings.Contains(strings.Join(got.Warnings, "\n"), "marked as") // What Tasks passes over it reads by its marks.
		if err := Tasks(bytes.NewReader(b), func(Task) error { return nil }); (err == nil) != got.Valid && !marked && !strings.HasPrefix(got.Error, "it is no backup") {
			t.Errorf("Tasks: %v; Inspect: valid %v, %s", err, got.Valid, got.Error)
		}
		if got.Clean() && got.Tasks.Total == 0 {
			t.Error("a backup without tasks, and no warning")
		}
	})
}

// FuzzDecode: what can be held whole is written back byte for byte, is equal to itself, and compares as such.
func FuzzDecode(f *testing.F) {
	for _, name := range recorded(f, "old-formats/*") {
		f.Add(load(f, name))
	}
	f.Add(load(f, recorded(f, "empty/*")[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		if got := s.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("Append(Parse(%x)) = %x", b, got)
		}
		if _, err := ReadState(bytes.NewReader(b)); err != nil {
			t.Errorf("ReadState: %v, though Parse takes it", err)
		}
		if d := Compare(s.State(), s.State()); !d.Empty() {
			t.Errorf("differs from itself: %+v", d)
		}
		before := s.Fingerprint()
		if again, err := Parse(s.Append(nil)); err != nil || again.Fingerprint() != before {
			t.Errorf("another fingerprint after writing and reading: %v", err)
		}
		s.DeleteTasks("x")
	})
}
