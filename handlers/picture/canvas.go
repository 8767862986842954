package picture

import (
	"image"
	"image/color"
	"strings"
	"unicode/utf8"
)

// The colours. State is never shown by colour alone: a word stands beside it.
const (
	paper = iota
	ink
	grey
	pale
	blue
	green
	amber
	red
)

var colours = color.Palette{
	paper: color.RGBA{255, 255, 255, 255}, ink: color.RGBA{29, 28, 29, 255}, grey: color.RGBA{110, 110, 115, 255}, pale: color.RGBA{226, 228, 232, 255},
	blue: color.RGBA{18, 100, 163, 255}, green: color.RGBA{0, 120, 84, 255}, amber: color.RGBA{158, 92, 0, 255}, red: color.RGBA{190, 28, 60, 255},
}

type canvas struct{ *image.Paletted }

func newCanvas(width, height int) canvas {
	return canvas{image.NewPaletted(image.Rect(0, 0, width, height), colours)}
}

func (c canvas) fill(x, y, w, h int, col uint8) {
	for yy := max(y, 0); yy < min(y+h, c.Rect.Max.Y); yy++ {
		for xx := max(x, 0); xx < min(x+w, c.Rect.Max.X); xx++ {
			c.SetColorIndex(xx, yy, col)
		}
	}
}

// text writes s with its upper left corner at x, y; a dot is scale pixels wide.
func (c canvas) text(x, y, scale int, col uint8, s string) {
	for _, r := range s {
		for i, column := range letter(r) {
			for bit := range cellHeight {
				if column>>bit&1 == 1 {
					c.fill(x+i*scale, y+bit*scale, scale, scale, col)
				}
			}
		}
		x += cellWidth * scale
	}
}

// rightText is text that ends before x.
func (c canvas) rightText(x, y, scale int, col uint8, s string) {
	c.text(x-utf8.RuneCountInString(s)*cellWidth*scale, y, scale, col, s)
}

// line draws a line of some thickness.
func (c canvas) line(x0, y0, x1, y1, thick int, col uint8) {
	steps := max(abs(x1-x0), abs(y1-y0), 1)
	for i := range steps + 1 {
		c.fill(x0+(x1-x0)*i/steps-thick/2, y0+(y1-y0)*i/steps-thick/2, thick, thick, col)
	}
}

func abs(n int) int { return max(n, -n) }

// fitted is s cut to what fits into width.
func fitted(s string, width, scale int) string {
	r := []rune(s)
	if most := width / (cellWidth * scale); len(r) > most {
		return string(r[:max(most-2, 0)]) + ".."
	}
	return s
}

// wrapped cuts s into at most most lines of width, at spaces where it can.
func wrapped(s string, width, scale, most int) []string {
	room := width / (cellWidth * scale)
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for utf8.RuneCountInString(word) > room {
			r := []rune(word)
			word = string(r[room-1:])
			lines, line = append(lines, strings.TrimSpace(line), string(r[:room-1])+"-"), ""
		}
		if line != "" && utf8.RuneCountInString(line+" "+word) > room {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	lines = append(lines, line)
	kept := lines[:0]
	for _, l := range lines {
		if l != "" {
			kept = append(kept, l)
		}
	}
	if len(kept) > most {
		kept = kept[:most]
		kept[most-1] = fitted(kept[most-1]+" ....", width, scale)
	}
	return kept
}
