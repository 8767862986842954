package backup

import (
	"bytes"
	"fmt"
	"testing"
)

// The configurations of the jobs that are wanted, with who has them and what they
// take: counted by a reader of the format that shares nothing with this one.
func TestConfigs(t *testing.T) {
	raw := load(t, recorded(t, "small/*")[0])
	wanted := map[string]bool{"ads/prod/bidder": true, "ads/devel/too_big": true, "www-data/devel/hello": true, "nobody/prod/none": true}
	list, err := Configs(bytes.NewReader(raw), func(job string) bool { return wanted[job] })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		config, err := c.Config.Struct()
		if err != nil {
			t.Fatal(err)
		}
		key := config.Struct(28)
		got = append(got, fmt.Sprintf("%s %d %s, %s/%s/%s", c.Job, len(c.Instances), c.Each, key.Str(1), key.Str(2), key.Str(3)))
	}
	want := "[ads/devel/too_big 3 500000 CPUs, 32 MB RAM, 16 MB disk, ads/devel/too_big" +
		" ads/prod/bidder 19 0.1 CPUs, 32 MB RAM, 16 MB disk, ads/prod/bidder" +
		" www-data/devel/hello 3 0.1 CPUs, 32 MB RAM, 16 MB disk, www-data/devel/hello]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	if _, err := Configs(bytes.NewReader(raw[:len(raw)/2]), func(string) bool { return true }); err == nil {
		t.Error("half a backup has configurations")
	}
}
