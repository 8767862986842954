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

// A program of somebody else's that has a flag twice stops nobody; a scheduler of
// ours that has does, for which of the two counts would be a guess.
func TestOursBesideAStranger(t *testing.T) {
	const log = "/var/db/aurora"
	mine := probe.Process{PID: 10, Argv: []string{"java", "-native_log_file_path=" + log}}
	stranger := probe.Process{PID: 20, Argv: []string{"java", "-native_log_file_path=/var/db/other", "-zk_endpoints=a:1", "-zk_endpoints=b:1"}}
	got, err := Ours([]probe.Process{stranger, mine}, log, 10)
	if err != nil || len(got) != 1 || got[0].PID != 10 {
		t.Errorf("%s, %v; want process 10", PIDs(got), err)
	}
	for name, list := range map[string][]probe.Process{
		"with the log's path":      {{PID: 30, Argv: []string{"java", "-native_log_file_path=" + log, "-a=1", "-a=2"}}},
		"with the path of its own": {{PID: 30, Argv: []string{"java", "-native_log_file_path", log, "-a=1", "-a=2"}}},
		"with two paths":           {{PID: 30, Argv: []string{"java", "-native_log_file_path=/x", "-native_log_file_path=" + log}}},
		"of the supervisor":        {{PID: 10, Argv: []string{"java", "-a=1", "-a=2"}}},
	} {
		if got, err := Ours(list, log, 10); err == nil {
			t.Errorf("a scheduler %s and a doubled flag: %s, want an error", name, PIDs(got))
		}
	}
}
