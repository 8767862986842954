package view

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Fold breaks the lines of a text that are wider than so many characters, between
// words: those that follow stand below the text of the first, behind its mark or
// its name. What stands between backticks is typed, and stays on one line if it
// fits on one; a word that is wider than the line is not broken: names must be
// copied whole. Zero or less folds nothing.
func Fold(text string, width int) string {
	if width <= 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if utf8.RuneCountInString(line) > width {
			lines[i] = foldLine(line, width, hang(line, width))
		}
	}
	return strings.Join(lines, "\n")
}

// FoldBelow is [Fold] of one line; what follows stands at the column hang.
func FoldBelow(line string, width, hang int) string { return foldLine(line, width, hang) }

// hang is the column below which the rest of a line goes on.
func hang(line string, width int) int {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	if mark := strings.Index(text, "] "); mark == 2 && text[0] == '[' { // A task's.
		return indent + 4
	}
	if strings.HasPrefix(text, "- ") {
		return indent + 2
	}
	if name, _, ok := strings.Cut(text, "  "); ok {
		rest := strings.TrimLeft(text[len(name):], " ")
		if at := utf8.RuneCountInString(line) - utf8.RuneCountInString(rest); rest != "" && at <= width/2 {
			return at
		}
		return indent + stackIndent
	}
	return indent
}

// foldLine breaks one line; what follows begins at the column hang.
func foldLine(line string, width, hang int) string {
	var b strings.Builder
	at := 0
	for _, w := range tokens(line, width-hang) {
		text := strings.TrimLeft(w, " ")
		n := utf8.RuneCountInString(w)
		if at > hang && at+n > width && text != "" {
			b.WriteString("\n" + strings.Repeat(" ", hang))
			w, at, n = text, hang, utf8.RuneCountInString(text)
		}
		b.WriteString(w)
		at += n
	}
	return strings.TrimRight(b.String(), " ")
}

var (
	gaps = regexp.MustCompile(` {2,}`)
	cell = regexp.MustCompile(` *[^ ]+(?: [^ ]+)*`)
)

// tokens are the words of a line, each with the blanks before it. What stands
// between backticks, and an option that may be left out, "[--reason TEXT]", is one
// word, unless it is wider than a line. Of a line with three columns or more each
// cell is a word.
func tokens(line string, width int) []string {
	if cells := gaps.Split(strings.TrimSpace(line), -1); len(cells) > 2 && !slices.ContainsFunc(cells, func(c string) bool { return utf8.RuneCountInString(c) > width }) {
		return cell.FindAllString(line, -1)
	}
	var list []string
	begin, inWord, until, closing := 0, false, 0, -1
	for i, r := range line {
		if i >= until && i != closing {
			end := -1
			switch rest := line[i:]; {
			case r == '`':
				end = strings.IndexByte(rest[1:], '`') + 1
			case strings.HasPrefix(rest, "[-"):
				end = strings.IndexByte(rest, ']')
			}
			if end > 0 && utf8.RuneCountInString(line[i:i+end+1]) <= width {
				until = i + end + 1
			} else if end > 0 && r == '`' {
				closing = i + end // Wider than a line: broken, and its end begins no other.
			}
		}
		if blank := r == ' '; blank && inWord && i >= until {
			list = append(list, line[begin:i])
			begin, inWord = i, false
		} else if !blank {
			inWord = true
		}
	}
	return append(list, line[begin:])
}

// gap is what stands between two columns.
const gap = "  "

// fitted lays a table out within so many characters: cells are folded where it is
// wider, and where even their words are, its columns stand on several lines below
// each other. Zero or less: as wide as it is, a row a line.
func fitted(t Table, width int) string {
	if natural, _ := columns(t); width <= 0 || sum(natural)+len(gap)*(len(natural)-1) <= width {
		return aligned(t)
	}
	parts := stacked(t, width)
	var b strings.Builder
	for row := range t.Rows {
		for i, p := range parts {
			text := p[row]
			if i > 0 {
				text = strings.Repeat(" ", stackIndent) + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", stackIndent))
			}
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

// stackIndent is how far columns are indented that stand below others.
const stackIndent = 4

// stacked shares a table's columns among as few lines as they need, in their
// order, and returns the rows of each line's.
func stacked(t Table, width int) [][]string {
	_, least := columns(t)
	var parts [][]string
	for begin := 0; begin < len(least); {
		room := width
		if begin > 0 {
			room -= stackIndent
		}
		end, used := begin+1, least[begin]
		for end < len(least) && used+len(gap)+least[end] <= room {
			used += len(gap) + least[end]
			end++
		}
		part := Table{}
		for _, row := range t.Rows {
			part.Rows = append(part.Rows, row[min(begin, len(row)):min(end, len(row))])
		}
		for _, i := range t.Right {
			part.Right = append(part.Right, i-begin)
		}
		parts = append(parts, folded(part, room))
		begin = end
	}
	return parts
}

// folded are the rows of a table whose words fit, each of one or more lines.
func folded(t Table, width int) []string {
	natural, least := columns(t)
	wide := shares(natural, least, width-len(gap)*(len(natural)-1))
	lines := Table{Right: t.Right}
	var high []int
	for _, row := range t.Rows {
		cells, most := make([][]string, len(row)), 1
		for i, cell := range row {
			cells[i] = strings.Split(foldLine(strings.Join(strings.Fields(cell), " "), wide[i], 0), "\n")
			most = max(most, len(cells[i]))
		}
		for line := range most {
			part := make([]string, len(row))
			for i := range cells {
				if line < len(cells[i]) {
					part[i] = cells[i][line]
				}
			}
			lines.Rows = append(lines.Rows, part)
		}
		high = append(high, most)
	}
	all := strings.Split(aligned(lines), "\n")
	rows := make([]string, len(high))
	for i, n := range high {
		rows[i], all = strings.Join(all[:n], "\n"), all[n:]
	}
	return rows
}

// shortCell is how long a cell is that is not folded: "98.9 KiB", "54m20s ago".
const shortCell = 20

// columns are how wide each column is, and how wide its widest word; a short cell
// is a word.
func columns(t Table) (natural, least []int) {
	for _, row := range t.Rows {
		for i, cell := range row {
			if i == len(natural) {
				natural, least = append(natural, 0), append(least, 0)
			}
			n := utf8.RuneCountInString(cell)
			natural[i] = max(natural[i], n)
			if n <= shortCell {
				least[i] = max(least[i], n)
			}
			for word := range strings.FieldsSeq(cell) {
				least[i] = max(least[i], utf8.RuneCountInString(word))
			}
		}
	}
	return natural, least
}

// shares gives columns their least width, and what room is left to the narrowest
// of those that want more.
func shares(natural, least []int, room int) []int {
	wide := slices.Clone(least)
	for left := room - sum(least); left > 0; left-- {
		narrowest := -1
		for i := range wide {
			if wide[i] < natural[i] && (narrowest < 0 || wide[i] < wide[narrowest]) {
				narrowest = i
			}
		}
		if narrowest < 0 {
			break
		}
		wide[narrowest]++
	}
	return wide
}

func sum(list []int) int {
	n := 0
	for _, x := range list {
		n += x
	}
	return n
}
