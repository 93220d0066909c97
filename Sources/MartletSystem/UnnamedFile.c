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
