"""All schedules: every state that a machine of plain Python objects can reach, faster than a compiled checker.

    explorer     the way in: Explorer, its limits, Result
    plain        the search in plain Python: small models, and what the engine is checked against
    reach        which objects are parts, and which must never change
    values       what a slot may hold
    learning     what a run of an action reads and changes, found on emptied parts; steps
    paths        what is noted of a run
    layout       where the slots lie in a state's machine words
    trie         all that was learned, as one decision structure
    trie_arrays  the same as arrays
    kernels      compiled: the walk, the search, the backward pass
    table        compiled: states, and the table that finds them
    intrinsics   compiled: prefetching, atomics, the cache on disk
    store        memory, growth, threads
    search       the forward search, level by level
    way          the shortest way to a state
    liveness     nothing is lost: the backward pass
    checkpoint   kill it, and go on
    compiled     one search by the compiled engine, from set-up to verdict
"""
