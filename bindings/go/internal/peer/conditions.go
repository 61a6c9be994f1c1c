package main

import (
	"context"

	"dhmem"
)

// openState is the mutex, the struct and the condition that await and change use; the mutex is locked.
func openState(l line) (*dhmem.Condition, *dhmem.Struct[state], *dhmem.Held, error) {
	turn, err := region.Mutex("turn")
	if err != nil {
		return nil, nil, nil, err
	}
	memory, err := dhmem.OpenStruct[state](region, "state")
	if err != nil {
		return nil, nil, nil, err
	}
	if conditions[l.name] == nil {
		if conditions[l.name], err = region.Condition(l.name); err != nil {
			return nil, nil, nil, err
		}
	}
	held, err := turn.Lock(context.Background())
	return conditions[l.name], memory, held, err
}

func conditionsOf(l line) (text string, known bool, err error) {
	if l.command != "await" && l.command != "watch" && l.command != "change" {
		return "", false, nil
	}
	condition, memory, held, err := openState(l)
	if err != nil {
		return "", true, err
	}
	defer held.Unlock()
	if l.command == "change" {
		memory.Live().Step = l.number(0)
		return "changed", true, condition.NotifyAll()
	}
	if l.command == "watch" {
		return watch(condition, memory, held)
	}
	limit := -1.0
	if len(l.words) > 1 {
		limit = l.number(1)
	}
	err = condition.Wait(within(limit), held, func() bool { return memory.Live().Step == l.number(0) })
	return "reached", true, err
}

// watch adds 1 to the number whenever it looks, until that is below 0.
func watch(condition *dhmem.Condition, memory *dhmem.Struct[state], held *dhmem.Held) (string, bool, error) {
	err := condition.Wait(context.Background(), held, func() bool {
		if memory.Live().Step < 0 {
			return true
		}
		memory.Live().Step++
		return false
	})
	if held.Abandoned {
		return "abandoned", true, err
	}
	return "whole", true, err
}
