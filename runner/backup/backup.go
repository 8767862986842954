// Package backup reads, checks, compares and writes the scheduler's backups.
//
// A backup is one Thrift Snapshot in the binary protocol, without frame,
// magic or checksum; so a file that decodes may be damaged all the same. Four
// ways to look at one:
//
//   - [Inspect] walks over it once, in constant memory, and reports figures, hash and everything that looks wrong;
//   - [Tasks] walks over its tasks;
//   - [ReadState] and [Compare] tell what a restore would lose;
//   - [Read] holds it whole, to change it and write it back.
//
// The walks do as the scheduler's own decoder does (libthrift before 0.14):
// a field of an unexpected type is passed over, an unknown type takes no
// bytes, of text that occurs twice the last counts. What the scheduler would swallow without a word, a
// report warns of. Field numbers are those of api.thrift and storage.thrift, Aurora 0.5 to the fork's 0.26.
package backup

import "aurorabot/runner/tbinary"

// Field is the number of a field of a Snapshot.
type Field int16

// The fields of a Snapshot.
const (
	Timestamp           Field = 1  // i64, milliseconds since 1970.
	HostAttributes      Field = 3  // Set of HostAttributes.
	TaskSet             Field = 4  // Set of ScheduledTask.
	CronJobs            Field = 5  // Set of StoredCronJob; to 0.7 StoredJob, which is read the same way.
	Metadata            Field = 6  // SchedulerMetadata: the framework id, and who wrote it.
	Quotas              Field = 8  // Set of QuotaConfiguration.
	Locks               Field = 9  // Set of Lock, to 0.19.
	JobUpdates          Field = 10 // Set of StoredJobUpdateDetails, from 0.7.
	DBScript            Field = 11 // List of SQL statements, 0.13 to 0.19.
	ExperimentalStore   Field = 12 // Bool, 0.16.
	MaintenanceRequests Field = 13 // Set of HostMaintenanceRequest, from 0.22.
)

// fieldTypes holds the type that each known field has on the wire, and its name.
var fieldTypes = map[Field]struct {
	t    tbinary.Type
	name string
}{
	Timestamp:           {tbinary.TypeI64, "timestamp"},
	HostAttributes:      {tbinary.TypeSet, "hostAttributes"},
	TaskSet:             {tbinary.TypeSet, "tasks"},
	CronJobs:            {tbinary.TypeSet, "cronJobs"},
	Metadata:            {tbinary.TypeStruct, "schedulerMetadata"},
	Quotas:              {tbinary.TypeSet, "quotaConfigurations"},
	Locks:               {tbinary.TypeSet, "locks"},
	JobUpdates:          {tbinary.TypeSet, "jobUpdateDetails"},
	DBScript:            {tbinary.TypeList, "dbScript"},
	ExperimentalStore:   {tbinary.TypeBool, "experimentalTaskStore"},
	MaintenanceRequests: {tbinary.TypeSet, "hostMaintenanceRequests"},
}

// String gives the field's name in storage.thrift.
func (f Field) String() string { return fieldTypes[f].name }
