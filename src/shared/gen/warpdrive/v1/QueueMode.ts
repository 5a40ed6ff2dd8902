// Original file: proto/warpdrive/v1/warpdrive.proto

export const QueueMode = {
  QUEUE_MODE_UNSPECIFIED: 'QUEUE_MODE_UNSPECIFIED',
  QUEUE_MODE_SHARED: 'QUEUE_MODE_SHARED',
  QUEUE_MODE_DIRECT: 'QUEUE_MODE_DIRECT',
} as const;

export type QueueMode =
  | 'QUEUE_MODE_UNSPECIFIED'
  | 0
  | 'QUEUE_MODE_SHARED'
  | 1
  | 'QUEUE_MODE_DIRECT'
  | 2

export type QueueMode__Output = typeof QueueMode[keyof typeof QueueMode]
