"""Shock response spectra: the largest response of a row of damped oscillators to an event.

`octave`      frequencies
`oscillator`  one oscillator as a recursion from sample to sample, ISO 18431-4
`plain`       all oscillators over all records with NumPy
`fast`        the same as a compiled kernel (extra `fast`)
`srs`         the spectra themselves: one function over whichever of the two is there
"""
