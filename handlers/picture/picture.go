// Package picture draws a report as a PNG, for where numbers in a message are
// not seen: a mail, a wall, a client that knows no charts. It is pure.
package picture

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-analyze/charts"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

const (
	width  = 800
	margin = 28
	line   = 28 // From one line of small text to the next.
)

// Report draws checks, the first one first. For one cluster that is its trend,
// for several the age of each newest backup.
func Report(results []check.Result) ([]byte, error) {
	b, err := draw(results).Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode the picture: %w", err)
	}
	return b, nil
}

func draw(results []check.Result) *sheet {
	switch len(results) {
	case 0:
		s := newSheet(120)
		s.write("No cluster was looked at.", margin, 68, middle, red)
		return s
	case 1:
		return one(&results[0])
	default:
		return many(results)
	}
}

// badge is a check's state as a word and its colour.
func badge(r *check.Result) (string, charts.Color) {
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

func one(r *check.Result) *sheet {
	// The lines come first: how high the picture is depends on them.
	ruler := newSheet(1)
	says := ruler.wrapped(r.Says, width-2*margin, small, 5)
	var hosts [][]string
	hostLines := 0
	for i := range r.Hosts {
		text, _ := hostWords(&r.Hosts[i])
		hosts = append(hosts, ruler.wrapped(text, width-2*margin-24, small, 2))
		hostLines += len(hosts[i])
	}
	top := 150 + line*len(says)
	pair := pairHeight
	if len(r.Trend) == 0 {
		pair = 0
	}
	s := newSheet(top + trendHeight + pair + line*hostLines + 10*len(hosts))
	word, col := badge(r)
	s.fill(0, 0, width, 10, col)
	s.pill(word, width-margin, 56, middle, col)
	s.write(s.fitted("Backups of "+r.Cluster, 540, large), margin, 60, large, ink)
	s.write(r.At.Format(time.RFC3339), margin, 94, small, grey)
	y := 132
	for _, l := range says {
		s.write(l, margin, y, small, ink)
		y += line
	}
	s.trend(r, top)
	y = top + trendHeight
	if from, to, ok := spanOf(r); ok {
		s.pair(r, y, from, to)
		y += pairHeight
	}
	for i, lines := range hosts {
		_, col := hostWords(&r.Hosts[i])
		s.Circle(6, margin+6, y-7, col, col, 0)
		for _, l := range lines {
			s.write(l, margin+24, y, small, ink)
			y += line
		}
		y += 10
	}
	return s
}

func hostWords(h *check.Host) (string, charts.Color) {
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
	age, col := "no valid backup", amber
	if newest != nil {
		col = blue
		age = fmt.Sprintf("newest valid %s old, %d tasks", span(newest.Age), newest.Tasks)
	}
	return fmt.Sprintf("%s: %d of %d backups valid; %s; %.1f GiB free", h.Host, counts, len(h.Backups), age, float64(h.Free)/(1<<30)), col
}

// pairHeight is how much of the picture the curves of age and size take.
const pairHeight = 176

// pair draws age and size over time side by side.
func (s *sheet) pair(r *check.Result, top int, from, to time.Time) {
	const half, gap, high = (width - 2*margin - 40) / 2, 40, 100
	newest := r.Trend[len(r.Trend)-1]
	words := "Age of the newest"
	if r.Limit > 0 {
		words += ", limit " + span(r.Limit)
	}
	s.write(s.fitted(words, half, small), margin, top, small, grey)
	s.ages(r, frame{margin, top + 18, half, high, from, to})
	s.write(s.fitted("Size, now "+check.Size(newest.Bytes), half, small), margin+half+gap, top, small, grey)
	s.sizes(r, frame{margin + half + gap, top + 18, half, high, from, to})
}

// trendHeight is how much of the picture the trend takes.
const trendHeight = 366

// trend draws tasks over time.
func (s *sheet) trend(r *check.Result, top int) {
	const left, right, height = 96, width - margin, 250
	s.write("Tasks in each valid backup, over time (UTC)", margin, top, small, grey)
	top += 30
	bottom := top + height
	s.fill(left, bottom, right-left, 2, grey)
	if len(r.Trend) == 0 {
		words := missing(r)
		s.write(words, (left+right-s.long(words, middle))/2, top+height/2, middle, red)
		return
	}
	most := 1
	for _, p := range r.Trend {
		most = max(most, p.Tasks)
	}
	most = ceiling(most)
	for i := range 5 {
		y := bottom - height*i/4
		s.fill(left, y, right-left, 1, pale)
		s.writeTo(fmt.Sprint(most*i/4), left-12, y+7, small, grey)
	}
	from, to, _ := spanOf(r) // There is one: the trend is not empty.
	x := func(t time.Time) int {
		if !to.After(from) {
			return (left + right) / 2
		}
		return left + 8 + int(float64(right-left-16)*float64(t.Sub(from))/float64(to.Sub(from)))
	}
	var points []charts.Point
	for _, p := range r.Trend {
		points = append(points, charts.Point{X: x(p.Time), Y: bottom - height*p.Tasks/most})
	}
	ground := append(slices.Clone(points), charts.Point{X: points[len(points)-1].X, Y: bottom}, charts.Point{X: points[0].X, Y: bottom}, points[0])
	s.FillArea(ground, blue.WithAlpha(32))
	if stale := r.At.Add(-time.Duration(r.Limit)); r.Limit > 0 && stale.After(from) {
		s.DashedLineStroke([]charts.Point{{X: x(stale), Y: top}, {X: x(stale), Y: bottom}}, amber, 2, []float64{7, 5})
		s.onEither(x(stale), left, right, bottom-14, "older is stale ("+span(r.Limit)+")", amber)
	}
	s.LineStroke(points, blue, 3)
	s.Dots(points, blue, blue, 1, 4)
	if n := r.Newest; n != nil && !n.Time.Before(from) {
		s.fill(x(n.Time)-1, bottom-height*n.Tasks/most, 2, height*n.Tasks/most, ink)
		s.onEither(x(n.Time), left, right, bottom-14-line, "newest: "+span(n.Age)+" old", ink)
	}
	for _, t := range []time.Time{from, from.Add(to.Sub(from) / 2), to} {
		w := s.long(t.UTC().Format(dateForm), small)
		s.fill(x(t), bottom, 2, 7, grey)
		s.write(t.UTC().Format(dateForm), min(max(x(t)-w/2, left), right-w), bottom+30, small, grey)
		if !to.After(from) {
			break
		}
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
func (s *sheet) onEither(x, left, right, y int, text string, col charts.Color) {
	if w := s.long(text, small) + 10; x-w < left && x+w <= right {
		s.write(text, x+10, y, small, col)
		return
	}
	s.writeTo(text, x-10, y, small, col)
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

func many(results []check.Result) *sheet {
	const left, room, row = 180, 120, 40
	const ages, sizes, curve = 408, 518, 96
	rows := min(len(results), shown)
	s := newSheet(186 + rows*row)
	fresh, worst := 0, green
	longest := time.Duration(0)
	for i := range results {
		r := &results[i]
		switch _, col := badge(r); {
		case col == red, col == amber && worst == green:
			worst = col
		}
		if r.State == check.Fresh {
			fresh++
		}
		if r.Newest != nil {
			longest = max(longest, time.Duration(r.Newest.Age))
		}
	}
	s.fill(0, 0, width, 10, worst)
	s.write(fmt.Sprintf("Backups of %d clusters", len(results)), margin, 60, large, ink)
	s.write(fmt.Sprintf("%s; %d of %d fresh; the worst first", results[0].At.Format(time.RFC3339), fresh, len(results)), margin, 94, small, grey)
	s.write("Age of the newest, and the limit", margin, 94+line, small, grey)
	s.write("Age", ages, 94+line, small, grey)
	s.write("Size", sizes, 94+line, small, grey)
	limit := slices.MaxFunc(results, func(a, b check.Result) int { return int(a.Limit - b.Limit) }).Limit
	scale := max(longest, time.Duration(limit), time.Hour)
	for i := range rows {
		r := &results[i]
		y := 142 + i*row
		base := y + 20
		word, col := badge(r)
		s.fill(margin, y-6, width-2*margin, 1, pale)
		s.write(s.fitted(r.Cluster, left-margin-12, small), margin, base, small, ink)
		if r.Newest != nil {
			s.fill(left, y+2, room, 20, pale)
			s.fill(left, y+2, max(int(float64(room)*float64(r.Newest.Age)/float64(scale)), 3), 20, col)
			s.write(span(r.Newest.Age), left+room+14, base, small, ink)
		} else {
			s.write(missing(r), left, base, small, red)
		}
		if r.Limit > 0 && r.Newest != nil {
			s.fill(left+int(float64(room)*float64(r.Limit)/float64(scale))-1, y-2, 3, 28, ink)
		}
		if from, to, ok := spanOf(r); ok {
			s.ages(r, frame{ages, y, curve, row - 14, from, to})
			s.sizes(r, frame{sizes, y, curve, row - 14, from, to})
		}
		s.writeTo(word, width-margin, base, small, col)
	}
	if left := len(results) - rows; left > 0 {
		s.write(fmt.Sprintf("and %d more", left), margin, 164+rows*row, small, grey)
	}
	return s
}

// span is an age in minutes, as people read it.
func span(s check.Span) string {
	return check.Age(time.Duration(s).Truncate(time.Minute))
}
