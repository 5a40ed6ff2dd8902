/*
 * Two processes pass 64 bytes to and fro through a Unix socket, with a pause before each round trip in which both
 * fall asleep: what a wake-up costs without an event loop.
 */
#include "turns.h"

#include <sys/socket.h>

enum { MESSAGE_BYTES = 64, PAUSE_MICROS = 6000 };

static int ends[2];

static int receive(int end, char *message) {
  return recv(end, message, MESSAGE_BYTES, MSG_WAITALL) == MESSAGE_BYTES;
}

static void answer(void) {
  char message[MESSAGE_BYTES];
  close(ends[0]);
  while (receive(ends[1], message) && send(ends[1], message, sizeof message, MSG_NOSIGNAL) == MESSAGE_BYTES) {
  }
}

static long measure(double *nanos, long amount) {
  const long round_trips = amount < SAMPLES_MAX ? amount : SAMPLES_MAX;
  char message[MESSAGE_BYTES] = {0};
  for (long i = 0; i < round_trips; i++) {
    usleep(PAUSE_MICROS);
    const double before = now_nanos();
    if (send(ends[0], message, sizeof message, MSG_NOSIGNAL) != MESSAGE_BYTES || !receive(ends[0], message)) {
      perror("round trip");
      exit(1);
    }
    nanos[i] = now_nanos() - before;
  }
  return round_trips;
}

int main(void) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    perror("socketpair");
    return 1;
  }
  start_partner(answer);
  close(ends[1]);
  serve_turns(measure);
  return 0;
}
