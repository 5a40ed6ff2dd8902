// Bounds that hold everywhere, whatever a configuration says. Each says why it has this size.

/** Slots of one channel: a power of two in this range. 4096 slots of 128 bytes are half a megabyte. */
export const CHANNEL_SLOTS_MIN = 4;
export const CHANNEL_SLOTS_MAX = 4096;
export const CHANNEL_SLOTS_DEFAULT = 256;

/** Queues, sessions and regions of one channel: the engine keeps small tables of this many entries. */
export const CHANNEL_QUEUES_MAX = 256;
export const CHANNEL_SESSIONS_MAX = 256;
export const CHANNEL_REGIONS_MAX = 256;

/** A region's size, bytes. Offsets and lengths are 32-bit; 1 GiB keeps sums of two below 2^31. */
export const REGION_BYTES_MAX = 2 ** 30;

/** A token that isn't redeemed by then is void. Redeeming takes under a millisecond. */
export const TOKEN_MILLIS_MAX = 5_000;
export const TOKEN_BYTES = 32;

/** Malformed requests in a row that end a channel: enough for a confused client to see its error codes. */
export const MALFORMED_ENTRIES_MAX = 1_024;

/**
 * Doorbell bytes found unread at once that end a channel. A client rings once for each time it was asked to,
 * so more than a few can't be waiting; a socket holds 278 one-byte writes before it is full.
 */
export const DOORBELL_BYTES_MAX = 64;

/** The byte that rings a doorbell. */
export const DOORBELL_RING = 1;

/** Encryption keys are at most this long, bytes (AES-256). */
export const KEY_BYTES_MAX = 32;

/** Messages that the daemon takes, bytes: with payloads in them a multiple of the pieces that payloads are cut into. */
export const MESSAGE_BYTES_MAX = 256 * 1024;
