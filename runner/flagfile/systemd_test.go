package flagfile

import (
	"slices"
	"testing"
)

// What systemd.service(5) and systemd.syntax(7) say of command lines, by their own
// examples' rules: quotes are taken away, a backslash has C's meaning, $NAME as a word is
// split, ${NAME} is not, $$ and %% are one sign, a comment does not end a continued line.
func TestUnitArguments(t *testing.T) {
	const flag = "-http_port=8081"
	for _, tt := range []struct {
		unit string
		want []string
	}{
		{"ExecStart=/x " + flag + " one 'two two' \"three three\"", []string{"one", "two two", "three three"}},
		{"ExecStart=/x " + flag + " a\\sb c\\\\d \"e\\\"f\"", []string{"a b", `c\d`, `e"f`}},
		{"Environment=\"ONE=one\" 'TWO=two two'\nExecStart=/x " + flag + " $ONE $TWO ${TWO}", []string{"one", "two", "two", "two two"}},
		{"Environment=ONE=a\nEnvironment=ONE=b\nExecStart=/x " + flag + " p${ONE}q $$ONE $ONE%%", []string{"pbq", "$ONE", "$ONE%"}},
		{"ExecStart=/x " + flag + " one \\\n# not this\n; nor this\n  two", []string{"one", "two"}},
		{"Environment=EMPTY=\nExecStart=/x " + flag + " $EMPTY ${EMPTY} end", []string{"", "end"}},
		{"ExecStart=:/x " + flag + " $ONE ${ONE}", []string{"$ONE", "${ONE}"}},
		{"ExecStart=/x " + flag + " -a=1\n[Install]\nExecStart=/y -b=2", []string{"-a=1"}},
	} {
		f, err := Parse(Systemd, "/etc/systemd/system/x.service", []byte("[Service]\n"+tt.unit+"\n"))
		if err != nil {
			t.Errorf("%s: %v", tt.unit, err)
			continue
		}
		if got := f.Args(); !slices.Equal(got[1:], tt.want) || got[0] != flag {
			t.Errorf("%s: %q, want %q", tt.unit, got, tt.want)
		}
	}
}
