package recovery

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/replica"
	"aurorabot/runner/zk"
)

// Level are replicas with one end, and those that all learned the last snapshot.
func TestLevel(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ends   [3]int64 // Also the last positions learned.
		before int64
		level  bool
		words  string
	}{
		{"one end", [3]int64{197, 197, 197}, 195, true, "s3 ends at 197"},
		{"one end, before is not known", [3]int64{197, 197, 197}, -1, true, "s1 ends at 197"},
		{"one that missed the snapshot, as recorded", [3]int64{195, 197, 197}, 195, false, "s1 ends at 195"},
		{"the same, before is not known", [3]int64{195, 197, 197}, -1, false, "s1 ends at 195"},
		{"one that has it and lacks what came since", [3]int64{196, 199, 199}, 195, true, "s1 is 3 behind, which was written since"},
		{"one that has nothing behind it", [3]int64{196, 199, 199}, 196, false, "s1 ends at 196"},
	} {
		var ends []replicaEnd
		for i, end := range tt.ends {
			ends = append(ends, replicaEnd{"s" + string(rune('1'+i)), end, end})
		}
		if a := levelOf(ends, tt.before); a.Yes != tt.level || !strings.Contains(a.Evidence, tt.words) {
			t.Errorf("%s: level %v, want %v: %s", tt.name, a.Yes, tt.level, a.Evidence)
		}
	}
	// A position that is not agreed on proves nothing.
	ends := []replicaEnd{{"s1", 197, 195}, {"s2", 198, 198}}
	if a := levelOf(ends, 195); a.Yes {
		t.Errorf("an unlearned position counts: %s", a.Evidence)
	}
	if got := learnedEnd(&replica.Report{Begin: 5, End: 9, Unlearned: replica.Ranges{{First: 9, Last: 9}}, Holes: replica.Ranges{{First: 7, Last: 8}}}); got != 6 {
		t.Errorf("the last learned position is %d, want 6", got)
	}
}

// A member of ZooKeeper's is of a start if its number is higher than those before
// it, whatever the clocks say; where nobody noted them, if it is younger.
func TestMemberOfThisStart(t *testing.T) {
	twelve := int64(12)
	for _, tt := range []struct {
		node    string
		created time.Duration // After the start.
		before  groupBefore
		want    bool
	}{
		{"0000000013", -time.Hour, groupBefore{&twelve}, true},
		{"0000000012", time.Hour, groupBefore{&twelve}, false},
		{"0000000013", time.Second, groupBefore{}, true},
		{"0000000013", -24 * time.Second, groupBefore{}, false}, // Left from the start before, as recorded.
	} {
		p := zk.Replica{Node: tt.node, Created: noon.Add(tt.created), Address: netip.MustParseAddrPort("10.0.0.1:8083")}
		if got := newer(p, tt.before, noon); got != tt.want {
			t.Errorf("member %s, %s after the start, noted before %v: %v, want %v", tt.node, tt.created, tt.before.Newest, got, tt.want)
		}
	}
}
