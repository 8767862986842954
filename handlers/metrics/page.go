package metrics

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ContentType is what a page is, for HTTP: Prometheus' text format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// A page gathers samples by family.
type page struct {
	samples map[string][]sample
	wrong   []string // What a caller did against the table; a test finds it.
}

type sample struct {
	labels []string
	value  float64
}

// set adds a sample. labels are the values of the family's labels, in order.
func (p *page) set(family string, value float64, labels ...string) {
	i := slices.IndexFunc(Families, func(f Family) bool { return f.Name == family })
	if i < 0 || len(Families[i].Labels) != len(labels) {
		p.wrong = append(p.wrong, fmt.Sprintf("%s with %d labels", family, len(labels)))
		return
	}
	if slices.ContainsFunc(p.samples[family], func(s sample) bool { return slices.Equal(s.labels, labels) }) {
		p.wrong = append(p.wrong, fmt.Sprintf("%s %q twice", family, labels))
		return
	}
	p.samples[family] = append(p.samples[family], sample{labels, value})
}

// at adds a time, if it is known.
func (p *page) at(family string, t time.Time, labels ...string) {
	if !t.IsZero() {
		p.set(family, float64(t.UnixMilli())/1000, labels...)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// text is the page. Families without a sample are left out; samples are sorted,
// so that two pages of the same values are the same.
func (p *page) text() []byte {
	var b bytes.Buffer
	for _, f := range Families {
		list := p.samples[f.Name]
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(a, b sample) int { return slices.Compare(a.labels, b.labels) })
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.Name, escape(f.Help, false), f.Name, f.Type)
		for _, s := range list {
			b.WriteString(f.Name)
			for i, v := range s.labels {
				fmt.Fprintf(&b, `%c%s="%s"`, "{,"[min(i, 1)], f.Labels[i], escape(v, true))
			}
			if len(s.labels) > 0 {
				b.WriteByte('}')
			}
			b.WriteByte(' ')
			b.WriteString(number(s.value))
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// escape follows the text format: a backslash and a line feed everywhere, the
// quote in label values only. What is no UTF-8 would make Prometheus refuse the
// whole page.
func escape(s string, label bool) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, `\`, `\\`)
	s = strings.ReplaceAll(s, "\n", `\n`)
	if label {
		s = strings.ReplaceAll(s, `"`, `\"`)
	}
	return s
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	// Never an exponent: times would lose their milliseconds to a reader's eye.
	return strconv.FormatFloat(v, 'f', -1, 64)
}
