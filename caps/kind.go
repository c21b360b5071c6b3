package caps

// A kind is a sort of capability without regard to whether it leads to a file or to a directory.
type kind uint8

const (
	kindNone kind = iota // of the zero value, which is no capability
	kindUnknown
	kindLiteral
	kindCHK
	kindCHKVerify
	kindSDMF
	kindSDMFRead
	kindSDMFVerify
	kindMDMF
	kindMDMFRead
	kindMDMFVerify
)

// kinds says for each kind how it is spelled in front of its fields, for a file and for a directory. It is never changed.
var kinds = [...]struct {
	file, directory string
	mutable         bool
	read, verify    kind // what is left when power is given up; kindNone when it cannot be
}{
	kindNone:       {file: "none"},
	kindUnknown:    {file: "unknown"},
	kindLiteral:    {file: "LIT", directory: "DIR2-LIT", read: kindLiteral},
	kindCHK:        {file: "CHK", directory: "DIR2-CHK", read: kindCHK, verify: kindCHKVerify},
	kindCHKVerify:  {file: "CHK-Verifier", directory: "DIR2-CHK-Verifier", verify: kindCHKVerify},
	kindSDMF:       {file: "SSK", directory: "DIR2", mutable: true, read: kindSDMFRead, verify: kindSDMFVerify},
	kindSDMFRead:   {file: "SSK-RO", directory: "DIR2-RO", mutable: true, read: kindSDMFRead, verify: kindSDMFVerify},
	kindSDMFVerify: {file: "SSK-Verifier", directory: "DIR2-Verifier", mutable: true, verify: kindSDMFVerify},
	kindMDMF:       {file: "MDMF", directory: "DIR2-MDMF", mutable: true, read: kindMDMFRead, verify: kindMDMFVerify},
	kindMDMFRead:   {file: "MDMF-RO", directory: "DIR2-MDMF-RO", mutable: true, read: kindMDMFRead, verify: kindMDMFVerify},
	kindMDMFVerify: {file: "MDMF-Verifier", directory: "DIR2-MDMF-Verifier", mutable: true, verify: kindMDMFVerify},
}

// kindNamed finds the kind that is spelled name.
func kindNamed(name string) (k kind, directory, ok bool) {
	for k := kindLiteral; int(k) < len(kinds); k++ {
		switch name {
		case kinds[k].file:
			return k, false, true
		case kinds[k].directory:
			return k, true, true
		}
	}
	return kindNone, false, false
}

// writable says whether k allows to write: then it is itself not what is left when writing is given up.
func (k kind) writable() bool { return kinds[k].read != kindNone && kinds[k].read != k }

// readable says whether k allows to read.
func (k kind) readable() bool { return kinds[k].read != kindNone }
