/**
 * The messages between the three tasks. Every message is a batch of doubles: a header, then one group of
 * doubles for each point, in the order in which the guesses were sent.
 *
 *              header           each point
 *   guesses    batch            a, b, c, x               steer    → evaluate
 *   values     batch            y, y'                    evaluate → steer
 *   progress   run, problems    problem, iteration, step steer    → visualize
 *
 * The end of the streams travels the same way: steer ends `guesses` when it has no more questions, then
 * evaluate ends `values`, and then steer ends `progress`. So each queue is drained up to its end before the
 * run is over, and the next run in the same region starts with empty queues.
 */
export const GUESSES = "guesses";
export const VALUES = "values";
export const PROGRESS = "progress";

/** The number of doubles before the first point of a message. */
export const HEADER = { guesses: 1, values: 1, progress: 2 } as const;

/** The number of doubles for each point of a message. */
export const STRIDE = { guesses: 4, values: 2, progress: 3 } as const;

/**
 * The largest number of points in a message. Many problems make many messages of 8 KiB, and never a huge one.
 */
export const POINTS_PER_BATCH = 256;

/**
 * The number of batches that evaluate has not answered yet. With more than one, both tasks are busy. They are
 * few enough that guesses and values always fit their queues, so the two tasks never wait for each other's
 * room at the same time.
 */
export const BATCHES_IN_FLIGHT = 4;

/** A point has converged when a Newton step is smaller than this. */
export const TOLERANCE = 0.001;

/** The largest number of steps of a point: enough to start at 2^32 times the distance between the roots. */
export const MAX_ITERATIONS = 32;
