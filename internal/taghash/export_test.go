package taghash

// Pieces of derivations, for known answers whose inputs no caller could give.
const (
	TagStorageIndex       = tagStorageIndex
	TagMutableIndex       = tagMutableIndex
	TagDataKey            = tagDataKey
	TagReadKey            = tagReadKey
	TagWriteEnablerMaster = tagWriteEnablerMaster
	TagChildKey           = tagChildKey
	TagFileRenew          = tagFileRenew
	TagFileCancel         = tagFileCancel
	TagBucketRenew        = tagBucketRenew
	TagBucketCancel       = tagBucketCancel
	TagClientRenew        = tagClientRenew
	TagClientCancel       = tagClientCancel
	TagConvergence        = tagConvergence
)

// WriteEnablerOf derives from a write key of any length.
func WriteEnablerOf(writeKey []byte, tub [20]byte) Hash {
	return writeEnabler(writeEnablerMaster(writeKey), tub)
}
