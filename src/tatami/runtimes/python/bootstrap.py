"""The program of a Python function's sandbox: `python3.N -S -B bootstrap.py [SDK_DIR]`."""

if __name__ == "__main__":
    # A `spawn` child of multiprocessing reads this file again under another name: nothing may start there.
    import os
    import sys

    folder = os.path.dirname(os.path.abspath(__file__))
    if folder not in sys.path:  # PYTHONSAFEPATH leaves a script's own folder out
        sys.path.insert(0, folder)

    from tatami_runtime.process import start

    start(folder, sys.argv)
