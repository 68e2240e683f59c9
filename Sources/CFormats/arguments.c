// Swift reads the command line from /proc, and takes it for empty where that is not mounted. The C
// library hands it to every constructor; Swift takes it from here where it looks for it first.
//
// Source: swiftlang/swift, stdlib/public/stubs/CommandLine.cpp.

#ifdef __linux__
#include <features.h>
#endif

#ifdef __GLIBC__
extern void _swift_stdlib_overrideUnsafeArgvArgc(char **argv, int argc) __attribute__((weak));

__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
  if (_swift_stdlib_overrideUnsafeArgvArgc && argc > 0) {
    _swift_stdlib_overrideUnsafeArgvArgc(argv, argc);
  }
}
#endif
