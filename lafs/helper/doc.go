// Package helper is the upload helper: it takes the ciphertext of files from clients whose own way to the storage servers is slow,
// makes the shares and places them. It is for node, which offers one over Foolscap (package rihelper).
//
// A helper learns a file's storage index, its size and when it was uploaded, and can read nothing. What it has of a ciphertext lies in
// two folders, in files named by the storage index, as the original's helpers keep them: CHK_incoming/INDEX is what has come so far,
// from the first byte on, and grows at its end; CHK_encoding/INDEX is a whole ciphertext whose shares are being made, or are to be
// made at the next call for this index. So an upload that broke off goes on where it was, whoever broke it off.
//
// The invariant: a file in CHK_encoding is complete and durable. Of a file in CHK_incoming only whole steps are trusted after a
// restart, because no more was certainly on the disk when the machine stopped.
package helper
