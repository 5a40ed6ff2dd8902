// Original file: proto/warpdrive/v1/warpdrive.proto

export const Transport = {
  TRANSPORT_UNSPECIFIED: 'TRANSPORT_UNSPECIFIED',
  TRANSPORT_SHARED_MEMORY: 'TRANSPORT_SHARED_MEMORY',
  TRANSPORT_STREAM: 'TRANSPORT_STREAM',
} as const;

export type Transport =
  | 'TRANSPORT_UNSPECIFIED'
  | 0
  | 'TRANSPORT_SHARED_MEMORY'
  | 1
  | 'TRANSPORT_STREAM'
  | 2

export type Transport__Output = typeof Transport[keyof typeof Transport]
