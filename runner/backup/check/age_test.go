package check_test

import (
	"testing"
	"time"

	"aurorabot/runner/backup/check"
)

// Ages have one form: the two largest units, and none of them zero.
func TestAge(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 0: "0 s", 499 * time.Millisecond: "0 s", time.Second: "1 s", 59*time.Second + 600*time.Millisecond: "1 min",
		130 * time.Second: "2 min 10 s", time.Hour - time.Second: "59 min 59 s", time.Hour: "1 h", 3*time.Hour + 5*time.Minute: "3 h 5 min",
		time.Hour + 59*time.Second: "1 h", day - time.Minute: "23 h 59 min", day: "1 d", 7*day + 3*time.Hour: "7 d 3 h", 400 * day: "400 d",
	} {
		if got := check.Age(d); got != want {
			t.Errorf("Age(%s) = %q, want %q", d, got, want)
		}
	}
}
