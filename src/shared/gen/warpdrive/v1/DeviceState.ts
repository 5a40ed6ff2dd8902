// Original file: proto/warpdrive/v1/warpdrive.proto

export const DeviceState = {
  DEVICE_STATE_UNSPECIFIED: 'DEVICE_STATE_UNSPECIFIED',
  DEVICE_STATE_STARTING: 'DEVICE_STATE_STARTING',
  DEVICE_STATE_READY: 'DEVICE_STATE_READY',
  DEVICE_STATE_FAILED: 'DEVICE_STATE_FAILED',
  DEVICE_STATE_DRAINED: 'DEVICE_STATE_DRAINED',
} as const;

export type DeviceState =
  | 'DEVICE_STATE_UNSPECIFIED'
  | 0
  | 'DEVICE_STATE_STARTING'
  | 1
  | 'DEVICE_STATE_READY'
  | 2
  | 'DEVICE_STATE_FAILED'
  | 3
  | 'DEVICE_STATE_DRAINED'
  | 4

export type DeviceState__Output = typeof DeviceState[keyof typeof DeviceState]
