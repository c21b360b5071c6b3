package foolscap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
)

// The types of banana's tokens: the first byte behind the digits of the header. All have the high bit, no digit has it.
const (
	tokList    = 0x80 // of a dialect that is no longer spoken
	tokInt     = 0x81
	tokString  = 0x82
	tokNeg     = 0x83
	tokFloat   = 0x84
	tokLongInt = 0x85
	tokLongNeg = 0x86
	tokVocab   = 0x87
	tokOpen    = 0x88
	tokClose   = 0x89
	tokAbort   = 0x8a
	tokError   = 0x8d
	tokPing    = 0x8e
	tokPong    = 0x8f
)

const (
	maxDigits    = 64   // of a header
	maxErrorText = 1000 // of an ERROR token
	maxNesting   = 2000 // of what is thrown away; what is kept has a lower limit
	maxInt       = 1<<31 - 1
	maxLongInt   = 256 // bytes of a whole number
	firstRead    = 64 * kib
)

// vocabulary is the table of index 1, words that are sent as their place in it; vocabularyHash is what both ends compare.
var vocabulary = [...]string{
	"none", "boolean", "reference", "dict", "list", "tuple", "set", "immutable-set", "unicode", "set-vocab", "add-vocab", "call",
	"arguments", "answer", "error", "my-reference", "your-reference", "their-reference", "copyable", "instance", "module", "class",
	"method", "function", "attrdict",
}

const vocabularyIndex, vocabularyHash = 1, "bb33"

// A token is the header of one: its body, if it has one, is still to be read.
type token struct {
	kind byte
	n    int64
}

var errHungUp = errors.New("the other end hung up")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

// A tokenReader reads tokens, keeps count of the open sequences, and answers PING by the way.
type tokenReader struct {
	r     *bufio.Reader
	ping  func(n int64)
	open  []int64 // the numbers of the sequences that are open
	count int64   // of all OPEN tokens so far
}

func (t *tokenReader) next() (token, error) {
	for {
		tok, err := t.header()
		if err != nil {
			return token{}, err
		}
		switch tok.kind {
		case tokPing:
			t.ping(tok.n)
		case tokPong:
		case tokError:
			return token{}, t.errorText(tok.n)
		case tokOpen:
			if len(t.open) >= maxNesting {
				return token{}, broken("more than %d containers in each other", maxNesting)
			}
			t.open = append(t.open, tok.n)
			t.count++
			return tok, nil
		case tokClose:
			return tok, t.close(tok.n)
		default:
			return tok, nil
		}
	}
}

func (t *tokenReader) close(n int64) error {
	last := len(t.open) - 1
	if last < 0 || t.open[last] != n {
		return broken("a CLOSE token without its OPEN")
	}
	t.open = t.open[:last]
	return nil
}

func (t *tokenReader) header() (token, error) {
	var n int64
	for digits := 0; ; digits++ {
		b, err := t.r.ReadByte()
		if err != nil {
			if digits > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return token{}, err
		}
		if b >= 0x80 {
			return token{kind: b, n: n}, nil
		}
		if digits == maxDigits {
			return token{}, broken("a token's header of more than %d digits", maxDigits)
		}
		if b == 0 {
			continue
		}
		if digits > 8 {
			return token{}, broken("the number in a token's header is too large")
		}
		n |= int64(b) << (7 * digits)
	}
}

// errorText reads what the other end says before it hangs up.
func (t *tokenReader) errorText(n int64) error {
	if n > maxErrorText {
		return broken("an ERROR token of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(t.r, b); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w, and says: %q", ErrProtocol, errHungUp, b)
}

// body reads n bytes. Memory is taken as they come.
func (t *tokenReader) body(n int64) ([]byte, error) {
	b := make([]byte, min(n, firstRead))
	for done := 0; ; {
		if _, err := io.ReadFull(t.r, b[done:]); err != nil {
			return nil, eof(err)
		}
		done = len(b)
		if int64(done) == n {
			return b, nil
		}
		grown := make([]byte, min(n, 4*int64(done)))
		copy(grown, b)
		b = grown
	}
}

func eof(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skip throws a token's body away.
func (t *tokenReader) skip(tok token) error {
	n := tok.n
	switch tok.kind {
	case tokString, tokLongInt, tokLongNeg:
	case tokFloat:
		n = 8
	case tokInt, tokNeg, tokVocab, tokOpen, tokClose, tokAbort:
		return nil
	default:
		return broken("a token of unknown type %#x", tok.kind)
	}
	for n > 0 {
		m, err := t.r.Discard(int(min(n, math.MaxInt32)))
		if err != nil {
			return eof(err)
		}
		n -= int64(m)
	}
	return nil
}

// discard throws everything away until so many sequences are open.
func (t *tokenReader) discard(open int) error {
	for len(t.open) > open {
		tok, err := t.next()
		if err == nil {
			err = t.skip(tok)
		}
		if err != nil {
			return eof(err)
		}
	}
	return nil
}

// appendToken appends a token's header.
func appendToken(b []byte, kind byte, n int64) []byte {
	if n == 0 {
		return append(b, 0, kind)
	}
	for ; n > 0; n >>= 7 {
		b = append(b, byte(n&0x7f))
	}
	return append(b, kind)
}
