// Every error that a user of WarpDrive can meet, as a table. What is thrown is in errors.ts.
//
// The numbers of completion and close codes travel in shared memory (docs/PROTOCOL.md); a number, once given,
// never gets another meaning. docs/ERRORS.md is this table as a page, and a test keeps the two equal.

/**
 * Where a code shows up:
 * `completion`: in a completion entry, for one request; `close`: in a channel's header, as the reason for its
 * end; `call`: thrown by the SDK or answered to a gRPC call.
 */
type ErrorPlace = 'completion' | 'close' | 'call';

/** gRPC status names, as in google.golang.org/grpc/codes. */
export type GrpcStatusName =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED';

type Row = readonly [
  /** The code on the wire. 0 is success, so it is never used here. */
  number: number,
  places: readonly ErrorPlace[],
  status: GrpcStatusName,
  meaning: string,
  hint: string,
];

const COMPLETION = ['completion'] as const;
const CLOSE = ['close'] as const;
const CALL = ['call'] as const;

export const errorRows = {
  BAD_REQUEST: [
    1,
    COMPLETION,
    'INVALID_ARGUMENT',
    'a reserved field of the request is not zero, or a flag is unknown',
    'fill in the entry as docs/PROTOCOL.md says; zero what it reserves',
  ],
  UNKNOWN_OPERATION: [
    2,
    COMPLETION,
    'INVALID_ARGUMENT',
    'no operation has this number',
    'use a number of the operation table in docs/PROTOCOL.md',
  ],
  UNKNOWN_QUEUE: [
    3,
    COMPLETION,
    'NOT_FOUND',
    'the channel has no queue with this number',
    'request the queue first; a released number is gone',
  ],
  UNKNOWN_SESSION: [
    4,
    COMPLETION,
    'NOT_FOUND',
    'the channel has no session with this number, or it belongs to another algorithm',
    'open a session for the queue and use the number that it returned',
  ],
  UNKNOWN_REGION: [
    5,
    COMPLETION,
    'NOT_FOUND',
    'the channel has no region with this number',
    'share the region first; a released number is gone',
  ],
  OUT_OF_RANGE: [
    6,
    COMPLETION,
    'INVALID_ARGUMENT',
    'an offset and length reach beyond the end of their region',
    'keep offset + length within the size of the region',
  ],
  SLOT_BUSY: [
    7,
    COMPLETION,
    'FAILED_PRECONDITION',
    'the slot was submitted again before its completion was reaped',
    'wait for the completion of a slot before using it again',
  ],
  OPERATION_NOT_ALLOWED: [
    8,
    COMPLETION,
    'FAILED_PRECONDITION',
    'the operation is not one of the algorithm that the queue was requested for',
    'request a queue for the algorithm of the operation',
  ],
  TOO_LARGE: [
    9,
    COMPLETION,
    'RESOURCE_EXHAUSTED',
    'the request is larger than the tenant may send',
    'cut the request into smaller ones; the administrator sets the limit',
  ],
  QUEUE_FULL: [
    10,
    COMPLETION,
    'RESOURCE_EXHAUSTED',
    'more requests are in flight on the queue than its depth',
    'reap completions before sending more, or request a deeper queue',
  ],
  OUTPUT_TOO_SMALL: [
    11,
    COMPLETION,
    'FAILED_PRECONDITION',
    'the output does not fit into the destination range',
    'give a larger destination; the bound of each operation is in docs/SDK.md',
  ],
  CORRUPT_INPUT: [
    12,
    COMPLETION,
    'DATA_LOSS',
    'the input is not what the operation expects: broken, truncated, or with bytes after its end',
    'check the data and that the algorithm matches its format',
  ],
  WRONG_TAG: [
    13,
    COMPLETION,
    'DATA_LOSS',
    'authentication failed: the tag does not belong to this key, IV, additional data and input',
    'check key, IV, additional data and tag; the data may have been tampered with',
  ],
  BAD_LENGTH: [
    14,
    COMPLETION,
    'INVALID_ARGUMENT',
    'a length is not one that the operation takes',
    'see the lengths of each operation in docs/SDK.md',
  ],
  DEVICE_ERROR: [
    15,
    COMPLETION,
    'INTERNAL',
    'the device reported a failure of its own',
    'try again; if it persists, look at the device in "warpctl devices"',
  ],
  DEVICE_TIMEOUT: [
    16,
    COMPLETION,
    'DEADLINE_EXCEEDED',
    'the request ran past its time limit; the device was reset',
    'cut the request into smaller ones; the limit is the device\'s "request_millis_max"',
  ],
  DEVICE_RESET: [
    17,
    COMPLETION,
    'ABORTED',
    'the device failed while it ran this request and was reset',
    'the request may have written part of its output; send it again if that does no harm',
  ],
  INTERRUPTED: [
    18,
    COMPLETION,
    'ABORTED',
    'the daemon lost the request half-way; it may or may not have run',
    'send it again if that does no harm; the property "ran" says whether it can have run',
  ],
  CANCELLED: [
    19,
    ['completion', 'call'],
    'CANCELLED',
    'the queue was released, or the call given up, before the request ran',
    'nothing to do: the request has not run',
  ],
  DMA_FAULT: [
    20,
    COMPLETION,
    'FAILED_PRECONDITION',
    'the device could not reach the memory of the request',
    'share the region again; if it persists, ask the administrator to look at the log of the custodian',
  ],

  CORRUPT_RING: [
    64,
    CLOSE,
    'FAILED_PRECONDITION',
    'an index or a slot number of the channel was impossible',
    'the client has a bug, or something else wrote into its channel; connect again',
  ],
  MALFORMED_ENTRIES: [
    65,
    CLOSE,
    'FAILED_PRECONDITION',
    'too many malformed requests in a row',
    'the client has a bug: it sends rubbish; connect again',
  ],
  DOORBELL_GARBAGE: [
    66,
    CLOSE,
    'FAILED_PRECONDITION',
    'a byte on the doorbell was not the ring byte, or far too many came at once',
    'ring with the byte 1, and only when the peer asked to be woken; connect again',
  ],
  CLIENT_CLOSED: [67, CLOSE, 'CANCELLED', 'the client closed the channel', 'nothing to do'],
  DAEMON_STOPPING: [
    68,
    CLOSE,
    'UNAVAILABLE',
    'the daemon is stopping',
    'connect again when it is back; the SDK does so by itself',
  ],
  ENGINE_LOST: [
    69,
    CLOSE,
    'UNAVAILABLE',
    'the engine that served the channel is gone',
    'connect again; the SDK does so by itself',
  ],

  POISONED: [
    71,
    CLOSE,
    'ABORTED',
    'a request of the channel was running when the engine died, and again when it died once more',
    'do not send that request again; the log of the daemon names the channel and its tenant',
  ],

  REVOKED: [
    72,
    CLOSE,
    'ABORTED',
    'an administrator has taken the channel back',
    'ask the administrator of the daemon before connecting again',
  ],

  TENANT_STOPPED: [
    73,
    ['close', 'call'],
    'ABORTED',
    'requests of the tenant have faulted a device too often within a minute',
    'find out which request it is and do not send it again; the log of the daemon names the faults',
  ],

  INVALID_ARGUMENT: [
    128,
    CALL,
    'INVALID_ARGUMENT',
    'an argument is not one that the call takes',
    'see the allowed values in the message',
  ],
  UNSUPPORTED: [
    129,
    CALL,
    'UNIMPLEMENTED',
    'this transport, platform or device cannot do that',
    'see the table of transports in docs/SDK.md',
  ],
  NO_DAEMON: [
    130,
    CALL,
    'UNAVAILABLE',
    'no daemon answers',
    'start one with "warpdrived", or name its folder with WARPDRIVE_RUNTIME_DIR',
  ],
  PERMISSION_DENIED: [
    131,
    CALL,
    'PERMISSION_DENIED',
    'the caller may not do that',
    'ask the administrator of the daemon',
  ],
  QUOTA_EXCEEDED: [
    132,
    CALL,
    'RESOURCE_EXHAUSTED',
    'a limit of the tenant is reached',
    'release what is not needed, or ask the administrator to raise the named limit',
  ],
  NO_SUCH_ALGORITHM: [
    133,
    CALL,
    'NOT_FOUND',
    'no device offers this algorithm',
    '"warpctl devices" lists what there is',
  ],
  NO_SUCH_DEVICE: [
    134,
    CALL,
    'NOT_FOUND',
    'no device has this name',
    '"warpctl devices" lists what there is',
  ],
  NO_SUCH_CHANNEL: [
    135,
    CALL,
    'NOT_FOUND',
    'no channel of the caller has this number',
    'connect again; the SDK does so by itself',
  ],
  NO_SUCH_QUEUE: [
    136,
    CALL,
    'NOT_FOUND',
    'the channel has no queue with this number',
    'request the queue first',
  ],
  NO_SUCH_SESSION: [
    137,
    CALL,
    'NOT_FOUND',
    'the channel has no session with this number',
    'open the session first',
  ],
  NO_SUCH_REGION: [
    138,
    CALL,
    'NOT_FOUND',
    'the channel has no region with this number',
    'share the region first',
  ],
  TOKEN_REFUSED: [
    139,
    CALL,
    'PERMISSION_DENIED',
    'the token is wrong, used, expired, or was given to another process',
    'ask for a new one and redeem it at once, in the process that asked',
  ],
  ENGINE_UNAVAILABLE: [
    140,
    CALL,
    'UNAVAILABLE',
    'a process of the daemon is not running at the moment',
    'try again shortly; the SDK does so by itself',
  ],
  DEADLINE_EXCEEDED: [
    141,
    CALL,
    'DEADLINE_EXCEEDED',
    'the daemon did not answer in time',
    'see "warpctl status"; try again',
  ],
  RELEASED: [
    142,
    CALL,
    'FAILED_PRECONDITION',
    'the object was released or its connection closed before',
    'do not use an object after its release()',
  ],
  ALREADY_RUNNING: [
    143,
    CALL,
    'ALREADY_EXISTS',
    'another daemon serves these sockets',
    'stop it first, or give this one another --runtime-dir',
  ],
  CONFIG_INVALID: [
    144,
    CALL,
    'INVALID_ARGUMENT',
    'the configuration is not valid',
    'correct the named key; "warpdrived --check-config FILE" checks a file without starting',
  ],
  SYSTEM_CALL: [
    145,
    CALL,
    'INTERNAL',
    'the kernel refused a system call',
    'the error number in the message tells why',
  ],
  PROTOCOL_MISMATCH: [
    146,
    CALL,
    'FAILED_PRECONDITION',
    'the two sides speak different versions of the protocol',
    'update the older of daemon and client',
  ],
  NOT_RESUMED: [
    148,
    CALL,
    'FAILED_PRECONDITION',
    'the channel was opened on another connection',
    'call ResumeChannel with its resume secret first; the SDK does so by itself',
  ],
  DEVICE_UNAVAILABLE: [
    149,
    ['completion', 'call'],
    'UNAVAILABLE',
    'the device has failed, and no other offers the same; it is tried again from time to time',
    'see the log of the daemon; "warpctl devices" tells when it is back',
  ],
  RELOADING: [
    152,
    CALL,
    'ABORTED',
    'another reload of the configuration is under way',
    'try again when it is done; what it brought is then in force',
  ],
  INTERNAL: [
    147,
    CALL,
    'INTERNAL',
    'the daemon failed where it should not have',
    'please report it, with the log of the daemon',
  ],
  DEVICE_UNUSABLE: [
    150,
    CALL,
    'FAILED_PRECONDITION',
    'the kernel does not offer the device as it has to be',
    '"warpctl doctor" tells what this host lacks',
  ],
  NO_HARDWARE_QUEUE: [
    151,
    CALL,
    'RESOURCE_EXHAUSTED',
    'all hardware queues of the device are taken',
    'wait until one is given back, or ask the administrator to free one',
  ],
} as const satisfies Record<string, Row>;
