// Package dirnode is a directory as a table of names: it reads the contents of the file that a directory is kept in, changes
// them and writes them again. It is for the file store in package lafs, and does no input or output.
//
// The contents are one netstring for each entry, in the order of their names. An entry is four netstrings: the name in UTF-8,
// normalised (NFC); the capability to read the child; the capability to change it, encrypted with a key that follows
// from the write key of the directory, so that who may only read the directory gets no power over its children; and the
// metadata, a JSON object. The salt of the encryption follows from what is encrypted, so equal tables have equal contents.
//
// The invariant: an edit rewrites the entries that it names, and every other entry stays as it is, byte for byte, also
// one that this version does not understand.
package dirnode
