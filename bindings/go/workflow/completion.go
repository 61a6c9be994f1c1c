package workflow

import (
	"errors"
	"sync"

	"dhmem"
)

// Which stream ends a task has read or written, across restarts of the task: as src/workflow/completion.ts, which says why.
//
// A task that failed after it has read an end sees that end again when it is restarted, and a stream that it has ended stays
// ended. After a success the next streams begin. `dhmem run` notes how a task exits; without it, Task.Close counts as success.

// activityOf is nothing for a queue that is not there yet.
func activityOf(region *dhmem.Region, of link) (dhmem.QueueActivity, bool, error) {
	activity, err := region.QueueActivity(of.name())
	if errors.Is(err, dhmem.ErrNotFound) {
		return activity, false, nil
	}
	return activity, err == nil, err
}

// noteForPredecessor notes the end that a predecessor had read when it was killed before it could. Before the endpoint is taken.
func noteForPredecessor(region *dhmem.Region, of link, noted *notes) error {
	activity, isThere, err := activityOf(region, of)
	// With another count of consumers another program has read from the queue since, and its ends are not this task's.
	if isThere && activity.Consumers == noted.Consumers && activity.EndsRead != noted.Ends {
		noteReadEnd(activity, noted)
	}
	return err
}

// noteReceiver notes that this task has the endpoint, so ends that are read from now on are its own.
func noteReceiver(region *dhmem.Region, of link, noted *notes) error {
	activity, _, err := activityOf(region, of)
	// In this order: if this task dies in between, the counts don't match, and it has read no end.
	noted.Ends = activity.EndsRead
	noted.Consumers = activity.Consumers
	return err
}

// noteReadEnd notes that the task has just read the end of a stream. A new stream may begin at once and hide that.
func noteReadEnd(activity dhmem.QueueActivity, noted *notes) {
	// Positions are multiples of 8, and the note must not be 0.
	noted.Again = activity.Next | 1
	// Last: if the task dies in between, its successor writes the same note again.
	noted.Ends = activity.EndsRead
}

// hasReadEnd says whether a run that did not succeed has read an end, and released every message before it.
func hasReadEnd(region *dhmem.Region, of link, noted *notes) (bool, error) {
	activity, _, err := activityOf(region, of)
	// Positions are counted modulo 2^32.
	isBefore := int32((noted.Again&^1)-activity.Head) > 0
	return noted.Again != 0 && !isBefore, err
}

// hasEnded says whether a run that did not succeed has ended the last stream on a link.
func hasEnded(region *dhmem.Region, of link, noted *notes) (bool, error) {
	activity, _, err := activityOf(region, of)
	return activity.Ended != 0 && noted.Written != activity.Ended, err
}

// complete notes that a run of the task has succeeded, so that the next one sends and receives new streams.
func complete(region *dhmem.Region, task string, of link, noted *notes) error {
	activity, isThere, err := activityOf(region, of)
	if !isThere {
		return err
	}
	if of.from[0] == task && activity.Ended != 0 {
		noted.Written = activity.Ended
	}
	if of.to[0] == task {
		noted.Again = 0
	}
	return nil
}

// ownEnd is an end that a task of this process has read or written.
type ownEnd struct{ path, task, link string }

// ownEnds are all of them.
var ownEnds sync.Map

func noteOwn(region *dhmem.Region, task string, of link) {
	ownEnds.Store(ownEnd{region.Path(), task, of.name()}, true)
}

// completeOwn completes the run of the task before, if it was in this process: it did not fail, as the process still lives.
func completeOwn(region *dhmem.Region, task string, of link, noted *notes) error {
	if _, isOwn := ownEnds.LoadAndDelete(ownEnd{region.Path(), task, of.name()}); !isOwn {
		return nil
	}
	return complete(region, task, of, noted)
}
