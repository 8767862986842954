// Package boundtest plays senders without end, and measures what their readers take.
package boundtest

import (
	"io"
	"runtime"
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
// ran. What the collector has not taken away yet counts, as it does for the kernel.
func Grown(do func()) int64 {
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
