package dhmem

import (
	"fmt"

	"dhmem/internal/native"
)

// Error is the error of this package. Its text says what happened, to what, and what to do. The code is the same in every
// language. To test for one, use the variables: errors.Is(err, dhmem.ErrTimeout).
type Error struct {
	// Code is stable, such as "DHMEM_TIMEOUT".
	Code string
	// Message is the text.
	Message string
	// Cause is the context's error where a context's deadline has ended a wait; else nil.
	Cause error
}

// Error returns the text.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Message
}

// Unwrap returns the cause: with ErrTimeout, that is context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.Cause }

// Is says whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code && (other.Message == "" || other.Message == e.Message)
}

// What errors.Is compares with.
var (
	ErrExists              = &Error{Code: "DHMEM_EXISTS"}
	ErrNotFound            = &Error{Code: "DHMEM_NOT_FOUND"}
	ErrPermission          = &Error{Code: "DHMEM_PERMISSION"}
	ErrNoSpace             = &Error{Code: "DHMEM_NO_SPACE"}
	ErrRegionFull          = &Error{Code: "DHMEM_REGION_FULL"}
	ErrFormat              = &Error{Code: "DHMEM_FORMAT"}
	ErrVersion             = &Error{Code: "DHMEM_VERSION"}
	ErrTypeMismatch        = &Error{Code: "DHMEM_TYPE_MISMATCH"}
	ErrBadHandle           = &Error{Code: "DHMEM_BAD_HANDLE"}
	ErrBadArgument         = &Error{Code: "DHMEM_BAD_ARGUMENT"}
	ErrDoubleFree          = &Error{Code: "DHMEM_DOUBLE_FREE"}
	ErrEndpointTaken       = &Error{Code: "DHMEM_ENDPOINT_TAKEN"}
	ErrQueueEnded          = &Error{Code: "DHMEM_QUEUE_ENDED"}
	ErrPeerGone            = &Error{Code: "DHMEM_PEER_GONE"}
	ErrMessageTooLarge     = &Error{Code: "DHMEM_MESSAGE_TOO_LARGE"}
	ErrTimeout             = &Error{Code: "DHMEM_TIMEOUT"}
	ErrClosed              = &Error{Code: "DHMEM_CLOSED"}
	ErrReadOnly            = &Error{Code: "DHMEM_READ_ONLY"}
	ErrTruncated           = &Error{Code: "DHMEM_TRUNCATED"}
	ErrCorrupt             = &Error{Code: "DHMEM_CORRUPT"}
	ErrTooManyParticipants = &Error{Code: "DHMEM_TOO_MANY_PARTICIPANTS"}
	ErrUnsupported         = &Error{Code: "DHMEM_UNSUPPORTED"}
)

// failed makes the error of a call. The region's lock is held.
func failed(calls *native.Calls, code native.Code) error {
	return &Error{Code: native.CodeName(code), Message: calls.Why()}
}

func fail(kind *Error, format string, values ...any) error {
	return &Error{Code: kind.Code, Message: fmt.Sprintf(format, values...)}
}

func badArgument(what string, value any, wanted string) error {
	shown := fmt.Sprintf("%#v", value)
	if len(shown) > 80 {
		shown = shown[:77] + "…"
	}
	return fail(ErrBadArgument, "%s is %s; it must be %s", what, shown, wanted)
}
