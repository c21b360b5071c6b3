package foolscap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
)

// A violation is a message that is well formed and not acceptable: it is thrown away, and the connection goes on.
type violation struct{ text string }

func (v *violation) Error() string { return v.text }

func violates(format string, args ...any) error { return &violation{fmt.Sprintf(format, args...)} }

// errAborted is the violation of a message that its sender gave up.
var errAborted error = &violation{"the other end gave up what it was sending"}

// What a value costs of a message's quota beside the bytes of its strings: about what Go takes for it.
const (
	itemCost      = 48
	containerCost = 128
)

// A book knows the objects of both ends of a connection.
type book interface {
	// ours is the object that we sent by this number.
	ours(clid int64) (Object, bool)
	// theirs counts one more reference to an object of the other end.
	theirs(clid int64, iface string) (*Remote, error)
	// asked says whether a call of this number waits for its answer.
	asked(request int64) bool
	// quota is what a call may cost; trusted is that of an answer, for which we asked.
	quota() int
}

// A decoder reads messages.
type decoder struct {
	tokenReader
	book   book
	limits Limits

	// Of the message that is being read:
	left    int             // of its quota
	seen    map[int64]built // its containers, by the number of their OPEN token
	remotes []*Remote
}

type built struct {
	value Value
	cost  int
}

func newDecoder(r *bufio.Reader, b book, l Limits, ping func(int64)) *decoder {
	return &decoder{tokenReader: tokenReader{r: r, ping: ping}, book: b, limits: l}
}

// take takes n of the quota of the message.
func (d *decoder) take(n int) error {
	if n > d.left {
		return violates("the message is larger than this end accepts")
	}
	d.left -= n
	return nil
}

// item reads a token of a sequence; ok is false when it is the end of the sequence.
func (d *decoder) item() (tok token, ok bool, err error) {
	tok, err = d.next()
	switch {
	case err != nil:
		return tok, false, eof(err)
	case tok.kind == tokClose:
		return tok, false, nil
	case tok.kind == tokAbort:
		return tok, false, errAborted
	}
	return tok, true, nil
}

// end reads the end of a sequence.
func (d *decoder) end(what string) error {
	tok, more, err := d.item()
	if err == nil && more {
		err = d.refuse(tok, "more in %s than belongs there", what)
	}
	return err
}

// refuse throws a token away, whose body is not read yet, and makes its message a violation.
func (d *decoder) refuse(tok token, format string, args ...any) error {
	if err := d.skip(tok); err != nil {
		return err
	}
	return violates(format, args...)
}

// number reads an INT token.
func (d *decoder) number(what string) (int64, error) {
	tok, more, err := d.item()
	if err == nil && (!more || tok.kind != tokInt) {
		err = broken("%s is not a number", what)
	}
	return tok.n, err
}

// text reads a string of at most so many bytes.
func (d *decoder) text(what string, most int64) (string, error) {
	tok, more, err := d.item()
	if err == nil && !more {
		err = broken("%s is missing", what)
	}
	if err != nil {
		return "", err
	}
	return d.textOf(tok, what, most)
}

func (d *decoder) textOf(tok token, what string, most int64) (string, error) {
	switch tok.kind {
	case tokVocab:
		return vocabWord(tok.n)
	case tokString:
		if tok.n > most {
			return "", d.refuse(tok, "%s is longer than %d bytes", what, most)
		}
		b, err := d.body(tok.n)
		return string(b), err
	}
	return "", broken("%s is not a string", what)
}

func vocabWord(n int64) (string, error) {
	if n >= int64(len(vocabulary)) {
		return "", broken("word %d of the vocabulary, which has %d", n, len(vocabulary))
	}
	return vocabulary[n], nil
}

// value reads the value whose first token is tok.
func (d *decoder) value(tok token, depth int) (Value, error) {
	if tok.kind == tokString {
		return d.bytes(tok)
	}
	if err := d.take(itemCost); err != nil {
		return nil, errors.Join(err, d.skip(tok))
	}
	switch tok.kind {
	case tokInt:
		return tok.n, nil
	case tokNeg:
		return -tok.n, nil
	case tokLongInt, tokLongNeg:
		return d.longInt(tok)
	case tokFloat:
		b, err := d.body(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case tokVocab:
		word, err := vocabWord(tok.n)
		return []byte(word), err
	case tokOpen:
		return d.container(depth)
	}
	return nil, broken("a token of unknown type %#x", tok.kind)
}

func (d *decoder) bytes(tok token) (Value, error) {
	if tok.n > int64(d.limits.String) || tok.n > int64(d.left) {
		return nil, d.refuse(tok, "a string of %d bytes is larger than this end accepts", tok.n)
	}
	if err := d.take(itemCost + int(tok.n)); err != nil {
		return nil, errors.Join(err, d.skip(tok))
	}
	return d.body(tok.n)
}

func (d *decoder) longInt(tok token) (Value, error) {
	if tok.n > maxLongInt {
		return nil, d.refuse(tok, "a number of %d bytes", tok.n)
	}
	b, err := d.body(tok.n)
	if err != nil {
		return nil, err
	}
	n := new(big.Int).SetBytes(b)
	if tok.kind == tokLongNeg {
		n.Neg(n)
	}
	if n.IsInt64() {
		return n.Int64(), nil
	}
	return n, nil
}
