package files

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// listed is how many lines of a list people see; --json has all.
const listed = 20

// A page is a human form in the making. What it is given may come from a
// damaged or hostile file, so everything is cleaned before it reaches a
// terminal. The first error of the writer is kept; later writes do nothing.
type page struct {
	w   *tabwriter.Writer
	err error
}

func (c *call) page() *page {
	return &page{w: tabwriter.NewWriter(c.out, 0, 8, 2, ' ', tabwriter.DiscardEmptyColumns)}
}

// line writes one line as it is; a table ends with it.
func (p *page) line(format string, args ...any) {
	p.flush()
	p.write(clean(fmt.Sprintf(format, args...)) + "\n")
	p.flush()
}

// row writes one line of a table.
func (p *page) row(cells ...any) {
	words := make([]string, len(cells))
	for i, c := range cells {
		words[i] = clean(fmt.Sprint(c))
	}
	for len(words) > 0 && words[len(words)-1] == "" {
		words = words[:len(words)-1] // Else the cell before it is padded.
	}
	p.write("  " + strings.Join(words, "\t") + "\n")
}

func (p *page) write(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

// flush closes the table. What goes wrong is said at the end.
func (p *page) flush() {
	if p.err == nil {
		p.err = p.w.Flush()
	}
}

// end closes the table and returns the first error.
func (p *page) end() error {
	p.flush()
	if p.err != nil {
		return fmt.Errorf("write to standard output: %w", p.err)
	}
	return nil
}

// more says how much a list has that is not shown.
func (p *page) more(n int) {
	if n > listed {
		p.flush()
		p.write(fmt.Sprintf("  … %d more with --json\n", n-listed))
	}
}

// clean makes text fit for a terminal: what is not printable is written as Go
// writes it in a string, such as \x1b.
func clean(s string) string {
	ok := func(r rune) bool { return unicode.IsPrint(r) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !ok(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case ok(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// numbered is a name and its number.
type numbered[N cmp.Ordered] struct {
	name string
	n    N
}

// most sorts a map by number, the largest first, then by name.
func most[N cmp.Ordered](m map[string]N) []numbered[N] {
	var out []numbered[N]
	for name, n := range m {
		out = append(out, numbered[N]{name, n})
	}
	slices.SortFunc(out, func(a, b numbered[N]) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name))
	})
	return out
}

// tally writes a map of numbers in one line: "RUNNING 54, KILLED 8".
func tally[N cmp.Ordered](m map[string]N) string {
	var words []string
	all := most(m)
	for i, x := range all {
		if i == listed {
			words = append(words, fmt.Sprintf("… %d more with --json", len(all)-listed))
			break
		}
		words = append(words, fmt.Sprintf("%s %v", x.name, x.n))
	}
	return strings.Join(words, ", ")
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// ago says how long before now t is.
func ago(now, t time.Time) string {
	d := now.Sub(t).Round(time.Second)
	switch {
	case d < 0:
		return (-d).String() + " in the future"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days ago", int(d/(24*time.Hour)))
	}
	return d.String() + " ago"
}

// orNone is s, or "none".
func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// counted is "1 warning", "2 warnings".
func counted[N int | int64 | uint64](n N, word string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}
