package scheduler

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// A logger writes the real scheduler's log lines, glog's shape with the thread
// and the class: `I1123 08:49:48.676 [main, Lifecycle] Awaiting shutdown `. The
// blank at the end is theirs.
type logger struct {
	mu    sync.Mutex
	w     io.Writer
	zone  *time.Location
	clock func() time.Time
}

// Write passes on what the replica of the log writes, line by line whole.
func (l *logger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *logger) line(level byte, thread, class, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	now := l.clock().In(l.zone)
	fmt.Fprintf(l, "%c%s [%s, %s] %s \n", level, now.Format("0102 15:04:05.000"), thread, class, text)
}

func (l *logger) info(thread, class, format string, args ...any) {
	l.line('I', thread, class, format, args...)
}

func (l *logger) warn(thread, class, format string, args ...any) {
	l.line('W', thread, class, format, args...)
}

func (l *logger) error(thread, class, format string, args ...any) {
	l.line('E', thread, class, format, args...)
}

// javaDate is a time as Java's Date.toString writes it.
func javaDate(millis int64, zone *time.Location) string {
	return time.UnixMilli(millis).In(zone).Format("Mon Jan 02 15:04:05 MST 2006")
}

// ratio is "11/65 = 16.92%", or NaN as Java divides zero by zero.
func ratio(n, of int) string {
	if of == 0 && n == 0 {
		return "0/0 = NaN%"
	}
	if of == 0 {
		return fmt.Sprintf("%d/%d = Infinity%%", n, of)
	}
	return fmt.Sprintf("%d/%d = %.2f%%", n, of, float64(n)/float64(of)*100)
}
