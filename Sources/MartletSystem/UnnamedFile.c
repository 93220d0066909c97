#include "MartletUnnamedFile.h"

#include <errno.h>
#include <fcntl.h>

int martlet_open_unnamed(const char *directory) {
#ifdef O_TMPFILE
  return open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
#else
  errno = EOPNOTSUPP;
  return -1;
#endif
}

int martlet_free_start(int descriptor, int64_t bytes) {
#if defined(FALLOC_FL_PUNCH_HOLE) && defined(FALLOC_FL_KEEP_SIZE)
  return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes);
#else
  errno = EOPNOTSUPP;
  return -1;
#endif
}
