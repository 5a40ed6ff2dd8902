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

enum { CLOCK_READS = 20001 };

static inline double now_nanos(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (memory == NULL) {
    perror("malloc");
    exit(1);
  }
  return memory;
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

/* Answers turns of so many round trips until the input ends. `measure` writes nanoseconds. */
static void serve_turns(void (*measure)(double *nanos, long round_trips)) {
  long round_trips;
  puts("{}");
  fflush(stdout);
  while (scanf("%ld", &round_trips) == 1 && round_trips > 0) {
    double *nanos = allocate((size_t)round_trips * sizeof *nanos);
    measure(nanos, round_trips);
    qsort(nanos, (size_t)round_trips, sizeof *nanos, compare_doubles);
    const double clock = clock_cost_nanos();
    printf("{\"p50\":%.4f,\"p99\":%.4f}\n", (nanos[round_trips / 2] - clock) / 1e3,
           (nanos[(long)((double)round_trips * 0.99)] - clock) / 1e3);
    fflush(stdout);
    free(nanos);
  }
}
