/*
 * Two processes pass a number to and fro through shared memory, both spinning: the shortest round trip that two
 * processes can have. Each number has a cache line pair of its own.
 *
 *     us       ping = n, spin until pong == n
 *     partner  spin until ping changes, pong = ping       (asleep between turns)
 */
#include "turns.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

struct shared {
  _Alignas(128) _Atomic uint32_t ping;
  _Alignas(128) _Atomic uint32_t pong;
};

/* The number that ends a turn. */
static const uint32_t END = UINT32_MAX;

static struct shared *shared;
static int wakeup[2];

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void answer(void) {
  char byte;
  close(wakeup[1]);
  while (read(wakeup[0], &byte, 1) == 1) {
    for (uint32_t seen = 0; seen != END;) {
      uint32_t ping;
      while ((ping = atomic_load_explicit(&shared->ping, memory_order_acquire)) == seen) relax();
      atomic_store_explicit(&shared->pong, ping, memory_order_release);
      seen = ping;
    }
  }
}

static void pass(uint32_t number) {
  atomic_store_explicit(&shared->ping, number, memory_order_release);
  while (atomic_load_explicit(&shared->pong, memory_order_acquire) != number) relax();
}

/* For so many milliseconds: where other work keeps the two from running at once, a number would take for ever. */
static long measure(double *nanos, long millis) {
  atomic_store(&shared->ping, 0);
  atomic_store(&shared->pong, 0);
  if (write(wakeup[1], "", 1) != 1) exit(1);
  pass(1);
  const double end = now_nanos() + (double)millis * 1e6;
  long samples = 0;
  for (double before = 0; samples < SAMPLES_MAX && before < end; samples++) {
    before = now_nanos();
    pass((uint32_t)samples + 2);
    nanos[samples] = now_nanos() - before;
  }
  pass(END);
  return samples;
}

int main(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || pipe(wakeup) != 0) {
    perror("set up");
    return 1;
  }
  start_partner(answer);
  close(wakeup[0]);
  serve_turns(measure);
  return 0;
}
