// Package boundtest plays senders without end, and measures what their readers take.
package boundtest

import (
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"time"
)

// Endless gives head, and then again, again and again.
func Endless(head, again string) io.Reader {
	for len(again) < 32<<10 {
		again += again
	}
	return io.MultiReader(strings.NewReader(head), &endless{text: again})
}

type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

// Allocated is how many bytes were allocated so far, freed ones included.
func Allocated() int64 { return read("/gc/heap/allocs:bytes") }

func read(name string) int64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// Grown is by how many bytes the heap was larger than before, at most, while do
// ran. What the collector has not taken away yet counts, so it is made to keep up:
// on a busy machine the measure would be of its delay, and not of what is held.
func Grown(do func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	const live = "/memory/classes/heap/objects:bytes"
	before := read(live)
	most, stop := before, make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(time.Millisecond); ; {
			most = max(most, read(live))
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	})
	do()
	close(stop)
	wg.Wait()
	return most - before
}
