package replica

import (
	"errors"
	"fmt"

	"aurorabot/runner/tbinary"
)

// Numbers of the Op union.
const (
	opSaveFrameworkID            = 1
	opSaveCronJob                = 2
	opRemoveJob                  = 5
	opSaveTasks                  = 6
	opRemoveTasks                = 7
	opSaveQuota                  = 8
	opRemoveQuota                = 9
	opSaveHostAttributes         = 10
	opRewriteTask                = 11
	opSaveLock                   = 12
	opRemoveLock                 = 13
	opSaveJobUpdate              = 14
	opSaveJobUpdateEvent         = 15
	opSaveJobInstanceUpdateEvent = 16
	opPruneJobUpdateHistory      = 17
	opRemoveJobUpdate            = 18
	opSaveMaintenance            = 19
	opRemoveMaintenance          = 20
)

// apply applies a transaction. Its Ops take effect in their order.
func (s *state) apply(transaction *tbinary.Struct) error {
	n := 0
	for op := range transaction.List(1).Structs() {
		n++
		if len(op.Fields) == 0 {
			s.ignore("empty Ops")
			continue
		}
		f := op.Fields[len(op.Fields)-1]
		body, ok := f.Value.(*tbinary.Struct)
		if !ok {
			return fmt.Errorf("op %d is %s, no struct", n, f.Type)
		}
		if err := s.op(f.ID, body); err != nil {
			return fmt.Errorf("op %d, %s: %w", n, opName(f.ID), err)
		}
	}
	return nil
}

func (s *state) op(id int16, b *tbinary.Struct) error {
	switch id {
	case opSaveFrameworkID:
		s.framework = b.Str(1)
	case opSaveCronJob:
		return s.saveJob(b)
	case opRemoveJob:
		delete(s.crons, jobKey(b.Struct(2)))
	case opSaveTasks:
		for t := range b.List(1).Structs() {
			if err := s.saveTask(t); err != nil {
				return err
			}
		}
	case opRemoveTasks:
		for id := range b.List(1).Strings() {
			delete(s.tasks, id)
		}
	case opSaveQuota:
		return s.saveQuota(b) // The same two fields as a QuotaConfiguration.
	case opRemoveQuota:
		delete(s.quotas, b.Str(1))
	case opSaveHostAttributes:
		return s.saveHost(b.Struct(1))
	case opRewriteTask:
		return s.rewriteTask(b)
	case opSaveLock, opRemoveLock:
		return s.lock(id, b)
	case opSaveJobUpdate:
		return s.saveUpdate(b)
	case opSaveJobUpdateEvent:
		return s.event(b, updateEvents)
	case opSaveJobInstanceUpdateEvent:
		return s.event(b, instanceEvents)
	case opPruneJobUpdateHistory:
		if !s.epoch {
			s.ignore("pruneJobUpdateHistory, which the scheduler passes over since 0.20")
			return nil
		}
		return s.prune(int(b.I32(1)), b.I64(2))
	case opRemoveJobUpdate:
		for k := range b.List(1).Structs() {
			delete(s.updates, updateKey(k))
		}
	case opSaveMaintenance:
		return s.saveMaintenance(b.Struct(1))
	case opRemoveMaintenance:
		delete(s.maintenance, b.Str(1))
	default:
		return errors.New("not known to any release")
	}
	return nil
}

// saveJob takes SaveCronJob and, to 0.7, SaveAcceptedJob: what is stored is
// the same struct but for the number of the configuration's field.
func (s *state) saveJob(b *tbinary.Struct) error {
	config := b.Struct(2)
	if config == nil {
		return need("the job's configuration", "")
	}
	stored := &tbinary.Struct{}
	if b.Has(1) {
		stored.SetBytes(1, b.Bytes(1))
	}
	return s.saveCron(stored.SetStruct(3, config))
}

// rewriteTask replaces the configuration of a task, up to 0.16.
func (s *state) rewriteTask(b *tbinary.Struct) error {
	old, ok := s.tasks[b.Str(1)]
	if !ok {
		s.ignore("rewriteTask of a task that is not there")
		return nil
	}
	task, err := old.Struct()
	if err != nil {
		return err
	}
	setConfig(task, b.Struct(2))
	return s.saveTask(task)
}

// setConfig puts a TaskConfig into a ScheduledTask, at the place where Aurora
// writes it.
func setConfig(task, config *tbinary.Struct) {
	assigned := task.Struct(1)
	if assigned == nil || config == nil {
		return
	}
	if assigned.Has(4) {
		assigned.SetStruct(4, config)
		return
	}
	at := 0
	for at < len(assigned.Fields) && assigned.Fields[at].ID < 4 {
		at++
	}
	fields := make([]tbinary.Field, 0, len(assigned.Fields)+1)
	fields = append(fields, assigned.Fields[:at]...)
	fields = append(fields, tbinary.Field{ID: 4, Type: tbinary.TypeStruct, Value: config})
	assigned.Fields = append(fields, assigned.Fields[at:]...)
}

func (s *state) lock(id int16, b *tbinary.Struct) error {
	switch {
	case !s.epoch:
		s.ignore("lock Ops, which the scheduler passes over since 0.20")
	case id == opSaveLock:
		if b.Struct(1) == nil {
			return need("the lock", "")
		}
		return s.saveLock(b.Struct(1))
	case b.Struct(1) != nil:
		delete(s.locks, string(b.Struct(1).Encode()))
	}
	return nil
}
