package recovery

import (
	"testing"
)

// What could be told when people decided on a host and cannot now is no proof
// that it stays away; what they attested they need not attest again.
func TestSilenceIsNoProof(t *testing.T) {
	open := func(questions ...string) departure {
		var d departure
		for _, q := range questions {
			d.unclear(q, "open: %s", q)
		}
		return d
	}
	// A version of before wrote down words alone.
	words := departure{Unclear: []string{"whether it runs can't be told over SSH", "the address of its log"}}
	const log, http = askedPort + "10.0.0.2:8083", askedPort + "10.0.0.2:8081"
	for _, tt := range []struct {
		name        string
		before, now departure
		want        string
	}{
		{"as before", open(log), open(log), ""},
		{"clearer than before", open(log), open(), ""},
		{"ZooKeeper does not answer now", open(log), open(log, askedZooKeeper), "open: " + askedZooKeeper},
		{"SSH does not answer now", open(), open(askedSSH), "open: " + askedSSH},
		// Before pre-flight nobody knows where its log listens: after it each port is asked by its address.
		{"the ports are known now", open(askedSSH, askedPorts), open(askedSSH, log, http), ""},
		{"the ports are known no more", open(log), open(askedPorts), "open: " + askedPorts},
		{"another port is silent now", open(log), open(log, http), "open: " + http},
		{"words, the ports are known now", words, open(askedSSH, log, http), ""},
		{"words, ZooKeeper does not answer now", words, open(askedSSH, askedZooKeeper), "open: " + askedZooKeeper},
		{"words of one port", departure{Unclear: []string{"whether port 10.0.0.2:8083 is closed: a host behind a cut network looks the same"}}, open(log, http), "open: " + http},
	} {
		if got := tt.now.since(&tt.before); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
