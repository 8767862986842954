package picture

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-analyze/charts"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

var update = flag.Bool("update-pictures", false, "write docs/pictures/report-chart.png anew")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func result(name string, age time.Duration, severity health.Severity, says string) check.Result {
	r := check.Result{
		Cluster: name, At: noon, State: check.Fresh, Severity: severity, Restorable: check.Yes, Limit: check.Span(26 * time.Hour), Interval: check.Span(time.Hour),
		Says: name + ": " + says,
	}
	if severity != health.Info {
		r.State = "backup-stale"
	}
	for i, tasks := range []int{4100, 4180, 4150, 4300, 4320, 4290, 4400, 4410} {
		at := noon.Add(-age - time.Duration(7-i)*time.Hour)
		r.Trend = append(r.Trend, check.Point{Time: at, Host: "s1", Tasks: tasks, Bytes: int64(tasks) * 1500})
	}
	b := check.Backup{Host: "s1", Name: "scheduler-backup-2026-11-23-11-30", Time: noon.Add(-age), Age: check.Span(age), Tasks: 4410, Valid: true, Counts: true}
	r.Newest = &b
	r.Hosts = []check.Host{
		{Host: "s1", Answers: true, Listed: true, Backups: []check.Backup{b}, Free: 70 << 30}, {Host: "s2", Answers: true, Listed: true, Free: 71 << 30},
		{Host: "s3", Why: "dial s3: no route to host"},
	}
	return r
}

// keep writes a picture to where $PICTURES says, to be looked at.
func keep(name string, img image.Image) {
	if dir := os.Getenv("PICTURES"); dir != "" {
		f, _ := os.Create(filepath.Join(dir, name))
		defer f.Close()
		_ = png.Encode(f, img)
	}
}

// says reports whether text is written somewhere.
func (s *sheet) says(text string) bool {
	return slices.ContainsFunc(s.said, func(w words) bool { return strings.Contains(w.text, text) })
}

// drawn are results as a sheet and as the picture of it: nothing is written
// outside of it or over something else, and all that is written can be seen.
func drawn(t *testing.T, results ...check.Result) (*sheet, image.Image) {
	t.Helper()
	s := draw(results)
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != width || len(b) > 250<<10 {
		t.Errorf("%v, %d bytes", img.Bounds(), len(b))
	}
	for n, w := range s.said {
		if strings.TrimSpace(w.text) == "" {
			continue
		}
		if box := w.box; box.Left < 0 || box.Right > width-10 || box.Top < 0 || box.Bottom > s.Height() {
			t.Errorf("%q is outside of the picture: %v", w.text, box)
		}
		for _, other := range s.said[:n] {
			if a, b := w.box, other.box; a.Left < b.Right && b.Left < a.Right && a.Top+2 < b.Bottom && b.Top+2 < a.Bottom {
				t.Errorf("%q is written over %q", w.text, other.text)
			}
		}
		if shades(img, w.box) < 4 {
			t.Errorf("%q cannot be seen, or its edges are not smooth", w.text)
		}
	}
	return s, img
}

// shades counts the colours in a box: letters with smooth edges have many.
func shades(img image.Image, box charts.Box) int {
	seen := map[color.Color]bool{}
	for y := box.Top; y < box.Bottom; y++ {
		for x := box.Left; x < box.Right; x++ {
			seen[img.At(x, y)] = true
		}
	}
	return len(seen)
}

// columns counts the columns of a row of the picture that have a colour.
func columns(img image.Image, y, from, to int, col charts.Color) int {
	n := 0
	for x := from; x < to; x++ {
		if r, g, b, _ := img.At(x, y).RGBA(); byte(r>>8) == col.R && byte(g>>8) == col.G && byte(b>>8) == col.B {
			n++
		}
	}
	return n
}

// What the picture is for can be read in it: state, age, hosts, numbers.
func TestOneCluster(t *testing.T) {
	stale := result("devcluster", 3*24*time.Hour, health.Warning, "STALE: the newest valid backup is scheduler-backup-2026-11-20-12-00 on s1, 3 d old; the limit is 1 d 2 h")
	s, img := drawn(t, stale)
	for _, want := range []string{"STALE: the newest", "newest: 3 d old", "s1: 1 of 1 backups valid", "s2: 0 of 0 backups valid; no valid backup", "s3: cannot tell: dial s3", "4000", "8000", "2026-11-23T12:00:00Z", "over time (UTC)",
		"older is stale (1 d 2 h)", "11-20 05:00", "11-21 20:30", "11-23 12:00"} {
		if !s.says(want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
	if !s.says("WARNING") || s.says("FRESH") || !s.says("Backups of devcluster") || columns(img, 5, 0, width, amber) != width {
		t.Error("the state is not in the picture")
	}
	keep("one.png", img)
	stale.Restorable, stale.Newest, stale.Trend = check.CannotTell, nil, nil
	if s, img := drawn(t, stale); !s.says("CANNOT TELL") || !s.says("not known") || columns(img, 5, 0, width, red) != width {
		t.Error("what cannot be told is not in the picture")
	} else {
		keep("unknown.png", img)
	}
	stale.Restorable, stale.Hosts = check.No, nil
	if s, _ := drawn(t, stale); !s.says("NO BACKUP") || !s.says("no valid backup") || s.says("not known") {
		t.Error("that there is none is not in the picture")
	}
	if s, _ := drawn(t); !s.says("No cluster was looked at.") {
		t.Error("nothing looked at")
	}
	_, img = drawn(t, result("devcluster", 12*time.Minute, health.Info, "FRESH: the newest valid backup is scheduler-backup-2026-11-23-11-48 on s1, 12 min old"))
	keep("fresh.png", img)
}

// Of many, the first ones are drawn and the rest is counted.
func TestManyClusters(t *testing.T) {
	results := []check.Result{result("bad", 0, health.Critical, "NO VALID BACKUP")}
	results[0].Restorable, results[0].Newest = check.No, nil
	unknown := check.Failed("mute", nil, noon, fmt.Errorf("why"))
	results = append(results, unknown, result("old", 60*time.Hour, health.Warning, "STALE"))
	for i := range 59 {
		results = append(results, result(fmt.Sprintf("c%02d", i), time.Duration(i+1)*time.Minute, health.Info, "fresh"))
	}
	s, img := drawn(t, results...)
	keep("many.png", img)
	for _, want := range []string{"bad", "no valid backup", "NO BACKUP", "not known", "CANNOT TELL", "WARNING", "2 d 12 h", "c00", "c36", "and 22 more", "59 of 62 fresh"} {
		if !s.says(want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
	if s.says("c37") {
		t.Error("more are drawn than there is room for")
	}
	if columns(img, 5, 0, width, red) != width {
		t.Error("the strip on top is not of the worst state")
	}
	// A bar is as long as its backup is old, and the limit stands at its place.
	const bar, room = 180, 120
	row := func(n int) int { return 142 + n*40 + 12 }
	if n := columns(img, row(2), bar, bar+room+1, amber); n < room-4 || n > room+1 {
		t.Errorf("the oldest has a bar of %d pixels, want all of %d but the limit's", n, room)
	}
	at := bar + room*26/60
	if n := columns(img, row(2), at-3, at+4, ink); n != 3 {
		t.Errorf("the limit of 26 h is %d pixels wide at 26 of 60 hours, want 3", n)
	}
	if n := columns(img, row(3), bar, bar+room, green); n != 3 {
		t.Errorf("a minute is a bar of %d pixels, want the least that can be seen", n)
	}
	// Beside it stand how old the newest was over time, amber above the limit, and the sizes.
	within := func(n, left int, col charts.Color) (found bool) {
		for y := 142 + n*40; y < 142+n*40+28; y++ {
			found = found || columns(img, y, left, left+96, col) > 0
		}
		return found
	}
	const ages, sizes = 408, 518
	if !within(2, ages, amber) || within(3, ages, amber) || !within(3, ages, blue) || !within(3, sizes, blue) || within(1, ages, blue) || within(1, sizes, blue) {
		t.Error("the curves of age and size are not as the backups")
	}
	if *update {
		b, err := Report(append(results[:6:6], results[40:48]...))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../../docs/pictures/report-chart.png", b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever names and words are like, a picture comes of it.
func TestHostileWords(t *testing.T) {
	for _, s := range []string{"", strings.Repeat("x", 5000), "日本語 \x00\n\t", "ü|%'\""} {
		r := result(s, time.Hour, health.Warning, s)
		r.Hosts[0].Host = s
		drawn(t, r)
		drawn(t, r, r)
	}
	s := newSheet(1)
	if got := s.wrapped("aaa bbb ccc", s.long("aaa bbb", small), small, 9); strings.Join(got, "|") != "aaa bbb|ccc" {
		t.Errorf("%q", got)
	}
	if got := s.wrapped("aaa bbb ccc", s.long("aaa bb", small), small, 2); len(got) != 2 || !strings.HasSuffix(got[1], "…") {
		t.Errorf("%q, want two lines that say that there is more", got)
	}
}
