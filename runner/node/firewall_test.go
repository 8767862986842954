package node

import (
	"testing"
	"time"
)

// What nft lists of the set.
func TestLeaseLeft(t *testing.T) {
	const set = "table inet aurorabot_1 {\n\tset blocked {\n\t\ttype inet_service\n\t\tflags timeout\n%\n\t}\n}\n"
	for _, tt := range []struct {
		elements string
		left     time.Duration
		there    bool
	}{
		{"elements = { 8081 timeout 12h expires 11h59m56s340ms }", 12*time.Hour - 3660*time.Millisecond, true},
		{"elements = { 22 timeout 1h expires 1m, 8081 timeout 12h expires 2s }", 2 * time.Second, true},
		{"elements = { 8081 timeout 2d expires 1d23h }", 0, true}, // Not read: renewed.
		{"elements = { 8081 }", 0, true},
		{"elements = { 80811 timeout 12h expires 11h }", 0, false},
		{"", 0, false},
	} {
		ruleset := set[:len(set)-len("%\n\t}\n}\n")] + tt.elements + "\n\t}\n}\n"
		if left, there := elementOf(ruleset, "8081"); left != tt.left || there != tt.there {
			t.Errorf("%q: %v %v, want %v %v", tt.elements, left, there, tt.left, tt.there)
		}
	}
}
