// Package picture draws a report as a PNG, for where numbers in a message are
// not seen: a mail, a wall, a client that knows no charts. It is pure.
package picture

import (
	"bytes"
	"fmt"
	"image/png"
	"slices"
	"time"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

const (
	width  = 1000
	margin = 30
	small  = 2 // Pixels to a dot: letters 14 high.
	large  = 4
	line   = 22 // From one line of small text to the next.
)

// Report draws checks, the first one first. For one cluster that is its trend,
// for several the age of each newest backup.
func Report(results []check.Result) ([]byte, error) {
	var c canvas
	switch len(results) {
	case 0:
		c = newCanvas(width, 120)
		c.text(margin, 40, small, red, "No cluster was looked at.")
	case 1:
		c = one(&results[0])
	default:
		c = many(results)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, c); err != nil {
		return nil, fmt.Errorf("encode the picture: %w", err)
	}
	return b.Bytes(), nil
}

// badge is a check's state as a word and its colour.
func badge(r *check.Result) (string, uint8) {
	switch {
	case r.Restorable == check.No:
		return "NO BACKUP", red
	case r.Restorable != check.Yes:
		return "CANNOT TELL", red
	case r.Severity == health.Critical:
		return "CRITICAL", red
	case r.State != check.Fresh:
		return "WARNING", amber
	}
	return "FRESH", green
}

func one(r *check.Result) canvas {
	c := newCanvas(width, 600+line*len(r.Hosts))
	word, col := badge(r)
	c.fill(0, 0, width, 12, col)
	c.text(margin, 36, large, ink, fitted("Backups of "+r.Cluster, 640, large))
	c.rightText(width-margin, 40, 3, col, word)
	c.text(margin, 80, small, grey, r.At.Format(time.RFC3339))
	y := 112
	for _, s := range wrapped(r.Says, width-2*margin, small, 5) {
		c.text(margin, y, small, ink, s)
		y += line
	}
	c.trend(r, 232)
	y = 560
	for i := range r.Hosts {
		words, col := hostWords(&r.Hosts[i])
		c.text(margin, y, small, col, fitted(words, width-2*margin, small))
		y += line
	}
	return c
}

func hostWords(h *check.Host) (string, uint8) {
	if !h.Listed {
		return h.Host + ": cannot tell: " + h.Why, red
	}
	counts := 0
	var newest *check.Backup
	for i := range h.Backups {
		if b := &h.Backups[i]; b.Counts {
			counts++
			if newest == nil || b.Time.After(newest.Time) {
				newest = b
			}
		}
	}
	age := "no valid backup"
	if newest != nil {
		age = fmt.Sprintf("newest valid %s old, %d tasks", span(newest.Age), newest.Tasks)
	}
	return fmt.Sprintf("%s: %d of %d backups valid; %s; %.1f GiB free", h.Host, counts, len(h.Backups), age, float64(h.Free)/(1<<30)), ink
}

// trend draws tasks over time.
func (c canvas) trend(r *check.Result, top int) {
	const left, right, height = 120, width - margin, 240
	c.text(margin, top, small, grey, "Tasks in each valid backup, over time (UTC)")
	top += line + 12
	bottom := top + height
	most := 1
	for _, p := range r.Trend {
		most = max(most, p.Tasks)
	}
	most = ceiling(most)
	for i := range 5 {
		y := bottom - height*i/4
		c.fill(left, y, right-left, 1, pale)
		c.rightText(left-10, y-7, small, grey, fmt.Sprint(most*i/4))
	}
	c.fill(left, top, 2, height, grey)
	c.fill(left, bottom, right-left, 2, grey)
	if len(r.Trend) == 0 {
		c.text(left+240, top+height/2+8, small, red, missing(r))
		return
	}
	from, to := r.Trend[0].Time, r.Trend[len(r.Trend)-1].Time
	if r.At.After(to) {
		to = r.At
	}
	x := func(t time.Time) int {
		if !to.After(from) {
			return (left + right) / 2
		}
		return left + 8 + int(float64(right-left-16)*float64(t.Sub(from))/float64(to.Sub(from)))
	}
	if stale := r.At.Add(-time.Duration(r.Limit)); r.Limit > 0 && stale.After(from) {
		c.fill(x(stale), top, 2, height, amber)
		c.onEither(x(stale), left, right, top+4, "older is stale ("+span(r.Limit)+")")
	}
	px, py := 0, 0
	for i, p := range r.Trend {
		nx, ny := x(p.Time), bottom-height*p.Tasks/most
		if i > 0 {
			c.line(px, py, nx, ny, 3, blue)
		}
		c.fill(nx-4, ny-4, 9, 9, blue)
		px, py = nx, ny
	}
	c.text(left, bottom+10, small, grey, from.UTC().Format(dateForm))
	c.rightText(right, bottom+10, small, grey, to.UTC().Format(dateForm))
	if middle := from.Add(to.Sub(from) / 2); to.After(from) {
		c.fill(x(middle), bottom, 2, 6, grey)
		c.text(x(middle)-len(dateForm)*cellWidth, bottom+10, small, grey, middle.UTC().Format(dateForm))
	}
	if n := r.Newest; n != nil && !n.Time.Before(from) {
		c.fill(x(n.Time)-1, bottom-height*n.Tasks/most, 2, height*n.Tasks/most, ink)
		c.onEither(x(n.Time), left, right, bottom-2*line, "newest: "+span(n.Age)+" old")
	}
}

const dateForm = "01-02 15:04"

// missing is what a picture says where a backup would be.
func missing(r *check.Result) string {
	switch r.Restorable {
	case check.No:
		return "no valid backup"
	case check.Yes:
		return "own copy only"
	}
	return "not known"
}

// onEither writes words beside x, to the left if there is room, else to the right.
func (c canvas) onEither(x, left, right, y int, words string) {
	w := len(words)*cellWidth*small + 8
	if x-w > left || x+w > right {
		c.text(x-w, y, small, ink, words)
		return
	}
	c.text(x+10, y, small, ink, words)
}

// ceiling is the next round number.
func ceiling(n int) int {
	for step := 4; ; step *= 10 {
		for _, m := range []int{1, 2, 5} {
			if n <= step*m {
				return step * m
			}
		}
	}
}

// shown is how many clusters are drawn; the worst come first.
const shown = 40

func many(results []check.Result) canvas {
	rows := min(len(results), shown)
	c := newCanvas(width, 190+rows*28)
	fresh, worst := 0, uint8(green)
	longest := time.Duration(0)
	for i := range results {
		r := &results[i]
		_, col := badge(r)
		worst = max(worst, col) // green, amber, red.
		if r.State == check.Fresh {
			fresh++
		}
		if r.Newest != nil {
			longest = max(longest, time.Duration(r.Newest.Age))
		}
	}
	c.fill(0, 0, width, 12, worst)
	c.text(margin, 36, large, ink, fmt.Sprintf("Backups of %d clusters", len(results)))
	c.text(margin, 84, small, grey, fmt.Sprintf("%s; %d of %d fresh; the worst first", results[0].At.Format(time.RFC3339), fresh, len(results)))
	c.text(margin, 118, small, grey, "Age of the newest valid backup; | is the limit")
	limit := slices.MaxFunc(results, func(a, b check.Result) int { return int(a.Limit - b.Limit) }).Limit
	scale := max(longest, time.Duration(limit), time.Hour)
	const left, room = 290, 370
	for i := range rows {
		r := &results[i]
		y := 150 + i*28
		word, col := badge(r)
		c.text(margin, y+3, small, ink, fitted(r.Cluster, left-margin-10, small))
		if r.Newest != nil {
			c.fill(left, y, max(int(float64(room)*float64(r.Newest.Age)/float64(scale)), 2), 20, col)
			c.text(left+room+12, y+3, small, ink, span(r.Newest.Age))
		} else {
			c.text(left+4, y+3, small, red, missing(r))
		}
		if r.Limit > 0 && r.Newest != nil {
			c.fill(left+int(float64(room)*float64(r.Limit)/float64(scale)), y-3, 2, 26, ink)
		}
		c.rightText(width-margin, y+3, small, col, word)
	}
	if left := len(results) - rows; left > 0 {
		c.text(margin, 154+rows*28, small, grey, fmt.Sprintf("and %d more", left))
	}
	return c
}

// span is an age as people read it.
func span(s check.Span) string {
	switch d := time.Duration(s); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dm", max(d, 0)/time.Minute)
	}
}
