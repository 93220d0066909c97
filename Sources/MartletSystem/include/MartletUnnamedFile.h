// Files that have no name until they are complete.
#ifndef MARTLET_UNNAMED_FILE_H
#define MARTLET_UNNAMED_FILE_H

/// Opens for writing a new file in `directory` that has no name and is gone when it is closed.
/// Returns its descriptor, or -1 with errno where the system or the file system has no such files.
int martlet_open_unnamed(const char *directory);

#endif
