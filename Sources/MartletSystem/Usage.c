#include "MartletUsage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// The peak that getrusage tells includes the shell's memory from before exec, so the one of /proc comes first.
static int64_t peak_resident_bytes(void) {
  char text[4096];
  int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  const char *line = strstr(text, "VmHWM:");
  return line ? strtoll(line + 6, NULL, 10) * 1024 : 0;
}

martlet_usage martlet_process_usage(void) {
  martlet_usage result = {0, 0, 0};
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return result;
  result.user_microseconds = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
  result.system_microseconds = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
  result.peak_resident_bytes = peak_resident_bytes();
  if (result.peak_resident_bytes > 0) return result;
#ifdef __APPLE__
  result.peak_resident_bytes = (int64_t)usage.ru_maxrss;
#else
  result.peak_resident_bytes = (int64_t)usage.ru_maxrss * 1024;
#endif
  return result;
}

int64_t martlet_resident_bytes(void) {
  char text[128];
  int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  const char *second = strchr(text, ' ');
  if (!second) return 0;
  return strtoll(second + 1, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
}
