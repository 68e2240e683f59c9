#include "CMPI.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "functions.h"

#define DEFINE(name) void *cmpi_##name;
CMPI_FUNCTIONS(DEFINE)
cmpi_handles cmpi_open;

static int interface = CMPI_NONE;
static const cmpi_calls *calls;
static int serialized;
static char library_version[200];

cmpi_constants cmpi_constants_of(int which) {
  switch (which) {
  case CMPI_OPEN_MPI: return (cmpi_constants){.serialized = 2, .shared = 0};
  case CMPI_MPICH:
    return (cmpi_constants){.world = 0x44000000, .byte = 0x4c00010d, .errors_return = 0x54000001,
                            .info_null = 0x1c000000, .status_ignore = 1, .serialized = 2,
                            .shared = 1};
  case CMPI_STANDARD:
    return (cmpi_constants){.world = 0x101, .byte = 0x247, .errors_return = 0x143,
                            .info_null = 0x130, .serialized = 2048, .shared = 221};
  default: return (cmpi_constants){0};
  }
}

// Which interface the open library has; its functions were found.
static int recognized(void *library, const char *name, const char *version) {
  // Open MPI's own interface may tell the version of the standard one, too: the file decides.
  int major = -1, minor = -1;
  int (*abi)(int *, int *) = (int (*)(int *, int *))dlsym(library, "MPI_Abi_get_version");
  const int has_standard = abi && abi(&major, &minor) == 0 && major >= 1;
  const int is_open_mpi = strstr(version, "Open MPI") != NULL;
  if (has_standard && (!is_open_mpi || strstr(name, "mpi_abi"))) return CMPI_STANDARD;
  if (is_open_mpi) return CMPI_OPEN_MPI;
  static const char *const relatives[] = {"MPICH", "Intel(R) MPI", "MVAPICH"};
  for (size_t i = 0; i < sizeof relatives / sizeof *relatives; i++)
    if (strstr(version, relatives[i])) return CMPI_MPICH;
  return CMPI_NONE;
}

static int find_functions(void *library, char *message, size_t capacity) {
#define FIND(name) \
  if (!(cmpi_##name = dlsym(library, "MPI_" #name))) { \
    snprintf(message, capacity, "it has no function MPI_" #name); \
    return 1; \
  }
  CMPI_FUNCTIONS(FIND)
  return 0;
}

static int find_handles(void *library, char *message, size_t capacity) {
  const cmpi_constants constants = cmpi_constants_of(interface);
  serialized = constants.serialized;
  cmpi_open = (cmpi_handles){constants.world, constants.byte, constants.errors_return,
                             constants.info_null, (void *)constants.status_ignore,
                             constants.shared, 1};
  calls = interface == CMPI_MPICH ? &cmpi_calls_of_integers : &cmpi_calls_of_addresses;
  if (interface != CMPI_OPEN_MPI) return 0;
  const struct {
    const char *name;
    intptr_t *handle;
  } variables[] = {{"ompi_mpi_comm_world", &cmpi_open.world},
                   {"ompi_mpi_byte", &cmpi_open.byte},
                   {"ompi_mpi_errors_return", &cmpi_open.errors_return},
                   {"ompi_mpi_info_null", &cmpi_open.info_null}};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    if (!(*variables[i].handle = (intptr_t)dlsym(library, variables[i].name))) {
      snprintf(message, capacity, "it has no variable %s", variables[i].name);
      return 1;
    }
  return 0;
}

int cmpi_load(const char *const *names, size_t count, char *message, size_t capacity) {
  if (interface != CMPI_NONE) return 0;
  void *library = NULL;
  const char *name = "";
  for (size_t i = 0; !library && i < count; i++) {
    // The library's own plug-ins look for its symbols among those of the program.
    library = dlopen(name = names[i], RTLD_NOW | RTLD_GLOBAL);
    if (!library) snprintf(message, capacity, "%s", dlerror());
  }
  if (!library) return 2;
  if (find_functions(library, message, capacity)) return 1;
  char version[8192 + 1] = "";  // as long as any of the three allows
  int length = 0;
  ((int (*)(char *, int *))cmpi_Get_library_version)(version, &length);
  snprintf(library_version, sizeof library_version, "%.*s", (int)strcspn(version, ",\r\n"), version);
  // MPICH sets its version in columns.
  char *end = library_version;
  for (const char *c = library_version; *c; c++) {
    const char next = *c == '\t' ? ' ' : *c;
    if (next != ' ' || (end > library_version && end[-1] != ' ')) *end++ = next;
  }
  *end = 0;
  interface = recognized(library, name, version);
  if (interface == CMPI_NONE) {
    snprintf(message, capacity, "its binary interface is not known, it calls itself '%s'",
             library_version);
    return 1;
  }
  if (!find_handles(library, message, capacity)) return 0;
  interface = CMPI_NONE;
  return 1;
}

int cmpi_interface(void) { return interface; }
const char *cmpi_library_version(void) { return library_version; }

int cmpi_start(int *rank, int *size, int *local_size, char *message, size_t capacity) {
  int provided = -1;
  int code = ((int (*)(int *, char ***, int, int *))cmpi_Init_thread)(NULL, NULL, serialized,
                                                                      &provided);
  if (code) {
    snprintf(message, capacity, "MPI_Init_thread failed with code %d", code);
    return 1;
  }
  if (provided < serialized) {
    snprintf(message, capacity, "it was built without support of threads");
    return 1;
  }
  code = calls->start(rank, size, local_size);
  if (code) cmpi_error_text(code, message, capacity);
  return code != 0;
}

int cmpi_barrier(int channel) { return calls->barrier(channel); }
int cmpi_broadcast(int channel, void *bytes, int count, int root) {
  return calls->broadcast(channel, bytes, count, root);
}
int cmpi_gather(int channel, const void *bytes, int count, void *all) {
  return calls->gather(channel, bytes, count, all);
}
int cmpi_exchange(int channel, const void *pieces, int count, void *received) {
  return calls->exchange(channel, pieces, count, received);
}
int cmpi_swap(int channel, const void *bytes, void *received, int count, int partner) {
  return calls->swap(channel, bytes, received, count, partner);
}
void cmpi_abort(int exit_code) { calls->abort(exit_code); }
int cmpi_finalize(void) {
  cmpi_lock();
  return cmpi_unlock(((int (*)(void))cmpi_Finalize)());
}

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
void cmpi_lock(void) { pthread_mutex_lock(&turn); }
int cmpi_unlock(int code) {
  pthread_mutex_unlock(&turn);
  return code;
}

void cmpi_error_text(int code, char *text, size_t capacity) {
  char whole[8192 + 1] = "";
  int length = 0;
  if (((int (*)(int, char *, int *))cmpi_Error_string)(code, whole, &length))
    snprintf(whole, sizeof whole, "code %d", code);
  snprintf(text, capacity, "%s", whole);
}

static atomic_int awaited;
void cmpi_set_awaited(int is_awaited) { atomic_store(&awaited, is_awaited); }

void cmpi_pause(int channel, size_t looks, size_t bytes) {
  const size_t moving = bytes / 4096;
  // Whoever calls on the first channel waits, and its core with it.
  const int has_core = channel == CMPI_MAIN || atomic_load(&awaited);
  if (looks < 200 + (has_core ? bytes / 256 : 0)) return;
#ifdef __linux__
  // Sleeps of this thread are rounded up to 50 us else.
  static _Thread_local int is_exact;
  if (!is_exact) is_exact = !prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
#endif
  // Whoever sleeps comes to run again before those who compute; whoever yields comes after them.
  const struct timespec pause = {0, looks < 2000 + moving ? 20000 : 200000};
  nanosleep(&pause, NULL);
}
