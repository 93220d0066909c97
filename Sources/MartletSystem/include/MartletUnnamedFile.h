// Files that have no name until they are complete.
#ifndef MARTLET_UNNAMED_FILE_H
#define MARTLET_UNNAMED_FILE_H

#include <stdint.h>

/// Opens for writing a new file in `directory` that has no name and is gone when it is closed.
/// Returns its descriptor, or -1 with errno where the system or the file system has no such files.
int martlet_open_unnamed(const char *directory);

/// Frees the disk space of the first `bytes` bytes of a file, which then read as zeros; its size stays.
/// Returns 0, or -1 with errno where the file system cannot.
int martlet_free_start(int descriptor, int64_t bytes);

#endif
