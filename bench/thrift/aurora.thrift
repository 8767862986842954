// What a backup holds: the Snapshot of Aurora 0.5 to the fork's 0.26, field by
// field. Where two releases use a number for different things the later one
// stands here. It serves to let Apache Thrift generate the code that our own
// decoder is measured beside. Nothing is marked optional: then the code needs no
// pointer for each number and each text, and is faster.

namespace go aurora

struct Attribute {
  1: string name
  2: set<string> values
}

enum MaintenanceMode {
  NONE = 1
  SCHEDULED = 2
  DRAINING = 3
  DRAINED = 4
}

struct HostAttributes {
  1: string host
  2: set<Attribute> attributes
  3: MaintenanceMode mode
  4: string slaveId
}

struct Identity {
  1: string role
  2: string user
}

struct ValueConstraint {
  1: bool negated
  2: set<string> values
}

struct LimitConstraint {
  1: i32 limit
}

union TaskConstraint {
  1: ValueConstraint value
  2: LimitConstraint limit
}

struct Constraint {
  1: string name
  2: TaskConstraint constraint
}

struct ExecutorConfig {
  1: string name
  2: string data
}

struct Metadata {
  1: string key
  2: string value
}

struct JobKey {
  1: string role
  2: string environment
  3: string name
}

struct DockerImage {
  1: string name
  2: string tag
}

struct AppcImage {
  1: string name
  2: string imageId
}

union Image {
  1: DockerImage docker
  2: AppcImage appc
}

enum Mode {
  RW = 1
  RO = 2
}

struct Volume {
  1: string containerPath
  2: string hostPath
  3: Mode mode
}

struct MesosContainer {
  1: Image image
  2: list<Volume> volumes
}

struct DockerParameter {
  1: string name
  2: string value
}

struct DockerContainer {
  1: string image
  2: list<DockerParameter> parameters
}

union Container {
  1: MesosContainer mesos
  2: DockerContainer docker
}

union Resource {
  1: double numCpus
  2: i64 ramMb
  3: i64 diskMb
  4: string namedPort
  5: i64 numGpus
  6: i64 ipAddr
}

struct MesosFetcherURI {
  1: string value
  2: bool extract
  3: bool cache
  4: string outputFile
}

struct PartitionPolicy {
  1: bool reschedule
  2: i64 delaySecs
}

struct PercentageSlaPolicy {
  1: double percentage
  2: i64 durationSecs
}

struct CountSlaPolicy {
  1: i64 count
  2: i64 durationSecs
}

struct CoordinatorSlaPolicy {
  1: string coordinatorUrl
  2: string statusKey
}

union SlaPolicy {
  1: PercentageSlaPolicy percentageSlaPolicy
  2: CountSlaPolicy countSlaPolicy
  3: CoordinatorSlaPolicy coordinatorSlaPolicy
}

struct TaskConfig {
  3: string jobName
  7: bool isService
  8: double numCpus
  9: i64 ramMb
  10: i64 diskMb
  11: i32 priority
  13: i32 maxTaskFailures
  17: Identity owner
  18: bool production
  20: set<Constraint> constraints
  21: set<string> requestedPorts
  22: map<string,string> taskLinks
  23: string contactEmail
  25: ExecutorConfig executorConfig
  26: string environment
  27: set<Metadata> metadata
  28: JobKey job
  29: Container container
  30: string tier
  32: set<Resource> resources
  33: set<MesosFetcherURI> mesosFetcherUris
  34: PartitionPolicy partitionPolicy
  35: SlaPolicy slaPolicy
}

struct AssignedTask {
  1: string taskId
  2: string slaveId
  3: string slaveHost
  4: TaskConfig task
  5: map<string,i32> assignedPorts
  6: i32 instanceId
}

enum ScheduleStatus {
  PENDING = 0
  STARTING = 1
  RUNNING = 2
  FINISHED = 3
  FAILED = 4
  KILLED = 5
  KILLING = 6
  LOST = 7
  ASSIGNED = 9
  SANDBOX_DELETED = 10
  INIT = 11
  RESTARTING = 12
  PREEMPTING = 13
  THROTTLED = 16
  DRAINING = 17
  PARTITIONED = 18
}

struct TaskEvent {
  1: i64 timestamp
  2: ScheduleStatus status
  3: string message
  4: string scheduler
}

struct ScheduledTask {
  1: AssignedTask assignedTask
  2: ScheduleStatus status
  3: i32 failureCount
  4: list<TaskEvent> taskEvents
  5: string ancestorId
  6: i32 timesPartitioned
}

enum CronCollisionPolicy {
  KILL_EXISTING = 0
  CANCEL_NEW = 1
  RUN_OVERLAP = 2
}

struct JobConfiguration {
  4: string cronSchedule
  5: CronCollisionPolicy cronCollisionPolicy
  6: TaskConfig taskConfig
  7: Identity owner
  8: i32 instanceCount
  9: JobKey key
}

struct StoredCronJob {
  3: JobConfiguration jobConfiguration
}

struct APIVersion {
  1: i32 major
}

struct SchedulerMetadata {
  1: string frameworkId
  2: string revision
  3: string tag
  4: string timestamp
  5: string user
  6: string machine
  7: APIVersion version
  8: map<string,string> details
}

struct ResourceAggregate {
  1: double numCpus
  2: i64 ramMb
  3: i64 diskMb
  4: set<Resource> resources
}

struct QuotaConfiguration {
  1: string role
  2: ResourceAggregate quota
}

union LockKey {
  1: JobKey job
}

struct Lock {
  1: LockKey key
  2: string token
  3: string user
  4: i64 timestampMs
  5: string message
}

enum JobUpdateStatus {
  ROLLING_FORWARD = 0
  ROLLING_BACK = 1
  ROLL_FORWARD_PAUSED = 2
  ROLL_BACK_PAUSED = 3
  ROLLED_FORWARD = 4
  ROLLED_BACK = 5
  ABORTED = 6
  ERROR = 7
  FAILED = 8
  ROLL_FORWARD_AWAITING_PULSE = 9
  ROLL_BACK_AWAITING_PULSE = 10
}

struct JobUpdateState {
  1: JobUpdateStatus status
  2: i64 createdTimestampMs
  3: i64 lastModifiedTimestampMs
}

struct JobUpdateKey {
  1: JobKey job
  2: string id
}

struct JobUpdateSummary {
  1: string updateId
  2: JobKey jobKey
  3: string user
  4: JobUpdateState state
  5: JobUpdateKey key
  6: set<Metadata> metadata
}

struct Range {
  1: i32 first
  2: i32 last
}

struct InstanceTaskConfig {
  1: TaskConfig task
  2: set<Range> instances
}

struct QueueJobUpdateStrategy {
  1: i32 groupSize
}

struct BatchJobUpdateStrategy {
  1: i32 groupSize
  2: bool autopauseAfterBatch
}

struct VariableBatchJobUpdateStrategy {
  1: list<i32> groupSizes
  2: bool autopauseAfterBatch
}

union JobUpdateStrategy {
  1: QueueJobUpdateStrategy queueStrategy
  2: BatchJobUpdateStrategy batchStrategy
  3: VariableBatchJobUpdateStrategy varBatchStrategy
}

struct JobUpdateSettings {
  1: i32 updateGroupSize
  2: i32 maxPerInstanceFailures
  3: i32 maxFailedInstances
  4: i32 maxWaitToInstanceRunningMs
  5: i32 minWaitInInstanceRunningMs
  6: bool rollbackOnFailure
  7: set<Range> updateOnlyTheseInstances
  8: bool waitForBatchCompletion
  9: i32 blockIfNoPulsesAfterMs
  10: bool slaAware
  11: JobUpdateStrategy updateStrategy
}

struct JobUpdateInstructions {
  1: set<InstanceTaskConfig> initialState
  2: InstanceTaskConfig desiredState
  3: JobUpdateSettings settings
}

struct JobUpdate {
  1: JobUpdateSummary summary
  2: JobUpdateInstructions instructions
}

struct JobUpdateEvent {
  1: JobUpdateStatus status
  2: i64 timestampMs
  3: string user
  4: string message
}

enum JobUpdateAction {
  INSTANCE_UPDATED = 1
  INSTANCE_ROLLED_BACK = 2
  INSTANCE_UPDATING = 3
  INSTANCE_ROLLING_BACK = 4
  INSTANCE_UPDATE_FAILED = 5
  INSTANCE_ROLLBACK_FAILED = 6
}

struct JobInstanceUpdateEvent {
  1: i32 instanceId
  2: i64 timestampMs
  3: JobUpdateAction action
  4: string message
}

struct JobUpdateDetails {
  1: JobUpdate update
  2: list<JobUpdateEvent> updateEvents
  3: list<JobInstanceUpdateEvent> instanceEvents
}

struct StoredJobUpdateDetails {
  1: JobUpdateDetails details
  2: string lockToken
}

struct HostMaintenanceRequest {
  1: string host
  2: SlaPolicy defaultSlaPolicy
  3: i64 timeoutSecs
  4: i64 createdTimestampMs
}

struct Snapshot {
  1: i64 timestamp
  3: set<HostAttributes> hostAttributes
  4: set<ScheduledTask> tasks
  5: set<StoredCronJob> cronJobs
  6: SchedulerMetadata schedulerMetadata
  8: set<QuotaConfiguration> quotaConfigurations
  9: set<Lock> locks
  10: set<StoredJobUpdateDetails> jobUpdateDetails
  11: list<string> dbScript
  12: bool experimentalTaskStore
  13: set<HostMaintenanceRequest> hostMaintenanceRequests
}
