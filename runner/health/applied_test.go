package health

import (
	"testing"
	"time"
)

// A scheduler writes the time of a snapshot in whole seconds and in the zone of
// its host; another second or an impossible zone is another snapshot.
func TestAppliedAt(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 36, 24, 364e6, time.UTC)
	for line, want := range map[string]bool{
		"I1123 08:51:13.967 [LeaderSelector-0, LogPersistence] Applying snapshot taken on Mon Nov 23 08:36:24 UTC 2026 ": true,
		"Applying snapshot taken on Mon Nov 23 08:36:25 UTC 2026":                                                        false,
		"Applying snapshot taken on Mon Nov 23 09:36:24 UTC 2026":                                                        false,
		"Applying snapshot taken on Mon Nov 23 03:36:24 EST 2026":                                                        true,
		"Applying snapshot taken on Mon Nov 23 14:06:24 IST 2026":                                                        true,
		"Applying snapshot taken on Mon Nov 23 03:37:24 EST 2026":                                                        false,
		"Applying snapshot taken on Mon Nov 23 10:36:24 GMT+02:00 2026":                                                  true,
		"Applying snapshot taken on Mon Nov 23 05:06:24 GMT-03:30 2026":                                                  true,
		"Applying snapshot taken on Mon Nov 23 11:36:24 GMT+02:00 2026":                                                  false,
		"Applying snapshot taken on Tue Nov 24 08:36:24 CET 2026":                                                        false,
		"Applying snapshot taken on Mon Nov 23 08:36:24 UTC 2025":                                                        false,
		"Applying snapshot taken on Monday":                                                                              false,
		"Elected as leading scheduler!":                                                                                  false,
	} {
		if got := AppliedAt(line, at); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
	if !AppliedAt("Applying snapshot taken on Thu Apr  2 01:00:00 UTC 2026", time.Date(2026, 4, 2, 1, 0, 0, 0, time.UTC)) {
		t.Error("a day of one digit")
	}
}
