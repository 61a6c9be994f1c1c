package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
)

// number is written as JavaScript does: as null if it is not finite, and without the sign of 0.
type number float64

// MarshalJSON writes the number.
func (n number) MarshalJSON() ([]byte, error) {
	value := float64(n)
	if math.IsInf(value, 0) || math.IsNaN(value) {
		return []byte("null"), nil
	}
	return json.Marshal(value + 0)
}

// summary is the figures of a run.
type summary struct {
	Problems  int `json:"problems"`
	Converged int `json:"converged"`
	// Of the problems that converged.
	MeanIterations number `json:"meanIterations"`
	// The largest distance of a result from the closed form.
	LargestError number `json:"largestError"`
}

// report writes the files, prints a few lines, and counts the outcomes that the closed form contradicts.
func report(points []point) error {
	result := summary{Problems: len(points)}
	iterations, most, wrong := 0, 0, 0
	for _, each := range points {
		off, isRight := check(each)
		if !isRight {
			wrong++
			fmt.Fprintf(os.Stderr, "problem %d: %s at %v, off by %.1e\n", each.Index+1, each.Outcome, each.X, off)
		}
		if each.Outcome != "converged" {
			continue
		}
		result.Converged++
		iterations += each.Iterations
		most = max(most, each.Iterations)
		result.LargestError = max(result.LargestError, number(off))
	}
	if result.Converged > 0 {
		result.MeanIterations = number(float64(iterations) / float64(result.Converged))
	}
	if err := writeFiles(points, result); err != nil {
		return err
	}
	fmt.Printf("problems: %d, of which %d converged and %d did not\n", len(points), result.Converged, len(points)-result.Converged)
	fmt.Printf("iterations: %.1f on average, %d at most\n", result.MeanIterations, most)
	fmt.Printf("largest error against the closed form: %.1e\n", result.LargestError)
	if wrong > 0 {
		return fmt.Errorf("wrong: %d", wrong)
	}
	return nil
}

func writeFiles(points []point, result summary) error {
	if path, ok := os.LookupEnv("NEWTON_RESULTS"); ok {
		var lines []string
		for _, each := range points {
			line, err := json.Marshal(each)
			if err != nil {
				return err
			}
			lines = append(lines, string(line))
		}
		if err := os.WriteFile(path, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o666); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(result, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(getenv("NEWTON_JSON", "newton.json"), append(text, '\n'), 0o666)
}

// The relative rounding error of a sum of a few terms, coefficients included.
const rounding = 8 * 0x1p-52

// closedForm is the root on x0's side of the vertex, which Newton's method finds; NaN if there is none. closed-form.ts says
// why. Each product is converted, because Go may otherwise fuse it with a sum, which rounds differently.
func closedForm(p problem) float64 {
	a, b, c := p.floats()
	x0 := float64(p.X0)
	if a == 0 {
		return -c / b
	}
	slope := float64(2*a*x0) + b
	if slope == 0 {
		if float64((float64(a*x0)+b)*x0)+c == 0 {
			return x0
		}
		return math.NaN()
	}
	discriminant := float64(b*b) - float64(4*a*c)
	if discriminant < -float64(rounding*b*b) {
		return math.NaN()
	}
	root := math.Sqrt(max(discriminant, 0))
	if b < 0 {
		root = -root
	}
	q := -(b + root) / 2
	first, second := q/a, 0.0
	if q != 0 {
		second = c / q
	}
	if slope/a > 0 {
		return max(first, second)
	}
	return min(first, second)
}

// check compares a point with the closed form: the distance, and whether that is allowed.
func check(p point) (off float64, isRight bool) {
	a, b, c := p.Problem.floats()
	root := closedForm(p.Problem)
	if p.Outcome != "converged" {
		return 0, math.IsNaN(root)
	}
	if math.IsNaN(root) {
		return math.Inf(1), false
	}
	step := math.Abs(float64(p.Step))
	slope := math.Abs(float64(2*a*root) + b)
	reach := math.Abs(root) + 2*step
	noise := rounding * ((math.Abs(a)*reach+math.Abs(b))*reach + math.Abs(c))
	allowed := quotient(step*step, max(step, slope/math.Abs(a))) + quotient(2*noise, slope+math.Sqrt(slope*slope+4*math.Abs(a)*noise))
	off = math.Abs(float64(p.X) - root)
	return off, off <= allowed
}

// quotient divides two numbers that are not negative; 0 / 0 is 0.
func quotient(dividend, divisor float64) float64 {
	if dividend == 0 {
		return 0
	}
	return dividend / divisor
}
