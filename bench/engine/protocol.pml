/* The machine of protocol.py for SPIN: the same states, transitions and rules. Built with -DSPIS=1, 2 or 3.
   Scratch variables are zero after each step, so that they add no states. */

#define NOBODY 2
#define LINES (SPIS + 1)
#define VIRQS (SPIS + 2)                /* 0, 1: the vCPUs' timers; i + 1: SPI i */

#define EDGE(i)    ((i) == 1)           /* by line: 0 is the timer's PPI */
#define FORWARD(i) ((i) != 2)           /* has the HW bit */
#define TARGET(i)  ((i) == 1 -> 0 : 1)
#define LINE(n)    ((n) < 2 -> 0 : (n) - 1)
#define VIRQ(i, v) ((i) == 0 -> (v) : (i) + 1)
#define OWNS(v, i) ((i) == 0 || TARGET(i) == (v))

#define PENDING(i) (latch[i] || (!EDGE(i) && high[i]))
#define VPENDING(n) (venabled[n] && (vlatch[n] || (!EDGE(LINE(n)) && vhigh[n])))
#define READY(x)   (lpending[x] && !lactive[x])
#define HW(x)      (holds[x] && FORWARD(LINE(holds[x] - 1)))

bit high[LINES], latch[LINES], act[LINES];
bit vhigh[VIRQS], vlatch[VIRQS], vactive[VIRQS];
bit venabled[VIRQS] = 1;
byte holds[4];                          /* 0: invalid, else virtual interrupt + 1 */
bit lpending[4], lactive[4];
bit timer[2], saved[2], masked[2];
byte loaded = NOBODY;
bit runs;
byte i, n, x, y, k, was;                /* scratch */

inline clear() { i = 0; n = 0; x = 0; y = 0; k = 0; was = 0 }

inline judge() {
  x = 0;
  do
  :: x < 4 -> assert(!(HW(x) && lpending[x] && lactive[x])); x++
  :: else -> break
  od;
  if
  :: runs ->
     x = 2 * loaded;
     assert(!(holds[x] && holds[x] == holds[x + 1]));
     do
     :: x < 2 * loaded + 2 -> assert(!(HW(x) && (lpending[x] || lactive[x])) || act[LINE(holds[x] - 1)]); x++
     :: else -> break
     od
  :: else
  fi;
  i = 1;
  do
  :: i < LINES ->
     n = VIRQ(i, 0);
     x = 2 * TARGET(i);
     assert(!(FORWARD(i) && act[i]) || vhigh[n] || vlatch[n] || vactive[n]
            || (holds[x] == n + 1 && (lpending[x] || lactive[x]))
            || (holds[x + 1] == n + 1 && (lpending[x + 1] || lactive[x + 1])));
     i++
  :: else -> break
  od;
  assert(loaded == NOBODY || !saved[loaded]);
  clear()
}

inline take(line) {
  d_step {
    FORWARD(line) && !runs && !act[line] && PENDING(line) ->
    act[line] = 1; latch[line] = 0;
    n = VIRQ(line, loaded);
    if
    :: EDGE(line) -> vlatch[n] = 1
    :: else -> vhigh[n] = 1
    fi;
    judge()
  }
}

inline populate() {
  x = 2 * loaded + k;
  holds[x] = n + 1; lactive[x] = vactive[n];
  if
  :: VPENDING(n) && !(FORWARD(i) && vactive[n]) ->
     lpending[x] = 1;
     if
     :: EDGE(i) -> vlatch[n] = 0
     :: !EDGE(i) && FORWARD(i) -> vhigh[n] = 0
     :: else
     fi
  :: else
  fi;
  k++
}

inline fold() {
  n = holds[x] - 1; i = LINE(n);
  was = vactive[n] && !lactive[x];
  vactive[n] = lactive[x];
  if
  :: EDGE(i) -> vlatch[n] = vlatch[n] || lpending[x]
  :: else ->
     if
     :: !lpending[x] -> vlatch[n] = 0
     :: else
     fi;
     if
     :: FORWARD(i) && (lpending[x] || (was && vhigh[n])) ->
        vhigh[n] = PENDING(i);
        if
        :: !vhigh[n] -> act[i] = 0
        :: else
        fi
     :: else
     fi
  fi;
  holds[x] = 0; lpending[x] = 0; lactive[x] = 0
}

inline toggles(line) {
  d_step {
    if
    :: FORWARD(line) ->
       high[line] = !high[line];
       if
       :: high[line] && EDGE(line) -> latch[line] = 1
       :: else
       fi
    :: else -> vhigh[line + 1] = !vhigh[line + 1]
    fi;
    judge()
  }
}

inline fires(v) {
  d_step {
    timer[v] = !timer[v];
    if
    :: loaded == v -> high[0] = timer[v]
    :: else
    fi;
    judge()
  }
}

inline switch(w) {
  d_step {
    !runs && loaded != w ->
    if
    :: loaded != NOBODY -> saved[loaded] = act[0]
    :: else
    fi;
    act[0] = 0; high[0] = 0;
    loaded = w;
    if
    :: w != NOBODY -> act[0] = saved[w % 2]; saved[w % 2] = 0; high[0] = timer[w % 2]
    :: else
    fi;
    judge()
  }
}

inline completes(slot) {
  d_step {
    runs && lactive[2 * (loaded % 2) + slot] ->
    x = 2 * loaded + slot;
    lactive[x] = 0;
    if
    :: HW(x) -> act[LINE(holds[x] - 1)] = 0
    :: else
    fi;
    judge()
  }
}

inline enables(line) {
  d_step {
    !runs && loaded != NOBODY && OWNS(loaded, line) ->
    n = VIRQ(line, loaded);
    venabled[n] = !venabled[n];
    judge()
  }
}

init {
  do
  :: fires(0)
  :: fires(1)
  :: switch(0)
  :: switch(1)
  :: switch(NOBODY)
  :: take(0)
  :: take(1)
  :: enables(0)
  :: enables(1)
  :: toggles(1)
#if SPIS > 1
  :: enables(2)
  :: toggles(2)
#endif
#if SPIS > 2
  :: take(3)
  :: enables(3)
  :: toggles(3)
#endif
  :: completes(0)
  :: completes(1)
  :: d_step {
       !runs && loaded != NOBODY ->
       do
       :: i < LINES && k < 2 ->
          n = VIRQ(i, loaded);
          if
          :: OWNS(loaded, i) && vactive[n] -> populate()
          :: else
          fi;
          i++
       :: else -> break
       od;
       i = 0;
       do
       :: i < LINES && k < 2 ->
          n = VIRQ(i, loaded);
          if
          :: OWNS(loaded, i) && !vactive[n] && VPENDING(n) -> populate()
          :: else
          fi;
          i++
       :: else -> break
       od;
       runs = 1;
       judge()
     }
  :: d_step {
       runs ->
       x = 2 * loaded;
       if
       :: holds[x] -> fold()
       :: else
       fi;
       x = 2 * loaded + 1;
       if
       :: holds[x] -> fold()
       :: else
       fi;
       runs = 0;
       judge()
     }
  :: d_step {
       runs && !masked[loaded % 2] && (READY(2 * (loaded % 2)) || READY(2 * (loaded % 2) + 1)) ->
       x = 2 * loaded;
       if
       :: !READY(x) || (READY(x + 1) && LINE(holds[x + 1] - 1) < LINE(holds[x] - 1)) -> x++
       :: else
       fi;
       lpending[x] = 0; lactive[x] = 1;
       masked[loaded] = 1;
       judge()
     }
  :: d_step { runs && masked[loaded % 2] -> masked[loaded] = 0; judge() }
  od
}
