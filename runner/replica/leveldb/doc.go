// Package leveldb reads a LevelDB database without changing it.
//
// It exists because every other reader of LevelDB writes: opening a database
// takes its lock, rotates LOG, moves the write-ahead log into tables and
// deletes what MANIFEST does not name. The folder of a broken replica is
// evidence, so this reader opens files for reading only, one by one, and
// never creates, renames, locks or touches anything.
//
// It verifies every checksum there is, compares MANIFEST with the files, and
// lists what is wrong as [Damage] instead of stopping at it: [DB.Walk] gives
// every record that can still be read, in the order of the keys, newest
// version only, in one merged pass over tables and write-ahead logs. Where
// CURRENT, MANIFEST or a table's index is lost, it reads the tables and logs
// that lie there, and the blocks that their checksums prove.
//
// Memory is bounded by the largest block or log record (at most [MaxRecord]
// is accepted), by the tables whose ranges overlap, and by the number of
// keys in the write-ahead logs; it does not grow with the size of the tables.
package leveldb
