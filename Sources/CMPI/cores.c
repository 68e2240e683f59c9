#define _GNU_SOURCE
#include <sched.h>
#include <string.h>

#include "CMPI.h"

int cmpi_cores(unsigned char *mask, size_t capacity) {
  memset(mask, 0, capacity);
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (size_t core = 0; core < CPU_SETSIZE && core / 8 < capacity; core++)
      if (CPU_ISSET(core, &set)) mask[core / 8] |= (unsigned char)(1 << core % 8);
    return 0;
  }
#endif
  return 1;
}
