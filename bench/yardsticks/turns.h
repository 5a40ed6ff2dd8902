/*
 * What the C yardsticks share: turns as in ../turns.ts, latencies as in ../statistics.ts (percentiles in
 * microseconds, less what reading the clock costs), and a partner process.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_READS = 20001, SAMPLES_MAX = 500000 };

static inline double now_nanos(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of what two readings in a row differ by. */
static double clock_cost_nanos(void) {
  static double reads[CLOCK_READS];
  double before = now_nanos();
  for (int i = 0; i < CLOCK_READS; i++) {
    const double now = now_nanos();
    reads[i] = now - before;
    before = now;
  }
  qsort(reads, CLOCK_READS, sizeof *reads, compare_doubles);
  return reads[CLOCK_READS / 2];
}

/* Runs `partner` in a child that dies with us. */
static void start_partner(void (*partner)(void)) {
  const pid_t pid = fork();
  if (pid < 0) {
    perror("fork");
    exit(1);
  }
  if (pid > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  partner();
  _exit(0);
}

/* Answers turns until the input ends. `measure` writes up to SAMPLES_MAX nanoseconds and returns how many. */
static void serve_turns(long (*measure)(double *nanos, long amount)) {
  static double nanos[SAMPLES_MAX];
  long amount;
  puts("{}");
  fflush(stdout);
  while (scanf("%ld", &amount) == 1 && amount > 0) {
    const long samples = measure(nanos, amount);
    qsort(nanos, (size_t)samples, sizeof *nanos, compare_doubles);
    const double clock = clock_cost_nanos();
    printf("{\"p50\":%.4f,\"p99\":%.4f}\n", (nanos[samples / 2] - clock) / 1e3,
           (nanos[(long)((double)samples * 0.99)] - clock) / 1e3);
    fflush(stdout);
  }
}
