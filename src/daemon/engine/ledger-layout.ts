// The bytes of the ledger: what an engine writes down for the one that comes after it. One memfd, which the custodian
// keeps and no client ever maps.
//
//        0 +-------------------+
//          | header            |  version, next handle, names of devices
//     4096 +-------------------+
//          | directory         |  one entry for each record: where it lies, for how many slots, whether it is live
//          +-------------------+
//          | record            |  one for each channel:
//          |   head            |    who it belongs to, its descriptors in the vault, the engine's own index
//          |   queues, regions |    by number
//          |   journal         |    one word for each slot: what has become of its request
//          |   rows            |    the private copies of the requests
//          |   sessions        |    by number, with their keys
//          +-------------------+
//          | record ...
//
// The file is sparse: what was never written takes no memory.
//
// The journal, one word for each slot, is the truth about its request (the life cycle is in docs/PROTOCOL.md):
//
//     kind       | index << 3
//     FREE       |            no request
//     QUEUED     | submission: taken and accepted, no device has it
//     STARTED    | submission: a device has it, and may have begun
//     .. + RERUN | submission: the same, after it was STARTED when an engine died
//     POSTED     | completion: completed by the entry of that index
//
// Each change is committed by one store. So an engine that dies between any two leaves a ledger that says what was.

import { REQUEST_WORDS, PARAMETER_WORDS } from '../../shared/channel/layout.ts';
import { declareLayout, wordOf } from '../../shared/layout.ts';
import { CHANNEL_QUEUES_MAX, CHANNEL_REGIONS_MAX, CHANNEL_SESSIONS_MAX } from '../../shared/limits.ts';

/** 'WDLG' in ASCII, read as a little-endian number. */
export const LEDGER_MAGIC = 0x474c4457;
export const LEDGER_VERSION = 1;

const PAGE_BYTES = 4096;
export const PAGE_WORDS = PAGE_BYTES / 4;
/** All that one mapping of Node's can hold, less a page: room for 70,000 channels of 256 slots. */
export const LEDGER_BYTES = 2 ** 32 - PAGE_BYTES;

const fileLayout = declareLayout('ledger', PAGE_BYTES, {
  magic: [0x000, 4, 'engine', 'the bytes "WDLG"'],
  version: [0x004, 4, 'engine', 'version of this layout'],
  nextHandle: [0x008, 4, 'engine', 'handles below this one were given'],
  nextEntry: [0x00c, 4, 'engine', 'entries of the directory from this one on were never used'],
  nextPage: [0x010, 4, 'engine', 'pages from this one on were never used'],
  deviceNames: [0x400, 64 * 32, 'engine', 'names of devices by number, each ended by zeros'],
});
export const F_MAGIC = wordOf(fileLayout, 'magic');
export const F_VERSION = wordOf(fileLayout, 'version');
export const F_NEXT_HANDLE = wordOf(fileLayout, 'nextHandle');
export const F_NEXT_ENTRY = wordOf(fileLayout, 'nextEntry');
export const F_NEXT_PAGE = wordOf(fileLayout, 'nextPage');
export const DEVICE_NAMES_OFFSET = fileLayout.fields.deviceNames.offset;
export const DEVICE_NAME_BYTES = 32;
export const DEVICES_MAX = fileLayout.fields.deviceNames.bytes / DEVICE_NAME_BYTES;

/** The directory: two words an entry, the first page of the record, then slots << 2 | state. */
export const RECORDS_MAX = 65_536;
export const DIRECTORY_PAGE = 1;
export const ENTRY_WORDS = 2;
export const FIRST_RECORD_PAGE = DIRECTORY_PAGE + (RECORDS_MAX * ENTRY_WORDS) / PAGE_WORDS;
export const RECORD_LIVE = 1;
/** Its pages are there for the next channel with as many slots. */
export const RECORD_FREE = 2;

const recordLayout = declareLayout('record', PAGE_BYTES, {
  checksum: [0x000, 4, 'engine', 'CRC-32 of what follows, up to the end of the setup'],
  slots: [0x004, 4, 'engine', 'slots of the channel'],
  memory: [0x008, 4, 'engine', "handle of the channel's memory in the vault"],
  doorbell: [0x00c, 4, 'engine', "handle of the engine's end of the doorbell"],
  setupBytes: [0x010, 4, 'engine', 'length of the setup, bytes'],
  setup: [0x014, 0x3a0, 'engine', 'the call by which the channel was opened, JSON in UTF-8'],
  sessionsEnd: [0x3b8, 4, 'engine', 'sessions above this number were never opened'],
  completionTail: [0x3c0, 4, 'engine', "the engine's own index after the last completion"],
  queues: [
    0x400,
    CHANNEL_QUEUES_MAX * 4,
    'engine',
    'depth (DIRECT_DEPTH: direct) << 16 | device << 8 | algorithm, by number - 1; 0: none',
  ],
  regions: [0x800, CHANNEL_REGIONS_MAX * 8, 'engine', 'bytes (0: none) and handle, by number - 1'],
});
/** In the place of the depth, of a queue whose hardware queue is the client's own. More than any depth. */
export const DIRECT_DEPTH = 0xffff;

export const L_CHECKSUM = wordOf(recordLayout, 'checksum');
export const L_SLOTS = wordOf(recordLayout, 'slots');
export const L_MEMORY = wordOf(recordLayout, 'memory');
export const L_DOORBELL = wordOf(recordLayout, 'doorbell');
export const L_SETUP_BYTES = wordOf(recordLayout, 'setupBytes');
export const L_COMPLETION_TAIL = wordOf(recordLayout, 'completionTail');
export const L_SESSIONS_END = wordOf(recordLayout, 'sessionsEnd');
export const CHECKED_OFFSET = recordLayout.fields.slots.offset;
export const SETUP_OFFSET = recordLayout.fields.setup.offset;
export const SETUP_BYTES_MAX = recordLayout.fields.setup.bytes;
export const L_QUEUES = recordLayout.fields.queues.offset / 4;
export const L_REGIONS = recordLayout.fields.regions.offset / 4;

export const sessionLayout = declareLayout('ledgered session', 64, {
  checksum: [0, 4, 'engine', 'CRC-32 of the rest; 0: there is no session'],
  algorithm: [4, 4, 'engine', 'number of the algorithm'],
  handle: [8, 4, 'engine', 'the name by which devices know it'],
  level: [12, 4, 'engine', 'compression level, or KEY_LEVEL: the session holds a key'],
  key: [16, 32, 'engine', 'key of a cipher'],
});
export const S_CHECKSUM = wordOf(sessionLayout, 'checksum');
export const S_ALGORITHM = wordOf(sessionLayout, 'algorithm');
export const S_HANDLE = wordOf(sessionLayout, 'handle');
export const S_LEVEL = wordOf(sessionLayout, 'level');
export const S_KEY = sessionLayout.fields.key.offset / 4;
export const KEY_LEVEL = -1;

const ROW_WORDS = REQUEST_WORDS + PARAMETER_WORDS;

/** Where the parts of a record lie, in words from its beginning, and how many pages it takes. */
export function recordGeometry(slots: number): {
  readonly journal: number;
  readonly rows: number;
  readonly sessions: number;
  readonly pages: number;
} {
  const journal = PAGE_WORDS;
  const rows = journal + slots;
  const sessions = Math.ceil((rows + slots * ROW_WORDS) / PAGE_WORDS) * PAGE_WORDS;
  const pages = (sessions + CHANNEL_SESSIONS_MAX * (sessionLayout.bytes / 4)) / PAGE_WORDS;
  return { journal, rows, sessions, pages };
}

/** Kinds of a journal word, and the shift of its index. */
export const FREE = 0;
export const POSTED = 1;
export const QUEUED = 2;
export const STARTED = 3;
export const RERUN = 4;
const KIND_MASK = 7;
export const INDEX_SHIFT = 3;

export function kindOf(word: number): number {
  return word & KIND_MASK;
}

/** Whether the word stands for a request that was taken and has no completion. */
export function isInFlight(word: number): boolean {
  return (word & QUEUED) !== 0;
}
