"""Kernels: free functions on arrays, readings of many lanes and their memory in, a series and the memory after out."""
