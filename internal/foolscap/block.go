package foolscap

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxBlock bounds a block of header lines.
const maxBlock = 4096

// readBlock reads header lines up to the empty one, which is left out.
func readBlock(r *bufio.Reader) ([]string, error) {
	var b []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return nil, eof(err)
		}
		b = append(b, c)
		if c == '\n' && bytes.HasSuffix(b, []byte("\r\n\r\n")) {
			return strings.Split(string(b[:len(b)-4]), "\r\n"), nil
		}
		if len(b) >= maxBlock {
			return nil, disagree("more than %d bytes of header lines", maxBlock)
		}
	}
}

func disagree(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNegotiation, fmt.Sprintf(format, args...))
}

// A block is header lines, by their names in lower case.
type block map[string]string

func parseBlock(lines []string) (block, error) {
	out := block{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, disagree("a header line without a colon")
		}
		out[strings.ToLower(name)] = strings.TrimLeft(value, " \t")
	}
	return out, nil
}

func (b block) encode() []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(b)) {
		out = append(out, name+": "+b[name]+"\r\n"...)
	}
	return append(out, "\r\n"...)
}

// between reads a line of the least and the greatest version.
func (b block) between(name, missing string) (least, most int, err error) {
	text, ok := b[name]
	if !ok {
		text = missing
	}
	fields := strings.Fields(text)
	if len(fields) == 2 {
		var err2 error
		least, err = strconv.Atoi(fields[0])
		most, err2 = strconv.Atoi(fields[1])
		if err == nil && err2 == nil {
			return least, most, nil
		}
	}
	return 0, 0, disagree("%s is not a range", name)
}

// pair reads a line of a word and a number.
func (b block) pair(name string) (word string, number int64, ok bool) {
	fields := strings.Fields(b[name])
	if len(fields) != 2 {
		return "", 0, false
	}
	number, err := strconv.ParseInt(fields[1], 10, 64)
	return fields[0], number, err == nil
}

const (
	version = 3 // of banana: with PING and PONG
	noLife  = "none"
)

// offer is what this end says of itself. A Tub that connects says which connection with the other one was its last.
func (t *Tub) offer(last *connection) block {
	b := block{
		"banana-negotiation-range":  fmt.Sprintf("%d %d", version, version),
		"initial-vocab-table-range": fmt.Sprintf("0 %d", vocabularyIndex),
		"my-incarnation":            t.life,
		"my-tub-id":                 t.id.String(),
	}
	if last != nil {
		b["last-connection"] = fmt.Sprintf("%s %d", last.life, last.number)
	}
	return b
}

// A connection is one of a master's, as the other end remembers it: which life of the master's, and which number.
type connection struct {
	life   string
	number int64
}

// checkOffer refuses an offer that this end cannot agree with.
func checkOffer(b block) error {
	if text, ok := b["error"]; ok {
		return disagree("the other end says: %.200q", text)
	}
	least, most, err := b.between("banana-negotiation-range", "")
	if err != nil {
		return err
	}
	if least > version || most < version {
		return disagree("the other end speaks versions %d to %d, and this one %d", least, most, version)
	}
	least, most, err = b.between("initial-vocab-table-range", "0 0")
	if err != nil {
		return err
	}
	if least > vocabularyIndex || most < vocabularyIndex {
		return disagree("the other end has vocabularies %d to %d, and this one %d", least, most, vocabularyIndex)
	}
	return nil
}

func decision(c connection) block {
	return block{
		"banana-decision-version":   strconv.Itoa(version),
		"initial-vocab-table-index": fmt.Sprintf("%d %s", vocabularyIndex, vocabularyHash),
		"current-connection":        fmt.Sprintf("%s %d", c.life, c.number),
	}
}

// parseDecision reads what the master has decided.
func parseDecision(b block) (connection, error) {
	if text, ok := b["error"]; ok {
		return connection{}, disagree("the other end says: %.200q", text)
	}
	if b["banana-decision-version"] != strconv.Itoa(version) {
		return connection{}, disagree("the other end decided for version %.20q", b["banana-decision-version"])
	}
	if got, want := b["initial-vocab-table-index"], fmt.Sprintf("%d %s", vocabularyIndex, vocabularyHash); got != want {
		return connection{}, disagree("the other end decided for vocabulary %.20q, and not %s", got, want)
	}
	life, number, ok := b.pair("current-connection")
	if !ok {
		return connection{life: noLife}, nil
	}
	return connection{life, number}, nil
}

// prefers says whether the master takes an offered connection in place of the one that it has with the same Tub. Only when the
// other end shows that the old one is of no use to it: because it has been started anew, or knows of the old one and connects
// nevertheless.
func prefers(offer block, old *link, life string) bool {
	theirs, last := offer["my-incarnation"], offer["last-connection"]
	if theirs == "" || last == "" {
		return false
	}
	if theirs != old.life {
		return true
	}
	master, number, ok := offer.pair("last-connection")
	if !ok || master == noLife {
		return false // one of several attempts, or our decision has not arrived
	}
	return master != life || number == old.number
}
