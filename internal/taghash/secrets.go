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
	return storage.LeaseSecrets{
		Renew:  leaseSecret(master, tagClientRenew, tagFileRenew, tagBucketRenew, i[:], tub),
		Cancel: leaseSecret(master, tagClientCancel, tagFileCancel, tagBucketCancel, i[:], tub),
	}
}

func leaseSecret(master []byte, client, file, bucket string, i []byte, tub [20]byte) storage.Secret {
	// In this step alone the secret is the tag and the tag is the data. All leases that exist were made that way.
	ofClient := sum(master, []byte(client))
	ofFile := Pair(file, ofClient[:], i)
	return storage.NewSecret(Pair(bucket, ofFile[:], tub[:]))
}

// PermutedRank is where the server with this permutation seed comes in the order for i: servers are asked in ascending
// order of their ranks.
func PermutedRank(i storage.Index, seed []byte) [sha1.Size]byte {
	var buf [64]byte
	return sha1.Sum(append(append(buf[:0], i[:]...), seed...))
}
