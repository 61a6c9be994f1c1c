package dhmem

// Queue has one producer and one consumer, in any two processes. Opening one of its ends makes it. Messages have any size;
// large ones travel as a block of their own, without further notice.
type Queue struct {
	region  *Region
	name    string
	options queueOptions
	err     error
}

// Queue returns the queue of this name. Wrong options are reported when an end is opened.
//
//	steps, err := region.Queue("steps", dhmem.Capacity(8<<20)).Producer()
func (r *Region) Queue(name string, options ...QueueOption) *Queue {
	all, err := queueOptionsOf(options)
	return &Queue{region: r, name: name, options: all, err: err}
}

// Name is the queue's name.
func (q *Queue) Name() string { return q.name }
