package layout

import (
	"crypto/aes"
	"crypto/cipher"

	"tahoe/internal/taghash"
)

// Crypt encrypts or decrypts one segment, which is the same. salt is the version's in SDMF, the segment's in MDMF; dst may be
// src, and is as long.
func Crypt(readKey [16]byte, salt [SaltSize]byte, dst, src []byte) {
	xorKeyStream(taghash.DataKey(salt, readKey), dst, src)
}

func xorKeyStream(key [16]byte, dst, src []byte) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 16 bytes are a key
	}
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(dst, src)
}
