package picture

import (
	"strings"

	"github.com/go-analyze/charts"
)

// The colours. State is never shown by colour alone: a word stands beside it.
var (
	paper = charts.ColorRGB(255, 255, 255)
	ink   = charts.ColorRGB(29, 28, 29)
	grey  = charts.ColorRGB(97, 96, 97)
	pale  = charts.ColorRGB(226, 228, 232)
	blue  = charts.ColorRGB(18, 100, 163)
	green = charts.ColorRGB(0, 120, 84)
	amber = charts.ColorRGB(158, 92, 0)
	red   = charts.ColorRGB(190, 28, 60)
)

// Heights of letters in pixels. Slack shows a picture at about half its size:
// the small ones are still read there.
const (
	small  = 20
	middle = 22
	large  = 36
)

// A sheet is a picture in the making. Places are in pixels from the upper left
// corner; y of words is their base line.
type sheet struct {
	*charts.Painter
	said []words
}

// words are what is written somewhere.
type words struct {
	text string
	box  charts.Box
}

func newSheet(height int) *sheet {
	s := &sheet{Painter: charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputPNG, Width: width, Height: height})}
	s.fill(0, 0, width, height, paper)
	return s
}

func (s *sheet) fill(x, y, w, h int, col charts.Color) { s.FilledRect(x, y, x+w, y+h, col, col, 0) }

// style is letters of a height; the library counts in points of 92 to the inch.
func style(size int, col charts.Color) charts.FontStyle {
	return charts.FontStyle{FontSize: float64(size) * 72 / 92, FontColor: col, Font: charts.GetFont(charts.FontFamilyRoboto)}
}

// long is how wide words are.
func (s *sheet) long(text string, size int) int {
	return s.MeasureText(text, 0, style(size, ink)).Width()
}

// write writes text that begins at x.
func (s *sheet) write(text string, x, y, size int, col charts.Color) {
	s.Text(text, x, y, 0, style(size, col))
	s.said = append(s.said, words{text, charts.Box{Left: x, Right: x + s.long(text, size), Top: y - size, Bottom: y + size/4}})
}

// writeTo writes text that ends at x.
func (s *sheet) writeTo(text string, x, y, size int, col charts.Color) {
	s.write(text, x-s.long(text, size), y, size, col)
}

// pill writes text on a ground of its colour, which ends at x.
func (s *sheet) pill(text string, x, y, size int, col charts.Color) {
	w := s.long(text, size)
	s.fill(x-w-size, y-size-size/4, w+size, size*13/8, col)
	s.write(text, x-w-size/2, y, size, paper)
}

// fitted is text cut to what fits into room.
func (s *sheet) fitted(text string, room, size int) string {
	r := []rune(text)
	if s.long(text, size) <= room {
		return text
	}
	fits, not := 0, min(len(r), room) // No letter is narrower than a pixel.
	for not-fits > 1 {
		if n := (fits + not) / 2; s.long(string(r[:n])+"…", size) <= room {
			fits = n
		} else {
			not = n
		}
	}
	return string(r[:fits]) + "…"
}

// wrapped cuts text into at most most lines that fit into room, at spaces where
// it can.
func (s *sheet) wrapped(text string, room, size, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && s.long(line+" "+word, size) > room {
			lines, line = append(lines, line), ""
			if len(lines) == most {
				lines[most-1] = s.fitted(lines[most-1]+" "+word, room, size)
				return lines
			}
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		lines = append(lines, s.fitted(line, room, size))
	}
	for i := range lines {
		lines[i] = s.fitted(lines[i], room, size)
	}
	return lines
}
