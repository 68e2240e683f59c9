// MPI, loaded at run time: nothing of it is needed to build, nor by people with one machine. Three
// binary interfaces are spoken: Open MPI's (handles are addresses of its variables), MPICH's and
// its relatives' (handles are integers), and the standard one of MPI 5. All data are bytes.
//
// Each function returns when its work is done. Two threads may call at a time, each with a channel
// of its own: a set of the same processes whose messages meet those of that channel only. Functions
// that return an int give MPI's error code, 0 for success; `cmpi_error_text` says what it means.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { CMPI_NONE = 0, CMPI_OPEN_MPI = 1, CMPI_MPICH = 2, CMPI_STANDARD = 3 };

enum { CMPI_MAIN = 0, CMPI_ASIDE = 1, CMPI_CHANNELS = 2 };

// What a binary interface calls the things that are used here.
typedef struct {
  // Handles; 0 where they are addresses of variables in the library.
  intptr_t world, byte, errors_return, info_null;
  // The number that means "no status".
  intptr_t status_ignore;
  // The level of threads "any, one at a time", and the kind of split "shares memory".
  int serialized, shared;
} cmpi_constants;

// The constants of an interface.
cmpi_constants cmpi_constants_of(int interface);

// Opens the first library of `names` that is there and finds out its interface. Returns 0, or 1
// with a sentence in `message`, 2 where no library is there. Safe to call again.
int cmpi_load(const char *const *names, size_t count, char *message, size_t capacity);

// The interface of the open library.
int cmpi_interface(void);

// The first line of what the library calls itself.
const char *cmpi_library_version(void);

// Joins the other processes, whose failures are reported from then on and not fatal. Returns 0, or 1
// with a sentence in `message`.
int cmpi_start(int *rank, int *size, int *local_size, char *message, size_t capacity);

// Whether a thread has nothing else to do than to wait for what goes on in the second channel.
void cmpi_set_awaited(int is_awaited);

int cmpi_barrier(int channel);
int cmpi_broadcast(int channel, void *bytes, int count, int root);
// `count` bytes of every rank, all of them to all.
int cmpi_gather(int channel, const void *bytes, int count, void *all);
// `count` bytes to and from every rank.
int cmpi_exchange(int channel, const void *pieces, int count, void *received);
int cmpi_swap(int channel, const void *bytes, void *received, int count, int partner);

void cmpi_error_text(int code, char *text, size_t capacity);

// Ends all processes; returns only if the library cannot.
void cmpi_abort(int exit_code);
int cmpi_finalize(void);

// The cores that this process may run on, as launchers bind them: bit n of the mask for core n.
// Returns 1 where the system does not tell.
int cmpi_cores(unsigned char *mask, size_t capacity);
