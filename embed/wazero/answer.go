package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// answerIn answers every message of the queue questions in the queue answers: a text by the same text in capitals, and
// a block of f64 by a new block that has each number doubled, with their sum as the message.
func answerIn(name string) error {
	r, err := openRegion(name)
	if err != nil {
		return err
	}
	questions, err := openConsumer(r, "questions")
	if err != nil {
		return errors.Join(err, r.leave())
	}
	answers, err := openProducer(r, "answers")
	if err != nil {
		return errors.Join(err, r.leave())
	}
	for {
		var question *message
		if question, err = questions.receive(); question == nil || err != nil {
			break
		}
		if err = answer(r, question, answers); err != nil {
			break
		}
	}
	if err == nil {
		err = errors.Join(answers.end(), questions.close(), answers.close())
	}
	return errors.Join(err, r.leave())
}

func answer(r *region, question *message, answers producer) error {
	if question.block == nil {
		text := bytes.ToUpper(question.data)
		return errors.Join(answers.send(text), question.release())
	}
	doubled, err := r.allocate(question.length)
	if err != nil {
		return err
	}
	sum := 0.0
	for at := uint32(0); at < question.length; at += 8 {
		number := math.Float64frombits(binary.LittleEndian.Uint64(question.block[at:]))
		sum += number
		binary.LittleEndian.PutUint64(r.memory[doubled+at:], math.Float64bits(2*number))
	}
	length := question.length
	return errors.Join(question.release(), answers.sendBlock(fmt.Appendf(nil, "%.0f", sum), doubled, length))
}
