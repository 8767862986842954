package recovery

import "testing"

// What could be told when people decided on a host and cannot now is no proof
// that it stays away; what they attested they need not attest again.
func TestSilenceIsNoProof(t *testing.T) {
	attested := departure{Unclear: []string{"whether port 10.0.0.2:8083 is closed"}}
	for _, tt := range []struct {
		name string
		now  departure
		want string
	}{
		{"as before", departure{Unclear: attested.Unclear}, ""},
		{"clearer than before", departure{}, ""},
		{"ZooKeeper does not answer now", departure{Unclear: []string{attested.Unclear[0], "whether ZooKeeper still lists it"}}, "whether ZooKeeper still lists it"},
	} {
		if got := tt.now.since(&attested); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
