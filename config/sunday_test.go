package config

import "testing"

// Weekday 7 is Sunday, as in crontab(5).
func TestSunday(t *testing.T) {
	for spec, want := range map[string]string{
		"0 8 * * 7": "0 8 * * 0", "0 8 * * 5-7": "0 8 * * 5-6,0", "0 8 * * 1,7": "0 8 * * 1,0", "0 8 * * 7-7": "0 8 * * 0", "0 7 7 7 1-5": "0 7 7 7 1-5", "@daily": "@daily", "0 8 * *": "0 8 * *",
	} {
		if got := sunday(spec); got != want {
			t.Errorf("%q: %q, want %q", spec, got, want)
		}
	}
}
