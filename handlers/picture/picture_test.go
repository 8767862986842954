package picture

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"strings"
	"testing"
	"time"

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

// written reports whether s stands somewhere in the picture, dot for dot.
func written(img image.Image, s string, scale int) bool {
	want := newCanvas(len(s)*cellWidth*scale, cellHeight*scale)
	want.text(0, 0, scale, ink, s)
	b := img.Bounds()
	p := img.(*image.Paletted)
	var legible [256]bool // Dark enough to be read on paper.
	for i, c := range p.Palette {
		r, g, bl, _ := c.RGBA()
		legible[i] = r+g+bl < 3*0xb000
	}
	dark := make([]bool, b.Dx()*b.Dy())
	for i, c := range p.Pix {
		dark[i] = legible[c]
	}
	// What must be dark, then what must not be: most places fail at the first.
	var on, off []int
	for y := range want.Rect.Dy() {
		for x := range want.Rect.Dx() - scale {
			if at := y*b.Dx() + x; want.ColorIndexAt(x, y) == ink {
				on = append(on, at)
			} else {
				off = append(off, at)
			}
		}
	}
	at := func(x0, y0 int) bool {
		from := y0*b.Dx() + x0
		for _, o := range on {
			if !dark[from+o] {
				return false
			}
		}
		for _, o := range off {
			if dark[from+o] {
				return false
			}
		}
		return true
	}
	for y := range b.Dy() - want.Rect.Dy() + 1 {
		for x := range b.Dx() - want.Rect.Dx() + 1 {
			if at(x, y) {
				return true
			}
		}
	}
	return false
}

func drawn(t *testing.T, results ...check.Result) image.Image {
	t.Helper()
	b, err := Report(results)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != width || len(b) > 60<<10 {
		t.Errorf("%v, %d bytes", img.Bounds(), len(b))
	}
	return img
}

// What the picture is for can be read in it: state, age, hosts, numbers.
func TestOneCluster(t *testing.T) {
	stale := result("devcluster", 3*24*time.Hour, health.Warning, "STALE: the newest valid backup is scheduler-backup-2026-11-20-12-00 on s1, 3d0h old; the limit is 26h0m")
	img := drawn(t, stale)
	for _, want := range []string{"STALE: the newest", "newest: 3d0h old", "s1: 1 of 1 backups valid", "s2: 0 of 0 backups valid; no valid backup", "s3: cannot tell: dial s3", "4000", "8000", "2026-11-23T12:00:00Z", "over time (UTC)",
		"older is stale (26h0m)", "11-20 05:00", "11-21 20:30", "11-23 12:00"} {
		if !written(img, want, small) {
			t.Errorf("%q is not in the picture", want)
		}
	}
	if !written(img, "WARNING", 3) || written(img, "FRESH", 3) || !written(img, "Backups of devcluster", large) {
		t.Error("the state is not in the picture")
	}
	stale.Restorable, stale.Newest, stale.Trend = check.CannotTell, nil, nil
	if img := drawn(t, stale); !written(img, "CANNOT TELL", 3) || !written(img, "not known", small) {
		t.Error("what cannot be told is not in the picture")
	}
	stale.Restorable, stale.Hosts = check.No, nil
	if img := drawn(t, stale); !written(img, "NO BACKUP", 3) || !written(img, "no valid backup", small) || written(img, "not known", small) {
		t.Error("that there is none is not in the picture")
	}
	if !written(drawn(t), "No cluster was looked at.", small) {
		t.Error("nothing looked at")
	}
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
	img := drawn(t, results...)
	for _, want := range []string{"bad", "no valid backup", "NO BACKUP", "not known", "CANNOT TELL", "WARNING", "2d12h", "c00", "c36", "and 22 more", "59 of 62 fresh"} {
		if !written(img, want, small) {
			t.Errorf("%q is not in the picture", want)
		}
	}
	if written(img, "c37", small) {
		t.Error("more are drawn than there is room for")
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
	if got := wrapped("a bb ccc", 3*cellWidth*small, small, 9); strings.Join(got, "|") != "a|bb|ccc" {
		t.Errorf("%q", got)
	}
}

// All letters differ, so that none is read for another.
func TestLetters(t *testing.T) {
	seen := map[[5]byte]rune{}
	for r := rune(' '); r <= '~'; r++ {
		if other, twice := seen[letter(r)]; twice {
			t.Errorf("%q looks like %q", r, other)
		}
		seen[letter(r)] = r
	}
	if len(letters) != '~'-' '+1 {
		t.Errorf("%d letters", len(letters))
	}
}
