// Command steer is the task `steer` in Go: it holds the problems, sends `evaluate` batches of guesses, and makes the steps,
// like steer.ts. protocol.ts draws the messages.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"dhmem"
	"dhmem/workflow"
)

const (
	pointsPerBatch  = 256
	batchesInFlight = 4
	tolerance       = 0.001
	maxIterations   = 32
	// The number of doubles for each point of an answer, behind a header of one.
	valuesStride = 2
)

// point is a problem on its way to a root.
type point struct {
	Index      int     `json:"index"`
	Problem    problem `json:"problem"`
	X          number  `json:"x"`
	Iterations int     `json:"iterations"`
	// The last step; NaN before the first.
	Step number `json:"step"`
	// "" while the iteration continues.
	Outcome string `json:"outcome"`
}

// advance makes one Newton step, x -= y / y'.
func (p *point) advance(y, slope float64) {
	p.Iterations++
	step := y / slope
	// At a root the step is 0, even at a double root, where the slope is 0 too.
	if y == 0 {
		step = 0
	}
	p.Step = number(step)
	if math.IsInf(step, 0) || math.IsNaN(step) {
		p.Outcome = "no-slope"
		return
	}
	p.X -= number(step)
	if math.Abs(step) < tolerance {
		p.Outcome = "converged"
	} else if p.Iterations >= maxIterations {
		p.Outcome = "iteration-limit"
	}
}

// solver iterates the points until each has an outcome.
type solver struct {
	guesses, progress *workflow.Output
	points            []point
	// First in, first out, so no point is an iteration ahead of one that still waits.
	waiting  []*point
	inFlight map[int64][]*point
	// Batches are numbered from a random start, which tells this run's answers from those to a killed predecessor.
	run, next int64
}

// ask sends batches, and ends the guesses when there is nothing left to ask.
func (s *solver) ask(ctx context.Context) error {
	for len(s.waiting) > 0 && len(s.inFlight) < batchesInFlight {
		count := min(len(s.waiting), pointsPerBatch)
		batch := s.waiting[:count]
		s.waiting = s.waiting[count:]
		s.inFlight[s.next] = batch
		message := []float64{float64(s.next)}
		for _, each := range batch {
			a, b, c := each.Problem.floats()
			message = append(message, a, b, c, float64(each.X))
		}
		s.next++
		if err := s.guesses.Send(ctx, dhmem.BytesOf(message)); err != nil {
			return err
		}
	}
	if len(s.inFlight) == 0 {
		return s.guesses.End()
	}
	return nil
}

// receive makes the steps of an answered batch, and reports them.
func (s *solver) receive(ctx context.Context, answer []float64) error {
	if len(answer) == 0 {
		return nil
	}
	batch, ok := s.inFlight[int64(answer[0])]
	if !ok || len(answer) < 1+len(batch)*valuesStride {
		return nil
	}
	delete(s.inFlight, int64(answer[0]))
	message := []float64{float64(s.run), float64(len(s.points))}
	for i, each := range batch {
		each.advance(answer[1+i*valuesStride], answer[2+i*valuesStride])
		message = append(message, float64(each.Index), float64(each.Iterations), float64(each.Step))
		if each.Outcome == "" {
			s.waiting = append(s.waiting, each)
		}
	}
	return s.progress.Send(ctx, dhmem.BytesOf(message))
}

func (s *solver) solve(ctx context.Context, values *workflow.Input, pace time.Duration) error {
	for i := range s.points {
		s.waiting = append(s.waiting, &s.points[i])
	}
	s.run = rand.Int64N(1 << 47)
	s.next = s.run
	if err := s.ask(ctx); err != nil {
		return err
	}
	for message := range values.All(ctx) {
		if err := s.receive(ctx, dhmem.View[float64](message)); err != nil {
			return err
		}
		select {
		case <-time.After(pace):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := s.ask(ctx); err != nil {
			return err
		}
	}
	if err := values.Err(); err != nil {
		return err
	}
	if len(s.inFlight) > 0 {
		return errors.New("evaluate ended its values before it had answered every batch")
	}
	return s.progress.End()
}

// inputError is a mistake in the user's variables or files.
type inputError struct{ text string }

func (e inputError) Error() string { return e.text }

func wrongInput(format string, values ...any) error {
	return inputError{fmt.Sprintf(format, values...)}
}

func run() error {
	pace, err := strconv.ParseFloat(getenv("NEWTON_PACE", "0"), 64)
	if err != nil || !(pace >= 0 && pace < 1<<31) {
		return wrongInput("--pace (or NEWTON_PACE) must be a number of milliseconds, not %q", os.Getenv("NEWTON_PACE"))
	}
	problems, err := loadProblems()
	if err != nil {
		return err
	}
	s := &solver{inFlight: map[int64][]*point{}}
	for i, each := range problems {
		s.points = append(s.points, point{Index: i, Problem: each, X: each.X0, Step: number(math.NaN())})
	}
	task, err := workflow.FromEnvironment()
	if err != nil {
		return err
	}
	defer task.Close()
	if s.guesses, err = task.Output("guesses"); err != nil {
		return err
	}
	values, err := task.Input("values")
	if err != nil {
		return err
	}
	if s.progress, err = task.Output("progress"); err != nil {
		return err
	}
	if err := s.solve(task.Context(), values, time.Duration(pace*1e6)); err != nil {
		return err
	}
	return report(s.points)
}

func getenv(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}

func main() {
	err := run()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "steer:", err)
	if errors.As(err, &inputError{}) {
		os.Exit(2)
	}
	os.Exit(1)
}
