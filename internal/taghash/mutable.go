package taghash

import (
	"crypto/sha256"

	"tahoe/storage"
)

// The tags of mutable files and of directories.
const (
	tagWriteKey           = "allmydata_mutable_privkey_to_writekey_v1"
	tagWriteEnablerMaster = "allmydata_mutable_writekey_to_write_enabler_master_v1"
	tagWriteEnabler       = "allmydata_mutable_write_enabler_master_and_nodeid_to_write_enabler_v1"
	tagFingerprint        = "allmydata_mutable_pubkey_to_fingerprint_v1"
	tagReadKey            = "allmydata_mutable_writekey_to_readkey_v1"
	tagDataKey            = "allmydata_mutable_readkey_to_datakey_v1"
	tagMutableIndex       = "allmydata_mutable_readkey_to_storage_index_v1"
	tagChildKey           = "allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1"
	tagChildSalt          = "allmydata_dirnode_child_rwcap_to_salt_v1"
	tagBackupDirectory    = "allmydata_backupdb_dirhash_v1"
)

// WriteKey is the write key of the mutable file with this private key, encoded as PKCS #8 in DER.
func WriteKey(privateKey []byte) [16]byte { return first16(Sum(tagWriteKey, privateKey)) }

// Fingerprint identifies the public key of a mutable file, encoded as SubjectPublicKeyInfo in DER.
func Fingerprint(publicKey []byte) Hash { return Sum(tagFingerprint, publicKey) }

// ReadKey is what a write key lets read with.
func ReadKey(writeKey [16]byte) [16]byte { return first16(Sum(tagReadKey, writeKey[:])) }

// MutableIndex is the storage index of the mutable file with this read key.
func MutableIndex(readKey [16]byte) storage.Index { return first16(Sum(tagMutableIndex, readKey[:])) }

// DataKey encrypts one version of a mutable file, or one segment of it; salt is its initialisation vector.
func DataKey(salt, readKey [16]byte) [16]byte { return first16(Pair(tagDataKey, salt[:], readKey[:])) }

// WriteEnabler is the secret that the server with this Tub identifier demands for changes of the mutable file.
func WriteEnabler(writeKey [16]byte, tub [20]byte) storage.Secret {
	master := writeEnablerMaster(writeKey[:])
	return storage.NewSecret(writeEnabler(master, tub))
}

func writeEnablerMaster(writeKey []byte) Hash { return Sum(tagWriteEnablerMaster, writeKey) }

func writeEnabler(master Hash, tub [20]byte) Hash { return Pair(tagWriteEnabler, master[:], tub[:]) }

// ChildSalt is the salt under which a directory keeps the write capability of a child.
func ChildSalt(capability []byte) [16]byte { return first16(Sum(tagChildSalt, capability)) }

// ChildKey encrypts the write capability of a child in the directory with this write key.
func ChildKey(salt, writeKey [16]byte) [16]byte {
	return first16(Pair(tagChildKey, salt[:], writeKey[:]))
}

// ChildMAC is the authentication code that follows the write capability of a child. It resembles HMAC without being it: the
// key is not padded to a block.
func ChildMAC(key, data []byte) Hash {
	inner := sha256.New()
	_, _ = inner.Write(xored(key, 0x36))
	_, _ = inner.Write(data)
	return sha256.Sum256(inner.Sum(xored(key, 0x5c)))
}

func xored(key []byte, mask byte) []byte {
	x := make([]byte, len(key), len(key)+sha256.Size)
	for i, b := range key {
		x[i] = b ^ mask
	}
	return x
}

// BackupDirectory is the hash under which the backup database knows the contents of a directory.
func BackupDirectory(contents []byte) Hash { return Sum(tagBackupDirectory, contents) }
