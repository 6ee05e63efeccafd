// Checks that what the API server answered about each object is what one object, changed by one
// request at a time, would have answered: linearizability, with porcupine.
//
// Standard input is a history, one operation a line; standard output says how much was checked, and
// status 1 that it cannot be explained. What each field means stands at its declaration.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const patience = time.Minute

// operation is one request about one object, as whoever asked saw it.
type operation struct {
	Key    string `json:"key"`    // which object
	Client int    `json:"client"` // who asked
	Call   int64  `json:"call"`   // when it was asked, and when it was answered
	Return int64  `json:"return"`

	Kind    string `json:"kind"`    // create, read, write or delete
	Expects int64  `json:"expects"` // the version it is a change of; 0: of any
	Code    int    `json:"code"`    // the HTTP status of the answer; 5xx: nobody knows
	Version int64  `json:"version"` // the version in the answer

	Status  bool   `json:"status"` // whether it writes the status, and what it says then
	Phase   string `json:"phase"`
	Attempt int    `json:"attempt"`
	Holder  string `json:"holder"`
	Ended   bool   `json:"ended"`
}

// object is what there is: nothing, or a version with what its status says.
type object struct {
	Exists  bool
	Version int64 // -1: written, and nobody has heard which
	Phase   string
	Attempt int
	Holder  string
	Ended   bool
	Blurred bool // its status may have been written, and nobody has heard what it says then
}

// unknown is an answer that leaves open whether the request was carried out.
func (op operation) unknown() bool { return op.Code == 0 || op.Code >= 500 }

func (now object) is(version int64) bool { return now.Version == version || now.Version < 0 }

// changed is the object after a request that was carried out, and whether it can have been.
func changed(now object, op operation) (object, bool) {
	if op.Kind == "create" {
		return object{Exists: true, Version: op.Version}, !now.Exists
	}
	if !now.Exists || (op.Expects != 0 && !now.is(op.Expects)) {
		return now, false
	}
	if op.Kind == "delete" {
		return object{}, true
	}
	next := now
	next.Version = op.Version
	if !op.unknown() && op.Version < now.Version {
		return now, false
	}
	if op.Status && op.unknown() {
		next.Blurred = true
	} else if op.Status {
		// An attempt begins when the one before has ended, and stays in the hands that claimed it.
		begins := op.Attempt == now.Attempt+1 && (now.Attempt == 0 || now.Ended)
		goesOn := op.Attempt == now.Attempt && (now.Attempt == 0 || op.Holder == now.Holder)
		if !now.Blurred && !begins && !(goesOn && (op.Ended || !now.Ended)) {
			return now, false
		}
		next.Phase, next.Attempt, next.Holder, next.Ended = op.Phase, op.Attempt, op.Holder, op.Ended
		next.Blurred = false
	}
	return next, true
}

func step(state, input, output any) []any {
	now, op := state.(object), input.(operation)
	switch {
	case op.Kind == "read" && op.Code == 200:
		if !now.Exists || !now.is(op.Version) {
			return nil
		}
		now.Version = op.Version
		return []any{now}
	case op.Kind == "read":
		if op.Code == 404 && now.Exists {
			return nil
		}
		return []any{now}
	case op.unknown():
		op.Version = -1
		if next, possible := changed(now, op); possible {
			return []any{now, next}
		}
		return []any{now}
	case op.Code < 300:
		if next, possible := changed(now, op); possible {
			return []any{next}
		}
		return nil
	case op.Code == 409 && op.Kind == "write":
		if op.Expects == 0 || !now.Exists || now.Version == op.Expects {
			return nil
		}
		return []any{now}
	case op.Code == 409 && op.Kind == "create":
		if !now.Exists {
			return nil
		}
		return []any{now}
	default: // refused: nothing has changed
		return []any{now}
	}
}

func main() {
	model := porcupine.NondeterministicModel{
		Init:  func() []any { return []any{object{}} },
		Step:  step,
		Equal: func(a, b any) bool { return a == b },
	}
	histories := map[string][]porcupine.Operation{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	operations := 0
	for lines.Scan() {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		histories[op.Key] = append(histories[op.Key], porcupine.Operation{
			ClientId: op.Client, Input: op, Call: op.Call, Return: op.Return,
		})
		operations++
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	refused := 0
	for key, history := range histories {
		if result := porcupine.CheckOperationsTimeout(model.ToModel(), history, patience); result != porcupine.Ok {
			fmt.Printf("refused %s: %s\n", key, result)
			refused++
		}
	}
	fmt.Printf("checked %d histories, %d operations\n", len(histories), operations)
	if refused > 0 {
		os.Exit(1)
	}
}
