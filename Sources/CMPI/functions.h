// The functions of MPI that are used, and their signatures where a handle has the type HANDLE.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CMPI_FUNCTIONS(F) \
  F(Abort) F(Barrier) F(Comm_dup) F(Comm_free) F(Comm_rank) F(Comm_set_errhandler) \
  F(Comm_size) F(Comm_split_type) F(Error_string) F(Finalize) F(Get_library_version) \
  F(Iallgather) F(Ialltoall) F(Ibarrier) F(Ibcast) F(Init_thread) F(Irecv) F(Isend) F(Test)

// Their addresses in the open library.
#define CMPI_DECLARE(name) extern void *cmpi_##name;
CMPI_FUNCTIONS(CMPI_DECLARE)
#undef CMPI_DECLARE

// The calls that take handles, once for each type of handle.
typedef struct {
  int (*start)(int *rank, int *size, int *local_size);
  int (*barrier)(int channel);
  int (*broadcast)(int channel, void *bytes, int count, int root);
  int (*gather)(int channel, const void *bytes, int count, void *all);
  int (*exchange)(int channel, const void *pieces, int count, void *received);
  int (*swap)(int channel, const void *bytes, void *received, int count, int partner);
  int (*abort)(int exit_code);
} cmpi_calls;

extern const cmpi_calls cmpi_calls_of_integers, cmpi_calls_of_addresses;

// The handles of the open library.
typedef struct {
  intptr_t world, byte, errors_return, info_null;
  void *status_ignore;
  int shared;
  int size;  // of the world, once it is joined
} cmpi_handles;
extern cmpi_handles cmpi_open;

// The library takes one call at a time: every call but the end of all is between these two.
void cmpi_lock(void);
// Gives the code that it is given.
int cmpi_unlock(int code);

// Lets some time pass between two looks at a message of so many bytes: none at first, nor as long as
// the message may be on its way and a core is free for it, since each look moves some of it; then
// more and more.
void cmpi_pause(int channel, size_t looks, size_t bytes);
