package replica

import (
	"testing"

	"aurorabot/runner/replica/leveldb"
)

// Damage hides nothing behind the end only where its keys are known to lie before it.
func TestCoveredBy(t *testing.T) {
	for _, tt := range []struct {
		name string
		upTo []byte
		want bool
	}{
		{"not known", nil, false},
		{"an empty key", []byte{}, false},
		{"the metadata", []byte("0000000000"), true},
		{"the end", []byte("0000000041"), true},
		{"behind the end", []byte("0000000042"), false},
		{"a shortened separator before the end", []byte("000000003"), true},
		{"a shortened separator behind the end", []byte("00000001"), false},
		{"the long form", []byte("A00000000000000000041"), true},
		{"the long form behind the end", []byte("A00000000010000000000"), false},
		{"no key of a replica", []byte("zzz"), false},
		{"an A alone", []byte("A"), false}, // No position: nothing is known.
	} {
		if got := coveredBy(leveldb.Damage{UpTo: tt.upTo, Lost: true}, 40); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
