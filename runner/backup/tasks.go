package backup

import (
	"io"

	"aurorabot/runner/tbinary"
)

// Task is what is shown and compared of one task.
type Task struct {
	ID          string `json:"id"`
	Status      Status `json:"status"`
	Role        string `json:"role"` // This and the next two are empty where the backup has none.
	Environment string `json:"environment"`
	Job         string `json:"job"`
	Instance    int32  `json:"instance"`
	Host        string `json:"host"` // Where it runs or ran; "" if it was never assigned.
}

// Key is the task's job as role/environment/name; its name alone where nothing but
// that is known.
func (t Task) Key() string {
	if t.Role == "" && t.Environment == "" && t.Job != "" {
		return t.Job
	}
	return t.Role + "/" + t.Environment + "/" + t.Job
}

// Tasks walks over the tasks of a backup, in the order of the file and in
// constant memory, and calls f for each. An error of f ends the walk and is
// returned as it is. That the backup is damaged is an error, a
// *[tbinary.Error] with the offset; f has then been called for the tasks before the damage.
func Tasks(r io.Reader, f func(Task) error) error {
	var w warnings
	var row row
	var failed error
	names := interned{}
	in := tbinary.NewReader(r)
	lenient(in, &w)
	eachField(in, &w, func(field Field) {
		if field != TaskSet {
			skipField(in, &w, field)
			return
		}
		eachStruct(in, &w, func() {
			row.read(in)
			if in.Err() != nil {
				return
			}
			if failed = f(row.task(names)); failed != nil {
				in.Fail(row.at, "stopped")
			}
		})
	})
	if failed != nil {
		return failed
	}
	return in.Err()
}

// task copies what a row holds.
func (t *row) task(names interned) Task {
	k := t.job()
	return Task{
		ID: string(t.id), Status: t.status, Instance: t.instance,
		Role: names.get(k.role), Environment: names.get(k.env), Job: names.get(k.name), Host: names.get(t.host),
	}
}

// interned keeps one copy of each name: of roles, jobs and hosts there are few, of tasks many.
type interned map[string]string

// Bounds of the names that are kept once: how many, and how long one is, in bytes.
// A hostile file can't fill the memory with them.
const (
	maxInterned = 1 << 16
	maxName     = 255
)

// get returns b as a string.
func (in interned) get(b []byte) string {
	if s, ok := in[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(in) < maxInterned && len(s) <= maxName {
		in[s] = s
	}
	return s
}
