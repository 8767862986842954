package health

import (
	"encoding/json"
	"testing"
)

// The number is the largest that any source knows, never none by ignorance.
func TestLossOf(t *testing.T) {
	mesos := func(n int, complete bool, jobs map[string]int) LossSource {
		return LossSource{LossByMesos, n, complete, jobs}
	}
	log := func(n int, complete bool, jobs map[string]int) LossSource {
		return LossSource{LossByLog, n, complete, jobs}
	}
	for _, tt := range []struct {
		name    string
		sources []LossSource
		want    string
	}{
		{"nobody was asked", nil, `{"killed":null,"at_least":true,"sources":[],"jobs":{}}`},
		{"the rest of a damaged log, and Mesos knows", []LossSource{log(0, false, nil), mesos(7, true, map[string]int{"a/b/c": 7})},
			`{"killed":7,"at_least":false,"sources":[{"source":"log","killed":0,"complete":false},{"source":"mesos","killed":7,"complete":true}],"jobs":{"a/b/c":7}}`},
		{"the rest of a damaged log alone", []LossSource{log(0, false, nil)},
			`{"killed":null,"at_least":true,"sources":[{"source":"log","killed":0,"complete":false}],"jobs":{}}`},
		{"a part that knows some", []LossSource{log(3, false, map[string]int{"a/b/c": 3})},
			`{"killed":3,"at_least":true,"sources":[{"source":"log","killed":3,"complete":false}],"jobs":{"a/b/c":3}}`},
		{"a whole log with what waits, which Mesos does not know", []LossSource{log(8, true, map[string]int{"a/b/c": 7, "a/b/d": 1}), mesos(7, true, map[string]int{"a/b/c": 7})},
			`{"killed":8,"at_least":false,"sources":[{"source":"log","killed":8,"complete":true},{"source":"mesos","killed":7,"complete":true}],"jobs":{"a/b/c":7,"a/b/d":1}}`},
		{"one knows of some, another of others", []LossSource{log(2, false, map[string]int{"a/b/c": 2}), mesos(3, true, map[string]int{"a/b/d": 3})},
			`{"killed":3,"at_least":true,"sources":[{"source":"log","killed":2,"complete":false},{"source":"mesos","killed":3,"complete":true}],"jobs":{"a/b/c":2,"a/b/d":3}}`},
		{"nothing is lost, and who says so knows all", []LossSource{log(0, true, nil), mesos(0, true, nil)},
			`{"killed":0,"at_least":false,"sources":[{"source":"log","killed":0,"complete":true},{"source":"mesos","killed":0,"complete":true}],"jobs":{}}`},
	} {
		got, err := json.Marshal(LossOf(tt.sources...))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s:\n got %s %v\nwant %s", tt.name, got, err, tt.want)
		}
	}
}
