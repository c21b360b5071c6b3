package taghash

import (
	"crypto/sha1"

	"tahoe/storage"
)

// The tags of lease secrets.
const (
	tagClientRenew  = "allmydata_client_renewal_secret_v1"
	tagClientCancel = "allmydata_client_cancel_secret_v1"
	tagFileRenew    = "allmydata_file_renewal_secret_v1"
	tagFileCancel   = "allmydata_file_cancel_secret_v1"
	tagBucketRenew  = "allmydata_bucket_renewal_secret_v1"
	tagBucketCancel = "allmydata_bucket_cancel_secret_v1"
)

// Lease derives the secrets of the lease on the shares of i at the server with this Tub identifier, from the node's
// master secret.
func Lease(master []byte, i storage.Index, tub [20]byte) storage.LeaseSecrets {
	return LeaseOfFile(LeaseOfClient(master), i).At(tub)
}

// FileSecrets are the secrets of a file, of which those of its leases are made.
type FileSecrets struct{ storage.LeaseSecrets }

// LeaseOfClient derives a node's own two secrets from its master secret. They are the first of three steps to those of a
// lease, for whoever wants to see the steps.
func LeaseOfClient(master []byte) storage.LeaseSecrets {
	// In this step alone the secret is the tag and the tag is the data. All leases that exist were made that way.
	return storage.LeaseSecrets{
		Renew:  storage.NewSecret(sum(master, []byte(tagClientRenew))),
		Cancel: storage.NewSecret(sum(master, []byte(tagClientCancel))),
	}
}

// LeaseOfFile is the second step: the secrets of the file with this index, from those of the node.
func LeaseOfFile(client storage.LeaseSecrets, i storage.Index) FileSecrets {
	return FileSecrets{storage.LeaseSecrets{
		Renew:  pairSecret(tagFileRenew, client.Renew, i[:]),
		Cancel: pairSecret(tagFileCancel, client.Cancel, i[:]),
	}}
}

// At is the third step: the secrets of the lease at the server with this Tub identifier.
func (f FileSecrets) At(tub [20]byte) storage.LeaseSecrets {
	return storage.LeaseSecrets{
		Renew:  pairSecret(tagBucketRenew, f.Renew, tub[:]),
		Cancel: pairSecret(tagBucketCancel, f.Cancel, tub[:]),
	}
}

func pairSecret(tag string, secret storage.Secret, data []byte) storage.Secret {
	b := secret.Bytes()
	return storage.NewSecret(Pair(tag, b[:], data))
}

// PermutedRank is where the server with this permutation seed comes in the order for i: servers are asked in ascending
// order of their ranks.
func PermutedRank(i storage.Index, seed []byte) [sha1.Size]byte {
	var buf [64]byte
	return sha1.Sum(append(append(buf[:0], i[:]...), seed...))
}
