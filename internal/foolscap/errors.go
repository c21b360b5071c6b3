package foolscap

import (
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrDisconnected is wrapped by the error of a call whose connection has ended: whether the other end did what it was
	// asked is unknown.
	ErrDisconnected = errors.New("the connection ended")
	// ErrNotRunning is Connect's refusal while nobody runs the Tub.
	ErrNotRunning = errors.New("the Tub is not running")
	// ErrMalformed is wrapped by every refusal of a FURL. The refusals quote nothing secret.
	ErrMalformed = errors.New("malformed FURL")
	// ErrNegotiation is wrapped by the error of a connection that the two ends did not agree upon.
	ErrNegotiation = errors.New("Foolscap negotiation")
	// ErrProtocol is wrapped by the error that ends a connection whose other end broke the rules of the protocol.
	ErrProtocol = errors.New("Foolscap protocol")
	// ErrUnsendable is wrapped by the error of a call with a value that cannot be sent. Nothing was sent.
	ErrUnsendable = errors.New("cannot be sent by Foolscap")
)

// What the original calls these failures. Callers tell them apart by these names.
const (
	typeViolation = "foolscap.tokens.Violation"
	typeException = "builtins.Exception"
	typeObject    = "builtins.object"
	typeBase      = "builtins.BaseException"
)

// A RemoteError is a failure at the other end, as it tells it.
type RemoteError struct {
	Type    string // the name of the exception's class, such as builtins.KeyError
	Message string
	Parents []string // the classes of which it is one: Type, and what that derives from
}

func (e *RemoteError) Error() string {
	const most = 300
	message := e.Message
	if len(message) > most {
		message = message[:most]
	}
	return fmt.Sprintf("the other end says: %q (%.100q)", message, e.Type)
}

// IsA says whether the failure is of this class of the original's, or of one that derives from it.
func (e *RemoteError) IsA(class string) bool {
	return e.Type == class || slices.Contains(e.Parents, class)
}

// A CallError is an Object's answer to a call that did not work: it becomes a failure of this type at the other end.
type CallError struct {
	Type    string   // the full name of an exception class of the original's
	Message string   // for the other end: nothing secret
	Parents []string // the names of the classes of which Type is one; those that every exception has are added
}

func (e *CallError) Error() string { return e.Message }
