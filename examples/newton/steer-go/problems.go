package main

import (
	"encoding/csv"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// problem is to find x with a x² + b x + c = 0, starting from x0.
type problem struct {
	A  number `json:"a"`
	B  number `json:"b"`
	C  number `json:"c"`
	X0 number `json:"x0"`
}

func (p problem) floats() (a, b, c float64) { return float64(p.A), float64(p.B), float64(p.C) }

var columns = []string{"a", "b", "c", "x0"}

// loadProblems loads one problem from NEWTON_A, NEWTON_B, NEWTON_C and NEWTON_X0, or many from the CSV file NEWTON_PROBLEMS.
func loadProblems() ([]problem, error) {
	fields := make([]string, len(columns))
	isOne := false
	for i, column := range columns {
		value, ok := os.LookupEnv("NEWTON_" + strings.ToUpper(column))
		fields[i], isOne = value, isOne || ok
	}
	path, many := os.LookupEnv("NEWTON_PROBLEMS")
	if isOne && many {
		return nil, wrongInput("give either --problems or --a --b --c --x0, not both")
	}
	if isOne {
		one, err := problemFrom(fields, "the problem")
		return []problem{one}, err
	}
	if !many {
		// Workflow files start the tasks in the clone's folder.
		path = "examples/newton/problems.csv"
	}
	return readProblems(path)
}

// readProblems reads a CSV file with the columns a, b, c and x0, in any order and among others.
func readProblems(path string) ([]problem, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, wrongInput("can't read the problems: %v", err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comment, reader.TrimLeadingSpace, reader.ReuseRecord = '#', true, true
	header, err := reader.Read()
	if err != nil {
		return nil, wrongInput("%s:1: %v", path, err)
	}
	places := make([]int, len(columns))
	for i, column := range columns {
		header[0] = strings.TrimPrefix(header[0], "\ufeff")
		places[i] = slices.IndexFunc(header, func(name string) bool { return strings.TrimSpace(name) == column })
		if places[i] < 0 {
			return nil, wrongInput("%s:1: no column %s among %s", path, column, strings.Join(header, ", "))
		}
	}
	var problems []problem
	for {
		record, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, wrongInput("%s: %v", path, err)
		}
		fields := make([]string, len(columns))
		for i, place := range places {
			fields[i] = record[place]
		}
		line, _ := reader.FieldPos(0)
		one, err := problemFrom(fields, path+":"+strconv.Itoa(line))
		if err != nil {
			return nil, err
		}
		problems = append(problems, one)
	}
	if problems == nil {
		return nil, wrongInput("%s:1: no problems in this file", path)
	}
	return problems, nil
}

func problemFrom(fields []string, where string) (problem, error) {
	var values [4]number
	for i, column := range columns {
		value, err := strconv.ParseFloat(strings.TrimSpace(fields[i]), 64)
		if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
			return problem{}, wrongInput("%s: %s is not a number: %q", where, column, fields[i])
		}
		values[i] = number(value)
	}
	if values[0] == 0 && values[1] == 0 {
		return problem{}, wrongInput("%s: a and b are both 0, so there is no x to solve for", where)
	}
	return problem{values[0], values[1], values[2], values[3]}, nil
}
