package layout

// XORKeyStream encrypts as private keys are.
func XORKeyStream(key [16]byte, dst, src []byte) { xorKeyStream(key, dst, src) }

// What packs hashes.
var (
	AppendChain = appendChain
	AppendTree  = appendTree
)
