package gbs

import (
	"io"
	"net/http"

	"tahoe/storage"
)

// What tests of the parsers look at.
var (
	ParseRange        = parseRange
	FormatRange       = formatRange
	ParseContentRange = parseContentRange
	FormatContent     = formatContentRange
	ParseSlotWrite    = parseSlotWrite
	ParseSlotResult   = parseSlotResult
	EncodeSlotResult  = encodeSlotResult
	ParseVersion      = parseVersion
	EncodeVersion     = encodeVersion
	ParseReason       = parseReason
	EncodeReason      = encodeReason
	ParseMissing      = parseMissing
	EncodeMissing     = encodeMissing
	ParseShareSet     = parseShareSet
	NewBatcher        = newBatcher
	GetChunk          = getChunk
	PutChunk          = putChunk
)

// EncodeSlotWrite returns the whole body.
func EncodeSlotWrite(w storage.SlotWrite) ([]byte, error) {
	p, err := encodeSlotWrite(w)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(p.open())
}

// RecodeAllocate parses and encodes an allocation's request.
func RecodeAllocate(b []byte) ([]byte, error) {
	m, err := parseAllocateRequest(b)
	return m.encode(), err
}

// RecodeAllocated parses and encodes an allocation's answer.
func RecodeAllocated(b []byte) ([]byte, error) {
	m, err := parseAllocateAnswer(b)
	return m.encode(), err
}

// RecodeSecrets parses the secrets of all kinds and writes them as headers again.
func RecodeSecrets(h http.Header) (http.Header, error) {
	s, err := parseSecrets(h, kindRenew, kindCancel, kindUpload, kindEnabler)
	if err != nil {
		return nil, err
	}
	out := http.Header{}
	setLease(out, s.lease)
	setSecret(out, kindUpload, s.upload.bytes())
	enabler := s.enabler.Bytes()
	setSecret(out, kindEnabler, enabler[:])
	return out, nil
}

// Held is what a request holds, for printing.
func Held(h http.Header) any {
	s, _ := parseSecrets(h, kindRenew, kindCancel, kindUpload, kindEnabler)
	return struct{ s secrets }{s}
}

// Uploads is the number of shares that are being uploaded.
func (h *Handler) Uploads() int {
	h.uploads.mu.Lock()
	defer h.uploads.mu.Unlock()
	return len(h.uploads.byKey)
}
