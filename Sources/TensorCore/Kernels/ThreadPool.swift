// The pool lives in a module of its own, for code that shares out loops and knows no tensors.
@_exported import Threads
