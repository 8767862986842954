package picture

import (
	"time"

	"github.com/go-analyze/charts"

	"aurorabot/runner/backup/check"
)

// A frame is where a small curve is drawn, and which times it spans.
type frame struct {
	left, top, width, height int
	from, to                 time.Time
}

func (f frame) x(t time.Time) int {
	if !f.to.After(f.from) {
		return f.left + f.width/2
	}
	return f.left + int(float64(f.width)*float64(t.Sub(f.from))/float64(f.to.Sub(f.from)))
}

// y is the height of a share of the whole.
func (f frame) y(share float64) int { return f.top + f.height - int(float64(f.height)*min(share, 1)) }

// spanOf is what a cluster's trend covers: from its oldest valid backup to the check.
func spanOf(r *check.Result) (from, to time.Time, ok bool) {
	if len(r.Trend) == 0 {
		return from, to, false
	}
	from, to = r.Trend[0].Time, r.Trend[len(r.Trend)-1].Time
	if r.At.After(to) {
		to = r.At
	}
	return from, to, true
}

// ages draws how old the newest valid backup was at each time: it grows until the next
// one is made. Above the limit it is amber.
func (s *sheet) ages(r *check.Result, f frame) {
	most := time.Duration(r.Limit)
	for i, p := range r.Trend {
		most = max(most, next(r, i).Sub(p.Time))
	}
	if most <= 0 {
		return
	}
	s.fill(f.left, f.top+f.height, f.width, 1, pale)
	if limit := time.Duration(r.Limit); limit > 0 {
		y := f.y(float64(limit) / float64(most))
		s.DashedLineStroke([]charts.Point{{X: f.left, Y: y}, {X: f.left + f.width, Y: y}}, grey, 1, []float64{4, 4})
	}
	for i, p := range r.Trend {
		end := next(r, i)
		age, col := end.Sub(p.Time), blue
		if r.Limit > 0 && age > time.Duration(r.Limit) {
			col = amber
		}
		top := charts.Point{X: f.x(end), Y: f.y(float64(age) / float64(most))}
		line := []charts.Point{{X: f.x(p.Time), Y: f.y(0)}, top}
		if i < len(r.Trend)-1 {
			line = append(line, charts.Point{X: top.X, Y: f.y(0)})
		}
		s.LineStroke(line, col, 2)
	}
}

// next is when the backup after the one at i was made; of the last one, when it was looked at.
func next(r *check.Result, i int) time.Time {
	if i+1 < len(r.Trend) {
		return r.Trend[i+1].Time
	}
	if last := r.Trend[i].Time; r.At.Before(last) {
		return last
	}
	return r.At
}

// sizes draws how large each valid backup is.
func (s *sheet) sizes(r *check.Result, f frame) {
	var most int64 = 1
	for _, p := range r.Trend {
		most = max(most, p.Bytes)
	}
	s.fill(f.left, f.top+f.height, f.width, 1, pale)
	var line []charts.Point
	for _, p := range r.Trend {
		line = append(line, charts.Point{X: f.x(p.Time), Y: f.y(float64(p.Bytes) / float64(most))})
	}
	if len(line) == 1 {
		s.Dots(line, blue, blue, 1, 3)
		return
	}
	s.LineStroke(line, blue, 2)
}
