package node

// MergeNURLs is for tests.
var MergeNURLs = mergeNURLs
