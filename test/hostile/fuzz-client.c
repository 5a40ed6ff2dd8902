/*
 * A client that does everything it shouldn't, over channels that were opened for its process: it redeems their tokens,
 * maps them as docs/PROTOCOL.md says, then treats each in one of the ways of `modes` below. What it does follows from
 * a seed; what came back is printed as one line of JSON.
 *
 *     fuzz-client FD_SOCKET SEED ENTRIES CHANNEL...
 *     CHANNEL: TOKEN/BYTES OPERATION=QUEUE.SESSION,... REGION=BYTES.TOKEN,...    (one argument, two blanks)
 *
 * In the modes that leave the rings alone each entry gets exactly one completion, with the cookie of its slot: an entry
 * without one is counted as `unanswered`, a completion of nothing as `wrong`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
  CHANNELS_MAX = 32,
  REGIONS_MAX = 4,
  OPERATIONS = 64,
  STATUSES = 256,
  TOKEN_BYTES = 32,
  SLOTS_MAX = 4096,
  BLOCK_BYTES = 2048,
  BLOCKS_MAX = 64,
  /* Nothing goes on for longer than this, whatever the daemon does. */
  CHANNEL_SECONDS_MAX = 3,
  ANSWER_SECONDS_MAX = 10,
  PROCESS_SECONDS_MAX = 60,
};

/* The header: words of the channel, by docs/PROTOCOL.md. */
enum {
  SLOTS = 12 / 4,
  REQUEST_TABLE = 16 / 4,
  PARAMETER_TABLE = 20 / 4,
  SUBMISSION_RING = 24 / 4,
  COMPLETION_RING = 28 / 4,
  SUBMISSION_TAIL = 128 / 4,
  COMPLETION_TAIL = 384 / 4,
  COMPLETION_HEAD = 512 / 4,
  ENGINE_NEEDS_WAKEUP = 640 / 4,
  CLIENT_NEEDS_WAKEUP = 768 / 4,
  CLOSED = 896 / 4,
};

/* Operations that are treated in a way of their own. */
enum { NOP = 1, GZIP_COMPRESS = 20, GZIP_DECOMPRESS = 21 };

struct range {
  uint32_t region, offset, bytes;
};

struct request {
  uint32_t operation, queue, session, flags, cookie_low, cookie_high;
  struct range source, destination, auxiliary;
  uint32_t reserved;
};
_Static_assert(sizeof(struct request) == 64, "a request has 64 bytes");

struct completion {
  uint32_t slot, status, cookie_low, cookie_high, produced, result, device_nanos, reserved;
};
_Static_assert(sizeof(struct completion) == 32, "a completion has 32 bytes");

struct region {
  uint32_t number, bytes;
  int memory;
  uint8_t *at;
};

struct channel {
  uint32_t bytes, slots, regions;
  int memory, doorbell;
  _Atomic uint32_t *words;
  struct request *requests;
  uint8_t *parameters;
  uint32_t *submissions;
  struct completion *completions;
  uint32_t queue_of[OPERATIONS], session_of[OPERATIONS];
  struct region region[REGIONS_MAX];
  /* Our own indices, whatever we write into the header. */
  uint32_t tail, head;
  uint32_t free[SLOTS_MAX], free_count;
  /* Completions that a slot has yet to get: one for each time that it was submitted. */
  uint32_t due[SLOTS_MAX];
  /* What the second thread's noise follows from. */
  uint64_t noise;
  /* What each block of the last region holds: bytes of a gzip member, 0 if none. */
  uint32_t member_bytes[BLOCKS_MAX];
};

/* What a mode does besides sending requests. */
struct mode {
  const char *name;
  /* The rings are left alone: entries are answered one by one. */
  bool is_exact;
  /* Of 1000 requests, how many have wrong fields, and how many are all noise. */
  int wrong, noise;
  /* Of 1000 requests, how many go to the soft device. */
  int soft;
  void *(*second_thread)(void *);
  /* Called before each batch; false ends the channel. */
  bool (*prank)(struct channel *);
};

static uint64_t seed;
static struct channel channels[CHANNELS_MAX];
static uint64_t submitted, unanswered, wrong, refused_tokens, by_status[STATUSES + 1];
static uint32_t operations[OPERATIONS], operation_count;
static atomic_bool is_over;

/* splitmix64: https://prng.di.unimi.it/splitmix64.c, public domain, is where its constants are from. */
static uint64_t next_of(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static uint32_t any(void) { return (uint32_t)next_of(&seed); }
static uint32_t below(uint32_t limit) { return any() % limit; }
static bool one_in(uint32_t odds) { return below(odds) == 0; }

/* A number that a check may stumble over. */
static uint32_t odd_number(uint32_t near) {
  static const uint32_t edges[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 255, 256, 257, 4096, 65536, 1 << 20};
  switch (below(4)) {
    case 0: return any();
    case 1: return near + below(3) - 1;
    case 2: return below(300);
    default: return edges[below(sizeof edges / sizeof *edges)];
  }
}

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* --- setting up ------------------------------------------------------------------------------------------------ */

/* The descriptors that a token stands for; false if the daemon refused it (too late, for instance). */
static bool redeem(const char *path, const char *hex, int *fds, int count) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  const int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (end < 0 || connect(end, (struct sockaddr *)&address, sizeof address) != 0) fail("connect to fd.sock");
  uint8_t token[TOKEN_BYTES];
  for (int i = 0; i < TOKEN_BYTES; i++) sscanf(hex + 2 * i, "%2hhx", &token[i]);
  if (write(end, token, sizeof token) != sizeof token) fail("send a token");
  uint32_t answer[2] = {0};
  union {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(2 * sizeof(int))];
  } control;
  struct iovec data = {.iov_base = answer, .iov_len = sizeof answer};
  struct msghdr message = {
    .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  const ssize_t received = recvmsg(end, &message, MSG_CMSG_CLOEXEC);
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  const bool is_good = received == sizeof answer && answer[0] == 0 && answer[1] == (uint32_t)count &&
                       header != NULL && header->cmsg_len == CMSG_LEN(count * sizeof(int));
  if (is_good) memcpy(fds, CMSG_DATA(header), count * sizeof(int));
  close(end);
  if (!is_good) refused_tokens++;
  return is_good;
}

static void *map(int memory, uint32_t bytes) {
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (at == MAP_FAILED) fail("map what a token stood for");
  return at;
}

static bool open_region(struct region *region, const char *fd_socket, char *text) {
  char token[2 * TOKEN_BYTES + 1];
  if (sscanf(text, "%u=%u.%64s", &region->number, &region->bytes, token) != 3) fail("read a region");
  if (!redeem(fd_socket, token, &region->memory, 1)) return false;
  region->at = map(region->memory, region->bytes);
  for (uint32_t i = 0; i < region->bytes; i++) region->at[i] = (uint8_t)("a text to press. "[i % 17] + (i >> 9) % 3);
  return true;
}

static bool open_channel(struct channel *channel, const char *fd_socket, char *text) {
  char token[2 * TOKEN_BYTES + 1], *rest;
  if (sscanf(text, "%64[^/]/%u", token, &channel->bytes) != 2) fail("read a channel");
  char *queues = strchr(text, ' ') + 1, *regions = strchr(queues, ' ') + 1;
  regions[-1] = 0;
  operation_count = 0;
  for (char *part = strtok_r(queues, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
    uint32_t operation, queue, session;
    if (sscanf(part, "%u=%u.%u", &operation, &queue, &session) != 3 || operation >= OPERATIONS) fail("read a queue");
    channel->queue_of[operation] = queue;
    channel->session_of[operation] = session;
    operations[operation_count++] = operation;
  }
  int fds[2];
  if (!redeem(fd_socket, token, fds, 2)) return false;
  channel->memory = fds[0];
  channel->doorbell = fds[1];
  channel->words = map(channel->memory, channel->bytes);
  for (char *part = strtok_r(regions, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest))
    if (!open_region(&channel->region[channel->regions++], fd_socket, part)) return false;
  uint8_t *const at = (uint8_t *)channel->words;
  channel->slots = channel->words[SLOTS];
  channel->requests = (struct request *)(at + channel->words[REQUEST_TABLE]);
  channel->parameters = at + channel->words[PARAMETER_TABLE];
  channel->submissions = (uint32_t *)(at + channel->words[SUBMISSION_RING]);
  channel->completions = (struct completion *)(at + channel->words[COMPLETION_RING]);
  for (uint32_t slot = 0; slot < channel->slots; slot++) channel->free[channel->free_count++] = slot;
  return true;
}

static void close_channel(struct channel *channel) {
  for (uint32_t i = 0; i < channel->regions; i++) {
    if (channel->region[i].at == NULL) continue;
    munmap(channel->region[i].at, channel->region[i].bytes);
    close(channel->region[i].memory);
  }
  if (channel->words == NULL) return;
  munmap((void *)channel->words, channel->bytes);
  close(channel->memory);
  close(channel->doorbell);
}

/* --- requests -------------------------------------------------------------------------------------------------- */

static struct range some_range(const struct channel *channel) {
  const struct region *region = &channel->region[below(channel->regions)];
  const uint32_t bytes = one_in(100) ? below(region->bytes) : below(BLOCK_BYTES);
  return (struct range){region->number, below(region->bytes - bytes), bytes};
}

static uint32_t cookie_of(uint32_t slot) { return slot * 2654435761u; }

static void write_request(struct channel *channel, uint32_t slot, const struct mode *mode) {
  struct request request = {.operation = NOP};
  if (below(1000) < (uint32_t)mode->soft) request.operation = operations[below(operation_count)];
  request.queue = channel->queue_of[request.operation];
  request.session = channel->session_of[request.operation];
  if (request.operation != NOP) {
    request.source = some_range(channel);
    request.destination = some_range(channel);
    request.auxiliary = some_range(channel);
    const struct region *store = &channel->region[channel->regions - 1];
    const uint32_t block = below(BLOCKS_MAX);
    const struct range place = {store->number, block * BLOCK_BYTES, BLOCK_BYTES};
    if (request.operation == GZIP_COMPRESS) request.destination = place;
    if (request.operation == GZIP_DECOMPRESS && channel->member_bytes[block] > 0) {
      request.source = place;
      request.source.bytes = channel->member_bytes[block];
    }
    for (int i = 0; i < 32; i++) channel->parameters[slot * 64 + i] = (uint8_t)any();
  }
  uint32_t *const words = (uint32_t *)&request;
  if (below(1000) < (uint32_t)mode->wrong)
    for (uint32_t count = 1 + below(3); count > 0; count--) {
      uint32_t *const word = &words[below(sizeof request / 4)];
      *word = odd_number(*word);
    }
  if (below(1000) < (uint32_t)mode->noise)
    for (uint32_t i = 0; i < sizeof request / 4; i++) words[i] = any();
  request.cookie_low = cookie_of(slot);
  request.cookie_high = ~slot;
  channel->requests[slot] = request;
}

static void ring(struct channel *channel) {
  const uint8_t byte = 1;
  (void)!send(channel->doorbell, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void publish(struct channel *channel) {
  atomic_store(&channel->words[SUBMISSION_TAIL], channel->tail);
  if (atomic_load(&channel->words[ENGINE_NEEDS_WAKEUP]) != 0 &&
      atomic_exchange(&channel->words[ENGINE_NEEDS_WAKEUP], 0) != 0)
    ring(channel);
}

static void submit_batch(struct channel *channel, const struct mode *mode) {
  const uint32_t outstanding = channel->tail - channel->head;
  /* What the second thread has made of the indices may be anything. */
  const uint32_t room = outstanding > channel->slots ? 1 : channel->slots - outstanding;
  for (uint32_t count = room == 0 ? 0 : 1 + below(room); count > 0; count--) {
    uint32_t slot;
    /* A slot that is in flight gets a completion of its own, SLOT_BUSY, or runs again if it has just completed. */
    if (channel->free_count == 0 || one_in(500)) {
      slot = below(channel->slots);
      if (channel->due[slot] == 0) continue;
    } else {
      slot = channel->free[--channel->free_count];
      write_request(channel, slot, mode);
    }
    channel->due[slot]++;
    channel->submissions[channel->tail & (channel->slots - 1)] = slot;
    channel->tail++;
    submitted++;
  }
  publish(channel);
}

static void reap(struct channel *channel, bool is_exact) {
  uint32_t count = atomic_load(&channel->words[COMPLETION_TAIL]) - channel->head;
  if (count > channel->slots) count = channel->slots;
  for (; count > 0; count--) {
    const struct completion seen = channel->completions[channel->head & (channel->slots - 1)];
    by_status[seen.status < STATUSES ? seen.status : STATUSES]++;
    const bool is_due = seen.slot < channel->slots && channel->due[seen.slot] > 0;
    const bool is_right = is_due && seen.cookie_low == cookie_of(seen.slot) && seen.cookie_high == ~seen.slot;
    if (is_exact && !is_right) wrong++;
    if (is_due) {
      const struct request *request = &channel->requests[seen.slot];
      if (request->operation == GZIP_COMPRESS && seen.status == 0)
        channel->member_bytes[request->destination.offset / BLOCK_BYTES % BLOCKS_MAX] = seen.produced % BLOCK_BYTES;
      if (--channel->due[seen.slot] == 0) channel->free[channel->free_count++] = seen.slot;
    }
    channel->head++;
  }
  channel->words[COMPLETION_HEAD] = channel->head;
}

/* Waits a little for completions, as the page says; false if the channel has ended. */
static bool rest(struct channel *channel) {
  atomic_store(&channel->words[CLIENT_NEEDS_WAKEUP], 1);
  if (atomic_load(&channel->words[COMPLETION_TAIL]) == channel->head) {
    struct pollfd bell = {.fd = channel->doorbell, .events = POLLIN};
    poll(&bell, 1, 20);
  }
  atomic_store(&channel->words[CLIENT_NEEDS_WAKEUP], 0);
  uint8_t bytes[256];
  const ssize_t got = recv(channel->doorbell, bytes, sizeof bytes, MSG_DONTWAIT);
  return !(got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR));
}

/* --- pranks ---------------------------------------------------------------------------------------------------- */

static void scribble(uint8_t *at, uint32_t bytes, uint64_t *state) {
  const uint64_t noise = next_of(state);
  const uint32_t where = (uint32_t)(next_of(state) % bytes), length = 1 + (uint32_t)(noise >> 60);
  for (uint32_t i = where; i < where + length && i < bytes; i++) at[i] = (uint8_t)(noise >> (i % 8 * 7));
}

/* Inputs and outputs change while libraries read and write them, and pages vanish under them. */
static void *scribble_regions(void *argument) {
  struct channel *channel = argument;
  uint64_t state = channel->noise;
  while (!atomic_load(&is_over)) {
    for (int i = 0; i < 2000; i++) {
      const struct region *region = &channel->region[next_of(&state) % channel->regions];
      scribble(region->at, region->bytes, &state);
    }
    const struct region *region = &channel->region[0];
    const off_t page = (off_t)(next_of(&state) % (region->bytes / 4096)) * 4096;
    fallocate(region->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page, 4096);
    usleep(50);
  }
  return NULL;
}

/* Requests and parameters change while the engine reads them; the rings don't. */
static void *scribble_entries(void *argument) {
  struct channel *channel = argument;
  uint64_t state = channel->noise;
  const uint32_t bytes = (uint32_t)((uint8_t *)channel->submissions - (uint8_t *)channel->requests);
  while (!atomic_load(&is_over)) {
    for (int i = 0; i < 2000; i++) scribble((uint8_t *)channel->requests, bytes, &state);
    usleep(50);
  }
  return NULL;
}

/* Every byte of the channel, in time. */
static void *scribble_everything(void *argument) {
  struct channel *channel = argument;
  uint64_t state = channel->noise;
  while (!atomic_load(&is_over)) {
    /* Sparsely, so that other checks than the first have their turn. */
    for (uint64_t count = next_of(&state) % 64; count > 0; count--)
      scribble((uint8_t *)channel->words, channel->bytes, &state);
    if (next_of(&state) % 64 == 0) {
      const off_t page = (off_t)(next_of(&state) % (channel->bytes / 4096)) * 4096;
      fallocate(channel->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page, 4096);
    }
    usleep(20 + (useconds_t)(next_of(&state) % 500));
  }
  return NULL;
}

/* The flags say anything but the truth. */
static void *scribble_flags(void *argument) {
  struct channel *channel = argument;
  uint64_t state = channel->noise;
  while (!atomic_load(&is_over)) {
    for (int i = 0; i < 200; i++) {
      const uint32_t flag = next_of(&state) % 2 == 0 ? ENGINE_NEEDS_WAKEUP : CLIENT_NEEDS_WAKEUP;
      atomic_store(&channel->words[flag], (uint32_t)next_of(&state) % 3);
    }
    usleep(20);
  }
  return NULL;
}

static bool break_indices(struct channel *channel) {
  if (!one_in(20)) return true;
  const int which[] = {SUBMISSION_TAIL, COMPLETION_HEAD, COMPLETION_TAIL, SUBMISSION_TAIL - 32, CLOSED, SLOTS};
  const int word = which[below(sizeof which / sizeof *which)];
  atomic_store(&channel->words[word], odd_number(channel->words[word]));
  if (one_in(4)) channel->submissions[below(channel->slots)] = odd_number(channel->slots);
  ring(channel);
  return true;
}

static bool misuse_doorbell(struct channel *channel) {
  uint8_t bytes[512];
  memset(bytes, 1, sizeof bytes);
  switch (below(40)) {
    case 0: (void)!send(channel->doorbell, bytes, 1 + below(sizeof bytes), MSG_DONTWAIT | MSG_NOSIGNAL); break;
    case 1: (void)!send(channel->doorbell, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL); break;
    case 2: (void)!send(channel->doorbell, bytes, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL); break;
    case 3: shutdown(channel->doorbell, below(3)); break;
    case 4: {
      /* Descriptors that nobody asked for. */
      union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
      } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
      memcpy(CMSG_DATA(&control.header), &channel->memory, sizeof(int));
      struct iovec data = {.iov_base = bytes, .iov_len = 1};
      struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
      (void)!sendmsg(channel->doorbell, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      break;
    }
    case 5: {
      const int small = 1;
      setsockopt(channel->doorbell, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      break;
    }
    /* As many as are allowed, as fast as possible: each wakes the engine for nothing. */
    default:
      for (int i = 0; i < 20; i++) ring(channel);
  }
  return true;
}

/* Submits slots that it hasn't reaped. */
static bool reap_nothing(struct channel *channel) {
  for (uint32_t slot = 0; slot < channel->slots; slot++) channel->submissions[slot] = slot;
  channel->tail += channel->slots;
  submitted += channel->slots;
  publish(channel);
  ring(channel);
  return rest(channel);
}

static bool leave_halfway(struct channel *channel) {
  (void)channel;
  return !one_in(4);
}

static const struct mode modes[] = {
  {"nearly-right", true, 300, 0, 5, NULL, NULL},
  {"noise", true, 100, 700, 5, NULL, NULL},
  {"changing-inputs", true, 50, 0, 600, scribble_regions, NULL},
  {"changing-entries", false, 100, 0, 5, scribble_entries, NULL},
  {"lying-flags", false, 100, 0, 5, scribble_flags, NULL},
  {"every-byte", false, 100, 100, 10, scribble_everything, NULL},
  {"indices", false, 100, 0, 10, NULL, break_indices},
  {"doorbell", false, 100, 0, 10, NULL, misuse_doorbell},
  {"unreaped", false, 0, 0, 0, NULL, reap_nothing},
  {"halfway", false, 0, 0, 900, NULL, leave_halfway},
};
enum { MODES = sizeof modes / sizeof *modes };
static uint64_t by_mode[MODES];

/* Waits for what is under way, where an answer is due. */
static void await_answers(struct channel *channel) {
  const double end = now_seconds() + ANSWER_SECONDS_MAX;
  while (channel->head != channel->tail && atomic_load(&channel->words[CLOSED]) == 0 && now_seconds() < end) {
    if (!rest(channel)) break;
    reap(channel, true);
  }
  if (atomic_load(&channel->words[CLOSED]) == 0) unanswered += channel->tail - channel->head;
}

static void abuse(struct channel *channel, const struct mode *mode, uint64_t entries) {
  const uint64_t before = submitted;
  const double end = now_seconds() + CHANNEL_SECONDS_MAX;
  pthread_t thread;
  channel->noise = next_of(&seed);
  atomic_store(&is_over, false);
  if (mode->second_thread != NULL && pthread_create(&thread, NULL, mode->second_thread, channel) != 0) fail("thread");
  while (submitted - before < entries && now_seconds() < end && atomic_load(&channel->words[CLOSED]) == 0) {
    if (mode->prank != NULL && !mode->prank(channel)) break;
    submit_batch(channel, mode);
    reap(channel, mode->is_exact);
    if (channel->tail - channel->head > channel->slots / 2 && !rest(channel)) break;
  }
  if (mode->is_exact) await_answers(channel);
  atomic_store(&is_over, true);
  if (mode->second_thread != NULL) pthread_join(thread, NULL);
  by_mode[mode - modes] += submitted - before;
}

/* --- the report ------------------------------------------------------------------------------------------------ */

static void print_report(void) {
  printf("{\"submitted\":%llu,\"unanswered\":%llu,\"wrong\":%llu,\"refusedTokens\":%llu",
         (unsigned long long)submitted, (unsigned long long)unanswered, (unsigned long long)wrong,
         (unsigned long long)refused_tokens);
  printf(",\"completions\":{");
  for (int i = 0, printed = 0; i <= STATUSES; i++)
    if (by_status[i] > 0)
      printf("%s\"%d\":%llu", printed++ == 0 ? "" : ",", i, (unsigned long long)by_status[i]);
  printf("},\"modes\":{");
  for (int i = 0; i < MODES; i++)
    printf("%s\"%s\":%llu", i == 0 ? "" : ",", modes[i].name, (unsigned long long)by_mode[i]);
  printf("}}\n");
}

int main(int count, char **arguments) {
  if (count < 5 || count - 4 > CHANNELS_MAX) {
    fprintf(stderr, "usage: fuzz-client FD_SOCKET SEED ENTRIES CHANNEL...\n");
    return 2;
  }
  alarm(PROCESS_SECONDS_MAX);
  seed = strtoull(arguments[2], NULL, 10);
  const uint64_t entries = strtoull(arguments[3], NULL, 10);
  const int opened = count - 4;
  bool is_open[CHANNELS_MAX];
  for (int i = 0; i < opened; i++) is_open[i] = open_channel(&channels[i], arguments[1], arguments[4 + i]);
  for (int i = 0; i < opened; i++) {
    const uint64_t left = submitted < entries ? entries - submitted : 0;
    if (is_open[i]) abuse(&channels[i], &modes[below(MODES)], left / (uint64_t)(opened - i) + 1);
    /* Some are left open: the death of the process closes them, all at once and in the middle. */
    if (one_in(2)) close_channel(&channels[i]);
  }
  print_report();
  return 0;
}
