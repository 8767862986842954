package metrics

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers with a page of what values returns at that moment, and what
// the process and the Go runtime say of themselves. A sample that Prometheus
// would refuse is logged and left out; the rest of the page stands.
func Handler(values func() Values, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(registry(values), promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: complaints{log}, EnableOpenMetrics: true,
	})
}

// registry is the page's own: what a library registers in the global one is
// not ours to show.
func registry(values func() Values) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
		newCollector(values),
	)
	return r
}

type complaints struct{ log *slog.Logger }

func (c complaints) Println(v ...any) {
	c.log.Error("metrics", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}

// A collector gives the registry the samples of [Families].
type collector struct {
	values func() Values
	kinds  map[string]kind
}

type kind struct {
	desc *prometheus.Desc
	as   prometheus.ValueType
}

func newCollector(values func() Values) *collector {
	c := &collector{values, map[string]kind{}}
	for _, f := range Families {
		if f.Process {
			continue
		}
		as := prometheus.GaugeValue
		if f.Type == "counter" {
			as = prometheus.CounterValue
		}
		c.kinds[f.Name] = kind{prometheus.NewDesc(f.Name, f.Help, f.Labels, nil), as}
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, k := range c.kinds {
		out <- k.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	p := &page{c.kinds, out}
	p.fill(c.values())
}

// A page is one answer in the making.
type page struct {
	kinds map[string]kind
	out   chan<- prometheus.Metric
}

// set adds a sample. labels are the values of the family's labels, in order.
func (p *page) set(family string, value float64, labels ...string) {
	k, ok := p.kinds[family]
	if !ok {
		err := fmt.Errorf("%s is not in the table", family)
		p.out <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		return
	}
	for i, l := range labels {
		labels[i] = clean(l)
	}
	m, err := prometheus.NewConstMetric(k.desc, k.as, value, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(k.desc, err)
	}
	p.out <- m
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

// maxLabel is how long a label's value may be, in characters: a host says what
// it likes, and every server that scrapes the page keeps it for months.
const maxLabel = 128

// clean is s as a label's value: text on one line, not too long.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s) // Map itself replaces what is no UTF-8.
	if r := []rune(s); len(r) > maxLabel {
		return string(r[:maxLabel-1]) + "…"
	}
	return s
}
