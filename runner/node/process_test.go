package node

import (
	"testing"

	"aurorabot/runner/probe"
)

// A launcher and what it started are one scheduler; strangers to each other are two.
func TestSchedulersAmongProcesses(t *testing.T) {
	p := func(pid, parent int, listens bool) probe.Process {
		return probe.Process{PID: pid, Start: uint64(pid), Parent: parent, Listens: listens}
	}
	for _, tt := range []struct {
		name string
		list []probe.Process
		want []int
	}{
		{"none", nil, nil},
		{"one", []probe.Process{p(10, 1, false)}, []int{10}},
		{"a fork of the launcher", []probe.Process{p(10, 1, false), p(11, 10, false)}, []int{10}},
		{"a launcher that stays, before anybody listens", []probe.Process{p(10, 1, false), p(11, 10, false)}, []int{10}},
		{"a launcher that stays", []probe.Process{p(10, 1, false), p(11, 10, true)}, []int{11}},
		{"over two generations", []probe.Process{p(10, 1, false), p(11, 10, false), p(12, 11, true)}, []int{12}},
		{"a lingering one and a new one", []probe.Process{p(10, 1, true), p(20, 1, false)}, []int{10, 20}},
		{"a lingering one and a launcher with its fork", []probe.Process{p(10, 1, true), p(20, 1, false), p(21, 20, false)}, []int{10, 20}},
		{"two of one family that listen", []probe.Process{p(10, 1, true), p(11, 10, true)}, []int{10, 11}},
	} {
		got := oneOfEach(tt.list)
		same := len(got) == len(tt.want)
		for i := range got {
			same = same && got[i].PID == tt.want[i]
		}
		if !same {
			t.Errorf("%s: %s, want %v", tt.name, Named(got), tt.want)
		}
	}
	// What was fenced as the launcher is the scheduler that it stays beside, and no other.
	s := oneOfEach([]probe.Process{p(10, 1, false), p(11, 10, true)})[0]
	if !s.Is(11, 11) || !s.Is(10, 10) || s.Is(10, 9) || s.Is(12, 12) {
		t.Errorf("%+v is not told apart", s)
	}
}
